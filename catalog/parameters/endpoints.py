"""What an endpoint is: a function of the snapshot and of one query, with all that others need to know about it.

An endpoint is declared once, at its view. The URL patterns lead to the views, so the addresses whose answers may be
cached, the OpenAPI document and the tables of the tests follow from the declarations.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.memory.derived import Once
from catalog.memory.snapshot import Snapshot
from catalog.parameters.filters import NoParameters
from catalog.parameters.filterset import SelectionFilterSet
from front.answers import Answer
from front.streams import Revisions

JSON = "application/json"
EXAMPLE_ID = "deepseek-ai/DeepSeek-R1"
"""A model of the bundled catalogue, its slug and the id of its offers at two gateways."""


class NotFound(Exception):
    """Nothing has the id that the address names. The message says so, and what the client can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What one request asks of an endpoint."""

    path: str
    filters: SelectionFilterSet
    id: str = ""
    """The variable part of the path, decoded; empty if the address has none."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of all parameters by name, default values included."""
        return self.filters.values

    def address(self, **changes: Any) -> str:
        """Return the address of this query with other values of these parameters, relative to the host.

        With a host in it, an answer would poison caches that several host names share.
        """
        return f"{self.path}?{self.filters.canonical(**changes)}"


Answering = Callable[[Snapshot, Query], Answer]
"""Answers a query. May raise InvalidParameters and NotFound; an endpoint that reads tables, errors of the database."""


Streaming = Callable[[Query, str, Revisions], AsyncIterator[bytes]]
"""Returns the events after the one that the client had last, by its Last-Event-ID. May raise InvalidParameters."""


Quickness = Callable[[Snapshot, Query], bool]
"""Whether an endpoint certainly answers a query at once; see `Endpoint.is_quick`."""

QUICK_ROWS = 100
"""Up to this many documents may be parsed and written by a quick answer: 1 ms, and another one to compress them."""


def always(snapshot: Snapshot, query: Query) -> bool:
    return True


def never(snapshot: Snapshot, query: Query) -> bool:
    return False


def after(*derived: Once[Any]) -> Quickness:
    """Return whether all of these were computed from the snapshot before."""
    return lambda snapshot, query: all(each.is_made(snapshot) for each in derived)


@dataclass(frozen=True, slots=True)
class PathVariable:
    """The variable part of an address, as the OpenAPI document describes it."""

    description: str
    example: str | int
    """A value for which the bundled catalogue has an answer."""
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string", "minLength": 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation at an address."""

    name: str = ""
    """The id of the operation in the OpenAPI document."""
    summary: str = ""
    description: str = ""
    """What the operation is for and what is special about it, in Markdown."""
    tag: str = ""
    """The group of the operation in the OpenAPI document; by default that of the view."""
    variable: PathVariable | None = None
    """The variable part of the address; by default that of the view."""
    is_alias: bool = False
    """Whether the OpenAPI document leaves it out, because the same endpoint is documented at another address."""
    filterset: type[SelectionFilterSet] = NoParameters
    media_type: str = JSON
    """The media type of the answers, except errors."""
    is_cacheable: bool = False
    """Whether its answers depend only on the snapshot, or on what the database has stored up to its revision."""
    answer: Answering | None = None
    """None if the view must answer: because of the body, of who asks, or of the state of this process."""
    is_quick: Quickness = never
    """Whether `answer` certainly takes less than 5 ms at 20,000 offers, so that an event loop may call it. All other
    queries are answered in a thread, also those that would compute derived data first."""
    reads_tables: bool = False
    """Whether `answer` queries the database. If not, it also works without Django's request and settings."""
    stream: Streaming | None = None
    """The events of an answer without an end."""
    probe: Callable[[], Answer] | None = None
    """Answers from the state of this process, with or without a snapshot."""
    request: Any = None
    """The body of a request, as drf-spectacular describes it."""
    responses: Any = None
    """The answers by status, as drf-spectacular describes them; a single one is that of status 200."""
