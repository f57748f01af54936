"""What is made of a snapshot when it is first asked for: once, and gone with it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest

from catalog.serving import canonical, derived, drop_in, litellm_map, tariffs
from catalog.serving.snapshot import Snapshot
from tests.factories import offer_record, served_row, snapshot_of

MADE = [canonical.models_of, drop_in.listing_of, litellm_map.map_of, tariffs.tariffs_of]


@pytest.mark.parametrize("made_of", MADE, ids=["models", "drop-in list", "LiteLLM's map", "tariffs"])
def test_what_is_made_of_a_snapshot_is_made_once_and_keeps_it_from_nothing(
    made_of: Callable[[Snapshot], object],
) -> None:
    held = snapshot_of(served_row(offer_record(), gateway="chutes"))
    assert made_of(held) is made_of(held)
    is_there = weakref.ref(held)

    del held
    gc.collect()

    assert is_there() is None


def test_who_asks_while_it_is_being_made_waits_for_it() -> None:
    begun: list[Snapshot] = []
    both = Barrier(2)
    held = snapshot_of(served_row(offer_record(), gateway="chutes"))

    @derived.once
    def made(of: Snapshot) -> list[Any]:
        begun.append(of)
        return []

    def ask() -> None:
        both.wait()
        made(held)

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert begun == [held]
