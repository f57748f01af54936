"""The contract of an adapter. Each gateway has one class in `catalog/gateways/`, which declares all that the rest of
the product knows of it; `docs/adding-a-gateway.md` explains how to add one."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from catalog.adapter.errors import BadPayload, UnusableRow
from catalog.identity.traits import Traits
from catalog.normalize import text
from catalog.records import Availability, OfferRecord, ProviderRecord

Json = Any
"""A decoded JSON value whose numbers with a fraction are Decimal."""
Row = TypeVar("Row", bound=BaseModel)
MOST_WORDS = 500
"""The most words of an option."""
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}")
"""A word of an option. It may be a part of a path, so it has no `?`, `#`, `%` or blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One GET request that an adapter asks for."""

    host: str
    """The host, as a key of the gateway's `hosts`."""
    path: str
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The decoded response to a Request."""

    payload: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How the gateway takes its API key, and whether it lists anything without one."""

    header: str = "Authorization"
    scheme: str = "Bearer "
    """The prefix before the key in the header."""
    is_required: bool = False
    hosts: tuple[str, ...] | None = None
    """The hosts that receive the key; None means all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The part of its configuration that an adapter may see. It never contains the key itself."""

    has_key: bool
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The values of all the gateway's `options`, as the operator set them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The rows of one gateway, as it currently lists them."""

    rows: Sequence[Json]
    is_complete: bool
    """Whether an offer that is missing from the rows has really been withdrawn."""
    postponed: frozenset[str] = frozenset()
    """Ids of rows that have fewer facts than they would if every response had been complete. If such an offer is
    already published, its published version stays; a new one is published with the facts that are available."""
    ignored: int = 0
    """The number of rows that are no public offers. They count neither as seen nor as rejected."""
    providers: Sequence[ProviderRecord] = ()
    """The facts that the gateway publishes about providers, whether or not it lists models of theirs."""


Walk = Generator[Request, Page, Listing]


