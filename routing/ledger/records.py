"""The records of the spool: a row of the ledger as it begins, and the same row, complete, as it ends. Pure.

A record is the length of its payload and its CRC-32, both as 4 bytes, then the payload: JSON with the columns of the
ledger. The record of an end has the whole row. So records can be stored in any order, and any number of times.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from struct import Struct
from typing import Any

import orjson

from routing.ledger.rows import Begun, Ended
from routing.nano import nano_of

Entry = dict[str, Any]
"""A row by its columns. Times are whole microseconds since 1970."""

MOST_BYTES = 65_536
"""The longest payload. A longer one is a damaged length."""
LONGEST_TEXT = 1_000
TOKENS = (  # columns of the attempts, and of their sums by day
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_output_tokens",
)
_HEAD = Struct("<II")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400 * 10**6
_counts = attrgetter("input", "output", "cached_input", "cache_write", "reasoning", "audio_input", "audio_output",
                     "image_output")  # fmt: skip
"""The counts of `Tokens`, in the order of TOKENS."""
_WORD = re.compile(r"[a-z][a-z_]{0,31}")
_MOST_TOKENS = 2**53


class Damaged(ValueError):
    """The bytes are no record, and more than the beginning of one."""


_DEFAULTS: Entry = {
    **dict.fromkeys(("request_id", "process", "endpoint", "asked_model", "gateway", "offer", "model", "outcome"), ""),
    **dict.fromkeys(("upstream_cost", "cost", "cost_reason", "finish_reason"), ""),
    **dict.fromkeys(("attempt", "begun_at", "day", "key", "revision", "charged_nano"), 0),
    **dict.fromkeys(("is_stream", "is_final", "is_estimate"), False),
    **dict.fromkeys(("ended_at", "reserved_nano", "status", *TOKENS, "cost_nano", "first_content_ms", "duration_ms")),
}
"""All columns, with what they have before the end of an attempt."""


# --- rows ------------------------------------------------------------------------------------------------------------
def begun(row: Begun, *, process: str) -> Entry:
    """Return the row of an attempt that goes on."""
    return {
        **_DEFAULTS,
        "request_id": row.request_id,
        "attempt": row.attempt,
        "process": process,
        "begun_at": _microseconds(row.at),
        "day": row.day if row.day is not None else _microseconds(row.at) // _DAY,
        "key": row.key_id,
        "endpoint": row.endpoint,
        "asked_model": row.asked_model[:LONGEST_TEXT],
        "gateway": row.gateway,
        "offer": row.offer_id[:LONGEST_TEXT],
        "model": row.model[:LONGEST_TEXT],
        "is_stream": row.is_stream,
        "revision": row.revision,
        "reserved_nano": None if row.reserved is None else nano_of(row.reserved),
    }


def ended(before: Entry, row: Ended) -> Entry:
    """Return the complete row of an attempt."""
    tokens = row.tokens
    cost_nano = None if row.cost is None else nano_of(row.cost)
    entry = before | {
        "ended_at": _microseconds(row.at),
        "outcome": row.outcome,
        "is_final": row.is_final,
        "status": row.status,
        "cost": "" if row.cost is None else _plain(row.cost),
        "cost_reason": row.cost_reason[:LONGEST_TEXT],
        "cost_nano": cost_nano,
        "charged_nano": charged(cost_nano, before["reserved_nano"], is_final=row.is_final),
        "first_content_ms": row.first_content_ms,
        "duration_ms": row.duration_ms,
        # The word comes from the gateway. Free text could repeat a part of the answer.
        "finish_reason": row.finish_reason if _WORD.fullmatch(row.finish_reason or "x") else "other",
    }
    if tokens is not None:
        for name, count in zip(TOKENS, _counts(tokens), strict=True):
            entry[name] = count if count < _MOST_TOKENS else _MOST_TOKENS
        entry["is_estimate"] = tokens.is_estimate
        entry["upstream_cost"] = "" if tokens.upstream_cost is None else _plain(tokens.upstream_cost)
    return entry


def lost(before: Entry, *, at: datetime) -> Entry:
    """Return the row of an attempt whose end was never recorded: what was reserved is the estimate of its cost."""
    return {
        **before,
        "ended_at": _microseconds(at),
        "outcome": "lost",
        "is_final": True,
        "cost_reason": "its end was not recorded",
        "charged_nano": charged(None, before["reserved_nano"], is_final=True),
    }


def charged(cost_nano: int | None, reserved_nano: int | None, *, is_final: bool) -> int:
    """Return what an attempt adds to the spending of its key.

    An answer without a known cost counts as what was reserved. The reservation is that of the whole request, so only
    the last attempt can take it.
    """
    if cost_nano is not None:
        return cost_nano
    return (reserved_nano or 0) if is_final else 0


def completed(entry: Entry) -> Entry:
    """Return a row of another version of the program with all columns of this one, and no others."""
    if entry.keys() == _DEFAULTS.keys():
        return entry
    return {name: entry.get(name, default) for name, default in _DEFAULTS.items()}


def moment(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _plain(amount: Decimal) -> str:
    return f"{amount:f}"[:LONGEST_TEXT]


# --- bytes -----------------------------------------------------------------------------------------------------------
def packed(entry: Entry) -> bytes:
    payload = orjson.dumps(entry)
    if len(payload) > MOST_BYTES:
        raise ValueError(f"a record of {len(payload)} bytes is too long")
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def unpacked(data: bytes) -> Iterator[tuple[Entry, int]]:
    """Yield the records at the beginning of `data`, each with the position of its end.

    Ends before one that is not complete: it is still being written, or its process was killed. Raise Damaged for bytes
    that no writing leaves behind.
    """
    position = 0
    while position + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, position)
        if not 0 < length <= MOST_BYTES:
            raise Damaged(f"a record cannot have {length} bytes")
        end = position + _HEAD.size + length
        if end > len(data):
            return
        payload = data[position + _HEAD.size : end]
        if zlib.crc32(payload) != checksum:
            raise Damaged("the checksum of a record is wrong")
        yield completed(orjson.loads(payload)), end
        position = end
