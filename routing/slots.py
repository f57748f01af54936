"""How much work each key has at its gateway at once: a gateway with a limit refuses what is above it.

With Redis all processes share the units of a key. Without it, those of one machine share them by files. If neither is
usable, each process has its part. A slot that was not given back, because its process was killed, ends by itself.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis
import redis.asyncio

from routing.unit_files import MOST_UNITS, UnitFiles
from routing.upstream.credentials import Credential

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 0.02
"""How long Redis may take to answer."""
CONNECT_SECONDS = 0.5
ALONE_SECONDS = 1.0
"""How long Redis is left alone after it did not answer."""
ALIVE_SECONDS = 60
"""A process that has taken no slot for so long does not count."""
WAIT_SECONDS = 5.0
"""How long a request waits for a slot if no other offer can run it."""
LOOK_SECONDS = 0.05
"""How often the first that waits looks whether another process has given a slot back."""
PREFIX = "gatewayz:slots"

# Members of KEYS[1] are `<weight>:<token>`, with the time at which they end as score.
_TAKE = """
local now = tonumber(redis.call("TIME")[1])
redis.call("ZADD", KEYS[2], now, ARGV[4])
redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", now - tonumber(ARGV[5]))
redis.call("EXPIRE", KEYS[2], ARGV[5])
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now)
local used = 0
for _, member in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do
    used = used + tonumber(string.match(member, "^%d+"))
end
local processes = redis.call("ZCARD", KEYS[2])
if used + tonumber(ARGV[1]) > tonumber(ARGV[3]) then
    return {0, processes}
