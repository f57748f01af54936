"""Gateways, keys, saved filters and failed logins at the desk."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from access import logins as door
from access.models import ApiKey, FailedLogin, digest_of
from catalog import gateway_settings
from catalog.desk.roles import Role
from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.models import CurationAction, GatewaySetting, SavedFilter
from tests.catalog.desk.people import logged_in
from tests.policy import blocked

pytestmark = pytest.mark.django_db

PORTKEY = "/admin/gateways/portkey/"
MOST_QUERIES = 25
MARKUP = "<b onclick=x>"


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


# --- gateways --------------------------------------------------------------------------------------------------------


def test_a_gateway_is_set_at_the_desk_and_what_the_environment_sets_is_locked(
    bundled: Snapshot, settings: Settings
) -> None:
    client = logged_in(Role.OPERATOR)
    settings.SET_BY_ENVIRONMENT = {"PORTKEY_SOURCE"}

    page = client.get(PORTKEY).text
    fields = {"interval_minutes": "30", "options.providers": "openai, groq", "reason": "fewer"}
    saved = client.post(PORTKEY, fields, follow=True).text
    refused = client.post(PORTKEY, {"source": "api", "interval_minutes": "3", "reason": MARKUP})

    assert "Locked: the environment sets <code>PORTKEY_SOURCE</code>" in page
    assert 'name="source"' not in page
    assert 'name="interval_minutes"' in page
    assert "Changed: minutes between two runs and providers. It applies within a minute" in saved
    applying = gateway_settings.settings_of("portkey")
    assert (applying.interval, applying.options["providers"].value) == (timedelta(minutes=30), ("openai", "groq"))
    assert refused.status_code == 422
    assert "Must be a whole number from 5 to 10,080." in refused.text
    assert MARKUP not in refused.text
    assert blocked(refused) == []
    assert list(CurationAction.objects.values_list("kind", "actor", "reason")) == [("gateway", "operator", "fewer")]


def test_a_disabled_gateway_offers_no_sync_and_says_so(bundled: Snapshot, sent: list[str]) -> None:
    client = logged_in(Role.OPERATOR)
    client.post("/admin/gateways/chutes/", {"enabled": "false", "reason": "it is down"})

    pages = [client.get(address).text for address in ("/admin/", "/admin/gateways/", "/admin/gateways/chutes/")]
    refused = client.post("/admin/sync/chutes/", follow=True).text

    assert all("disabled" in page for page in pages)
    assert 'id="sync-chutes"' not in pages[0] + pages[2]
    assert "Chutes.ai is disabled in the desk; it is not read until it is enabled again." in refused
    assert sent == []


def test_a_viewer_reads_the_settings_and_cannot_change_them(bundled: Snapshot) -> None:
    client = logged_in(Role.VIEWER)

    page = client.get(PORTKEY).text

    assert "Minutes between two runs" in page
    assert "Save the settings" not in page
    assert client.post(PORTKEY, {"enabled": "false", "reason": "x"}).status_code == 403
    assert not GatewaySetting.objects.exists()


def test_pages_of_gateways_need_few_queries(
    bundled: Snapshot, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = logged_in(Role.OPERATOR)
    for address in ("/admin/gateways/", "/admin/gateways/chutes/"):
        with django_assert_max_num_queries(MOST_QUERIES):
            client.get(address)


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_then_changed_and_revoked(root: Client) -> None:
    made = root.post("/admin/keys/", {"name": MARKUP, "scopes": ["read", "sync"], "expires_at": "2100-01-31"})
    [secret] = set(re.findall(r"gwz_[\w-]{20,}", made.text))
    key = ApiKey.objects.get()
    address = f"/admin/keys/{key.pk}/"

    assert (key.digest, key.scopes, key.requests_per_minute) == (digest_of(secret), ["read", "sync"], None)
    assert f"{key.expires_at:%Y-%m-%d %H:%M}" == "2100-02-01 00:00", "it works on the whole of its last day"
    assert made["Cache-Control"] == "no-store"
    assert blocked(made) == []
    kept = [root.get(page).text for page in ("/admin/keys/", address, "/admin/")]
    stored = [str(session.get_decoded()) for session in Session.objects.all()]
    assert all(secret not in text for text in [*kept, *stored, str(root.cookies)])
    assert all(MARKUP not in page for page in [made.text, *kept])
    assert 'value="2100-01-31"' in kept[1]

    changed = {"name": "a client", "scopes": ["read"], "requests_per_minute": "0", "expires_at": "2100-01-31"}
    assert "Saved a client." in root.post(address, changed, follow=True).text
    assert "Revoked a client." in root.post(address, {"revoke": "1"}, follow=True).text
    key.refresh_from_db()
    assert (key.name, key.requests_per_minute, bool(key.revoked_at)) == ("a client", 0, True)
    assert root.post(address, {"revoke": "1"}).status_code == 409
    assert "Revoke the key" not in root.get(address).text
    assert list(CurationAction.objects.order_by("number").values_list("reason", flat=True)) == [
        "Made.",
        "Changed.",
        "Revoked.",
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": ""}, "Must not be empty."),
        ({"name": "a\x00b"}, "Contains the character U+0000."),
        ({"scopes": []}, "Must be at least one of read, sync, infer."),
        ({"scopes": ["admin"]}, "Must be any of read, sync, infer, not admin."),
        ({"requests_per_minute": "many"}, "Must be a whole number; 0 means no limit"),
        ({"requests_per_minute": "9" * 12}, "Must be a whole number from 0 to 999,999,999."),
        ({"expires_at": "31.1.2027"}, "Must be a date such as 2027-01-31."),
        ({"expires_at": "2027-02-31"}, "Must be a date such as 2027-01-31."),
        ({"expires_at": "9999-12-31"}, "Must be a date such as 2027-01-31."),
        ({"expires_at": "2001-01-31"}, "Must be in the future."),
    ],
)
def test_a_wrong_key_is_not_made_and_the_form_says_why(root: Client, fields: dict[str, object], reason: str) -> None:
    refused = root.post("/admin/keys/", {"name": "a client", "scopes": ["read"], **fields})

    assert refused.status_code == 422
    assert reason in refused.text
    assert not ApiKey.objects.exists()
    assert "gwz_" not in refused.text


def test_only_superusers_see_keys() -> None:
    for role in Role:
        client = logged_in(role)
        assert client.get("/admin/keys/").status_code == 403
        assert "/admin/keys/" not in client.get("/admin/").text


# --- saved filters ---------------------------------------------------------------------------------------------------


def test_a_filter_is_tried_saved_renamed_and_deleted(bundled: Snapshot) -> None:
    client = logged_in(Role.CURATOR)
    fields = {"name": "Cheap-Tools", "title": MARKUP, "expression": "https://x.example/?gateway=chutes&sort=name"}

    tried = client.post("/admin/views/new/", {**fields, "preview": "1"}).text
    assert "<b>104 offers</b> of those that are listed now" in tried
    assert '<code class="id">gateway=chutes</code> without sort' in tried
    assert not SavedFilter.objects.exists()

    assert "Saved cheap-tools." in client.post("/admin/views/new/", {**fields, "save": "1"}, follow=True).text
    row = SavedFilter.objects.get()
    address = f"/admin/views/{row.pk}/"
    listed = client.get("/admin/views/").text
    assert MARKUP not in listed + tried + client.get(address).text
    assert ">104<" in listed
    following.FOLLOWER.refresh()
    assert client.get("/catalog/models?view=cheap-tools&limit=1").json()["total"] == 104
    again = client.post("/admin/views/new/", {**fields, "save": "1"})
    assert (again.status_code, "There is a saved filter cheap-tools already." in again.text) == (422, True)

    client.post(address, {"name": "chutes", "title": "Chutes", "expression": row.expression, "save": "1"})
    assert SavedFilter.objects.get().name == "chutes"
    assert "Deleted chutes." in client.post(address, {"delete": "1"}, follow=True).text
    assert client.get(address).status_code == 404
    assert CurationAction.objects.filter(kind="view").count() == 3


@pytest.mark.parametrize("expression", ["tag=hot", "view=a&tags=hot", "tags=a\x00", "%00", "tags=%ff", MARKUP])
def test_a_wrong_filter_says_why(bundled: Snapshot, expression: str) -> None:
    client = logged_in(Role.CURATOR)
    fields = {"name": "a", "title": "A", "expression": expression}

    tried, saved = (client.post("/admin/views/new/", {**fields, button: "1"}) for button in ("preview", "save"))

    assert (tried.status_code, saved.status_code) == (200, 422)
    assert 'class="error"' in tried.text
    assert 'class="error"' in saved.text
    assert MARKUP not in saved.text + tried.text
    assert not SavedFilter.objects.exists()


# --- failed logins ---------------------------------------------------------------------------------------------------


def test_an_operator_sees_locked_logins_and_unlocks_one() -> None:
    client, now = logged_in(Role.OPERATOR), timezone.now()
    for name, address in (("operator", "203.0.113.7"), ("a typed password", "203.0.113.8")):
        FailedLogin.objects.bulk_create(
            [FailedLogin(account=door.account_of(name), address=address, failed_at=now) for _ in range(5)]
        )

    page = client.get("/admin/logins/").text
    entered = {"account": door.account_of("operator"), "address": "203.0.113.7"}
    said = client.post("/admin/logins/", entered, follow=True).text

    assert page.count(">Unlock<") == 3  # with the words of the column
    assert "5 wrong logins to this account from this address" in page
    assert f'<code class="id">{door.short(door.account_of("a typed password"))}</code>' in page
    assert "a typed password" not in page
    assert "Unlocked: 5 wrong logins forgotten." in said
    assert [lock.address for lock in door.locked(now=now)] == ["203.0.113.8"]
    for empty in ({}, {"account": "", "address": ""}, {"account": "\x00"}):
        assert "Nothing was chosen." in client.post("/admin/logins/", empty, follow=True).text
    assert FailedLogin.objects.count() == 5