class Gateway(ABC):
    """Reads the listing of one gateway. It is pure: no I/O, no clock, no settings."""

    rank: ClassVar[int]
    """Its place in lists of gateways, the lowest first; equal ranks are in the order of the slugs."""
    slug: ClassVar[str]
    """The gateway's name in URLs, settings and file names."""
    name: ClassVar[str]
    """The gateway's name, as the vendor writes it."""
    short_name: ClassVar[str] = ""
    """The name in a list of all gateways, if it is another one."""
    site_url: ClassVar[str]
    docs_url: ClassVar[str]
    completions_url: ClassVar[str] = ""
    """The base address of its OpenAI-compatible API, where clients send their requests. Empty if it has none."""
    hosts: ClassVar[Mapping[str, str]]
    """The base address of each host, without the paths of requests. The setting `<SLUG>_<HOST>_BASE` replaces it."""
    auth: ClassVar[Auth]
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The options that an operator may set: lists of words, with their defaults. The setting `<SLUG>_<OPTION>` replaces
    one."""
    explained: ClassVar[Mapping[str, str]]
    """Sentences for operators about each host, each option and, under `key`, what a key changes, if it does."""
    requests: ClassVar[str]
    """The requests of a run, as Markdown for operators."""
    traits: ClassVar[Traits] = Traits()
    """What its ids mean, for the rules of identity."""
    foreign_names: ClassVar[Mapping[str, str]] = {}
    """Its names in other services' formats, by the name of the format's module: `{"litellm": "featherless_ai"}`."""
    needs_key_for_auto: ClassVar[bool] = False
    """In the mode `auto`, the API is read only if a key is set."""
    prices_are_edited: ClassVar[bool] = False
    """The gateway's prices come from a file that other people edit, so a repeated price is weaker evidence."""
    version: ClassVar[int] = 1
    """Increase it when the same row gives a different record; the next run then reads every row again."""
    bundled_only: ClassVar[tuple[str, ...]] = ()
    """Fields that rows of the bundled catalogue have and rows of the API do not."""
    bundled_on: ClassVar[date]
    """The date of the facts in `fixtures/<slug>_catalog.json`."""
    bundled_facts: ClassVar[str]
    """The facts in its rows, as `fixtures/SOURCES.md` lists them."""
    bundled_from: ClassVar[str]
    """The source of the file, as Markdown for `fixtures/SOURCES.md`."""
    bundled_part: ClassVar[str] = ""
    """The size of the whole list, if the file has only a part of it: "of some 15,700"."""
    lends_contexts: ClassVar[bool] = False
    """The context lengths of its rows are the models' own; those of the gateways that borrow are copied from it."""
    borrows_contexts: ClassVar[bool] = False
    """Its rows state no context length, so its bundled catalogue has those of the gateways that lend."""
    volatile: ClassVar[frozenset[str]]
    """Keys of fields that change often and carry no information. The contract suite changes their values."""
    ordered: ClassVar[frozenset[str]] = frozenset()
    """Keys of lists whose order carries information. The contract suite shuffles all others."""

    @property
    def note(self) -> str:
        """The `note` of responses that show only this gateway."""
        return f"{self.name} catalog"

    def bundled_listing(self, payload: Json) -> Listing:
        """Return the rows of the decoded bundled catalogue. Raises BadPayload if it is not a list."""
        if not isinstance(payload, list):
            raise BadPayload(f"the bundled catalogue must be a list of rows, not {json_type(payload)}")
        return Listing(rows=payload, is_complete=True)

    def bundled_row(self, row: Json) -> dict[str, Json]:
        """Return what the bundled catalogue keeps of a listed row: the facts that `record` reads, without other
        people's texts."""
        read = self.essence(row)
        return {key: value for key, value in read.items() if key != "description"} if isinstance(read, dict) else {}

    def checked_option(self, name: str, words: Sequence[str]) -> tuple[str, ...]:
        """Return the words of an option as they may be stored, without repetitions. Raises ValueError with the reason.

        The reason continues a sentence after the option's name. A class whose words have a stricter form overrides
        this and calls it first. No word at all means the default of the class.
        """
        if name not in self.options:
            raise ValueError(f"is not an option of {self.name}; it has {', '.join(self.options) or 'none'}")
        unique = tuple(dict.fromkeys(words))
        if len(unique) > MOST_WORDS:
            raise ValueError(f"must have at most {MOST_WORDS} words")
        for word in unique:
            if not _WORD.fullmatch(word):
                raise ValueError(f"must consist of words of letters, digits and . _ : / @ -, not {word[:100]!a}")
        return unique

    @abstractmethod
    def walk(self, config: Config) -> Walk:
        """Ask for one page after the other and return the listing. The method does no I/O. Raises BadPayload.

        If a page cannot be fetched, its GatewayError is thrown into the walk, which may continue without the page.
        """

    @abstractmethod
    def record(self, row: Json) -> OfferRecord:
        """Return the offer that a row describes. Raises UnusableRow with the reason, and no other exception for any
        JSON."""

    def essence(self, row: Json) -> Json:
        """Return all of a row that `record` reads, without the noise, and without what only `availability` reads.

        Rows of equal essence must give records that are equal but for their availability. It saves reading rows that
        did not change. It must accept any JSON; returning the whole row is always correct.
        """
        return row

    def availability(self, row: Json) -> Availability:
        """Return what a row states of whether the model can be called now. `record` must have the same.

        It is asked of every row at every reading, so it must be cheap. It must accept any JSON, and states what it
        cannot read as unknown: no offer is rejected for it.
        """
        return Availability.UNKNOWN

    @property
    def states_availability(self) -> bool:
        """Whether its rows state anything of availability."""
        return type(self).availability is not Gateway.availability

    def row_id(self, row: Json) -> str | None:
        """Return the id of the row's offer, even if the rest of the row is unusable. Return None if it has no usable
        id."""
        try:
            return text.line(row["id"], longest=text.MAX_ID)
        except (KeyError, TypeError, ValueError, IndexError):
            return None


def fields_of(row: Json, model: type[BaseModel]) -> Json:
    """Return the fields of a row that its pydantic model reads. A row that is not an object is returned unchanged."""
    return {name: row[name] for name in _names(model) if name in row} if isinstance(row, dict) else row


@cache
def _names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(model.model_fields)


def sorted_words(value: Json) -> Json:
    """Return the list sorted. Any other value, or a list whose items cannot be compared, is returned unchanged."""
    try:
        return sorted(value) if isinstance(value, list) else value
    except TypeError:
        return value


def validated(row: Json, model: type[Row]) -> Row:
    """Validate the row with its pydantic model. Raises UnusableRow, which names every wrong field."""
    if not isinstance(row, dict):
        raise UnusableRow(f"must be an object, not {json_type(row)}")
    try:
        return model.model_validate(row)
    except ValidationError as error:
        raise UnusableRow("; ".join(_problems(error))) from None


def _problems(error: ValidationError) -> list[str]:
    # pydantic adds this prefix to the message of a ValueError that our own checks raise.
    return [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def json_type(value: Json) -> str:
    """Return the kind of a JSON value, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
