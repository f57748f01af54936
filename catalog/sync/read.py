"""Reads a gateway's listing from where it is to be read."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from catalog.adapter.contract import Gateway, Listing
from catalog.adapter.errors import BadPayload, Unreachable
from catalog.records import Source

Json = Any
_SAFE_INTEGER_DIGITS = 18


def choose_source(setting: str) -> Source:
    """The source that the setting `<SLUG>_SOURCE` (auto, api or bundled) means for a gateway read from no API yet."""
    return Source.API if setting == Source.API else Source.BUNDLED


def read_listing(gateway: Gateway, *, source: Source, fixtures: Path) -> Listing:
    """What the gateway lists. Raises GatewayError in words that an operator understands."""
    if source is Source.API:
        raise Unreachable(f"{gateway.name} is read from its bundled catalogue; there is no reader of its API")
    path = fixtures / f"{gateway.slug}_catalog.json"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Unreachable(f"{path.name} cannot be read: {error.strerror}") from error
    try:
        return gateway.bundled_listing(decoded(raw))
    except BadPayload as error:
        raise BadPayload(f"{path.name}: {error}") from error


def decoded(raw: bytes) -> Json:
    """JSON with exact numbers: fractions become Decimal. Raises BadPayload where it is not JSON.

    What JSON does not know (NaN, Infinity) stays as its text, so that the row which has it is refused, not the file.
    """
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_float=_fraction, parse_int=_integer, parse_constant=str)
    except UnicodeDecodeError as error:
        raise BadPayload(f"is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise BadPayload(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise BadPayload("is not a listing: it is nested too deeply") from error


def _fraction(digits: str) -> Decimal | str:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond what a Decimal holds; the row that has it says so
        return digits


def _integer(digits: str) -> int | Decimal:
    # int() refuses thousands of digits by raising for the whole document; a Decimal lets the row say what is wrong.
    return int(digits) if len(digits) <= _SAFE_INTEGER_DIGITS else Decimal(digits)
