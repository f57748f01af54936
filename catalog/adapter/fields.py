"""Fields that rows of many gateways have, for the pydantic models that check them.

Optional fields accept null. Unless their docstring defines it otherwise, None means that the value is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import InstanceOf, PlainValidator, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from catalog.adapter.contract import json_type
from catalog.normalize import counts, dates, modalities, text
from catalog.pricing import money

Id = Annotated[str, PlainValidator(lambda value: text.line(value, longest=text.MAX_ID))]
Name = Annotated[str, PlainValidator(lambda value: text.line(value, longest=text.MAX_NAME))]
Tag = Annotated[str, PlainValidator(lambda value: text.line(value, longest=text.MAX_TAG))]


def _flag(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise ValueError("must be true, false or null")


def _words(value: Any) -> tuple[str, ...] | None:
    """Return the words sorted and without duplicates: their order upstream is noise."""
    return None if value is None else _given_words(value)


def _given_words(value: Any) -> tuple[str, ...]:
    return tuple(sorted(set(_texts(value))))


def _modalities(value: Any) -> tuple[str, ...] | None:
    return None if value is None else modalities.canonical(_texts(value))


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("must be a list of texts")
    return [text.line(item, longest=text.MAX_WORD) for item in value]


def price(constructor: Callable[[object], money.Rate]) -> PlainValidator:
    """Return a validator for an amount that may be missing. An unreadable amount becomes unclear and does not reject
    the row."""
    return PlainValidator(lambda value: None if value is None else money.read(constructor, value))


def _unclear_if_wrong(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return unreadable(value)


def unreadable(prices: Any) -> money.Unclear:
    """The value of every price in a price list of the wrong shape."""
    is_object = isinstance(prices, dict)
    wrong = "cannot be read" if is_object else f"must be an object, not {json_type(prices)}"
    return money.Unclear(f"its price list {wrong}")


Price = InstanceOf[money.Rate] | InstanceOf[money.Unclear] | None
"""The result of a field that `price` reads."""
Unclear = InstanceOf[money.Unclear]
UnclearIfWrong = WrapValidator(_unclear_if_wrong)
"""A validator for an object of prices. Any other value becomes unclear and does not reject the row."""

Word = Annotated[str | None, PlainValidator(text.word)]
Prose = Annotated[str | None, PlainValidator(text.prose)]
Words = Annotated[tuple[str, ...] | None, PlainValidator(_words)]
GivenWords = Annotated[tuple[str, ...], PlainValidator(_given_words)]
Modalities = Annotated[tuple[str, ...] | None, PlainValidator(_modalities)]
Count = Annotated[int | None, PlainValidator(counts.count)]
Flag = Annotated[bool | None, PlainValidator(_flag)]
Day = Annotated[date | None, PlainValidator(dates.day)]
UnixSeconds = Annotated[int | None, PlainValidator(dates.unix_seconds)]
