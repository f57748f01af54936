"""What the guard believes: each limit at its value, and on both sides of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.pricing import meters
from catalog.publication.listing import Comparison, Loss, NotBelieved
from catalog.publication.prices.doubts import Rule
from catalog.publication.prices.siblings import Middle
from catalog.records import OfferRecord, PriceRecord
from catalog.sync.guard import Limits, ReleasingGuard, StrictGuard, TrustingGuard
from tests.factories import hourly, offer_record, per_token

PROMPT, COMPLETION, HOUR = ("input.text", "[]"), ("output.text", "[]"), ("compute.hour", "[]")


def strict(*, seen: int = 100, rejected: int = 0, limits: Limits | None = None) -> StrictGuard:
    return StrictGuard(limits=limits or Limits(), seen=seen, rejected=rejected)


def compared(*, known: int, missing: int) -> Comparison:
    ids = frozenset(f"a/{number}" for number in range(missing))
    return Comparison(published=known, missing=ids)


def losing(lost: int, *, of: int, percent: int = 30) -> NotBelieved | None:
    try:
        strict(limits=Limits(missing_percent=percent)).judge_losses([Loss(fact="price", lost=lost, had=of)])
    except NotBelieved as held:
        return held
    return None


def judged(guard: StrictGuard, comparison: Comparison) -> NotBelieved | None:
    try:
        guard.judge_listing(comparison)
    except NotBelieved as held:
        return held
    return None


def doubted(before: Sequence[PriceRecord] | None, *after: PriceRecord, limits: Limits | None = None) -> dict[str, str]:
    """Return the reasons by meter and conditions, as `meter conditions`."""
    known = None if before is None else offer_record(prices=tuple(before))
    found = strict(limits=limits).doubts(known, offer_record(prices=after), siblings={})
    return {" ".join(key): doubt.reason for key, doubt in found.items()}


def usd_per_million(amount: str) -> tuple[PriceRecord, ...]:
    """Return the price of a prompt in US dollars per million tokens."""
    return per_token(prompt=str(Decimal(amount).scaleb(-6)))


# --- a listing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "missing", "is_held"),
    [(10, 3, False), (10, 4, True), (1000, 300, False), (1000, 301, True), (3, 0, False), (3, 1, True), (0, 0, False)],
)
def test_a_listing_that_lacks_more_than_30_percent_of_what_was_known_is_held(
    known: int, missing: int, is_held: bool
) -> None:
    held = judged(strict(), compared(known=known, missing=missing))

    assert (held is not None) == is_held
    if held is not None:
        assert str(held) == f"{missing} of {known} known offers are missing, more than 30 %"
        assert held.missing == compared(known=known, missing=missing).missing


@pytest.mark.parametrize(
    ("seen", "rejected", "is_held"),
    [(10, 2, False), (10, 3, True), (1000, 200, False), (1000, 201, True), (1, 1, True), (4, 1, True), (5, 1, False)],
)
def test_a_listing_of_which_more_than_20_percent_was_rejected_is_held(seen: int, rejected: int, is_held: bool) -> None:
    held = judged(strict(seen=seen, rejected=rejected), compared(known=0, missing=0))

    assert (held is not None) == is_held
    if held is not None:
        assert str(held) == f"{rejected} of {seen} rows were rejected, more than 20 %"


def test_rejected_rows_are_counted_though_nothing_is_missing() -> None:
    assert judged(strict(seen=10, rejected=3), compared(known=10, missing=0))


def test_a_listing_with_two_faults_names_both_and_is_not_believed_for_what_is_missing() -> None:
    held = judged(strict(seen=10, rejected=3), compared(known=10, missing=4))

    assert held is not None
    assert held.reasons == [
        "3 of 10 rows were rejected, more than 20 %",
        "4 of 10 known offers are missing, more than 30 %",
    ]
    assert held.missing == frozenset()


@given(
    percent=st.integers(0, 100),
    known=st.integers(0, 300),
    missing=st.integers(0, 300),
    seen=st.integers(1, 300),
    rejected=st.integers(0, 300),
)
@example(percent=0, known=1, missing=0, seen=1, rejected=0)
@example(percent=100, known=5, missing=5, seen=5, rejected=5)
def test_the_limits_of_a_listing_are_those_that_are_set(
    percent: int, known: int, missing: int, seen: int, rejected: int
) -> None:
    missing, rejected = min(missing, known), min(rejected, seen)
    limits = Limits(missing_percent=percent, rejected_percent=percent)

    held = judged(strict(seen=seen, rejected=rejected, limits=limits), compared(known=known, missing=missing))

    is_short = known > 0 and Decimal(missing) / known > Decimal(percent) / 100
    is_bad = Decimal(rejected) / seen > Decimal(percent) / 100
    assert (held is not None) == (is_short or is_bad)
    assert (held.missing if held else frozenset()) == (
        compared(known=known, missing=missing).missing if is_short and not is_bad else frozenset()
    )


@given(percent=st.integers(0, 100), had=st.integers(1, 300), lost=st.integers(1, 300))
@example(percent=30, had=10, lost=3)
@example(percent=30, had=10, lost=4)
def test_a_listing_in_which_many_offers_lost_a_fact_is_held_until_it_is_released(
    percent: int, had: int, lost: int
) -> None:
    lost = min(had, lost)
    held = losing(lost, of=had, percent=percent)

    assert (held is not None) == (Decimal(lost) / had > Decimal(percent) / 100)
    if held is not None:
        assert str(held) == f"{lost} of {had} offers with a price have none any more, more than {percent} %"
        assert held.missing == frozenset()


SIBLINGS = Middle(low=Decimal("0.0000001"), high=Decimal("0.0000002"))


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (None, "4", None),
        (None, "4.01", "4.01 US dollars per million tokens (input.text) is more than 20 times what others ask"),
        (None, "0.005", None),
        (None, "0.0049", "others ask more than 20 times 0.0049 US dollars per million tokens (input.text)"),
        (None, "0", None),
        ("4.01", "4.01", None),
        ("4", "4.02", "more than 20 times what others ask for this model, 0.2 US dollars per million tokens"),
    ],
)
def test_a_price_far_from_other_sellers_is_doubted_unless_it_was_served_before(
    before: str | None, after: str, reason: str | None
) -> None:
    known = None if before is None else offer_record(prices=usd_per_million(before))

    found = strict().doubts(known, offer_record(prices=usd_per_million(after)), siblings={PROMPT: SIBLINGS})

    assert (reason is None) == (not found)
    assert reason is None or reason in found[PROMPT].reason


# --- a price ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("2", "2", None),
        ("2", "20", None),
        (
            "2",
            "20.000001",
            "moved more than 10-fold, from 2 US dollars per hour (compute.hour) to 20.000001 US dollars",
        ),
        ("2", "0.2", None),
        ("2", "0.199999", "moved more than 10-fold, from 2 US dollars per hour (compute.hour) to 0.199999 US dollars"),
        ("2", "0", "it fell from 2 US dollars per hour (compute.hour) to zero"),
        ("0", "2", None),
        ("0", "0", None),
        (None, "2", None),
        (None, "0", None),
        (None, "1000", None),
        (None, "1000.01", "1000.01 US dollars per hour (compute.hour) is outside of what anyone charges"),
        ("1000.01", "1000.01", "is outside of what anyone charges"),
        ("900", "1001", "is outside of what anyone charges"),
    ],
)
def test_an_hourly_rate_is_doubted_if_it_leaps_falls_to_zero_or_is_out_of_bounds(
    before: str | None, after: str, reason: str | None
) -> None:
    found = doubted(None if before is None else [hourly(before)], hourly(after))

    assert found.keys() == ({"compute.hour []"} if reason else set())
    assert (reason or "") in found.get("compute.hour []", "")


@pytest.mark.parametrize(
    ("after", "is_doubted"),
    [("0.0001", False), ("0.00009999", True), ("1000", False), ("1000.0001", True), ("0", False), ("0.5", False)],
)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_token_price_is_believed_within_its_bounds_for_new_offers_too(
    after: str, is_doubted: bool, is_new: bool
) -> None:
    # The known price of the offer has another meter, so nothing is compared.
    found = doubted(None if is_new else [hourly("1")], *usd_per_million(after))

    assert found == (
        {"input.text []": f"{after} US dollars per million tokens (input.text) is outside of what anyone charges"}
        if is_doubted
        else {}
    )


def test_a_price_in_the_wrong_unit_is_doubted_whichever_way_it_is_wrong() -> None:
    as_published = usd_per_million("0.25")
    too_high, too_low = usd_per_million("250000"), usd_per_million("0.00000025")

    assert doubted(as_published, *too_high)
    assert doubted(as_published, *too_low)
    assert doubted(None, *too_high)
    assert doubted(None, *too_low)


def test_each_price_is_judged_by_itself_and_by_its_conditions() -> None:
    large = (("prompt_tokens", ">=", 200001),)
    before = [
        *per_token(prompt="1E-6", completion="2E-6"),
        PriceRecord(meter="input.text", amount=Decimal("2E-6"), conditions=large),
        hourly("4"),
    ]
    after = [
        *per_token(prompt="1E-6", completion="3E-5"),
        PriceRecord(meter="input.text", amount=Decimal(0), conditions=large),
        hourly("5"),
    ]

    assert doubted(before, *after).keys() == {"output.text []", 'input.text [["prompt_tokens",">=",200001]]'}


def test_a_price_that_went_unknown_is_no_doubt() -> None:
    assert doubted([hourly("2"), *per_token(prompt="1E-6")], hourly("2")) == {}


@pytest.mark.parametrize("meter", sorted(meters.METERS))
def test_every_meter_has_its_bounds(meter: str) -> None:
    most = Decimal("0.001") if meters.METERS[meter].unit == "token" else Decimal(1000)

    assert doubted(None, PriceRecord(meter=meter, amount=most)) == {}
    assert doubted(None, PriceRecord(meter=meter, amount=most * 2)).keys() == {f"{meter} []"}


def test_the_limits_of_a_price_are_those_that_are_set() -> None:
    limits = Limits(
        price_factor=3,
        least_usd_per_million_tokens=Decimal(1),
        most_usd_per_million_tokens=Decimal(5),
        most_usd=Decimal(9),
    )

    def is_doubted(before: PriceRecord | None, after: PriceRecord) -> bool:
        return bool(doubted([before] if before else None, after, limits=limits))

    [one], [three], [four], [five] = map(usd_per_million, ("1", "3", "4", "5"))
    [little], [much] = map(usd_per_million, ("0.9", "5.1"))
    assert [is_doubted(one, price) for price in (three, four)] == [False, True]
    assert [is_doubted(None, price) for price in (little, one, five, much)] == [True, False, False, True]
    assert [is_doubted(None, hourly(amount)) for amount in ("9", "9.01")] == [False, True]


@given(
    before=st.decimals("1e-20", "900", places=20),
    after=st.decimals("1e-20", "900", places=20),
)
@example(before=Decimal(1), after=Decimal(10))
@example(before=Decimal(1), after=Decimal("10.00000000000000000001"))
def test_a_leap_is_a_leap_in_both_directions(before: Decimal, after: Decimal) -> None:
    def is_doubted(first: Decimal, second: Decimal) -> bool:
        return bool(doubted([hourly(str(first))], hourly(str(second))))

    assert is_doubted(before, after) == is_doubted(after, before) == (max(before, after) > 10 * min(before, after))


# --- guards that trust a person's decision ---------------------------------------------------------------------------


def wild() -> OfferRecord:
    return offer_record(prices=(hourly("5000"), *per_token(prompt="0")))


def test_a_trusting_guard_believes_everything() -> None:
    TrustingGuard().judge_listing(compared(known=10, missing=10))

    assert TrustingGuard().doubts(offer_record(), wild(), siblings={}) == {}


def test_a_releasing_guard_believes_what_is_missing_and_still_judges_each_price() -> None:
    guard = ReleasingGuard(strict=strict(seen=10, rejected=10))

    guard.judge_listing(compared(known=10, missing=10))

    assert guard.doubts(offer_record(), wild(), siblings={}) == strict().doubts(offer_record(), wild(), siblings={})
    assert guard.doubts(offer_record(), wild(), siblings={}).keys() == {HOUR}


# --- offers that are free by their name ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model_id", "before", "after", "rule"),
    [
        ("a/b:free", "1", "0", None),
        ("a/b:free", "0", "1", Rule.PAID),
        ("a/b:free", None, "1", Rule.PAID),
        ("a/b:free", "1", "1", Rule.PAID),
        ("a/b", "1", "0", Rule.ZERO),
        ("a/b", "0", "1", None),
    ],
)
def test_under_a_free_name_a_zero_is_believed_and_a_price_is_not(
    model_id: str, before: str | None, after: str, rule: Rule | None
) -> None:
    known = None if before is None else offer_record(model_id, prices=usd_per_million(before))

    found = strict().doubts(known, offer_record(model_id, prices=usd_per_million(after)), siblings={})

    assert (found[PROMPT].rule if found else None) == rule


def test_a_surcharge_of_a_tool_contradicts_no_free_name() -> None:
    search = PriceRecord(meter=meters.SEARCH_WEB, amount=Decimal("0.01"))

    assert strict().doubts(None, offer_record("a/b:free", prices=(search,)), siblings={}) == {}


# --- a price that is repeated ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "others", "rule"),
    [
        ("5", None, None),
        ("5", SIBLINGS, Rule.SIBLINGS),
        ("0.2", SIBLINGS, None),
        ("2000", None, Rule.BOUNDS),
    ],
)
def test_a_repeated_price_is_judged_by_all_but_how_far_it_moved(
    amount: str, others: Middle | None, rule: Rule | None
) -> None:
    [price] = usd_per_million(amount)

    doubt = strict().doubt_of_repeated(offer_record(prices=(price,)), price, others=others)

    assert (doubt.rule if doubt else None) == rule
    assert strict().do_agree(price, others=others) == (others is not None and rule is not Rule.SIBLINGS)
