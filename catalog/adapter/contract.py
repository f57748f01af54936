"""The contract of an adapter. One class per gateway in `catalog/gateways/`; `docs/adding-a-gateway.md` adds one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from catalog.adapter.errors import BadPayload, UnusableRow
from catalog.normalize import text
from catalog.records import OfferRecord, ProviderRecord

Json = Any
"""A decoded JSON value whose numbers with a fraction are Decimal."""
Row = TypeVar("Row", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One GET that an adapter asks for."""

    host: str
    """A key of the gateway's `hosts`."""
    path: str
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The decoded answer to a Request."""

    payload: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How the gateway takes its key, and whether it lists anything without."""

    header: str = "Authorization"
    scheme: str = "Bearer "
    """Stands before the key in the header."""
    is_required: bool = False
    hosts: tuple[str, ...] | None = None
    """The hosts that are sent the key; None: all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What an adapter may know of its configuration. Never the key itself."""

    has_key: bool
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """All that the gateway's `options` name, as the operator set them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The rows of one gateway as it lists them now."""

    rows: Sequence[Json]
    is_complete: bool
    """Whether an offer that is not among the rows is really gone."""
    postponed: frozenset[str] = frozenset()
    """Ids of rows that tell less than they would if every answer had come whole: as long as something is published of
    such an offer, that stays; one that is new is published with what there is."""
    ignored: int = 0
    """Rows that are no public offers; they count as neither seen nor rejected."""
    providers: Sequence[ProviderRecord] = ()
    """What the gateway tells of providers, whether or not it lists models of them."""


Walk = Generator[Request, Page, Listing]


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
    hosts: ClassVar[Mapping[str, str]]
    """Address of each host, the part before the paths of requests; the setting `<SLUG>_<HOST>_BASE` replaces it."""
    auth: ClassVar[Auth]
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What an operator may choose: lists of words, with their defaults. The setting `<SLUG>_<OPTION>` replaces one."""
    needs_key_for_auto: ClassVar[bool] = False
    """In the mode `auto`, the API is asked only once a key is set."""
    prices_are_edited: ClassVar[bool] = False
    """Its prices come from a file that other people edit, so repeating one is weaker evidence."""
    version: ClassVar[int] = 1
    """Raise it when the same row gives another record: the next run then reads every row anew."""
    bundled_only: ClassVar[tuple[str, ...]] = ()
    """Fields of rows of the bundled catalogue that no answer has."""
    bundled_on: ClassVar[date]
    """The day whose facts `fixtures/<slug>_catalog.json` holds."""

    def bundled_listing(self, payload: Json) -> Listing:
        """The rows of the decoded bundled catalogue. Raises BadPayload if it is no list."""
        if not isinstance(payload, list):
            raise BadPayload(f"the bundled catalogue must be a list of rows, not {json_type(payload)}")
        return Listing(rows=payload, is_complete=True)

    def bundled_row(self, row: Json) -> dict[str, Json]:
        """What the bundled catalogue keeps of a listed row: facts that `record` reads, and no texts of others."""
        read = self.essence(row)
        return {key: value for key, value in read.items() if key != "description"} if isinstance(read, dict) else {}

    @abstractmethod
    def walk(self, config: Config) -> Walk:
        """Asks for pages one after the other and returns the listing. No I/O in here. Raises BadPayload.

        Where a page cannot be had, its GatewayError is thrown into the walk, which may go on without it.
        """

    @abstractmethod
    def record(self, row: Json) -> OfferRecord:
        """The offer that a row describes. Raises UnusableRow with the reason; no other exception for any JSON."""

    def essence(self, row: Json) -> Json:
        """All of a row that `record` reads, without the noise: rows of equal essence must give equal records.

        It spares the reading of rows that did not change. Called with any JSON; a row as a whole is always right.
        """
        return row

    def row_id(self, row: Json) -> str | None:
        """The id of the offer that a row is about, as far as even an unusable row tells it."""
        try:
            return text.line(row["id"], longest=text.MAX_ID)
        except (KeyError, TypeError, ValueError, IndexError):
            return None


def fields_of(row: Json, model: type[BaseModel]) -> Json:
    """The fields of a row that its pydantic model reads; a row that is no object as it is."""
    return {name: row[name] for name in _names(model) if name in row} if isinstance(row, dict) else row


@cache
def _names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(model.model_fields)


def sorted_words(value: Json) -> Json:
    """A list in one order; anything else, and a list of what cannot be compared, as it is."""
    try:
        return sorted(value) if isinstance(value, list) else value
    except TypeError:
        return value


def validated(row: Json, model: type[Row]) -> Row:
    """The row checked by its pydantic model. Raises UnusableRow naming every field that is wrong."""
    if not isinstance(row, dict):
        raise UnusableRow(f"must be an object, not {json_type(row)}")
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


def json_type(value: Json) -> str:
    """What kind of JSON a value is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
