"""A held price that its gateway keeps reporting is believed: after three readings over four days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from catalog.adapter.contract import Request
from catalog.adapter.errors import Unreachable
from catalog.curation import holds
from catalog.models import Price, PriceHold, Revision, SyncRun
from catalog.publication.prices import plausible
from catalog.publication.prices.siblings import Middle, Siblings
from catalog.sync import decisions
from catalog.sync.guard import StrictGuard
from catalog.sync.task import Report
from tests.catalog.syncing import Network, Shop, clear_price, published, say_price, served, sync, sync_rows
from tests.factories import chutes_row, chutes_rows, openrouter_row

Json = Any
State = PriceHold.State
Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db

START = datetime(2100, 11, 1, 8, tzinfo=UTC)
"""Later than the empty catalogue, which every test database dates by the real clock."""
OTHERS = chutes_rows(5)
DAY = timedelta(days=1)


def read_at(network: Network, days: float, amount: object, **fields: object) -> Report:
    """A run of the shop's API on this day, in which a/1 costs this much per hour."""
    is_complete = bool(fields.pop("is_complete", True))
    network.list_shop([chutes_row("a/1", pricing_per_hour=amount, **fields), *OTHERS], is_complete=is_complete)
    return read_again_at(days)


def read_again_at(days: float) -> Report:
    """A run on this day with the network's current answers."""
    with time_machine.travel(START + days * DAY, tick=False):
        return sync("shop")


def rate(model_id: str = "a/1") -> str | None:
    found: str | None = served()[model_id]["pricing"].get("hourly_rate")
    return found


def hold() -> PriceHold:
    return PriceHold.objects.order_by("pk").last() or PriceHold()


def decide(state: PriceHold.State, *, days: float) -> None:
    moment = START + days * DAY
    with time_machine.travel(moment, tick=False):
        holds.decide_price_hold(hold(), state=state, author=None, now=moment)


@pytest.fixture
def held(shop_api: Network) -> Network:
    """The shop asks 99 instead of 2.5 since the second day."""
    read_at(shop_api, 0, "2.5")
    read_at(shop_api, 1, "99")
    return shop_api


# --- believing -------------------------------------------------------------------------------------------------------


def test_one_changed_listing_and_then_equal_bytes_are_believed_after_four_days(held: Network) -> None:
    for days in (2, 3, 4.9):
        assert read_again_at(days).run.outcome == Outcome.UNCHANGED
        assert rate() == "2.5"

    run = read_again_at(5).run

    assert (run.outcome, run.changed, run.unchanged, run.confirmed_prices) == (Outcome.PUBLISHED, 1, 5, 1)
    assert run.revision_after == Revision.objects.newest().number
    assert (rate(), served()["a/1"]["held_prices"], served()["a/1"]["holds"]) == ("99.0", [], [])
    assert (hold().state, hold().decided_at, hold().decided_by) == (State.CONFIRMED, START + 5 * DAY, None)


def test_an_equal_row_among_changed_ones_repeats_its_price(held: Network) -> None:
    for days in (2, 3, 4, 5):
        held.list_shop([chutes_row("a/1", pricing_per_hour="99"), *OTHERS, chutes_row(f"new/{days}")])
        read_again_at(days)

    assert (hold().readings, rate()) == (5, "99.0")


def test_the_price_begins_when_it_is_published_and_has_been_reported_since(held: Network) -> None:
    for days in (3, 5):
        read_again_at(days)

    old, new = Price.objects.filter(offer__model_id="a/1").order_by("pk")
    assert (old.amount, old.valid_to, old.reported_since) == ("2.5", START + 5 * DAY, None)
    assert (new.amount, new.valid_from, new.reported_since) == ("99", START + 5 * DAY, START + DAY)


def test_while_it_waits_the_offer_shows_the_amount_and_since_when(held: Network) -> None:
    read_again_at(3)

    [waiting] = served()["a/1"]["holds"]
    assert (waiting["reported"], waiting["served"], waiting["since"]) == ("99.0", "2.5", "2100-11-02T08:00:00Z")


def test_three_readings_are_needed_however_long_they_take(held: Network) -> None:
    read_again_at(60)
    assert (hold().readings, rate()) == (2, "2.5")

    read_again_at(61)

    assert rate() == "99.0"


