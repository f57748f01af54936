from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.pricing import meters, money
from catalog.pricing.money import Rate

Constructor = Callable[[object], Rate]

CONSTRUCTORS: tuple[Constructor, ...] = (
    money.usd_per_token,
    money.usd_per_million_tokens,
    money.usd_per_hour,
    money.cents_per_token,
)
CANONICAL = re.compile(r"0|[1-9][0-9]*|(0|[1-9][0-9]*)\.[0-9]*[1-9]", re.ASCII)
WIDE = Context(prec=200)


@st.composite
def plain_numbers(draw: st.DrawFn) -> str:
    """Numbers in plain notation of at most forty digits, some with zeros that say nothing at their end."""
    places = draw(st.integers(0, 39))
    digits = draw(st.integers(0, 10**40 - 1))
    return format(Decimal(digits).scaleb(-places, context=WIDE), "f")


def digits_of(amount: Decimal) -> int:
    return len(money.plain(amount).replace(".", ""))


@given(plain_numbers())
@example("0.00000008333333333333334")
@example("0.00000000")
@example("22.00")
def test_the_canonical_text_is_the_exact_amount_without_exponent_or_idle_zeros(number: str) -> None:
    text = money.plain(money.usd_per_hour(number).amount)

    assert Fraction(text) == Fraction(number)
    assert CANONICAL.fullmatch(text)
    assert money.plain(money.usd_per_hour(text).amount) == text


@given(plain_numbers())
def test_however_a_number_is_written_it_is_the_same_amount(number: str) -> None:
    written = [number, f" {number}\n", Decimal(number), f"{Decimal(number):E}", f"{Decimal(number):e}"]

    amounts = {(rate := money.usd_per_token(value)).amount.as_tuple() for value in written}

    assert len(amounts) == 1
    assert isinstance(rate.amount, Decimal)


@given(plain_numbers())
def test_a_price_per_million_is_exactly_a_millionth_per_token(number: str) -> None:
    amount = money.usd_per_hour(number).amount

    assert Fraction(money.one_millionth(amount)) == Fraction(number) / 10**6
    assert money.per_million(money.one_millionth(amount)) == amount


@given(st.decimals(min_value=0, max_value=10**9, places=20).map(str))
def test_a_price_entered_per_million_tokens_is_stored_per_token(number: str) -> None:
    rate = money.usd_per_million_tokens(number)

    assert Fraction(rate.amount) == Fraction(number) / 10**6
    assert rate.per is money.Unit.TOKEN


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
@given(number=plain_numbers() | st.integers(0, 10**60).map(str) | st.integers(-60, 60).map("1e{}".format))
@example(number="0." + "0" * 38 + "1")
def test_no_amount_has_more_than_forty_digits(constructor: Constructor, number: str) -> None:
    with suppress(ValueError):
        rate = constructor(number)
        assert digits_of(rate.amount) <= money.MAX_DIGITS
        assert rate.amount >= 0


@given(plain_numbers())
@example("22")
@example("0")
@example("8.58")
def test_an_hourly_rate_is_written_with_at_least_one_decimal(number: str) -> None:
    text = money.with_decimal(Decimal(number))

    assert re.fullmatch(r"[0-9]+\.[0-9]+", text)
    assert Fraction(text) == Fraction(number)


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
@pytest.mark.parametrize(
    "value",
    [
        "-1",
        "-0.000001",
        -1,
        Decimal("-1"),
        "NaN",
        Decimal("NaN"),
        Decimal("sNaN"),
        "Infinity",
        "-Infinity",
        Decimal("Infinity"),
        "1e999",
        "1e-999",
        "1e41",
        "1e-41",
        "1e9999999999",
        Decimal("1E+999999999999999999"),
        "",
        " ",
        "abc",
        "0x10",
        "1_000",
        "1,5",
        "1 000",
        ".5",
        "$1",
        "1\x00",
        "١٢",
        "１２",  # noqa: RUF001  full-width digits are the point
        "²",
        "9" * 41,
        "9" * 5000,
        "0." + "9" * 5000,
        Decimal("9" * 5000),
        10**4000,
        True,
        False,
        None,
        0.5,
        float("nan"),
        b"1",
        ["1"],
        {"amount": "1"},
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_price_is_refused_in_words(constructor: Constructor, value: object) -> None:
    with pytest.raises(ValueError, match=r"^must ") as refusal:
        constructor(value)

    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(("cents", "usd"), [("0.000025", "0.00000025"), (Decimal("8e-7"), "0.000000008"), (40, "0.4")])
def test_cents_are_exactly_a_hundredth_of_a_dollar(cents: object, usd: str) -> None:
    assert money.cents_per_token(cents) == money.usd_per_token(usd)
    assert money.cents_per(money.Unit.PAGE, cents) == Rate(Decimal(usd), money.Unit.PAGE)


@pytest.mark.parametrize("value", ["-0", "-0.0", "0e0", "0.000", 0, Decimal("-0"), Decimal("0E-10")])
def test_every_zero_is_the_same_unsigned_zero(value: object) -> None:
    amount = money.usd_per_token(value).amount

    assert amount.as_tuple() == Decimal(0).as_tuple()
    assert money.plain(amount) == "0"


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
@pytest.mark.parametrize("meter", meters.METERS)
def test_a_meter_takes_only_rates_of_its_own_unit(meter: str, constructor: Constructor) -> None:
    rate = constructor("0.25")

    if rate.per is meters.METERS[meter].unit:
        assert meters.price(meter, rate).amount == rate.amount
    else:
        with pytest.raises(ValueError, match=f"{re.escape(meter)} is priced per {meters.METERS[meter].unit}"):
            meters.price(meter, rate)


@pytest.mark.parametrize("value", ["-1", -1, Decimal("-0.5"), " -1e-6 ", "-1000000000"])
def test_a_negative_number_is_recognised(value: object) -> None:
    assert money.is_number(value)
    assert money.is_negative(value)


@pytest.mark.parametrize(
    "value", ["0", "-0", "1", 0, Decimal("-0.0"), None, "minus one", "-", True, -1.0, [], {}, 10**100]
)
def test_what_is_not_negative_or_no_number_is_not_negative(value: object) -> None:
    assert not money.is_negative(value)


def test_a_price_per_million_is_not_longer_per_token_than_an_amount_may_be() -> None:
    with pytest.raises(ValueError, match="at most 40 digits"):
        money.usd_per_million_tokens("0." + "1" * 39)


def test_an_integer_of_more_digits_than_python_writes_out_is_no_number() -> None:
    assert not money.is_number(-(10**5000))
