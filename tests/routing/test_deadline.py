"""A deadline cancels only what is within it."""

from __future__ import annotations

import asyncio

import pytest

from routing.deadline import Deadline


def test_a_deadline_ends_what_is_late_and_nothing_else() -> None:
    async def ends() -> list[str]:
        loop, seen = asyncio.get_running_loop(), list[str]()
        with Deadline(loop.time() + 60):
            await asyncio.sleep(0)
            seen.append("in time")
        with pytest.raises(TimeoutError), Deadline(loop.time()):
            await loop.create_future()
        with pytest.raises(ValueError, match="of its own"), Deadline(loop.time() + 60):
            raise ValueError("of its own")
        await asyncio.sleep(0)
        seen.append("goes on")
        return seen

    assert asyncio.run(ends()) == ["in time", "goes on"]


def test_a_cancelled_task_is_not_late() -> None:
    async def outcome(*, is_late_too: bool) -> str:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        async def work() -> None:
            with Deadline(loop.time() + (0 if is_late_too else 60)):
                begun.set()
                await loop.create_future()

        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
        return "late"

    assert asyncio.run(outcome(is_late_too=False)) == "cancelled"
    assert asyncio.run(outcome(is_late_too=True)) == "cancelled"
