"""The units of work of each key, in one process, shared by Redis, and without it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from routing import slots as slots_module
from routing.slots import Slot, Slots
from routing.upstream.credentials import Credential
from routing.upstream.registry import DIALECTS

KEY = Credential("featherless", 0, "secret")
OTHER = Credential("featherless", 1, "another")
LIMIT = 4


def made(*, processes: int = 1, redis_url: str = "") -> Slots:
    return Slots({"featherless": LIMIT}, processes=processes, most_seconds=60, redis_url=redis_url)


async def taken(slots: Slots, weight: int, key: Credential = KEY) -> Slot:
    slot = await slots.take(key, weight)
    assert slot is not None
    return slot


def test_15_weighted_units_are_never_exceeded() -> None:
    async def check() -> None:
        slots = made()
        heavy = await taken(slots, 2)
        await taken(slots, 1)
        assert await slots.take(KEY, 2) is None
        await taken(slots, 2, OTHER)
        await taken(slots, 1)
        heavy.release()
        heavy.release()
        assert await slots.take(KEY, 4) is None
        await taken(slots, 2)
        assert slots.used("featherless") == 6

    asyncio.run(check())


def test_15_a_gateway_without_a_limit_takes_everything() -> None:
    async def check() -> None:
        slots = made()
        for _ in range(1_000):
            await taken(slots, 1, Credential("chutes", 0, "x"))

    asyncio.run(check())


def test_15_without_redis_each_process_takes_its_part() -> None:
    async def check() -> None:
        slots = made(processes=2)
        await taken(slots, 2)
        assert await slots.take(KEY, 1) is None

    asyncio.run(check())


def test_15_processes_of_one_machine_share_the_units_by_files(tmp_path: Path) -> None:
    async def check() -> None:
        one, two = (Slots({"featherless": LIMIT}, processes=2, most_seconds=60, folder=tmp_path) for _ in range(2))
        heavy = await taken(one, 4)
        assert await two.take(KEY, 1) is None
        await taken(two, 4, OTHER)
        heavy.release()
        assert [slot is not None for slot in [await each.take(KEY, 2) for each in (one, two, one)]] == [1, 1, 0]
        await one.close()  # as if it was killed
        await taken(two, 2)
        await two.close()

    asyncio.run(check())


def test_15_where_files_cannot_be_used_a_process_takes_its_part(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async def check() -> None:
        slots = Slots({"featherless": LIMIT}, processes=2, most_seconds=60, folder=tmp_path / "file")
        await taken(slots, 2)
        assert await slots.take(KEY, 1) is None

    asyncio.run(check())


def test_15_clients_take_turns_for_the_last_slot() -> None:
    async def check() -> None:
        slots = made()
        slot = await taken(slots, 4)
        order: list[int] = []

        async def ask(key_id: int) -> None:
            found = await slots.wait([KEY], 4, key_id=key_id)
            assert found is not None
            order.append(key_id)
            await asyncio.sleep(0)
            found.release()

        asking = []
        for key_id in (1, 1, 1, 2, 3):
            asking.append(asyncio.create_task(ask(key_id)))
            await asyncio.sleep(0)
        assert await slots.take(KEY, 1) is None
        slot.release()
        assert await slots.take(KEY, 1) is None  # nobody overtakes those that wait
        await asyncio.gather(*asking)
        assert order == [1, 2, 3, 1, 1]
        assert slots.used("featherless") == 0

    asyncio.run(check())


def test_15_who_waits_too_long_or_leaves_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "WAIT_SECONDS", 0.01)

    async def check() -> None:
        slots = made()
        slot = await taken(slots, 4)
        assert await slots.wait([KEY], 1, key_id=1) is None
        leaving = asyncio.create_task(slots.wait([KEY], 1, key_id=1))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        slot.release()
        await taken(slots, 4)

    asyncio.run(check())


@pytest.mark.redis
def test_15_processes_share_the_units_by_redis(redis_url: str) -> None:
    chance = random.Random(15)  # noqa: S311  reproducible, not secret

    async def check() -> None:
        processes = [made(processes=4, redis_url=redis_url) for _ in range(4)]
        used = most = 0

        async def work(slots: Slots, weight: int) -> None:
            nonlocal used, most
            slot = await slots.wait([KEY], weight, key_id=1)
            if slot is None:
                return
            assert slot.member
            used += weight
            most = max(most, used)
            await asyncio.sleep(0)
            used -= weight
            slot.release()

        weights = [chance.choice((1, 2, 4)) for _ in range(60)]
        await asyncio.gather(*(work(chance.choice(processes), weight) for weight in weights))
        for slots in processes:
            await slots.close()
        assert most == LIMIT

    _generous(check)


@pytest.mark.redis
def test_15_while_redis_does_not_answer_a_process_takes_its_part(redis_url: str) -> None:
    async def check() -> None:
        slots = made(processes=1, redis_url=redis_url)
        another = made(processes=1, redis_url=redis_url)
        (await taken(another, 1)).release()
        (await taken(slots, 1)).release()
        await another.close()
        await slots.close()
        slots._rests_until = float("inf")
        await taken(slots, 2)
        assert await slots.take(KEY, 1) is None  # two processes share four units

    _generous(check)


def _generous(check: Callable[[], Awaitable[None]]) -> None:
    """Give a busy machine time: the deadline of 20 ms is none of the rules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots_module, "ANSWER_SECONDS", 5.0)

        async def run() -> None:
            await check()

        asyncio.run(run())


@pytest.mark.parametrize(
    ("offer", "weight"),
    [
        ("Qwen/Qwen3-8B", 1),
        ("mistralai/Mistral-Small-24B-Instruct-2501", 2),
        ("Qwen/Qwen2.5-32B-Instruct", 2),
        ("meta-llama/Llama-3.3-70B-Instruct", 4),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 4),
        ("deepseek-ai/DeepSeek-R1", 4),
        ("HuggingFaceTB/SmolLM2-1.7B", 1),
    ],
)
def test_15_featherless_counts_by_the_size_of_the_model(offer: str, weight: int) -> None:
    assert DIALECTS["featherless"].weight(offer) == weight
    assert DIALECTS["chutes"].weight(offer) == 1
