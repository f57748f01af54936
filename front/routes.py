"""What the front asks of the application behind it. `catalog/routes.py` answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from front.answers import Answer
from front.asked import Asked
from front.large_bodies import LargeBody
from front.streams import Revisions


class Question(Protocol):
    """What a valid query asks of a resource."""

    @property
    def canonical(self) -> str:
        """One text for all queries with the same meaning."""

    @property
    def ignored(self) -> str:
        """The names of the parameters that the resource ignores, as the value of a header; maybe empty."""

    @property
    def is_quick(self) -> bool:
        """Whether `answer` takes less than five milliseconds."""

    def answer(self) -> Answer | None:
        """Answer from the snapshot that is served now; None if Django must answer, because there is no such thing."""


class Usage(Protocol):
    """Takes the counts of how often answers were asked for."""

    def begin(self, question: Question, body: bytes | LargeBody) -> Asked | None:
        """Return the counts of an answer that was just made, all 0. None: this answer is not counted."""

    def ended(self, asked: Asked) -> None:
        """Take the last counts of an answer that is cached no longer. Called again if it was asked for once more."""


class Resource(Protocol):
    """An address whose answers are the same for all clients, so that they may be made without Django."""

    media_type: str
    is_cacheable: bool
    """Whether its answers depend only on the snapshot and on the canonical query."""
    needs_django: bool
    """Whether Django makes its answers, because they come from tables."""
    is_stream: bool
    headers: tuple[tuple[str, str], ...]
    """Headers that Django would add to its answers."""

    def question(self, query: str) -> Question | None:
        """Return what the query asks, or None if it is invalid, which Django explains."""

    def stream(self, query: str, last_event_id: str, revisions: Revisions) -> AsyncIterator[bytes] | None:
        """Return the events of a stream, or None if the query is invalid, which Django explains."""


class Limit(Enum):
    NONE = ""
    API = "API"
    PAGES = "pages"
    """Pages count apart: a reader who opens many does not use up what his programs may ask."""


@dataclass(frozen=True, slots=True)
class Address:
    path: str
    """The address that the requested path means; most mean themselves."""
    limit: Limit = Limit.NONE
    """Which limit requests count against. Probes, metrics and the admin have none: operators must get through."""
    resource: Resource | None = None
    """None: only Django answers."""


class Routes(Protocol):
    def identity(self) -> object | None:
        """Return the object that the cached answers belong to; a new object drops them. None: nothing is served yet."""

    def revision(self) -> int | None:
        """Return the revision that is served now; None before the first."""

    def address(self, path: str) -> Address:
        """Return what there is at this path."""

    def error_page(self, problem: Any, *, path: str, query: str) -> Answer | None:
        """Return the page of a problem document, if the path is one of a page."""
