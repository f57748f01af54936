"""A pushed body as an iterator, for servers that ask for piece after piece."""

from __future__ import annotations

import asyncio
from collections import deque

from front.replies import Pushed

MOST_WAITING_BYTES = 262_144
"""With more that is not asked for, the body pauses."""


class BrokenOff(Exception):
    """The body will never be whole."""


class Pulled:
    """The pieces of a pushed body; all that have come at once are one. Implements `Output`.

    `aclose` tells the body that the client has left, unless it has ended.
    """

    def __init__(self, body: Pushed) -> None:
        self._body = body
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._is_begun = self._is_over = self._is_broken = self._is_paused = False

    # --- for the body ------------------------------------------------------------------------------------------------
    def write(self, piece: bytes) -> None:
        if self._is_over:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        self._news.set()
        if self._size > MOST_WAITING_BYTES and not self._is_paused:
            self._is_paused = True
            self._body.pause()

    def end(self, piece: bytes = b"") -> None:
        self.write(piece)
        self._is_over = True
        self._news.set()

    def break_off(self) -> None:
        self._is_over = self._is_broken = True
        self._news.set()

    # --- for the server ----------------------------------------------------------------------------------------------
    def __aiter__(self) -> Pulled:
        return self

    async def __anext__(self) -> bytes:
        if not self._is_begun:
            self._is_begun = True
            self._body.begin(self)
        await self._news.wait()
        found = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._is_over:
            if found:
                return found
            if self._is_broken:
                raise BrokenOff("the body was broken off")
            raise StopAsyncIteration
        self._news.clear()
        if self._is_paused:
            self._is_paused = False
            self._body.resume()
        return found

    async def aclose(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._body.leave()
