"""Values derived from a snapshot: computed once on first use, in advance for the next one, and freed with it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.formats import canonical_list, litellm, openrouter_list
from catalog.memory import derived, index
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.reports import canonical
from tests.catalog.memory import generated
from tests.factories import offer_record, served_row, snapshot_of

ASKED = (*generated.MODELS, "a/x", "A/X", "qwen3", "x", "chutes/x", "a/nothing")


def content_of_models(models: canonical.Models) -> object:
    return [(models.meant_by(asked), models.rows_of(asked)) for asked in ASKED]


def content_of_openrouter(listing: openrouter_list.Listing) -> object:
    return list(listing.models.items()), listing.by_slug


CONTENT: Mapping[derived.Once[Any], Callable[[Any], object]] = {
    canonical.models_of: content_of_models,
    openrouter_list.listing_of: content_of_openrouter,
    openrouter_list.sellers_of: lambda made: made.rows,
    canonical_list.listing_of: lambda made: list(made.by_slug.items()),
    litellm.map_of: lambda made: made.body,
}
made_of_snapshots = pytest.mark.parametrize(
    "made_of", CONTENT, ids=["models", "OpenRouter's list", "sellers", "OpenAI's list", "LiteLLM's map"]
)


@made_of_snapshots
def test_a_derived_value_is_computed_once_and_keeps_no_snapshot_in_memory(
    made_of: derived.Once[Any],
) -> None:
    before = snapshot_of(served_row(offer_record(), gateway="chutes"))
    assert made_of(before) is made_of(before)
    is_there = weakref.ref(before)

    after = replace(before)
    derived.carry_on(before, after)
    del before
    gc.collect()

    assert is_there() is None


@made_of_snapshots
@pytest.mark.parametrize("rebuild_share", [index.REBUILD_SHARE, 0])
@given(st.lists(generated.catalogues(), min_size=2, max_size=4))
def test_computed_in_advance_or_from_nothing_it_is_the_same(
    made_of: derived.Once[Any], rebuild_share: int, changes: Sequence[Sequence[Row]]
) -> None:
    first, *others = changes
    before = snapshot_of(*first)
    made_of(before)
    for rows in others:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(index, "REBUILD_SHARE", rebuild_share)
            after = replace(before, index=before.index.with_rows(rows))
        made_of.carry_on(before, after)
        before = after

        assert CONTENT[made_of](made_of(before)) == CONTENT[made_of](made_of(replace(before)))


def counted() -> tuple[list[tuple[Snapshot, object]], derived.Once[object]]:
    """The calls, and something derived that notes them."""
    calls: list[tuple[Snapshot, object]] = []

    def make(snapshot: Snapshot, last: object) -> object:
        calls.append((snapshot, last))
        return len(calls)

    return calls, derived.Once(make)


def test_only_what_clients_used_is_computed_in_advance() -> None:
    calls, made = counted()
    first, second, third = (snapshot_of(revision=number) for number in range(3))

    derived.carry_on(first, second)
    assert calls == []

    assert made(second) == 1
    derived.carry_on(second, third)
    assert calls == [(second, None), (third, 1)]
    assert made(third) == 2


def test_a_value_that_cannot_be_computed_in_advance_stops_no_revision(caplog: pytest.LogCaptureFixture) -> None:
    @derived.Once
    def made(snapshot: Snapshot, last: object) -> object:
        if last is not None:
            raise ArithmeticError("of this revision it cannot be made")
        return snapshot.revision

    calls, another = counted()
    first, second = snapshot_of(revision=1), snapshot_of(revision=2)
    made(first), another(first)

    derived.carry_on(first, second)

    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ArithmeticError]
    assert len(calls) == 2
    assert made(second) == 2


def test_concurrent_first_requests_compute_a_value_once() -> None:
    calls, made = counted()
    both = Barrier(2)
    before = snapshot_of(served_row(offer_record(), gateway="chutes"))

    def ask() -> None:
        both.wait()
        made(before)

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [of for of, _ in calls] == [before]
