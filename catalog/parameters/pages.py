"""Pages of a selection: by offset in any order, or by a cursor in the order of id and gateway.

A cursor is the id and the gateway of the last offer of a page. Publications between two pages move no offer in that
order, so every offer that exists throughout is shown exactly once.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.parameters.kinds import Json, Parameter

Place = tuple[str, str]
"""Id and gateway."""
BEGINNING: Place = ("", "")
_PATTERN = "^(start|Wy[I-L][A-Za-z0-9_-]+)$"
"""Base64 of a JSON array that begins with a text."""


def text_of(place: Place) -> str:
    """Encode the place as a cursor: opaque, and safe in a query string."""
    return "start" if place == BEGINNING else base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


class Cursor(Parameter):
    """The place where a walk continues, as the previous page reported it; or `start`."""

    longest = 2_000

    def parse(self, value: str) -> Place:
        if value == "start":
            return BEGINNING
        try:
            match orjson.loads(base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)):
                case [str(offer_id), str(gateway)]:
                    return offer_id, gateway
        except (binascii.Error, ValueError):
            pass
        raise ValueError("must be `start` or the `next_cursor` of an answer")

    def spelled(self, value: Place) -> str:
        return text_of(value)

    def openapi(self) -> Json:
        return {"type": "string", "pattern": _PATTERN, "maxLength": self.longest}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    rows: Sequence[Row]
    offset: int | None
    """None if the page was requested by cursor."""
    following: Place | None
    """The place where the next page starts; None at the end, and in orders that cannot be walked by cursor."""

    @property
    def next_cursor(self) -> str | None:
        return None if self.following is None else text_of(self.following)


def page_of(selection: Selection, values: Mapping[str, Any]) -> Page:
    """Return the page that `limit` and `offset` or `cursor` select."""
    cursor, limit = values["cursor"], values["limit"]
    start = values["offset"] if cursor is None else selection.offset_after(cursor)
    rows = selection.page(offset=start, limit=limit)
    can_go_on = selection.sort == "id" and start + limit < len(selection)
    return Page(
        rows=rows,
        offset=start if cursor is None else None,
        following=(rows[-1].id, rows[-1].gateway) if can_go_on else None,
    )
