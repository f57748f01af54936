"""Featherless. https://featherless.ai/docs/concurrency

A plan has units of work instead of a rate: a request takes 1, 2 or 4 of them while it runs, by the size of the model.
Beyond that the answer is 429. A closed connection does not free them at once, so the rest of an answer is read.
A model that is cold answers 400; that is no mistake of the client.
"""

from __future__ import annotations

import re
from typing import Any

from routing.upstream.contract import Dialect
from routing.wire.errors import Failure

_SIZE = re.compile(r"(?<![\w.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![a-z])", re.IGNORECASE)
_LIGHT_BILLIONS, _MEDIUM_BILLIONS = 15, 34
_HEAVIEST = 4
_COLD = b"cold"


class Featherless(Dialect):
    gateway = "featherless"
    most_at_once = 4

    def weight(self, offer_id: str) -> int:
        """Return 1, 2 or 4 by the number of parameters in the model's name; 4 if the name has none."""
        sizes = [int(times or 1) * float(billions) for times, billions in _SIZE.findall(offer_id)]
        if not sizes:
            return _HEAVIEST
        size = max(sizes)
        return 1 if size <= _LIGHT_BILLIONS else 2 if size <= _MEDIUM_BILLIONS else _HEAVIEST

    def failure(self, status: int, body: bytes, answer: Any = None) -> Failure | None:
        if status == 400 and _COLD in body:
            return Failure.OVERLOADED
        return super().failure(status, body, answer)
