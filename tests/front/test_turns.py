"""Work that begins a little at a time."""

from __future__ import annotations

import asyncio
from functools import partial

from front.turns import MOST_IN_A_TURN, Turns


def test_a_burst_begins_in_its_order_and_lets_others_have_their_turns() -> None:
    async def begun_by_turn() -> list[int]:
        loop, turns, begun = asyncio.get_running_loop(), Turns(), list[int]()
        for number in range(5 * MOST_IN_A_TURN):
            turns.begin(loop, partial(begun.append, number))
        seen = [len(begun)]
        while len(begun) < 5 * MOST_IN_A_TURN:
            await asyncio.sleep(0)
            seen.append(len(begun))
        assert begun == sorted(begun)
        await asyncio.sleep(0)  # the turn after the last one
        turns.begin(loop, lambda: begun.append(-1))  # alone, it begins at once
        assert begun[-1] == -1
        return seen

    seen = asyncio.run(begun_by_turn())
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) == MOST_IN_A_TURN
