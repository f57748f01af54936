"""Reads a stream of server-sent events beside its bytes, however they are cut."""

from __future__ import annotations

from dataclasses import dataclass

MOST_EVENT_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Event:
    raw: bytes
    """Its bytes with the empty line at its end: the raws of all events are the stream."""
    data: bytes | None
    """The joined `data` lines; None for comments alone."""

    @property
    def is_done(self) -> bool:
        return self.data == b"[DONE]"


class Tap:
    """Splits a stream into events. `feed` returns those that ended; `rest` is what has not ended yet."""

    def feed(self, data: bytes) -> list[Event]:
        """Raise ValueError for an event of more than MOST_EVENT_BYTES."""
        raise NotImplementedError

    @property
    def rest(self) -> bytes:
        raise NotImplementedError
