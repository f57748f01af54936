"""What the front asks of the application behind it. `catalog/routes.py` answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from access.keys import Key
from front.answers import Answer
from front.asked import Asked
from front.large_bodies import LargeBody
from front.replies import Push, Reply
from front.requests import Request
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


class Inference(Protocol):
    """An application whose answers depend on the client and come from other services. It works on the event loop."""

    paths: Collection[str]
    """The addresses whose requests it gets: all methods, with the client's credentials."""
    most_bytes: int
    """The largest body that is read for it."""

    def refuse(self, request: Request, key: Key | None) -> Reply | None:
        """Return the refusal of a request whose body has not been read; None if the body is needed. Never waits."""

    async def answer(self, request: Request, key: Key | None, body: bytes) -> Reply | Push:
        """Return the answer. Cancelled when the client leaves."""

    def drain(self) -> None:
        """End what is being sent soon: the process ends. Called on the loop, perhaps more than once."""

    async def close(self) -> None:
        """End what is left after the last answer."""


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
