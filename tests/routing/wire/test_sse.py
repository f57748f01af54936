"""The tap reads the same events of a stream, however its bytes are cut. Numbers are those of the acceptance list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing.wire.sse import MOST_EVENT_BYTES, Tap

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from(
    [
        b"",
        b"data: [DONE]",
        b'data: {"choices":[{"delta":{"content":"\xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80"}}]}',
        b"data:no blank",
        b"data",
        b"data:  two blanks",
        b": OPENROUTER PROCESSING",
        b":",
        b"event: message",
        b"id: 7",
        b"database: another field",
        b"retry",
        b"\xff not UTF-8",
    ]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Lines with any ends, mixed, sometimes with a BOM, sometimes cut off at the end."""
    lines = draw(st.lists(st.tuples(LINES, ENDS), max_size=12))
    written = b"".join(line + end for line, end in lines) + draw(LINES)
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + written


def pieces(stream: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(places)]


def read(parts: Sequence[bytes]) -> tuple[list[bytes], bytes]:
    """The data of all events; and the bytes of all of them with the rest."""
    tap = Tap()
    events = [event for part in parts for event in tap.feed(part)]
    return [event.data for event in events if event.data is not None], b"".join(
        event.raw for event in events
    ) + tap.rest


def plainly(stream: bytes) -> list[bytes]:
    """The data of the events of a whole stream, read line by line as the standard describes it."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found: list[bytes] = []
    data: list[bytes] = []
    for line in text.split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        if not line and data:
            found.append(b"\n".join(data))
            data = []
        elif field == b"data":
            data.append(value.removeprefix(b" "))
    return found


@given(streams(), st.lists(st.integers(0, 2_000), max_size=8))
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", [10])
@example(b"data: a\r\rdata: b\n\r\n", [9])
@example("data: 漢\n\n".encode(), [7, 8])
def test_03_any_split_gives_the_same_bytes_and_the_same_events(stream: bytes, cuts: list[int]) -> None:
    data, written = read(pieces(stream, cuts))

    assert written == stream
    assert data == read([stream])[0] == plainly(stream)


@given(streams())
def test_03_a_stream_may_come_byte_by_byte(stream: bytes) -> None:
    data, written = read([stream[place : place + 1] for place in range(len(stream))])

    assert (data, written) == (plainly(stream), stream)


def test_03_comments_are_events_without_data_and_keep_their_bytes() -> None:
    tap = Tap()

    comment, chunk, done = tap.feed(b': OPENROUTER PROCESSING\n\ndata: {"a":1}\n\ndata: [DONE]\n\n')

    assert (comment.raw, comment.data, comment.is_done) == (b": OPENROUTER PROCESSING\n\n", None, False)
    assert json.loads(chunk.data or b"") == {"a": 1}
    assert done.is_done
    assert tap.rest == b""


def test_an_event_is_known_as_soon_as_its_empty_line_came() -> None:
    tap = Tap()

    assert [event.data for event in tap.feed(b"data: a\r\n\r")] == [b"a"]
    assert [event.raw for event in tap.feed(b"\ndata: b\n")] == [b"\n"]
    assert tap.rest == b"data: b\n"
    assert [event.data for event in tap.feed(b"\n")] == [b"b"]


def test_an_event_without_an_end_has_a_limit() -> None:
    tap = Tap()
    tap.feed(b"data: " + b"x" * (MOST_EVENT_BYTES - 6))

    with pytest.raises(ValueError, match=f"more than {MOST_EVENT_BYTES} bytes"):
        tap.feed(b"x")
