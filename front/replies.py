"""What the front decides about a request: an answer, work to be done before there is one, or a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

from front.counts import Source

Headers = list[tuple[str, str]]

READ_SECONDS = 3.0
"""How long a client waits for a read by Django."""
WRITE_SECONDS = 25.0
COMPUTE_SECONDS = 15.0
"""How long it waits for an answer that takes long to compute."""


class Lane(StrEnum):
    """Which threads do the work. Work of one lane never waits for that of another."""

    READS = "reads"
    """Reads of tables, and errors."""
    COMPUTING = "computing"
    """Answers from memory that take long."""
    WRITES = "writes"
    ADMIN = "admin"
    """Pages of the admin, metrics and everything else that operators need."""


@dataclass(slots=True, eq=False)
class Reply:
    """A finished answer."""

    status: int
    headers: Headers
    body: bytes | Iterable[bytes]
    """As the client gets it for a GET: a HEAD has the same headers."""
    source: Source
    head: bytes | None = None
    """The status line and all headers as bytes, if they are ready."""
    is_logged: bool = False
    """Whether Django has logged the request."""

    @property
    def length(self) -> int:
        """The number of bytes of the body."""
        if isinstance(self.body, bytes):
            return len(self.body)
        return int(next((value for name, value in self.headers if name.lower() == "content-length"), 0))


@dataclass(slots=True, eq=False)
class Later:
    """An answer that takes time: `work` waits or computes, so it runs in a thread."""

    lane: Lane
    work: Callable[[bytes], Reply]
    """Gets the body of the request."""
    seconds: float
    """The deadline. After it the client gets a 503, whatever the work does."""
    most_bytes: int = 0
    """The largest body that is read, in bytes."""


@dataclass(slots=True, eq=False)
class Awaited:
    """An answer that waits for other services: made on the event loop, and cancelled when the client leaves."""

    answer: Callable[[bytes], Awaitable[Reply | Push]]
    """Gets the body of the request. Must not raise, except CancelledError."""
    most_bytes: int = 0
    """The largest body that is read, in bytes."""


@dataclass(slots=True, eq=False)
class Wait:
    """The client has seen a newer revision than this process."""

    revision: int
    then: Callable[[bool], Decision]
    """Called with whether the revision came in time."""


@dataclass(slots=True, eq=False)
class Stream:
    """An answer that is sent piece by piece while it is made."""

    headers: Headers
    events: AsyncIterator[bytes]
    """If it has `aclose`, that is awaited at the end, whatever happens, even if no piece was asked for."""
    status: int = 200
    source: Source = Source.STREAM


class Output(Protocol):
    """The way of a body to its client."""

    def write(self, piece: bytes) -> None:
        """Send a piece. Never waits: after much of it `Pushed.pause` is called. Pieces after the end are dropped."""

    def end(self, piece: bytes = b"") -> None:
        """Send the last piece: the body is whole."""

    def break_off(self) -> None:
        """Close the connection, so that no client takes what it has got for whole."""


class Pushed(Protocol):
    """A body that others make, in pieces that are sent as they arrive, without a task that asks for each."""

    def begin(self, output: Output) -> None:
        """Write to this output from now on, perhaps at once."""

    def pause(self) -> None:
        """Write no more than what is on its way, because the client reads slowly."""

    def resume(self) -> None: ...

    def leave(self) -> None:
        """Learn that the client has left, perhaps before `begin`. Not called after the end; a second call does
        nothing."""


@dataclass(slots=True, eq=False)
class Push:
    """An answer whose body is pushed."""

    headers: Headers
    body: Pushed
    status: int = 200
    source: Source = Source.STREAM
    head: bytes | None = None
    """The status line and all headers as bytes, if they are ready."""


Decision = Reply | Later | Awaited | Wait | Stream


def head_of(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a status line and headers in their wire format, without the empty line at the end."""
    return f"HTTP/1.1 {status} {phrase(status)}\r\n".encode() + lines_of(headers)


def lines_of(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return headers in their wire format. Raise ValueError for one that would be several."""
    lines = [f"{name.lower()}: {value}\r\n" for name, value in headers]
    found = "".join(lines).encode("latin-1")
    if found.count(b"\n") != len(lines) or found.count(b"\r") != len(lines):
        raise ValueError("a header has a line break")
    return found


def phrase(status: int) -> str:
    """Return the reason phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
