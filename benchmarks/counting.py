"""What counting costs: the processor time of `Front.decide` for hits with and without it, in alternating pairs.

`python -m benchmarks.counting` prints the ratio of the speeds: 0.95 or more is asked for. Only the time of this thread
is measured, so other work on the machine disturbs little. The rest of a hit, which the server does, is not measured: it
takes as long again.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from typing import Any

os.environ.setdefault("SECRET_KEY", "only-for-a-benchmark")
os.environ.setdefault("DATA_DIR", tempfile.gettempdir())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatewayz.settings")
import django

django.setup()

from django.conf import settings  # noqa: E402  likewise

from access.keys import Keys  # noqa: E402  likewise
from front.answers import Answer  # noqa: E402  likewise
from front.counts import Counts  # noqa: E402  likewise
from front.front import Front  # noqa: E402  likewise
from front.requests import Request  # noqa: E402  likewise
from front.routes import Address, Limit  # noqa: E402  likewise
from usage.counting import Tally  # noqa: E402  likewise
from usage.subjects import Subject, Target  # noqa: E402  likewise

PAIRS, HITS, ANSWERS, CLIENTS = 41, 6_000, 50, 200


class OneQuestion:
    canonical = ignored = ""
    is_quick = True

    def answer(self) -> Answer:
        return Answer(200, (("Content-Type", "application/json"), ("Cache-Control", "public")), b"x" * 5_000)


class OneResource:
    media_type = "application/json"
    is_cacheable = True
    needs_django = is_stream = False
    headers = ()

    def question(self, query: str) -> OneQuestion:
        return OneQuestion()


class Routes:
    _identity = object()

    def identity(self) -> object:
        return self._identity

    def address(self, path: str) -> Address:
        return Address(path, Limit.API, OneResource())  # type: ignore[arg-type]  # what a hit needs of one


class EveryAnswer(Tally):
    """Counts answers that no catalogue has made."""

    def begin(self, question: Any, body: Any) -> Any:
        return self.begin_about(Subject("read_model", (Target(model="maker/model"),)))


def seconds(front: Front) -> float:
    """Return the processor time of HITS requests."""
    headers = {"host": "localhost", "accept-encoding": "br"}
    began = time.thread_time()
    for number in range(HITS):
        path, peer = f"/catalog/models/{number % ANSWERS}", f"192.0.2.{number % CLIENTS}"
        front.decide(Request(method="GET", path=path, query="", headers=headers, peer=peer))
    return time.thread_time() - began


def main() -> None:
    settings.RATE_LIMIT_PER_MINUTE = 0 if "--without-limits" in sys.argv else 999_999_999
    fronts = [
        Front(None, counts=Counts(), routes=Routes(), keys=Keys(), usage=usage)  # type: ignore[arg-type]  # likewise
        for usage in (None, EveryAnswer())
    ]
    for front in fronts:
        seconds(front)
    ratios = []
    for number in range(PAIRS):
        took = [seconds(front) for front in (fronts if number % 2 else fronts[::-1])]
        without, counting = took if number % 2 else took[::-1]
        ratios.append(without / counting)
    sys.stdout.write(f"speed with counting: {statistics.median(ratios):.3f} of that without\n")


if __name__ == "__main__":
    main()
