"""The admin's actions on what is held: who may decide, and what a decision does."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from catalog.models import PriceHold, Revision, SyncRun
from tests.catalog.syncing import published, served, sync_rows
from tests.factories import chutes_row, chutes_rows

Outcome = SyncRun.Outcome
State = PriceHold.State

pytestmark = pytest.mark.django_db

ROWS = chutes_rows(5)
TABLES = {"syncrun": SyncRun, "pricehold": PriceHold}
every_decision = pytest.mark.parametrize("action", ["release", "discard"])


@pytest.fixture
def held_run(fixtures_dir: Path) -> SyncRun:
    sync_rows(fixtures_dir, ROWS)
    return sync_rows(fixtures_dir, ROWS[:2]).run


@pytest.fixture
def held_price(fixtures_dir: Path) -> PriceHold:
    sync_rows(fixtures_dir, ROWS)
    sync_rows(fixtures_dir, [ROWS[0] | {"pricing_per_hour": "99"}, *ROWS[1:]])
    return PriceHold.objects.get()


def staff(client: Client, *codenames: str) -> User:
    """Log a member of the staff in who has these permissions."""
    user = User.objects.create_user("ada", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    assert user.user_permissions.count() == len(codenames)
    client.force_login(user)
    return user


def decide(client: Client, action: str, *rows: Model) -> list[str]:
    """Apply the action to the rows in the admin, and return the messages that it shows."""
    [table] = {row._meta.model_name for row in rows}
    answer = client.post(
        reverse(f"admin:catalog_{table}_changelist"),
        {"action": action, "_selected_action": [str(row.pk) for row in rows]},
    )
    assert answer.status_code in {200, 302}
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_a_held_run_is_released_by_a_curator(client: Client, held_run: SyncRun) -> None:
    ada = staff(client, "view_syncrun", "desk_decide_runs")

    messages = decide(client, "release", held_run)

    held_run.refresh_from_db()
    assert held_run.outcome == Outcome.RELEASED
    assert sum(row["withdrawn_at"] is not None for row in served().values()) == 3
    newest = Revision.objects.newest()
    assert (newest.number, newest.author) == (2, ada)
    assert messages == [f"Run {held_run.pk} of chutes: published revision 2"]


def test_a_held_run_is_discarded_by_a_curator(client: Client, held_run: SyncRun) -> None:
    staff(client, "view_syncrun", "desk_decide_runs")
    before = published()

    messages = decide(client, "discard", held_run)

    held_run.refresh_from_db()
    assert (held_run.outcome, published()) == (Outcome.DISCARDED, before)
    assert messages == [f"Run {held_run.pk} of chutes is discarded"]


@every_decision
def test_what_is_not_held_is_refused_in_words_and_the_others_are_decided(
    client: Client, held_run: SyncRun, action: str
) -> None:
    staff(client, "view_syncrun", "desk_decide_runs")
    published_run = SyncRun.objects.order_by("pk")[0]

    messages = decide(client, action, published_run, held_run)

    assert messages[0] == f"run {published_run.pk} is Published, not held"
    held_run.refresh_from_db()
    assert held_run.outcome == {"release": Outcome.RELEASED, "discard": Outcome.DISCARDED}[action]


def test_a_release_that_fails_shows_its_reason(client: Client, fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, ROWS)
    held = sync_rows(fixtures_dir, b"[]").run
    staff(client, "view_syncrun", "desk_decide_runs")
    before = published()

    [message] = decide(client, "release", held)

    assert message.startswith(f"Run {held.pk} of chutes: the listing is empty")
    held.refresh_from_db()
    assert (held.outcome, published()) == (Outcome.HELD, before)


@pytest.mark.parametrize(
    ("action", "state", "rate"), [("release", State.RELEASED, "99.0"), ("discard", State.DISCARDED, "2.5")]
)
def test_a_held_price_is_decided_by_a_curator(
    client: Client, held_price: PriceHold, action: str, state: str, rate: str
) -> None:
    ada = staff(client, "view_pricehold", "desk_decide_prices")

    messages = decide(client, action, held_price)

    held_price.refresh_from_db()
    assert (held_price.state, held_price.decided_by) == (state, ada)
    assert held_price.decided_at is not None
    assert served()["maker/model-00000"]["pricing"]["hourly_rate"] == rate
    assert Revision.objects.newest().author in {ada, None}
    assert messages == [f"maker/model-00000 compute.hour: {state}"]


@every_decision
def test_a_price_that_the_gateway_has_overtaken_is_refused_in_words(
    client: Client, held_price: PriceHold, fixtures_dir: Path, action: str
) -> None:
    sync_rows(fixtures_dir, [chutes_row("maker/model-00000", pricing_per_hour="3"), *ROWS[1:]])
    staff(client, "view_pricehold", "desk_decide_prices")
    before = published()

    [message] = decide(client, action, held_price)

    assert "the hold has ended in the meantime" in message
    assert published() == before


@every_decision
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("allowed", [("view",), ("view", "add", "delete")], ids=" ".join)
def test_an_account_that_may_not_change_a_hold_cannot_decide_it(
    client: Client, fixtures_dir: Path, action: str, table: str, allowed: tuple[str, ...]
) -> None:
    sync_rows(fixtures_dir, ROWS)
    sync_rows(fixtures_dir, [ROWS[0] | {"pricing_per_hour": "99"}, *ROWS[1:]])
    sync_rows(fixtures_dir, ROWS[:2])
    row = TABLES[table]._default_manager.latest("pk")
    before = published(), list(SyncRun.objects.values()), list(PriceHold.objects.values())
    other = {"syncrun": "pricehold", "pricehold": "syncrun"}[table]
    staff(client, *(f"{word}_{table}" for word in allowed), f"change_{other}")

    page = client.get(reverse(f"admin:catalog_{table}_changelist"))
    decide(client, action, row)

    assert page.status_code == 200
    assert f'value="{action}"' not in page.content.decode()
    assert (published(), list(SyncRun.objects.values()), list(PriceHold.objects.values())) == before


@pytest.mark.parametrize("table", TABLES)
def test_curators_find_the_actions_and_what_is_held(client: Client, held_price: PriceHold, table: str) -> None:
    staff(client, f"view_{table}", {"syncrun": "desk_decide_runs", "pricehold": "desk_decide_prices"}[table])

    page = client.get(reverse(f"admin:catalog_{table}_changelist")).content.decode()

    assert 'value="release"' in page
    assert 'value="discard"' in page


def test_the_reason_of_a_hold_is_shown_where_it_is_decided(client: Client, held_run: SyncRun) -> None:
    staff(client, "view_syncrun", "desk_decide_runs")

    assert b"3 of 5 known offers are missing" in client.get(reverse("admin:catalog_syncrun_changelist")).content


@every_decision
@pytest.mark.parametrize("table", TABLES)
def test_a_decision_requires_a_login(client: Client, held_price: PriceHold, action: str, table: str) -> None:
    address = reverse(f"admin:catalog_{table}_changelist")

    answer = client.post(address, {"action": action, "_selected_action": ["1"]})

    assert answer["Location"].startswith("/admin/login/")
    held_price.refresh_from_db()
    assert held_price.state == State.OPEN
