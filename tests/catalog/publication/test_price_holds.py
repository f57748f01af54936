"""A price that is not believed is held: the previous price is served, until a curator decides or it changes again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from catalog import queries
from catalog.curation.holds import AlreadyDecided, decide_price_hold
from catalog.models import Offer, Price, PriceHold, Revision, SyncRun
from catalog.normalize import dates
from catalog.sync import decisions
from tests.catalog.syncing import (
    Network,
    clear_price,
    published,
    say_price,
    served,
    stored,
    sync,
    sync_rows,
)
from tests.factories import chutes_row, chutes_rows, openrouter_row, write_listing

Json = Any
Outcome = SyncRun.Outcome
State = PriceHold.State

pytestmark = pytest.mark.django_db

NOON = datetime(2100, 11, 22, 12, tzinfo=UTC)
OTHERS = chutes_rows(5)


def list_at(folder: Path, amount: object, **fields: object) -> SyncRun:
    """A run in which the gateway asks this much for an hour of a/1."""
    return sync_rows(folder, [chutes_row("a/1", pricing_per_hour=amount, **fields), *OTHERS]).run


def rate(model_id: str = "a/1") -> str | None:
    found: str | None = served()[model_id]["pricing"].get("hourly_rate")
    return found


def open_prices(model_id: str = "a/1") -> dict[str, tuple[str, str]]:
    prices = Price.objects.open().filter(offer__model_id=model_id)
    return {price.meter: (price.amount, price.origin) for price in prices}


def holds() -> list[tuple[str, str, str]]:
    return list(PriceHold.objects.order_by("pk").values_list("amount", "kept", "state"))


def decide(state: PriceHold.State, *, author: User | None = None) -> int:
    hold = PriceHold.objects.latest("pk")
    return decide_price_hold(hold, state=state, author=author, now=timezone.now())


@pytest.fixture
def held(fixtures_dir: Path) -> Path:
    """The gateway asks 99 instead of 2.5, so the price is held."""
    list_at(fixtures_dir, "2.5")
    list_at(fixtures_dir, "99", name="renamed")
    return fixtures_dir


# --- what is held, and what is not -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ("25.01", "it moved more than 10-fold, from 2.5 US dollars per hour"),
        ("0.24", "it moved more than 10-fold"),
        ("0", "it fell from 2.5 US dollars per hour (compute.hour) to zero"),
        ("1500", "1500 US dollars per hour (compute.hour) is outside of what anyone charges"),
    ],
)
def test_the_old_price_stays_served_and_everything_else_of_the_offer_changes(
    after: str, reason: str, fixtures_dir: Path
) -> None:
    list_at(fixtures_dir, "2.5")
    before = served()
    prices = list(Price.objects.order_by("pk").values())

    run = list_at(fixtures_dir, after, name="renamed", tags=["new"])

    assert (run.outcome, run.held_prices, run.changed) == (Outcome.PUBLISHED, 1, 1)
    hold = PriceHold.objects.get()
    shown_hold = {
        "meter": "compute.hour",
        "pricing_key": "hourly_rate",
        "conditions": [],
        "reported": after if "." in after else f"{after}.0",
        "served": "2.5",
        "since": dates.iso(hold.made_at),
        "reason": hold.reason,
    }
    changed = {"name": "renamed", "tags": ["new"], "held_prices": ["hourly_rate"], "holds": [shown_hold]}
    assert served() == before | {"a/1": before["a/1"] | changed}
    assert list(Price.objects.order_by("pk").values()) == prices
    assert (hold.amount, hold.kept, hold.state, hold.run, hold.offer.model_id) == (after, "2.5", State.OPEN, run, "a/1")
    assert reason in hold.reason


@pytest.mark.parametrize("after", ["25", "0.25", "2.5", "1"])
def test_a_change_within_the_limits_is_served_at_once(after: str, fixtures_dir: Path) -> None:
    list_at(fixtures_dir, "2.5")

    list_at(fixtures_dir, after)

    assert (holds(), open_prices()["compute.hour"][0]) == ([], after)


def test_the_factor_is_the_one_of_the_settings(fixtures_dir: Path, settings: Settings) -> None:
    settings.GUARD_PRICE_FACTOR = 2
    list_at(fixtures_dir, "2.5")

    list_at(fixtures_dir, "5.01")

    assert holds() == [("5.01", "2.5", State.OPEN)]


def test_the_bounds_are_those_of_the_settings(fixtures_dir: Path, settings: Settings) -> None:
    settings.GUARD_MOST_USD = 3

    list_at(fixtures_dir, "3.01")

    assert holds() == [("3.01", "", State.OPEN)]


def test_an_unbelievable_price_of_a_new_offer_is_unknown_until_somebody_decides(fixtures_dir: Path) -> None:
    run = list_at(fixtures_dir, "1500")

    document = served()["a/1"]
    assert (run.new, run.held_prices) == (6, 1)
    assert (document["price_status"], document["price_tier"], document["held_prices"]) == (
        "unknown",
        None,
        ["hourly_rate"],
    )
    assert "hourly_rate" not in document["pricing"]
    assert open_prices() == {}
    assert holds() == [("1500", "", State.OPEN)]

    decide(State.RELEASED)

    assert (rate(), open_prices()) == ("1500.0", {"compute.hour": ("1500", "upstream")})


def test_token_prices_are_held_one_by_one(fixtures_dir: Path) -> None:
    def list_prices(**pricing: str) -> SyncRun:
        rows = [openrouter_row("a/1", pricing=pricing), openrouter_row("a/2")]
        return sync_rows(fixtures_dir, rows, slug="openrouter").run

    list_prices(prompt="0.000001", completion="0.000002", input_cache_read="0.0000001")

    # The completion was in dollars per million, and the cache price a millionth of the right one; the prompt is right.
    run = list_prices(prompt="0.0000015", completion="2", input_cache_read="0.0000000000001")

    document = served()["a/1"]
    assert run.held_prices == 2
    assert document["pricing"] == {"prompt": "0.0000015", "completion": "0.000002", "input_cache_read": "0.0000001"}
    assert sorted(document["held_prices"]) == ["completion", "input_cache_read"]
    assert {meter: amount for meter, (amount, _) in open_prices().items()} == {
        "input.text": "0.0000015",
        "output.text": "0.000002",
        "input.text.cache_read": "0.0000001",
    }


def test_a_price_under_conditions_is_held_by_itself(fixtures_dir: Path) -> None:
    def list_prices(large: str) -> SyncRun:
        override = {"min_prompt_tokens": 200_000, "prompt": large}
        pricing = {"prompt": "0.000001", "completion": "0.000002", "overrides": [override]}
        return sync_rows(fixtures_dir, [openrouter_row("a/1", pricing=pricing)], slug="openrouter").run

    list_prices("0.000002")
    assert list_prices("0.00003").held_prices == 1

    [override] = served()["a/1"]["pricing"]["overrides"]
    assert override["prompt"] == "0.000002"
    hold = PriceHold.objects.get()
    assert (hold.meter, hold.conditions_key) == ("input.text", '[["prompt_tokens",">=",200001]]')
    decide(State.RELEASED)
    [override] = served()["a/1"]["pricing"]["overrides"]
    assert override["prompt"] == "0.00003"


def test_a_price_of_another_source_is_no_measure(shop_api: Network, fixtures_dir: Path) -> None:
    write_listing(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2.5")], slug="shop")
    sync("shop", source="bundled")
    shop_api.list_shop([chutes_row("a/1", pricing_per_hour="900")])

    sync("shop")

    assert (holds(), rate()) == ([], "900.0")


def test_a_price_of_another_source_is_held_to_the_bounds_all_the_same(shop_api: Network, fixtures_dir: Path) -> None:
    write_listing(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2.5")], slug="shop")
    sync("shop", source="bundled")
    shop_api.list_shop([chutes_row("a/1", pricing_per_hour="1001")])

    sync("shop")

    # Bundled prices no longer count, so there is no price to compare with.
    assert (holds(), rate()) == ([("1001", "", State.OPEN)], None)


def test_a_dry_run_counts_held_prices_and_holds_none(fixtures_dir: Path) -> None:
    list_at(fixtures_dir, "2.5")
    write_listing(fixtures_dir, [chutes_row("a/1", pricing_per_hour="99"), *OTHERS])

    report = sync(dry_run=True)

    assert (report.run.held_prices, holds()) == (1, [])


def test_a_withdrawn_offer_that_returns_is_measured_by_what_it_cost_before(fixtures_dir: Path) -> None:
    list_at(fixtures_dir, "2.5")
    sync_rows(fixtures_dir, OTHERS)

    list_at(fixtures_dir, "99")

    assert (holds(), rate()) == ([("99", "2.5", State.OPEN)], "2.5")


# --- where it is shown -----------------------------------------------------------------------------------------------


def test_a_held_price_is_listed_counted_and_shown_by_the_command(fixtures_dir: Path) -> None:
    list_at(fixtures_dir, "2.5")
    write_listing(fixtures_dir, [chutes_row("a/1", pricing_per_hour="99"), *OTHERS])
    out, listed = StringIO(), StringIO()

    call_command("sync", "chutes", stdout=out)
    call_command("holds", stdout=listed)

    assert "chutes: 1 prices are held; `manage.py holds` shows them" in out.getvalue()
    hold = PriceHold.objects.get()
    assert listed.getvalue() == f"price:{hold.pk} chutes a/1: {hold.reason}\n"
    state = queries.gateway_states(["chutes"], now=timezone.now())["chutes"]
    assert (state.held_prices, state.state) == (1, "bundled")


# --- decisions -------------------------------------------------------------------------------------------------------


def test_releasing_serves_the_new_price_at_once(held: Path) -> None:
    before = Revision.objects.newest().number

    with time_machine.travel(NOON, tick=False):
        assert decide(State.RELEASED) == before + 1

    assert (rate(), served()["a/1"]["held_prices"]) == ("99.0", [])
    assert open_prices() == {"compute.hour": ("99", "upstream")}
    hold = PriceHold.objects.get()
    assert (hold.state, hold.decided_at, hold.decided_by) == (State.RELEASED, NOON, None)


def test_discarding_keeps_the_price_before_and_no_curator_is_asked_again(held: Path) -> None:
    decide(State.DISCARDED)
    list_at(held, "99", name="renamed again")

    assert (rate(), holds()) == ("2.5", [("99", "2.5", State.DISCARDED)])
    assert open_prices() == {"compute.hour": ("2.5", "upstream")}


@pytest.mark.parametrize("state", [State.RELEASED, State.DISCARDED])
@pytest.mark.parametrize("action", ["command", "curation"])
def test_a_decision_is_made_by_command_or_by_a_curator(action: str, state: PriceHold.State, held: Path) -> None:
    hold = PriceHold.objects.get()
    author = User.objects.create_user("ada")

    if action == "command":
        word = {State.RELEASED: "release", State.DISCARDED: "discard"}[state]
        call_command("holds", word, f"price:{hold.pk}", stdout=StringIO())
    else:
        decide(state, author=author)

    hold.refresh_from_db()
    assert hold.state == state
    assert hold.decided_at is not None
    assert hold.decided_by == (author if action == "curation" else None)
    assert rate() == {State.RELEASED: "99.0", State.DISCARDED: "2.5"}[state]


def test_a_decision_can_be_taken_back(held: Path) -> None:
    for state, shown in ((State.DISCARDED, "2.5"), (State.RELEASED, "99.0"), (State.DISCARDED, "2.5")):
        decide(state)
        assert rate() == shown


def test_what_the_gateway_has_overtaken_cannot_be_decided(held: Path) -> None:
    list_at(held, "3")
    before = stored()

    with pytest.raises(CommandError, match="the hold has ended in the meantime"):
        call_command("holds", "release", f"price:{PriceHold.objects.get().pk}")
    with pytest.raises(AlreadyDecided):
        decide(State.DISCARDED)

    assert stored() == before


# --- the gateway reports something else ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.OPEN, State.RELEASED, State.DISCARDED])
@pytest.mark.parametrize(
    ("next_amount", "shown", "is_held_again"),
    [("2.5", "2.5", False), ("3", "3.0", False), ("90", "90.0", True)],
    ids=["back", "on", "as bad"],
)
def test_the_gateways_next_price_overtakes_a_hold_after_every_decision(
    state: PriceHold.State, next_amount: str, shown: str, is_held_again: bool, held: Path
) -> None:
    if state != State.OPEN:
        decide(state)

    list_at(held, next_amount)

    first, *others = holds()
    assert first == ("99", "2.5", State.OVERTAKEN)
    if state == State.RELEASED:
        # 99 is the believed price now: going back to 2.5 or 3 is too large a change again, going to 90 is not.
        assert others == ([] if is_held_again else [(next_amount, "99", State.OPEN)])
        assert rate() == ("90.0" if is_held_again else "99.0")
    else:
        assert others == ([(next_amount, "2.5", State.OPEN)] if is_held_again else [])
        assert rate() == ("2.5" if is_held_again else shown)


def test_a_price_that_the_gateway_withdraws_overtakes_its_hold(fixtures_dir: Path) -> None:
    def list_prices(**pricing: str) -> None:
        sync_rows(fixtures_dir, [openrouter_row("a/1", pricing=pricing)], slug="openrouter")

    list_prices(prompt="0.000001", completion="0.000002", web_search="0.01")
    list_prices(prompt="0.000001", completion="0.000002", web_search="5")
    assert holds() == [("5", "0.01", State.OPEN)]

    list_prices(prompt="0.000001", completion="0.000002")

    assert holds() == [("5", "0.01", State.OVERTAKEN)]
    assert "web_search" not in served()["a/1"]["pricing"]
    assert served()["a/1"]["held_prices"] == []


def test_there_and_back_and_there_again_asks_each_time(held: Path) -> None:
    decide(State.DISCARDED)
    list_at(held, "2.5")

    list_at(held, "99")

    assert holds() == [("99", "2.5", State.OVERTAKEN), ("99", "2.5", State.OPEN)]


# --- what a hold survives --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.OPEN, State.RELEASED, State.DISCARDED])
def test_a_hold_survives_the_same_listing_a_renamed_offer_and_a_rebuild(state: PriceHold.State, held: Path) -> None:
    if state != State.OPEN:
        decide(state)
    shown, was = rate(), holds()

    for act in (
        lambda: list_at(held, "99", name="renamed"),
        lambda: list_at(held, "99.00", name="once more"),
        lambda: decisions.rebuild("chutes"),
    ):
        act()
        assert (rate(), holds()) == (shown, was)


def test_a_hold_survives_the_offers_withdrawal_and_return(held: Path) -> None:
    sync_rows(held, OTHERS)
    assert open_prices() == {}
    assert served()["a/1"]["pricing"]["hourly_rate"] == "2.5"

    list_at(held, "99")

    assert (rate(), holds()) == ("2.5", [("99", "2.5", State.OPEN)])
    assert open_prices() == {"compute.hour": ("2.5", "upstream")}


def test_a_new_version_of_the_adapter_keeps_the_holds(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog.gateways.chutes import Chutes

    before = published(), holds()
    monkeypatch.setattr(Chutes, "version", Chutes.version + 1)

    sync(source="bundled")

    assert (published(), holds()) == before


def test_a_curators_price_wins_over_a_held_one_and_the_hold_stays_beneath_it(held: Path) -> None:
    say_price("a/1", "4")
    assert (rate(), open_prices()) == ("4.0", {"compute.hour": ("4", "curator")})

    list_at(held, "99", name="again")
    decisions.rebuild("chutes")
    assert (rate(), open_prices()) == ("4.0", {"compute.hour": ("4", "curator")})

    clear_price("a/1")
    assert (rate(), open_prices()) == ("2.5", {"compute.hour": ("2.5", "upstream")})
    assert holds() == [("99", "2.5", State.OPEN)]


@pytest.mark.parametrize(("state", "shown"), [(State.RELEASED, "99.0"), (State.DISCARDED, "2.5")])
def test_what_is_decided_beneath_a_curators_price_shows_once_that_is_cleared(
    state: PriceHold.State, shown: str, held: Path
) -> None:
    say_price("a/1", "4")

    decide(state)

    assert rate() == "4.0"
    clear_price("a/1")
    assert rate() == shown


def test_a_curators_price_is_no_measure_for_the_gateways(fixtures_dir: Path) -> None:
    list_at(fixtures_dir, "2.5")
    say_price("a/1", "900")

    list_at(fixtures_dir, "3")

    assert holds() == []
    list_at(fixtures_dir, "800")
    assert holds() == [("800", "3", State.OPEN)]


# --- the stored record of a hold -------------------------------------------------------------------------------------


def test_the_kept_amount_is_exact(fixtures_dir: Path) -> None:
    exact = "0.08333333333333333333341"
    list_at(fixtures_dir, exact)

    list_at(fixtures_dir, "9.08333333333333333333341")

    hold = PriceHold.objects.get()
    assert (hold.amount, hold.kept) == ("9.08333333333333333333341", exact)
    assert (rate(), open_prices()["compute.hour"][0]) == (exact, exact)


def test_one_price_has_one_deciding_hold(held: Path) -> None:
    hold = PriceHold.objects.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        PriceHold.objects.create(offer=hold.offer, meter=hold.meter, amount="1", reason="x", made_at=NOON)


def test_a_discarded_price_no_longer_waits(held: Path) -> None:
    assert served()["a/1"]["held_prices"] == ["hourly_rate"]

    decide(State.DISCARDED)

    # The schema defines them as keys whose newest price is not served before a curator has looked at it.
    assert served()["a/1"]["held_prices"] == []


def test_a_held_price_that_a_curator_has_replaced_no_longer_waits_to_be_served(held: Path) -> None:
    say_price("a/1", "4")

    reason = PriceHold.objects.get().reason
    assert re.search(r"from 2\.5 .* to 99 ", reason)
    assert Offer.objects.get(model_id="a/1").price_holds.count() == 1
    # The curator's price is served; the gateway's own price still waits.
    assert served()["a/1"]["held_prices"] == ["hourly_rate"]