def test_the_numbers_are_those_of_the_settings(held: Network, settings: Settings) -> None:
    settings.GUARD_BELIEVE_READINGS, settings.GUARD_BELIEVE_HOURS = 2, 12

    read_again_at(1.5)

    assert rate() == "99.0"


def test_small_moves_repeat_the_price_and_larger_ones_begin_again(shop_api: Network) -> None:
    # The pattern of a rise that was held for 141 days: 0.34, 0.335, 0.33, 0.335 instead of 0.02.
    for days, amount in enumerate(["0.02", "0.34", "0.335", "0.33", "0.335", "0.335"]):
        read_at(shop_api, days, amount)

    assert PriceHold.objects.count() == 1
    assert (hold().state, hold().first_amount, hold().amount, hold().resets) == (State.CONFIRMED, "0.34", "0.335", 0)
    assert rate() == "0.335"


@pytest.mark.parametrize(
    ("amounts", "why"),
    [
        (["99", "96"], "more than 2 % from the reading before"),
        (["99", "97.1", "95.2", "93.4", "91.6", "89.8", "88.1"], "more than 10 % from the first"),
        (["99", "2.5", "99"], "back to the price before"),
    ],
)
def test_a_reading_outside_of_the_band_resets_the_count(amounts: list[str], why: str, shop_api: Network) -> None:
    read_at(shop_api, 0, "2.5")

    for number, amount in enumerate(amounts, start=1):
        read_at(shop_api, number / 2, amount)

    assert (hold().readings, hold().resets, hold().state, rate()) == (1, 1, State.OPEN, "2.5"), why


# --- what does not count ---------------------------------------------------------------------------------------------


def test_failed_and_held_runs_neither_count_nor_reset(held: Network) -> None:
    held.fail("shop", Unreachable("no answer"))
    read_again_at(2)
    held.list_shop([])
    assert read_again_at(3).run.outcome == Outcome.HELD

    read_at(held, 4, "99")
    assert (hold().readings, rate()) == (2, "2.5")
    read_at(held, 5, "99")

    assert (hold().readings, rate()) == (3, "99.0")


def test_an_incomplete_run_neither_counts_nor_resets(held: Network) -> None:
    read_at(held, 2, "99", is_complete=False)
    assert hold().readings == 1
    read_at(held, 2.5, "2.5", is_complete=False)
    assert (hold().state, rate()) == (State.OVERTAKEN, "2.5")

    read_at(held, 3, "99")
    assert (hold().readings, hold().resets, hold().reported_since) == (2, 0, START + DAY)
    read_at(held, 5, "99")

    assert rate() == "99.0"


def test_equal_bytes_of_an_incomplete_listing_do_not_count(shop_api: Network) -> None:
    read_at(shop_api, 0, "2.5")
    for days in (1, 2, 3, 6, 9):
        read_at(shop_api, days, "99", is_complete=False)

    assert (hold().readings, rate()) == (0, "2.5")


def test_reading_a_bundled_file_again_is_no_evidence(shop: Shop, fixtures_dir: Path) -> None:
    for days, amount in enumerate(["2.5", *["99"] * 9]):
        with time_machine.travel(START + days * DAY, tick=False):
            sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour=amount), *OTHERS], slug="shop")

    assert (hold().readings, rate()) == (0, "2.5")


def test_an_offer_that_is_not_listed_is_not_read(held: Network, settings: Settings) -> None:
    settings.SYNC_WITHDRAW_AFTER_RUNS = 2
    settings.GUARD_MISSING_PERCENT = 100
    held.list_shop(OTHERS)
    read_again_at(2)
    read_again_at(3)  # the offer is withdrawn here
    read_again_at(6)

    assert hold().readings == 1

    read_at(held, 7, "99")
    read_at(held, 8, "99")

    assert (hold().readings, rate()) == (3, "99.0")


def test_a_row_that_cannot_be_read_is_no_reading(held: Network) -> None:
    for days in (2, 3, 4):
        read_at(held, days, "99", name=None)
        read_again_at(days + 0.5)

    assert (hold().readings, rate()) == (1, "2.5")