end
redis.call("ZADD", KEYS[1], now + tonumber(ARGV[6]), ARGV[1] .. ":" .. ARGV[2])
redis.call("EXPIRE", KEYS[1], ARGV[6])
return {1, processes}
"""


@dataclass(slots=True, eq=False)
class Slot:
    """Units of a key that are in use."""

    slots: Slots | None
    credential: Credential
    weight: int
    member: str = ""
    """Its name in Redis; empty if it is not there."""
    units: list[int] = field(default_factory=list)
    """The numbers of its units, if they are shared by files."""

    def release(self) -> None:
        """Give the units back. A second call does nothing."""
        slots, self.slots = self.slots, None
        if slots is not None:
            slots._released(self)


@dataclass(slots=True, eq=False)
class _Waiter:
    key_id: int
    number: int
    event: asyncio.Event = field(default_factory=asyncio.Event)


class Slots:
    """Used on one event loop."""

    def __init__(
        self,
        limits: Mapping[str, int | None],
        *,
        processes: int,
        most_seconds: float,
        redis_url: str = "",
        folder: Path | None = None,
    ) -> None:
        """`limits`: the units of each key by gateway; None or 0: no limit. `processes`: how many serve here.

        `most_seconds`: the longest time for which a slot is used. `folder`: where processes without a Redis share.
        """
        self._files = UnitFiles(folder) if folder is not None and not redis_url else None
        self._limits = limits
        self._processes = processes
        self._used: dict[Credential, int] = {}
        self._queues: dict[str, list[_Waiter]] = {}
        self._served: dict[tuple[str, int], int] = {}
        self._numbers = itertools.count(1)
        self._process = os.urandom(8).hex()
        self._seconds = int(most_seconds) + 60
        self._rests_until = 0.0
        self._is_failing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._redis: redis.asyncio.Redis | None = None
        if redis_url:
            self._redis = redis.asyncio.Redis.from_url(
                redis_url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=CONNECT_SECONDS, retry=None
            )
            self._script = self._redis.register_script(_TAKE)

    async def take(self, credential: Credential, weight: int, *, is_in_turn: bool = False) -> Slot | None:
        """Return a slot, or None if the key has not enough units free, or if requests wait for them."""
        limit = self._limits.get(credential.gateway)
        if not limit:
            return Slot(None, credential, weight)
        if not is_in_turn and self._queues.get(credential.gateway):
            return None
        slot = Slot(self, credential, weight)
        # Counted first: while Redis is asked, another request of this process may come.
        self._used[credential] = self._used.get(credential, 0) + weight
        is_taken = False
        try:
            if self._redis is not None and time.monotonic() >= self._rests_until:
                is_taken = await self._shared(slot, limit)
            elif self._files is not None and limit <= MOST_UNITS:
                is_taken = self._by_files(self._files, slot, limit)
            else:
                is_taken = self._used[credential] <= self._share(limit)
        finally:
            if not is_taken:  # nothing became free, so no one is woken
                slot.slots = None
                self._uncount(slot)
        return slot if is_taken else None

    async def wait(self, credentials: Sequence[Credential], weight: int, *, key_id: int) -> Slot | None:
        """Wait for a slot of one of these keys of one gateway; None if there was none in time.

        Clients take turns, however many requests of one wait.
        """
        gateway = credentials[0].gateway
        queue = self._queues.setdefault(gateway, [])
        waiter = _Waiter(key_id, next(self._numbers))
        queue.append(waiter)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    waiter.event.clear()
                    if self._first(gateway) is waiter:
                        for credential in credentials:
                            if (slot := await self.take(credential, weight, is_in_turn=True)) is not None:
                                self._served[gateway, key_id] = next(self._numbers)
                                return slot
                    await self._woken(waiter)
        except TimeoutError:
            return None
        finally:
            queue.remove(waiter)
            if not queue:
                self._served = {served: number for served, number in self._served.items() if served[0] != gateway}
            self._wake(gateway)

    def used(self, gateway: str) -> int:
        """Return the units that this process uses at a gateway."""
        return sum(used for credential, used in self._used.items() if credential.gateway == gateway)

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        if self._files is not None:
            self._files.close()
        if self._redis is not None:
            await self._redis.aclose()

    # --- turns -------------------------------------------------------------------------------------------------------
    async def _woken(self, waiter: _Waiter) -> None:
        if self._redis is None and self._files is None:
            await waiter.event.wait()
            return
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await waiter.event.wait()
        except TimeoutError:
            return

    def _first(self, gateway: str) -> _Waiter:
        """Return the one whose turn it is: of the client that was served the longest time ago."""
        return min(self._queues[gateway], key=lambda each: (self._served.get((gateway, each.key_id), 0), each.number))

    def _wake(self, gateway: str) -> None:
        if self._queues.get(gateway):
            self._first(gateway).event.set()

    def _released(self, slot: Slot) -> None:
        if slot.units and self._files is not None:
            self._files.release(_file_name(slot.credential), slot.units)
        self._uncount(slot)
        if not slot.member:
            self._wake(slot.credential.gateway)

    def _uncount(self, slot: Slot) -> None:
        left = self._used[slot.credential] - slot.weight
        if left:
            self._used[slot.credential] = left
        else:
            del self._used[slot.credential]
        if slot.member:
            task = asyncio.get_running_loop().create_task(self._give_back(slot))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # --- the other processes -----------------------------------------------------------------------------------------
    def _share(self, limit: int) -> int:
        return limit // self._processes

    def _by_files(self, files: UnitFiles, slot: Slot, limit: int) -> bool:
        try:
            units = files.take(_file_name(slot.credential), slot.weight, limit=limit)
        except OSError as error:
            self._failed(error)
            return self._used[slot.credential] <= self._share(limit)
        slot.units = units or []
        return units is not None

    async def _shared(self, slot: Slot, limit: int) -> bool:
        token = f"{self._process}:{next(self._numbers)}"
        slot.member = f"{slot.weight}:{token}"  # from now on, as the answer may be lost
        arguments: list[str | int] = [slot.weight, token, limit, self._process, ALIVE_SECONDS, self._seconds]
        try:
            keys = [_name(slot.credential), f"{PREFIX}:processes"]
            is_taken, processes = await self._script(keys=keys, args=arguments)
        except (redis.RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return self._used[slot.credential] <= self._share(limit)
        if self._is_failing:
            logger.warning("Slots are shared again")
            self._is_failing = False
        self._processes = max(1, int(processes))
        if not is_taken:
            slot.member = ""
        return bool(is_taken)

    async def _give_back(self, slot: Slot) -> None:
        try:
            if self._redis is not None:
                await self._redis.zrem(_name(slot.credential), slot.member)
        except (redis.RedisError, OSError, TimeoutError) as error:
            self._failed(error)  # it ends by itself
        self._wake(slot.credential.gateway)

    def _failed(self, error: Exception) -> None:
        self._rests_until = time.monotonic() + ALONE_SECONDS
        if not self._is_failing:
            logger.warning("Each process has its part of the slots, because they cannot be shared: %r", error)
        self._is_failing = True


def _file_name(credential: Credential) -> str:
    return f"{credential.gateway}-{credential.number}"


def _name(credential: Credential) -> str:
    return f"{PREFIX}:{credential.gateway}:{credential.number}"
