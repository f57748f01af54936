"""Measures how long computing threads make an event loop wait: `python -m benchmarks.starvation [offers]`.

A serving process answers most requests on its event loop, and has everything that takes long done in other threads.
They share one interpreter: while a thread computes, the loop may have to wait. So this program repeats each kind of
long work in a thread while a loop wakes up every millisecond, and shows how late the loop was.

The line "nothing" shows the delays that the timer and the machine cause without any work.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import uvloop

from benchmarks import catalogues

SWITCH_SECONDS = 0.0005
"""The switch interval of serving processes."""
TICK_SECONDS = 0.001
LEAST_SECONDS = 2.0
"""How long each kind of work is repeated."""
READS = (
    "/catalog/export.json",
    "/catalog/export.ndjson",
    "/catalog/export.csv",
    "/catalog/export.csv?spreadsheet=true",
    "/catalog/models?limit=1000",
    "/catalog/models?limit=1000&fields=id,name,pricing",
    "/catalog/providers?limit=1000",
    "/catalog/stats",
    "/catalog/changes?limit=1000",
    "/catalog/changes.atom?limit=1000",
)
ESTIMATE = {"workload": {"input_tokens": 750_000, "output_tokens": 250_000}, "limit": 1_000}
CHANGED = 2_000
"""The number of offers that a publication changes."""

Work = Callable[[], object]


def delays(work: Work) -> tuple[list[float], list[float]]:
    """Repeat the work in a thread. Return by how many milliseconds a loop was late at each tick, and how long each
    repetition took."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_delays(work))


async def _delays(work: Work) -> tuple[list[float], list[float]]:
    took: list[float] = []

    def repeat() -> None:
        until = time.perf_counter() + LEAST_SECONDS
        while time.perf_counter() < until:
            began = time.perf_counter()
            work()
            took.append((time.perf_counter() - began) * 1_000)

    thread = threading.Thread(target=repeat)
    thread.start()
    late: list[float] = []
    while thread.is_alive():
        before = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        late.append((time.perf_counter() - before - TICK_SECONDS) * 1_000)
    return late, took


# --- the work --------------------------------------------------------------------------------------------------------
def kinds() -> Iterator[tuple[str, Work]]:
    """Yield the kinds of work that serving processes do in threads."""
    from catalog.memory.following import FOLLOWER

    snapshot = FOLLOWER.current()
    yield "nothing", lambda: time.sleep(0.01)
    yield "pure Python, without a pause", lambda: sum(number % 7 for number in range(1_000_000))
    for address in READS:
        yield address, _reading(address)
    yield "/catalog/estimate", _estimating(snapshot)
    for name, made in _derived():
        yield f"{name}, first use", lambda made=made: made(replace(snapshot))  # type: ignore[misc]  # mypy infers no default
    yield "the OpenAPI document", _openapi()
    yield "the admin's list of offers", _admin()
    yield f"the next revision, {CHANGED:,} offers changed", _following(snapshot)
    yield "the whole revision again", _loading()


def _reading(address: str) -> Work:
    """Answer the request and compress the answer."""
    from django.http import QueryDict
    from django.urls import resolve

    from catalog.memory.following import FOLLOWER
    from catalog.parameters.endpoints import Query
    from catalog.routes import declared_endpoint
    from front.large_bodies import body_of
    from front.response_cache import CachedAnswer

    path, _, parameters = address.partition("?")
    endpoint = declared_endpoint(resolve(path).func)
    assert endpoint is not None
    assert endpoint.answer is not None
    answering, query = endpoint.answer, Query(path=path, filters=endpoint.filterset(QueryDict(parameters)))

    def read() -> None:
        answer = answering(FOLLOWER.current(), query)
        body = body_of(answer.parts if answer.parts is not None else [answer.body])
        if isinstance(body, bytes):
            CachedAnswer(list(answer.headers), body).variant("br")

    return read


def _estimating(snapshot: Any) -> Work:
    from catalog.api.estimate import estimate_cost
    from catalog.api.estimate_body import EstimateBody

    body = EstimateBody.model_validate(ESTIMATE)
    return lambda: estimate_cost(replace(snapshot), body)


def _derived() -> Iterator[tuple[str, Any]]:
    from catalog.formats import canonical_list, genai_prices, litellm, models_dev, openrouter_list
    from catalog.reports import canonical, exports

    yield "canonical models", canonical.models_of
    yield "shapes of exports", exports._shapes_of
    yield "OpenAI's list", canonical_list.listing_of
    yield "OpenRouter's list", openrouter_list.listing_of
    yield "OpenRouter's providers", openrouter_list.sellers_of
    yield "LiteLLM's map", litellm.map_of
    yield "models.dev's list", models_dev.models_of
    yield "genai-prices' list", genai_prices.prices_of


def _openapi() -> Work:
    from catalog.api.openapi import _openapi

    return _openapi.__wrapped__


def _admin() -> Work:
    from django.contrib.auth.models import User
    from django.test import Client

    user, _ = User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return lambda: client.get("/admin/catalog/offer/", SERVER_NAME="localhost")


def _following(before: Any) -> Work:
    """Take over a revision that changes offers, with everything derived that clients use."""
    from catalog.memory import derived, loading

    for _, made in _derived():
        made(before)
    catalogues.publish(random.Random(7), changed=CHANGED)  # noqa: S311  the same offers in every run

    def follow() -> None:
        after = loading.caught_up(before)
        assert after is not None
        derived.carry_on(before, after)

    return follow


def _loading() -> Work:
    from catalog.memory import loading

    return loading.load


# --- the report ------------------------------------------------------------------------------------------------------
@contextmanager
def collections() -> Iterator[list[float]]:
    """Note how many milliseconds each complete garbage collection takes."""
    took: list[float] = []
    began = 0.0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal began
        if info["generation"] == 2:
            if phase == "start":
                began = time.perf_counter()
            else:
                took.append((time.perf_counter() - began) * 1_000)

    gc.callbacks.append(note)
    try:
        yield took
    finally:
        gc.callbacks.remove(note)


def report(name: str, work: Work) -> str:
    with collections() as collected:
        late, took = delays(work)
    late.sort()
    p50, p99 = (late[int(share * (len(late) - 1))] for share in (0.5, 0.99))
    return (
        f"{name:50} takes {min(took):8.1f} ms; late: median {p50:5.2f}  p99 {p99:6.2f}  longest {late[-1]:6.2f} ms"
        f"; longest collection {max(collected, default=0):5.1f} ms"
    )


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("offers", type=int, nargs="?", default=20_000)
    parser.add_argument("--database", metavar="FILE", help="one that has a catalogue, instead of a new one")
    parser.add_argument("--only", default="", metavar="TEXT", help="kinds of work with this text in their names")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        catalogues.set_up(options.database or f"{folder}/catalogue.sqlite3")
        if not options.database:
            catalogues.build(options.offers)
        from catalog.memory import following, loading

        following.FOLLOWER.snapshot = loading.load()
        following.spare_collector()
        sys.setswitchinterval(SWITCH_SECONDS)
        say(f"{len(following.FOLLOWER.snapshot.index):,} offers")
        for name, work in kinds():
            if options.only in name:
                say(report(name, work))


if __name__ == "__main__":
    main()
