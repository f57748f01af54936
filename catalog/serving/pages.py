"""Pages of a selection: by offset in any order, or by a cursor that walks by id and gateway.

A cursor is the id and the gateway of the last offer of a page. What is published between two pages moves no offer in
that order, so every offer that is there all the while is shown exactly once.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from catalog.serving.index import Row
from catalog.serving.parameters import Json, Parameter
from catalog.serving.selection import Selection

Place = tuple[str, str]
"""Id and gateway."""
BEGINNING: Place = ("", "")


def text_of(place: Place) -> str:
    """The place as a cursor: opaque, and safe in a query string."""
    return "start" if place == BEGINNING else base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


class Cursor(Parameter):
    """Where a walk goes on, as the page before told it; or `start`."""

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
        return {"type": "string", "minLength": 1, "maxLength": self.longest}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    rows: Sequence[Row]
    offset: int | None
    """None in a walk."""
    following: Place | None
    """Where a walk would go on; None at the end, and in an order in which none can."""

    @property
    def next_cursor(self) -> str | None:
        return None if self.following is None else text_of(self.following)


def page_of(selection: Selection, values: Mapping[str, Any]) -> Page:
    """The page that `limit` and `offset` or `cursor` ask for."""
    cursor, limit = values["cursor"], values["limit"]
    start = values["offset"] if cursor is None else selection.offset_after(cursor)
    rows = selection.page(offset=start, limit=limit)
    can_go_on = selection.sort == "id" and start + limit < len(selection)
    return Page(
        rows=rows,
        offset=start if cursor is None else None,
        following=(rows[-1].id, rows[-1].gateway) if can_go_on else None,
    )
