"""The admin: every table can be looked at, only curators write, and what they write is served."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NoReturn

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.curation import identity, overrides
from catalog.models import (
    CanonicalModel,
    Gateway,
    GatewaySetting,
    IdentityCandidate,
    Maker,
    Observation,
    Offer,
    OfferVersion,
    Override,
    PriceHold,
    SavedFilter,
    SyncRun,
    Tag,
    TaskEnd,
)
from catalog.models.patience import Busy
from catalog.sync import schedule
from tests.catalog.bundled import publish_chutes
from tests.policy import blocked

pytestmark = pytest.mark.django_db

R1 = "deepseek-ai/DeepSeek-R1"
TABLES = sorted(model._meta.model_name or "" for model in apps.get_app_config("catalog").get_models())
OWNED_BY_WRITERS = TABLES


@pytest.fixture(autouse=True)
def published() -> None:
    publish_chutes()


@pytest.fixture
def curator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


def _offer() -> Offer:
    return Offer.objects.get(model_id=R1)


def _override(field: str, value: object) -> None:
    overrides.set_override(
        _offer(),
        field=field,
        value=value,
        reason="seen on the vendor's page",
        author=None,
        is_confirmed=True,
        now=timezone.now(),
    )


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_listed_searched_and_shown_row_by_row(curator: Client, table: str) -> None:
    _override("tags", {"add": ["cheap"], "remove": []})
    gateway = Gateway.objects.get()
    hold = {"amount": "999", "first_amount": "999", "kept": "22", "rule": "move", "reason": "it moved"}
    now = timezone.now()
    PriceHold.objects.create(offer=_offer(), meter="compute.hour", **hold, made_at=now, reported_since=now)
    rejecting = SyncRun.objects.create(gateway=gateway, started_at=timezone.now(), trigger="schedule", lease_token=9)
    rejecting.rejected_rows.create(position=1, model_id="x", reason="id: must not be empty", raw='{"id": "')

    identity.state_identity(kind="split", offer=_offer(), reason="a test", author=None, now=timezone.now())
    one, other = CanonicalModel.objects.order_by("pk")[:2]
    IdentityCandidate.objects.create(model=one, may_be=other, reason="equal_name", evidence="They are called the same.")

    GatewaySetting.objects.create(gateway=gateway, interval_minutes=30)
    SavedFilter.objects.create(name="hot-ones", title="Hot", expression="tags=hot")
    TaskEnd.objects.store("catalog.prune", now=now)
    Tag.objects.create(name="cheap")
    Maker.objects.create(key="acme", slug="acme")
    Observation.objects.create(offer=_offer(), availability="cold", served="online", since=now)
    model = apps.get_model("catalog", table)
    row = model._default_manager.order_by("pk").last()

    assert row is not None
    assert curator.get(reverse(f"admin:catalog_{table}_changelist"), {"q": "1"}).status_code == 200
    assert curator.get(reverse(f"admin:catalog_{table}_change", args=[row.pk])).status_code == 200


def test_a_version_shows_what_it_changed_and_the_first_one_nothing(curator: Client) -> None:
    _override("hourly_rate", {"amount": "23", "unit": "usd_per_hour"})
    first, second = OfferVersion.objects.filter(offer=_offer()).order_by("from_revision")

    page, of_first, of_offer = (
        curator.get(address).content.decode()
        for address in (
            reverse("admin:catalog_offerversion_change", args=[second.pk]),
            reverse("admin:catalog_offerversion_change", args=[first.pk]),
            reverse("admin:catalog_offer_change", args=[_offer().pk]),
        )
    )
    listed = curator.get(reverse("admin:catalog_offerversion_changelist")).content.decode()

    change = "<b>pricing.hourly_rate</b>: &quot;22.0&quot; → &quot;23.0&quot;"
    assert [change in shown for shown in (page, of_first, of_offer)] == [True, False, True]
    assert "description, pricing" in listed


@pytest.mark.parametrize("table", OWNED_BY_WRITERS)
def test_tables_that_a_writer_owns_are_read_only_even_for_a_superuser(curator: Client, table: str) -> None:
    row = apps.get_model("catalog", table)._default_manager.order_by("pk").first()
    pk = row.pk if row else 1

    assert curator.get(reverse(f"admin:catalog_{table}_add")).status_code == 403
    assert curator.post(reverse(f"admin:catalog_{table}_change", args=[pk]), {}).status_code in {302, 403}
    assert curator.post(reverse(f"admin:catalog_{table}_delete", args=[pk]), {"post": "yes"}).status_code in {302, 403}
    assert row is None or apps.get_model("catalog", table)._default_manager.filter(pk=pk).exists()


def test_the_admin_wants_a_login(client: Client) -> None:
    answer = client.get(reverse("admin:catalog_override_changelist"))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("table", ["offer", "override"])
def test_offers_and_their_overrides_are_edited_at_the_desk_and_both_tables_lead_there(
    curator: Client, table: str
) -> None:
    _override("tags", {"add": ["cheap"], "remove": []})
    row = _offer().pk if table == "offer" else Override.objects.get().pk

    page = curator.get(reverse(f"admin:catalog_{table}_change", args=[row])).content.decode()

    assert f'href="{reverse("desk:offer", args=[_offer().pk])}' in page


def test_sync_now_makes_the_gateway_due(curator: Client) -> None:
    gateway = Gateway.objects.get()

    answer = curator.post(
        reverse("admin:catalog_gateway_changelist"),
        {"action": "sync_now", "_selected_action": [gateway.pk]},
        follow=True,
    )

    assert b"Requested a run of chutes" in answer.content
    assert gateway.next_run_at is not None
    assert Gateway.objects.get().next_run_at is None


def test_sync_now_names_the_gateway_that_is_being_published(curator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(slug: str, *, now: datetime) -> NoReturn:
        raise Busy("something is being published just now")

    monkeypatch.setattr(schedule, "request_run", refuse)

    answer = curator.post(
        reverse("admin:catalog_gateway_changelist"),
        {"action": "sync_now", "_selected_action": [Gateway.objects.get().pk]},
        follow=True,
    )

    assert (
        b"Could not request a run of chutes: something is being published just now; try again soon." in answer.content
    )
    assert b"Requested a run" not in answer.content


def test_a_member_of_staff_who_may_only_look_cannot_sync_or_curate(client: Client) -> None:
    looker = User.objects.create_user("bob", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(looker)
    due = Gateway.objects.get().next_run_at

    page = client.get(reverse("admin:catalog_gateway_changelist"))
    client.post(reverse("admin:catalog_gateway_changelist"), {"action": "sync_now", "_selected_action": [1]})
    answer = client.get(reverse("admin:catalog_override_add"))

    assert page.status_code == 200
    assert b"sync_now" not in page.content
    assert answer.status_code == 403
    assert Gateway.objects.get().next_run_at == due


@pytest.mark.parametrize("table", ["pricehold", "syncrun", "identitystatement", "identitycandidate"])
def test_what_is_decided_at_the_desk_has_no_action_here_and_leads_there(curator: Client, table: str) -> None:
    offer, now = _offer(), timezone.now()
    hold = {"amount": "999", "first_amount": "999", "kept": "22", "rule": "move", "reason": "it moved"}
    PriceHold.objects.create(offer=offer, meter="compute.hour", **hold, made_at=now, reported_since=now)
    identity.state_identity(kind="split", offer=offer, reason="a test", author=None, now=now)
    one, other = CanonicalModel.objects.order_by("pk")[:2]
    IdentityCandidate.objects.get_or_create(model=one, may_be=other, reason="equal_name", evidence="The same name.")

    page = curator.get(reverse(f"admin:catalog_{table}_changelist")).content.decode()

    [link] = set(re.findall(r'<a href="(/admin/(?:queues|runs)/[^"]*)"', page))
    assert 'value="release"' not in page
    assert curator.get(link).status_code == 200


def test_the_admin_s_pages_need_nothing_that_their_policy_blocks(curator: Client) -> None:
    tables = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    pages = {address: curator.get(address) for address in ["/admin/", "/admin/password_change/", *tables]}
    for table in tables:
        pages[f"{table}add/"] = curator.get(f"{table}add/")
        for link in re.findall(rf'href="({table}\d+/change/)', pages[table].content.decode())[:1]:
            pages[link] = curator.get(link)
    shown = {address: page for address, page in pages.items() if page.status_code == 200}

    assert len(shown) > len(tables) + 5
    assert {address: found for address, page in shown.items() if (found := blocked(page))} == {}


def test_the_login_has_the_policy(db: None) -> None:
    assert blocked(Client().get("/admin/login/")) == []