# --- checked again before the hold ends ------------------------------------------------------------------------------


def test_a_fall_to_zero_is_never_believed_by_itself(shop_api: Network) -> None:
    read_at(shop_api, 0, "2.5")
    for days in range(1, 40):
        read_at(shop_api, days, "0")

    assert (hold().state, rate()) == (State.OPEN, "2.5")


def test_a_price_outside_of_the_bounds_stays_held_with_that_reason(shop_api: Network, settings: Settings) -> None:
    read_at(shop_api, 0, "2.5")
    read_at(shop_api, 1, "99")
    settings.GUARD_MOST_USD = 50
    for days in (2, 3, 4, 5, 6):
        read_again_at(days)

    assert (hold().state, hold().rule, rate()) == (State.OPEN, "bounds", "2.5")
    assert hold().reason == "99 US dollars per hour (compute.hour) is outside of what anyone charges"
    [waiting] = served()["a/1"]["holds"]
    assert waiting["reason"] == hold().reason


def list_prices(network: Network, days: float, *rows: Json) -> Report:
    """A run of OpenRouter's API on this day that lists these rows."""
    listed = Request(host="api", path="/api/v1/models", query={"output_modalities": "all"})
    network.answer("openrouter", listed, {"data": list(rows)})
    network.answer("openrouter", Request(host="api", path="/api/v1/providers"), {"data": []})
    with time_machine.travel(START + days * DAY, tick=False):
        return sync("openrouter", source="api")


def row(model_id: str, prompt: str, completion: str = "0.000002", **pricing: object) -> Json:
    return openrouter_row(model_id, pricing={"prompt": prompt, "completion": completion, **pricing})


def test_a_price_that_contradicts_another_one_is_unknown_from_its_first_reading_on(network: Network) -> None:
    report = list_prices(network, 0, row("a/1", "0.000004", input_cache_read="0.000016"))

    document = served()["a/1"]
    assert (report.run.held_prices, hold().rule, hold().kept) == (1, "relation", "")
    assert "input_cache_read" not in document["pricing"]
    assert document["pricing"]["prompt"] == "0.000004"
    [waiting] = document["holds"]
    assert (waiting["reported"], waiting["served"]) == ("0.000016", None)
    assert waiting["reason"] == (
        "16 US dollars per million tokens (input.text.cache_read) is more than "
        "4 US dollars per million tokens (input.text)"
    )
    for days in range(1, 9):
        list_prices(network, days, row("a/1", "0.000004", input_cache_read="0.000016"))
    assert (hold().state, served()["a/1"]["pricing"].get("input_cache_read")) == (State.OPEN, None)


