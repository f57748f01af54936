"""JSON that is stored in memory for as long as a snapshot is served."""

from __future__ import annotations

import orjson


def stored_json(value: object) -> bytes:
    """Return the JSON of a value in bytes that take no more memory than their length.

    The bytes that orjson returns keep up to 16 KB of reserve, many times the size of one offer.
    """
    return memoryview(orjson.dumps(value)).tobytes()
