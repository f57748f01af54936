"""Keys are made in the admin: shown once, never kept, and ended there."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from access.models import ApiKey, digest_of

ADD, LIST = "admin:access_apikey_add", "admin:access_apikey_changelist"


def made(client: Client, **fields: object) -> str:
    """The secret on the page that follows."""
    page = client.post(reverse(ADD), {"name": "the deployment", "scopes": ["sync"], **fields})
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    [secret] = set(re.findall(r"gwz_[\w-]{20,}", page.content.decode()))
    return str(secret)


def test_a_new_key_is_shown_once_and_only_its_hash_is_stored(admin_client: Client) -> None:
    secret = made(admin_client)

    key = ApiKey.objects.get()
    assert key.digest == digest_of(secret)
    assert (key.scopes, key.created_by, key.revoked_at) == (["sync"], User.objects.get(), None)
    change = reverse("admin:access_apikey_change", args=[key.pk])
    pages = [admin_client.get(address).content.decode() for address in (reverse(LIST), change, reverse("admin:index"))]
    kept = [*pages, str(list(LogEntry.objects.values())), str([session.get_decoded() for session in all_sessions()])]
    assert not any(secret in text for text in kept)
    assert all(secret not in morsel.value for morsel in admin_client.cookies.values())
    assert all(key.prefix in page for page in pages[:2])


def all_sessions() -> list[Session]:
    return list(Session.objects.order_by("pk"))


def test_a_key_can_be_changed_but_its_secret_stays(admin_client: Client) -> None:
    secret = made(admin_client, requests_per_minute="100")
    key = ApiKey.objects.get()

    admin_client.post(
        reverse("admin:access_apikey_change", args=[key.pk]),
        {"name": "another", "requests_per_minute": "", "scopes": []},
    )

    key.refresh_from_db()
    assert (key.name, key.requests_per_minute, key.scopes) == ("another", None, [])
    assert key.digest == digest_of(secret)


def test_a_key_is_revoked_and_never_deleted(admin_client: Client) -> None:
    made(admin_client)
    key = ApiKey.objects.get()

    for action in ("revoke", "delete_selected"):
        admin_client.post(reverse(LIST), {"action": action, "_selected_action": [key.pk]})
    revoked_at = ApiKey.objects.get().revoked_at
    admin_client.post(reverse(LIST), {"action": "revoke", "_selected_action": [key.pk]})

    assert revoked_at is not None
    assert ApiKey.objects.get().revoked_at == revoked_at


@pytest.mark.parametrize("scopes", [["admin"], ["sync", "bogus"]])
def test_a_scope_that_there_is_not_is_refused(admin_client: Client, scopes: list[str]) -> None:
    page = admin_client.post(reverse(ADD), {"name": "x", "scopes": scopes})

    assert b"is not one of the available choices" in page.content
    assert not ApiKey.objects.exists()


def test_who_may_only_look_makes_and_revokes_none(client: Client, db: None) -> None:
    key, _ = ApiKey.objects.issue(name="x")
    looker = User.objects.create_user("bob", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_apikey"))
    client.force_login(looker)

    client.post(reverse(LIST), {"action": "revoke", "_selected_action": [key.pk]})
    answer = client.post(reverse(ADD), {"name": "y"})

    assert answer.status_code == 403
    assert ApiKey.objects.get().revoked_at is None
