"""What attempts cost, exactly. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.memory.rows import Row
from catalog.pricing import costing, meters
from catalog.pricing.tariffs import Tariff
from catalog.pricing.workloads import Workload
from catalog.records import Condition, PriceRecord, UnclearPrice
from routing.choose.plain import plain_of
from routing.money.costs import (
    HOURLY,
    NO_USAGE,
    SUBSCRIPTION,
    UNKNOWN,
    Cost,
    billed_cost,
    cost_of,
    cost_of_counts,
    most_of,
)
from routing.nano import MOST, dollars_of, nano_of, text_of
from routing.wire.request import Kind
from routing.wire.tokens import Tokens
from tests.factories import hourly, offer_record, per_token, served_row

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
PRICES = {
    meters.INPUT_TEXT: "0.000001",
    meters.INPUT_TEXT_CACHE_READ: "0.0000001",
    meters.INPUT_TEXT_CACHE_WRITE: "0.00000125",
    meters.OUTPUT_TEXT: "0.000002",
    meters.OUTPUT_REASONING: "0.000003",
    meters.INPUT_AUDIO: "0.00001",
    meters.OUTPUT_AUDIO: "0.00002",
    meters.OUTPUT_IMAGE_TOKEN: "0.00003",
}


def prices(**conditions: Any) -> tuple[PriceRecord, ...]:
    return tuple(PriceRecord(meter=meter, amount=Decimal(amount)) for meter, amount in PRICES.items())


def row(*listed: PriceRecord, **fields: Any) -> Row:
    return served_row(offer_record(prices=listed or prices(), **fields))


def candidate(of: Row, *, most_output: int | None = 1_000, why_no_cost: str = "") -> Any:
    return SimpleNamespace(row=of, gateway="chutes", offer_id="m", most_output=most_output, why_no_cost=why_no_cost)


def request(most_input: int = 1_000, kind: Kind = Kind.CHAT) -> Any:
    return SimpleNamespace(kind=kind, most_input=most_input)


def test_19_every_kind_of_token_is_billed_by_its_own_meter() -> None:
    tokens = Tokens(
        input=1_000, cached_input=500, cache_write=200, output=300, reasoning=100,
        audio_input=10, audio_output=20, image_output=30,
    )  # fmt: skip

    cost = cost_of(row(), tokens, at=NOON)

    parts = ("0.0003", "0.00005", "0.00025", "0.0004", "0.0003", "0.0001", "0.0004", "0.0009")
    assert cost == Cost(sum(map(Decimal, parts), Decimal(0)), "")


@given(st.lists(st.integers(0, 10**7), min_size=8, max_size=8), st.times())
def test_18_the_cost_is_the_bill_of_the_tokens_at_the_time_of_the_start(counts: list[int], at: time) -> None:
    cached, write, plain, reasoning, output, audio_input, audio_output, image = counts
    tokens = Tokens(
        input=cached + write + plain, cached_input=cached, cache_write=write, output=reasoning + output,
        reasoning=reasoning, audio_input=audio_input, audio_output=audio_output, image_output=image,
    )  # fmt: skip
    at_night = (("utc_window", "during", "00:30-16:30"),)
    listed = (
        *prices(),
        PriceRecord(meter=meters.INPUT_TEXT, amount=Decimal("5E-7"), conditions=at_night),
        PriceRecord(meter=meters.OUTPUT_TEXT, amount=Decimal("4E-6"), conditions=(("prompt_tokens", ">=", 200_001),)),
    )  # fmt: skip
    used = Workload(
        input_tokens=tokens.input, cached_input_tokens=cached, cache_write_tokens=write, output_tokens=tokens.output,
        reasoning_tokens=reasoning, audio_input_tokens=audio_input, audio_output_tokens=audio_output,
        output_image_tokens=image, requests=1, at=at,
    )  # fmt: skip

    cost = cost_of(row(*listed), tokens, at=datetime.combine(NOON, at, tzinfo=UTC))

    expected = costing.bill(listed, used).total
    assert cost.amount == (expected if any(counts) else 0)


AMOUNTS = st.sampled_from(["0", "0.0", "1E-6", "0.00000250", "3", "1E+2", "0.0000001234567890123456789"]).map(Decimal)
CONDITIONS: st.SearchStrategy[tuple[Condition, ...]] = st.sampled_from(
    [(), (), (), (), (("prompt_tokens", ">=", 40),), (("utc_window", "during", "00:30-16:30"),)]
)
COUNT = st.sampled_from([0, 0, 1, 7, 50, 10**9, 10**17, 10**18])


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    """Tariffs of all kinds, many of them plain."""
    is_usual = draw(st.sampled_from([True, True, False]))

    def rarely(usual: Any, *others: Any) -> Any:
        return usual if is_usual else draw(st.sampled_from([*[usual] * 3, *others]))

    more = [meters.REQUEST, meters.COMPUTE_HOUR, *list(PRICES)]
    listed = rarely([meters.INPUT_TEXT, meters.OUTPUT_TEXT], [meters.INPUT_TEXT], []) + draw(
        st.lists(st.sampled_from(more), max_size=5)
    )
    unclear = UnclearPrice(meter=draw(st.sampled_from(more)), conditions=(), reason="twice")
    return Tariff(
        prices=tuple(
            PriceRecord(meter=meter, amount=draw(AMOUNTS), conditions=draw(CONDITIONS) if rarely(False, True) else ())
            for meter in listed
        ),
        unclear=rarely((), (unclear,)),
        status=rarely("priced", "free", "unknown", "dynamic"),
        basis=rarely("token", "hourly", "unit", None),
        execution_mode=rarely("standard", "batch", None),
        per_million_input=None,
        per_million_output=None,
        hourly_rate=None,
        puts_out_text=rarely(True, False),
        held=rarely(frozenset(), frozenset({(meters.REQUEST, ())})),
    )


@given(tariffs(), st.lists(COUNT, min_size=8, max_size=8), st.sampled_from([True, True, True, False]), st.times())
def test_18_the_costs_of_plain_tariffs_are_those_of_whole_bills_to_the_last_digit(
    tariff: Tariff, counts: list[int], is_consistent: bool, at: time
) -> None:
    given_, cached, write, output, reasoning, *media = counts
    if is_consistent:
        given_, output, media = given_ + cached + write, output + reasoning, [0, 0, 0]
    tokens = Tokens(
        input=given_, cached_input=cached, cache_write=write, output=output, reasoning=reasoning,
        audio_input=media[0], audio_output=media[1], image_output=media[2],
    )  # fmt: skip
    moment = datetime.combine(NOON, at, tzinfo=UTC)

    found, billed = cost_of_counts(tariff, tokens, at=moment), billed_cost(tariff, tokens, at=moment)

    assert (str(found.amount), found.reason) == (str(billed.amount), billed.reason)


def test_most_tariffs_are_plain() -> None:
    assert plain_of(row().tariff) is not None
    assert plain_of(row(*prices(), PriceRecord(meter=meters.REQUEST, amount=Decimal("0.005"))).tariff) is not None
    assert plain_of(row(hourly("2.5")).tariff) is None


def test_19_more_cached_tokens_than_tokens_have_no_cost_and_a_reason() -> None:
    cost = cost_of(row(), Tokens(input=10, cached_input=11, output=1), at=NOON)

    assert cost.amount is None
    assert cost.reason.startswith("the usage contradicts itself: cached_input_tokens")


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (row(hourly("2.5")), HOURLY),
        (row(*per_token(prompt="1E-6")), UNKNOWN),
        (served_row(offer_record(prices=(), unclear=())), UNKNOWN),
        (
            served_row(
                offer_record(
                    prices=per_token(prompt="1E-6"),
                    unclear=(UnclearPrice(meter=meters.OUTPUT_TEXT, conditions=(), reason="twice"),),
                )
            ),
            UNKNOWN,
        ),
    ],
)
def test_20_an_unknown_price_is_none_with_its_reason_and_never_0(of: Row, reason: str) -> None:
    assert cost_of(of, Tokens(input=10, output=10), at=NOON) == Cost(None, reason)
    assert most_of(request(), [candidate(of)], at=NOON) == Cost(None, f"chutes/m: {reason}")


def test_20_subscriptions_and_missing_usage_have_no_cost() -> None:
    assert cost_of(row(), Tokens(input=1, output=1), at=NOON, is_subscription=True) == Cost(None, SUBSCRIPTION)
    assert cost_of(row(), None, at=NOON) == Cost(None, NO_USAGE)
    found = most_of(request(), [candidate(row(), why_no_cost=SUBSCRIPTION)], at=NOON)
    assert found == Cost(None, "chutes/m: subscription")


def test_21_an_explicit_zero_costs_nothing_where_the_price_is_known() -> None:
    zero = Tokens(input=0, output=0)

    assert cost_of(row(), zero, at=NOON) == Cost(Decimal(0), "")
    assert cost_of(row(hourly("1")), zero, at=NOON).amount is None
    fee = PriceRecord(meter=meters.REQUEST, amount=Decimal("0.005"))
    assert cost_of(row(*prices(), fee), zero, at=NOON).amount == Decimal("0.005")
    assert cost_of(row(*per_token(prompt="0", completion="0")), Tokens(input=9, output=9), at=NOON).amount == 0


def test_the_most_is_that_of_the_dearest_candidate_written_to_a_cache_and_all_reasoning() -> None:
    cheap = candidate(row(*per_token(prompt="1E-9", completion="1E-9")))
    dear = candidate(row(), most_output=500)

    # 1,000 tokens count as 1,024.
    assert most_of(request(), [cheap, dear], at=NOON) == Cost(Decimal("0.00128") + Decimal("0.0015"), "")
    assert most_of(request(kind=Kind.EMBEDDINGS), [dear], at=NOON).amount == Decimal("0.00128")
    without = most_of(request(), [cheap, candidate(row(), most_output=None)], at=NOON)
    assert without == Cost(None, "chutes/m: the length of its output has no limit; max_tokens sets one")


@given(st.integers(0, 10**6), st.integers(0, 10**5), st.data())
def test_no_use_within_the_limits_costs_more_than_the_most(input_: int, output: int, data: st.DataObject) -> None:
    cached = data.draw(st.integers(0, input_))
    write = data.draw(st.integers(0, input_ - cached))
    tokens = Tokens(
        input=input_, output=output, cached_input=cached, cache_write=write, reasoning=data.draw(st.integers(0, output))
    )
    most = most_of(request(input_), [candidate(row(), most_output=output)], at=NOON)
    assert cast(Decimal, cost_of(row(), tokens, at=NOON).amount) <= cast(Decimal, most.amount)


@given(st.decimals(0, 10**9, allow_nan=False, places=14))
def test_nano_dollars_round_up_and_print_exactly(amount: Decimal) -> None:
    nano = nano_of(amount)
    assert 0 <= dollars_of(nano) - amount < Decimal("1E-9")
    assert Decimal(text_of(nano)) == dollars_of(nano)
    assert nano_of(Decimal(10) ** 30) == MOST
