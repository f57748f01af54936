"""Fields that rows of many gateways have, for the pydantic models that check them.

Optional ones take null, and unless they say otherwise they stand for "not told" by None.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import PlainValidator

from catalog.normalize import counts, dates, modalities, text

Id = Annotated[str, PlainValidator(lambda value: text.line(value, longest=text.MAX_ID))]
Name = Annotated[str, PlainValidator(lambda value: text.line(value, longest=text.MAX_NAME))]
Tag = Annotated[str, PlainValidator(lambda value: text.line(value, longest=text.MAX_TAG))]


def _flag(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise ValueError("must be true, false or null")


def _words(value: Any) -> tuple[str, ...] | None:
    """Sorted, each once: upstream their order is noise."""
    return None if value is None else _given_words(value)


def _given_words(value: Any) -> tuple[str, ...]:
    return tuple(sorted(set(_texts(value))))


def _modalities(value: Any) -> tuple[str, ...] | None:
    return None if value is None else modalities.canonical(_texts(value))


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("must be a list of texts")
    return [text.line(item, longest=text.MAX_WORD) for item in value]


Word = Annotated[str | None, PlainValidator(text.word)]
Prose = Annotated[str | None, PlainValidator(text.prose)]
Words = Annotated[tuple[str, ...] | None, PlainValidator(_words)]
GivenWords = Annotated[tuple[str, ...], PlainValidator(_given_words)]
Modalities = Annotated[tuple[str, ...] | None, PlainValidator(_modalities)]
Count = Annotated[int | None, PlainValidator(counts.count)]
Flag = Annotated[bool | None, PlainValidator(_flag)]
Day = Annotated[date | None, PlainValidator(dates.day)]
UnixSeconds = Annotated[int | None, PlainValidator(dates.unix_seconds)]