def test_a_row_that_was_published_is_judged_by_new_rules(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = row("a/1", "0.000004", input_cache_read="0.000016")
    with monkeypatch.context() as before_the_rule:
        before_the_rule.setattr(StrictGuard, "doubts", lambda *_, **__: {})
        list_prices(network, 0, wrong)
    assert served()["a/1"]["pricing"]["input_cache_read"] == "0.000016"
    monkeypatch.setattr(plausible, "RULES", plausible.RULES + 1)

    list_prices(network, 1, wrong)

    assert served()["a/1"]["pricing"].get("input_cache_read") is None


def test_a_price_waits_no_longer_once_nothing_contradicts_it(network: Network) -> None:
    list_prices(network, 0, row("a/1", "0.000004", input_cache_read="0.000016"))

    list_prices(network, 1, row("a/1", "0.00002", input_cache_read="0.000016"))

    assert served()["a/1"]["pricing"]["input_cache_read"] == "0.000016"
    assert (hold().state, served()["a/1"]["holds"]) == (State.OVERTAKEN, [])


@pytest.mark.parametrize(("prompt", "cache_read"), [("0.000012", "0.000005"), ("0.000004", None)])
def test_what_is_served_instead_of_a_held_price_contradicts_no_other_one(
    prompt: str, cache_read: str | None, network: Network
) -> None:
    list_prices(network, 0, row("a/1", "0.00003", input_cache_read="0.000002"))
    list_prices(network, 1, row("a/1", "0.00003", input_cache_read="0.000025"))
    assert (hold().rule, hold().kept) == ("move", "0.000002")
    PriceHold.objects.update(kept="0.000005")

    list_prices(network, 2, row("a/1", prompt, input_cache_read="0.000025"))

    assert served()["a/1"]["pricing"].get("input_cache_read") == cache_read
    assert (hold().state, hold().rule, PriceHold.objects.filter(meter=hold().meter).count()) == (State.OPEN, "move", 1)
    before = published()
    with time_machine.travel(START + 2.5 * DAY, tick=False):
        decisions.rebuild("openrouter")
    assert published() == before


def test_a_free_offer_that_has_a_price_for_a_day_is_free_all_the_time(network: Network) -> None:
    # The pattern of an error that held the zero permanently: 0, 0.1 and 0 again.
    free = row("a/flash:free", "0", "0")
    for days, listed in enumerate([free, row("a/flash:free", "0.0000001", "0.0000004"), free]):
        list_prices(network, days, listed)
        document = served()["a/flash:free"]
        assert (document["price_status"], document["pricing"]["prompt"]) == ("free", "0")
        assert bool(document["holds"]) == (days == 1)

    assert not PriceHold.objects.waiting().exists()


def test_a_price_under_a_free_name_is_never_believed_by_itself(network: Network) -> None:
    list_prices(network, 0, row("a/flash:free", "0", "0"))
    for days in range(1, 20):
        list_prices(network, days, row("a/flash:free", "0.0000001", "0.0000004"))

    assert served()["a/flash:free"]["price_status"] == "free"
    assert set(PriceHold.objects.values_list("rule", "state")) == {("paid", State.OPEN)}


@pytest.mark.parametrize(("siblings", "days"), [(0, 8), (2, 5)], ids=["alone", "as others ask"])
def test_prices_of_a_file_that_others_edit_take_a_week_unless_two_siblings_agree(
    siblings: int, days: int, held: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shop, "prices_are_edited", True)
    if siblings:
        middle = Middle(low=Decimal("90"), high=Decimal("110"))
        monkeypatch.setattr(Siblings, "of", lambda *_: {("compute.hour", "[]"): middle})

    for day in range(2, days):
        read_again_at(day)
        assert rate() == "2.5"
    read_again_at(days)

    assert rate() == "99.0"


# --- questions -------------------------------------------------------------------------------------------------------


def test_a_hold_that_began_again_ten_times_is_a_question_and_is_believed_once_it_lasts(
    shop_api: Network,
) -> None:
    read_at(shop_api, 0, "2.5")
    for number in range(1, 11):
        read_at(shop_api, number / 10, "99")
        read_at(shop_api, number / 10 + 0.05, "2.5")
    assert holds.open_questions() == []

    read_at(shop_api, 2, "99")

    [question] = holds.open_questions()
    assert (question.kind, question.offer.model_id, question.amount) == ("often_reset", "a/1", Decimal("99"))
    assert question.reason.startswith("it has been held 11 times; what is reported changes in between. it moved more")
    for days in (3, 4, 6):
        read_again_at(days)
    assert (rate(), holds.open_questions()) == ("99.0", [])


def test_a_discarded_price_that_is_reported_for_thirty_days_is_a_question(held: Network) -> None:
    decide(State.DISCARDED, days=2)
    read_again_at(31.9)
    assert holds.open_questions() == []

    read_again_at(32)

    [question] = holds.open_questions()
    assert question.kind == "still_reported"
    assert question.reason == (
        "it was discarded on 2100-11-03, and the gateway still reports it; served is 2.5 US dollars per hour "
        "(compute.hour)"
    )


# --- decisions and overrides -----------------------------------------------------------------------------------------


def test_a_discarded_price_is_counted_and_never_believed_by_itself(held: Network) -> None:
    decide(State.DISCARDED, days=2)
    for days in range(3, 50):
        read_at(held, days, "99" if days % 2 else "99.5")

    assert (hold().state, hold().readings, PriceHold.objects.count(), rate()) == (State.DISCARDED, 48, 1, "2.5")


@pytest.mark.parametrize("state", [State.RELEASED, State.CONFIRMED])
def test_small_moves_after_a_decision_ask_no_curator_again(state: PriceHold.State, held: Network) -> None:
    if state == State.RELEASED:
        decide(state, days=2)
    for days in (2.5, 3, 5):
        read_again_at(days)

    read_at(held, 6, "99.5")

    assert (hold().state, hold().amount, rate()) == (state, "99.5", "99.5")


def test_a_curators_price_stays_on_top_and_does_not_stop_the_count(held: Network) -> None:
    with time_machine.travel(START + 1.5 * DAY, tick=False):
        say_price("a/1", "4")
    for days in (2, 3, 5):
        read_again_at(days)

    assert (hold().state, rate()) == (State.CONFIRMED, "4.0")
    with time_machine.travel(START + 5.5 * DAY, tick=False):
        clear_price("a/1")
    assert rate() == "99.0"


def test_a_curator_can_take_a_confirmed_price_back(held: Network) -> None:
    for days in (2, 3, 5):
        read_again_at(days)

    decide(State.DISCARDED, days=6)

    assert rate() == "2.5"
    read_again_at(20)
    assert rate() == "2.5"


def test_a_rebuild_reads_what_was_confirmed_and_decides_nothing(held: Network) -> None:
    for days in (2, 3):
        read_again_at(days)
    for days in (4, 5, 6):
        read_again_at(days)
        before = published()
        with time_machine.travel(START + (days + 0.5) * DAY, tick=False):
            decisions.rebuild("shop")
        assert published() == before
        assert hold().readings == min(days, 5)


# --- any sequence ----------------------------------------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(st.just("read"), st.sampled_from(["2.5", "99", "98", "0", "60", "1500"])),
    st.tuples(st.just("part"), st.sampled_from(["2.5", "99", "1500"])),
    st.tuples(st.just("override"), st.sampled_from(["3", "99"])),
    st.tuples(st.sampled_from(["again", "fail", "release", "discard", "clear", "gone"]), st.just("")),
)


