"""What the events of a stream mean."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from routing.reading import Alike, characters_of, is_special
from routing.wire.sse import Tap

BEFORE = b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"'
AFTER = b'"},"finish_reason":null}]}\n\n'
PIECES = st.sampled_from(
    [
        BEFORE,
        AFTER,
        b"word ",
        b"\xe6\xbc\xa2",
        b'"',
        b"\\",
        b'\\"',
        b"\n",
        b"\r",
        b"\n\n",
        b"[DONE]",
        b'"usage":{',
        b'"finish_reason":"stop"',
        b'","content":"',
        b": a comment\n",
    ]
)


@given(st.lists(PIECES, max_size=6).map(b"".join), st.booleans())
@example(b"", True)
@example(b"word", True)
def test_an_event_that_is_alike_is_one_event_with_nothing_but_its_text(middle: bytes, is_framed: bool) -> None:
    alike = Alike()
    alike.learn(BEFORE + b"first" + AFTER)
    data = BEFORE + middle + AFTER if is_framed else middle

    found = alike.characters(data)

    if found is not None:
        assert not is_special(data) or b"[DONE]" in data  # which a model wrote
        assert found == characters_of(data) == len(data) - len(BEFORE + AFTER)
        tap = Tap()
        tap.feed(b"data: {}\n\n")
        assert [event.raw for event in tap.feed(data)] == [data]
    if is_framed and middle in {b"", b"word"}:
        assert found == len(middle)


def test_events_of_several_texts_are_no_example() -> None:
    alike = Alike()
    for data in (
        BEFORE + AFTER + BEFORE + AFTER,
        b'data: {"delta":{"content":"a","reasoning":"b"}}\n\n',
        b"data: {}\n\n",
    ):
        alike.learn(data)
        assert alike.characters(data) is None
