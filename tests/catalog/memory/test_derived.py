"""What is made of a snapshot when it is first asked for: once, ahead for the next one, and gone with it."""

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

from catalog.formats import litellm, model_list
from catalog.memory import derived, index
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.reports import canonical
from tests.catalog.memory import generated
from tests.factories import offer_record, served_row, snapshot_of

ASKED = (*generated.MODELS, "a/x", "A/X", "qwen3", "x", "chutes/x", "a/nothing")


def told_of_models(models: canonical.Models) -> object:
    return [(models.meant_by(asked), models.rows_of(asked)) for asked in ASKED]


def told_of_listing(listing: model_list.Listing) -> object:
    return list(listing.models.items()), listing.by_slug, listing.sellers


TOLD: Mapping[derived.Once[Any], Callable[[Any], object]] = {
    canonical.models_of: told_of_models,
    model_list.listing_of: told_of_listing,
    litellm.map_of: lambda made: made.body,
}
made_of_snapshots = pytest.mark.parametrize("made_of", TOLD, ids=["models", "drop-in list", "LiteLLM's map"])


@made_of_snapshots
def test_what_is_made_of_a_snapshot_is_made_once_and_keeps_it_from_nothing(
    made_of: derived.Once[Any],
) -> None:
    held = snapshot_of(served_row(offer_record(), gateway="chutes"))
    assert made_of(held) is made_of(held)
    is_there = weakref.ref(held)

    following = replace(held)
    derived.carry_on(held, following)
    del held
    gc.collect()

    assert is_there() is None


@made_of_snapshots
@pytest.mark.parametrize("rebuild_share", [index.REBUILD_SHARE, 0])
@given(st.lists(generated.catalogues(), min_size=2, max_size=4))
def test_made_ahead_or_anew_it_is_the_same(
    made_of: derived.Once[Any], rebuild_share: int, changes: Sequence[Sequence[Row]]
) -> None:
    first, *others = changes
    held = snapshot_of(*first)
    made_of(held)
    for rows in others:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(index, "REBUILD_SHARE", rebuild_share)
            following = replace(held, index=held.index.with_rows(rows))
        made_of.carry_on(held, following)
        held = following

        assert TOLD[made_of](made_of(held)) == TOLD[made_of](made_of(replace(held)))


def counted() -> tuple[list[tuple[Snapshot, object]], derived.Once[object]]:
    """The calls, and something derived that notes them."""
    calls: list[tuple[Snapshot, object]] = []

    def make(held: Snapshot, last: object) -> object:
        calls.append((held, last))
        return len(calls)

    return calls, derived.Once(make)


def test_only_what_was_asked_for_is_made_ahead() -> None:
    calls, made = counted()
    first, second, third = (snapshot_of(revision=number) for number in range(3))

    derived.carry_on(first, second)
    assert calls == []

    assert made(second) == 1
    derived.carry_on(second, third)
    assert calls == [(second, None), (third, 1)]
    assert made(third) == 2


def test_what_cannot_be_made_ahead_keeps_no_revision_from_being_served(caplog: pytest.LogCaptureFixture) -> None:
    @derived.Once
    def made(held: Snapshot, last: object) -> object:
        if last is not None:
            raise ArithmeticError("of this revision it cannot be made")
        return held.revision

    calls, another = counted()
    first, second = snapshot_of(revision=1), snapshot_of(revision=2)
    made(first), another(first)

    derived.carry_on(first, second)

    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ArithmeticError]
    assert len(calls) == 2
    assert made(second) == 2


def test_who_asks_while_it_is_being_made_waits_for_it() -> None:
    calls, made = counted()
    both = Barrier(2)
    held = snapshot_of(served_row(offer_record(), gateway="chutes"))

    def ask() -> None:
        both.wait()
        made(held)

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [of for of, _ in calls] == [held]