@given(steps=st.lists(STEPS, min_size=3, max_size=10), hours=st.sampled_from([7, 30, 60]))
@examples(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_sequence_a_rebuild_gives_the_same_documents(
    steps: list[tuple[str, str]], hours: int, shop_api: Network, credulous_of_listings: None
) -> None:
    with transaction.atomic():
        read_at(shop_api, 0, "2.5")
        for number, (name, amount) in enumerate(steps, start=1):
            days = number * hours / 24
            with time_machine.travel(START + days * DAY, tick=False):
                take_step(shop_api, name, amount, days=days)
            before = published()
            with time_machine.travel(START + (days + 0.1) * DAY, tick=False):
                decisions.rebuild("shop")
            assert published() == before
            check_prices()
        transaction.set_rollback(True)


def take_step(network: Network, name: str, amount: str, *, days: float) -> None:
    waiting = PriceHold.objects.deciding().order_by("pk").last()
    match name:
        case "read" | "part":
            read_at(network, days, amount, is_complete=name == "read")
        case "again":
            read_again_at(days)
        case "fail":
            network.fail("shop", Unreachable("no answer"))
            read_again_at(days)
            network.recover("shop")
        case "gone":
            network.list_shop(OTHERS)
            read_again_at(days)
        case "release" | "discard" if waiting:
            holds.decide_price_hold(
                waiting,
                state=State.RELEASED if name == "release" else State.DISCARDED,
                author=None,
                now=START + days * DAY,
            )
        case "override":
            say_price("a/1", amount)
        case "clear":
            clear_price("a/1")


def check_prices() -> None:
    """Check that the open price is the document's price, and that prices wait exactly if there are holds."""
    document = served()["a/1"]
    opened = Price.objects.open().filter(offer__model_id="a/1").values_list("amount", flat=True)
    shown = document["pricing"].get("hourly_rate")
    expected = [] if shown is None or document["withdrawn_at"] else [Decimal(shown)]
    assert [Decimal(amount) for amount in opened] == expected
    assert bool(document["holds"]) == bool(document["held_prices"])


@pytest.fixture
def credulous_of_listings(settings: Settings) -> None:
    """A guard that believes every listing, but prices only within the usual limits."""
    settings.GUARD_MISSING_PERCENT = settings.GUARD_REJECTED_PERCENT = 100
