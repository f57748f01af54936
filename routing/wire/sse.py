"""Reads the events of a stream while its bytes pass, however they are cut."""

from __future__ import annotations

import re

MOST_EVENT_BYTES = 8 * 1_024 * 1_024
"""Some models send whole pictures in one event."""

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
# A CR alone ends a line too, but not the one of a CRLF.
_BLANK_LINE = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)")
_LONGEST_END = 4


class Event:
    """`raw`: its bytes with the empty line at its end. The raws of all events are the stream."""

    __slots__ = ("_data", "_is_read", "_text", "raw")

    def __init__(self, raw: bytes, text: bytes) -> None:
        """`text`: the same without a byte order mark."""
        self.raw, self._text = raw, text
        self._data: bytes | None = None
        self._is_read = False

    @property
    def data(self) -> bytes | None:
        """The joined `data` lines; None for comments alone."""
        if not self._is_read:
            self._data, self._is_read = data_of(self._text), True
        return self._data

    @property
    def is_done(self) -> bool:
        return b"[DONE]" in self._text and self.data == b"[DONE]"


class Tap:
    """Splits a stream into events. `feed` returns those that ended; `rest` is what has not ended yet.

    An event ends with its empty line, also if that is a CR at the end of the bytes so far. If an LF follows, it is an
    event of its own without data.
    """

    __slots__ = ("_is_at_start", "_rest", "_scanned")

    def __init__(self) -> None:
        self._rest = b""
        self._scanned = 0
        self._is_at_start = True

    def feed(self, data: bytes) -> list[Event]:
        """Raise ValueError for an event of more than MOST_EVENT_BYTES."""
        buffer = self._rest + data if self._rest else data
        events: list[Event] = []
        start, scanned = 0, self._scanned
        end_of_event = _end_of_event if b"\r" in buffer else _end_of_plain_event
        while start < len(buffer):
            end = end_of_event(buffer, start, scanned)
            if end is None:
                break
            events.append(self._event(buffer[start:end]))
            start = scanned = end
        self._rest = buffer[start:]
        # The last bytes may be the first ones of the empty line.
        self._scanned = max(0, len(self._rest) - _LONGEST_END + 1)
        if len(self._rest) > MOST_EVENT_BYTES:
            raise ValueError(_TOO_LONG)
        return events

    @property
    def is_at_event(self) -> bool:
        """Whether the next bytes begin an event. If whole events end with `\\n\\n`, they may pass without `feed`."""
        return not self._rest and not self._is_at_start

    @property
    def rest(self) -> bytes:
        return self._rest

    def _event(self, raw: bytes) -> Event:
        if len(raw) > MOST_EVENT_BYTES:
            raise ValueError(_TOO_LONG)
        text = raw
        if self._is_at_start:
            self._is_at_start = False
            text = raw.removeprefix(_BOM)
        return Event(raw, text)


def data_of(event: bytes) -> bytes | None:
    """Return the joined `data` lines of an event; None if it has none."""
    if event.startswith(b"data: ") and event.endswith(b"\n\n") and event.find(b"\n") == len(event) - 2:
        line = event[6:-2]
        if b"\r" not in line:
            return line
    values = [_value(line) for line in _LINE_END.split(event) if line == b"data" or line.startswith(b"data:")]
    return b"\n".join(values) if values else None


def _value(line: bytes) -> bytes:
    return line[5:].removeprefix(b" ")


def _end_of_event(buffer: bytes, start: int, scanned: int) -> int | None:
    """Return where the event ends that begins at `start`; None if its end has not come. `scanned`: no end is before."""
    if buffer[start] in b"\r\n":  # an empty line that ends nothing
        blank = _LINE_END.match(buffer, start)
        return blank.end() if blank is not None else None
    found = _BLANK_LINE.search(buffer, max(start, scanned))
    return found.end() if found is not None else None


def _end_of_plain_event(buffer: bytes, start: int, scanned: int) -> int | None:
    """Do the same for bytes without a CR, which is what most gateways send."""
    if buffer[start] == _LF:
        return start + 1
    found = buffer.find(b"\n\n", max(start, scanned))
    return found + 2 if found >= 0 else None


_LF = 0x0A
_TOO_LONG = f"an event of the stream has more than {MOST_EVENT_BYTES} bytes"
