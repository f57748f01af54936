"""The stream of revisions: what a client gets, and that nothing is skipped or repeated when it reconnects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import orjson
import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.api.stream import stream_changes
from catalog.models import Revision
from catalog.parameters.endpoints import Query
from catalog.parameters.filters import StreamFilterSet
from catalog.parameters.filterset import InvalidParameters
from tests.factories import hourly, offer_record, publish
from tests.front.web import Web

pytestmark = pytest.mark.usefixtures("one_connection")

_Result = TypeVar("_Result")
Json = Any


class Served:
    """Serves revision after revision, and drains after the last one."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)
        self.is_draining = False

    def current(self) -> int | None:
        return self._numbers[0]

    async def wait_beyond(self, revision: int, seconds: float) -> int | None:
        while self._numbers and self._numbers[0] <= revision:
            self._numbers.pop(0)
        if self._numbers:
            return self._numbers[0]
        self.is_draining = True
        return None

    def run(self, function: Callable[[], _Result]) -> Awaitable[_Result]:
        async def called() -> _Result:
            return function()

        return called()


def events(served: Served, *, last: str = "", query: str = "") -> list[bytes]:
    """Return all events until the process drains."""

    async def collect(stream: AsyncIterator[bytes]) -> list[bytes]:
        return [event async for event in stream]

    asked = Query(path="/catalog/changes/stream", filters=StreamFilterSet(QueryDict(query)))
    stream = stream_changes(asked, last, served)
    try:
        collect(stream).send(None)  # nothing here waits, and without an event loop Django uses the test's connection
    except StopIteration as finished:
        found: list[bytes] = finished.value
        return found
    raise AssertionError("it waited")


def publish_revisions(number: int) -> None:
    for rate in range(1, number + 1):
        publish(offer_record(prices=(hourly(str(rate)),)))


def numbers_of(found: list[bytes]) -> list[int]:
    return [int(event.split(b"\n")[0].removeprefix(b"id: ")) for event in found if event.startswith(b"id: ")]


def test_each_revision_is_an_event_with_its_counts(db: None) -> None:
    publish_revisions(2)

    beginning, first, second, heartbeat = events(Served(2), query="since_revision=0")

    assert (beginning, heartbeat) == (b"retry: 2000\n\n", b": heartbeat\n\n")
    number, name, data, *_ = second.decode().split("\n")
    assert (number, name) == ("id: 2", "event: revision")
    shown = orjson.loads(data.removeprefix("data: "))
    assert (shown["gateway"], shown["changed"]) == ("chutes", 1)
    assert shown["changes_url"] == "/catalog/changes?since_revision=1"
    assert numbers_of([first]) == [1]


def test_without_a_beginning_the_stream_begins_with_the_next_revision(db: None) -> None:
    publish_revisions(3)

    assert numbers_of(events(Served(2, 3))) == [3]


@given(st.lists(st.integers(1, 8), min_size=1, max_size=5), st.integers(0, 8))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_client_that_reconnects_misses_nothing_and_gets_nothing_twice(
    db: None, seen_by_connection: list[int], first: int
) -> None:
    if not Revision.objects.filter(number=8).exists():
        publish_revisions(8)
    last, got = first, []
    for newest in [*sorted(seen_by_connection), 8]:
        numbers = numbers_of(events(Served(newest), last=str(last)))
        got += numbers
        last = max([last, *numbers])

    assert got == list(range(first + 1, 9))


def test_a_client_that_was_away_for_too_long_is_sent_to_the_list(db: None) -> None:
    publish_revisions(4)
    Revision.objects.filter(number=2).update(is_forgotten=True)

    _, gone, *others = events(Served(4), last="1")

    assert gone.startswith(b"id: 2\nevent: gone\n")
    assert numbers_of(others) == [3, 4]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 16])
def test_a_wrong_last_event_id_is_refused_before_the_stream_begins(db: None, last: str) -> None:
    with pytest.raises(InvalidParameters, match="Last-Event-ID must be a revision number"):
        events(Served(1), last=last)


def test_a_server_without_streams_says_so(db: None) -> None:
    assert Web().ask("/catalog/changes/stream").status.startswith("503")
