"""The contract of an adapter. One class per gateway in `catalog/gateways/`; `docs/adding-a-gateway.md` adds one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from catalog.adapter.errors import BadPayload, UnusableRow
from catalog.normalize import text
from catalog.records import OfferRecord

Json = Any
"""A decoded JSON value whose numbers with a fraction are Decimal."""
Row = TypeVar("Row", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The rows of one gateway as it lists them now."""

    rows: Sequence[Json]
    is_complete: bool
    """Whether an offer that is not among the rows is really gone."""


class Gateway(ABC):
    """Reads what one gateway lists. Pure: no I/O, no clock, no settings."""

    slug: ClassVar[str]
    """The gateway's name in URLs, settings and file names."""
    name: ClassVar[str]
    """As the vendor writes it."""
    site_url: ClassVar[str]
    docs_url: ClassVar[str]
    note: ClassVar[str]
    """The `note` of answers that show this gateway alone."""
    bundled_on: ClassVar[date]
    """The day whose facts `fixtures/<slug>_catalog.json` holds."""

    def bundled_listing(self, payload: Json) -> Listing:
        """The rows of the decoded bundled catalogue. Raises BadPayload if it is no list."""
        if not isinstance(payload, list):
            raise BadPayload(f"the bundled catalogue must be a list of rows, not {_json_type(payload)}")
        return Listing(rows=payload, is_complete=True)

    @abstractmethod
    def record(self, row: Json) -> OfferRecord:
        """The offer that a row describes. Raises UnusableRow with the reason; no other exception for any JSON."""

    def row_id(self, row: Json) -> str | None:
        """The id of the offer that a row is about, as far as even an unusable row tells it."""
        try:
            return text.line(row["id"], longest=text.MAX_ID)
        except (KeyError, TypeError, ValueError, IndexError):
            return None


def validated(row: Json, model: type[Row]) -> Row:
    """The row checked by its pydantic model. Raises UnusableRow naming every field that is wrong."""
    if not isinstance(row, dict):
        raise UnusableRow(f"must be an object, not {_json_type(row)}")
    try:
        return model.model_validate(row)
    except ValidationError as error:
        raise UnusableRow("; ".join(_problems(error))) from None


def _problems(error: ValidationError) -> list[str]:
    # pydantic prefixes the words of a ValueError raised by our own checks.
    return [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _json_type(value: Json) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
