"""Exchanges the counts of busy clients between the serving processes of all hosts, through Redis, in the background.

Requests never wait for it. While Redis does not answer, each process counts for itself. Addresses are stored as keyed
hashes, for two minutes.
"""

from __future__ import annotations

import logging
import os
import time
from threading import Event, Thread

import redis
from django.utils.crypto import salted_hmac

from access.limits import WINDOW_SECONDS, Limiter

logger = logging.getLogger(__name__)

EXCHANGE_SECONDS = 0.25
ANSWER_SECONDS = 0.02
"""How long Redis may take to answer."""
CONNECT_SECONDS = 0.5
ALIVE_SECONDS = 5
"""A process that has not exchanged anything for so long has ended."""
MOST_CLIENTS = 500
"""The most clients of one exchange; the others come with the next ones."""
PREFIX = "gatewayz:limits"

_SCRIPT = """
local processes, now, ttl = KEYS[1], tonumber(ARGV[1]), ARGV[2]
redis.call("ZADD", processes, now, ARGV[3])
redis.call("ZREMRANGEBYSCORE", processes, "-inf", now - tonumber(ARGV[4]))
redis.call("EXPIRE", processes, ttl)
local found = {redis.call("ZCARD", processes)}
for place = 2, #KEYS do
    found[place] = redis.call("INCRBY", KEYS[place], ARGV[place + 3])
    redis.call("EXPIRE", KEYS[place], ttl)
end
return found
"""


class SharedLimits:
    def __init__(self, limiter: Limiter, address: str) -> None:
        """`address` is the URL of the Redis."""
        self._limiter = limiter
        self._redis = redis.Redis.from_url(
            address, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=CONNECT_SECONDS, retry=None
        )
        self._script = self._redis.register_script(_SCRIPT)
        self._process = os.urandom(8).hex()
        self._is_failing = False
        self._is_stopped = Event()

    def start(self) -> None:
        """Exchange in a thread of this process, until `stop`."""
        Thread(target=self._run, name="limits", daemon=True).start()

    def stop(self) -> None:
        self._is_stopped.set()

    def exchange(self) -> None:
        """Send what the other processes do not know, and take what they know. Raise RedisError.

        What was sent without an answer is forgotten.
        """
        window, unsent = self._limiter.take_unsent(MOST_CLIENTS)
        keys = [f"{PREFIX}:{window}:{_hashed(client)}" for client, _ in unsent]
        fixed: list[float | str] = [time.time(), 2 * WINDOW_SECONDS, self._process, ALIVE_SECONDS]
        processes, *totals = self._script(
            keys=[f"{PREFIX}:processes", *keys], args=[*fixed, *(tenths for _, tenths in unsent)]
        )
        found = [(client, int(total)) for (client, _), total in zip(unsent, totals, strict=True)]
        self._limiter.learn(window, found, processes=int(processes))

    def try_exchange(self) -> None:
        """Exchange; log a failure once, and its end."""
        try:
            self.exchange()
        except (redis.RedisError, OSError) as error:
            if not self._is_failing:
                logger.warning("Rate limits count for each process alone, as Redis does not answer: %r", error)
            self._is_failing = True
            self._limiter.be_alone()
        else:
            if self._is_failing:
                logger.warning("Rate limits are shared again")
            self._is_failing = False

    def _run(self) -> None:
        while not self._is_stopped.wait(EXCHANGE_SECONDS):
            self.try_exchange()
        self._redis.close()


def _hashed(client: str) -> str:
    return salted_hmac("gatewayz.limits", client, algorithm="sha256").hexdigest()[:32]
