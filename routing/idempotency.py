"""Requests with an `Idempotency-Key` reach a gateway once, whichever process gets them.

Answers are not stored, so a request that is sent again is refused, with the id of the first one. A request that failed
frees its key, unless its outcome is unknown.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import DatabaseError, connections

from front.replies import Reply
from routing import refusals
from routing.models import IdempotencyKey
from usage.router import alias

_Result = TypeVar("_Result")

HEADER = "idempotency-key"
MOST_CHARACTERS = 255
KEPT = timedelta(hours=24)
ANSWER_SECONDS = 3.0
"""How long the database may take."""
_FINAL = [("x-should-retry", "false")]


class Idempotency:
    """The keys of idempotent requests, in the database of the ledger."""

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._pruned_at: datetime | None = None

    async def claim(self, value: str, *, key_id: int, path: str, body: bytes, request_id: str) -> Reply | None:
        """Note that a request is sent. Return the refusal of one that was sent before."""
        if len(value) > MOST_CHARACTERS:
            return refusals.error(400, f"Idempotency-Key must have at most {MOST_CHARACTERS} characters.", param=HEADER)
        fingerprint = hashlib.sha256(path.encode("latin-1") + b"\n" + body).hexdigest()
        found = IdempotencyKey(
            key=key_id, digest=_digest(value), fingerprint=fingerprint, request_id=request_id, at=self._now()
        )
        try:
            first = await _in_thread(lambda: self._claim(found))
        except (DatabaseError, TimeoutError):
            return refusals.error(
                503,
                "Idempotency-Key cannot be checked at this moment, so nothing was sent.",
                type=refusals.SERVER,
                code="idempotency_unavailable",
                retry_after=1.0,
            )
        return None if first.request_id == request_id else _refusal(first, fingerprint)

    async def free(self, value: str, *, key_id: int, request_id: str) -> None:
        """Let the request be sent again, because it failed."""
        mine = IdempotencyKey.objects.filter(key=key_id, digest=_digest(value), request_id=request_id)
        try:
            await _in_thread(mine.delete)
        except (DatabaseError, TimeoutError):
            return  # it stays refused for a day, which costs nothing

    def _claim(self, wanted: IdempotencyKey) -> IdempotencyKey:
        """Return the stored key: this one, or the one that was there before."""
        past = IdempotencyKey.objects.filter(at__lt=wanted.at - KEPT)
        past.filter(key=wanted.key, digest=wanted.digest).delete()
        if self._pruned_at is None or wanted.at - self._pruned_at > timedelta(hours=1):
            self._pruned_at = wanted.at
            past.delete()
        found, _ = IdempotencyKey.objects.get_or_create(
            key=wanted.key,
            digest=wanted.digest,
            defaults={"fingerprint": wanted.fingerprint, "request_id": wanted.request_id, "at": wanted.at},
        )
        return found


def _refusal(first: IdempotencyKey, fingerprint: str) -> Reply:
    if first.fingerprint != fingerprint:
        return refusals.error(
            422,
            "This Idempotency-Key was used for another request.",
            code="idempotency_key_reused",
            param=HEADER,
            headers=_FINAL,
        )
    return refusals.error(
        409,
        "A request with this Idempotency-Key was sent before; its answer is not stored.",
        code="idempotency_key_in_use",
        param=HEADER,
        headers=_FINAL,
        request_id=first.request_id,
    )


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    """Do what asks the database. Raise TimeoutError if it takes too long; the thread then ends by itself."""

    def done() -> _Result:
        try:
            return work()
        finally:
            connections[alias()].close()  # the thread is any thread, and may never come back

    async with asyncio.timeout(ANSWER_SECONDS):
        return await asyncio.to_thread(done)
