"""Syncs, curators and readers at once, each with a connection of its own: no update is lost, and no read is torn."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from catalog.curation import overrides
from catalog.memory import loading
from catalog.models import Gateway, Offer, OfferVersion, Revision, SyncRun
from catalog.sync.run import AlreadyRunning
from tests.faults.stage import (
    CHUTES,
    OPENROUTER,
    PROVE,
    ROWS,
    SLUGS,
    catalogue,
    check_integrity,
    chute,
    chutes_page,
    offer_id,
    openrouter,
    second_edition,
    serve,
    sync,
)
from tests.upstream import Answer, Upstream, Wire

pytestmark = pytest.mark.django_db(transaction=True)

Json = Any
Outcome = SyncRun.Outcome
ROUNDS = 60 if PROVE else 6
PATIENCE_SECONDS = 300.0 if PROVE else 60.0
EDITED = 10
"""The number of offers that each curator edits."""


def at_once(*acts: Callable[[], object]) -> list[Any]:
    """What each act returned, all of them begun at one moment in threads of their own. Raises what any raised."""
    start = Barrier(len(acts), timeout=PATIENCE_SECONDS)

    def perform(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [future.result(PATIENCE_SECONDS) for future in [threads.submit(perform, act) for act in acts]]


def serve_round(upstream: Upstream, slug: str, number: int) -> None:
    """Serve offers whose descriptions all have the number of the round."""
    text = f"Round {number}."
    if slug == "openrouter":
        rows = [row | {"description": text} for row in openrouter(1)["data"]]
        upstream.serve(OPENROUTER, {"data": rows})
    else:
        upstream.serve(CHUTES, chutes_page(items=[chute(key, 1) | {"tagline": text} for key in range(ROWS)]))


def syncing_rounds(upstream: Upstream, slug: str) -> Callable[[], None]:
    def act() -> None:
        for number in range(ROUNDS):
            serve_round(upstream, slug, number)
            assert sync(slug).outcome == Outcome.PUBLISHED

    return act


def tagging(slug: str, tag: str, *, first: int) -> Callable[[], None]:
    """A curator who goes through some offers again and again."""

    def act() -> None:
        offers = Offer.objects.filter(gateway__slug=slug).order_by("model_id")[first : first + EDITED]
        for number in range(ROUNDS):
            for offer in offers:
                value = {"add": [tag, f"{tag}-{number}"], "remove": []}
                now = timezone.now()
                overrides.set_override(
                    offer, field="tags", value=value, reason="why", author=None, is_confirmed=True, now=now
                )

    return act


@dataclass(frozen=True, slots=True)
class Read:
    """One snapshot, as a reader got it."""

    revision: int
    documents: Mapping[tuple[str, str], bytes]
    seconds: float


def reading_until(done: Event) -> Callable[[], list[Read]]:
    def act() -> list[Read]:
        found: list[Read] = []
        while not done.is_set() or not found:
            began = time.monotonic()
            loaded = loading.load()
            seconds = time.monotonic() - began
            if not found or found[-1].revision != loaded.revision:
                documents = {(row.gateway, row.id): row.document for row in loaded.rows}
                assert len(documents) == len(loaded.rows)
                found.append(Read(loaded.revision, documents, seconds))
        return found

    return act


MODEL = re.compile(rb'"canonical_model":"[^"]*"')


def catalogue_of(revision: int) -> dict[tuple[str, str], bytes]:
    """Return what was published in that revision, read from the history."""
    served = OfferVersion.objects.filter(
        Q(to_revision__gt=revision) | Q(to_revision__isnull=True), from_revision__lte=revision
    )
    rows = served.values_list("offer__gateway__slug", "offer__model_id", "document")
    return {(slug, key): document.encode() for slug, key, document in rows}


def test_of_two_syncs_that_begin_at_once_one_publishes_and_the_other_repeats_or_leaves(upstream: Upstream) -> None:
    def sync_if_free() -> SyncRun | None:
        with suppress(AlreadyRunning):
            return sync("openrouter")
        return None

    for number in range(ROUNDS):
        serve_round(upstream, "openrouter", number)

        runs = [run for run in at_once(sync_if_free, sync_if_free) if run]

        assert sorted(run.outcome for run in runs) in [[Outcome.PUBLISHED], [Outcome.PUBLISHED, Outcome.UNCHANGED]]
        assert Revision.objects.newest().number == number + 1
        assert Gateway.objects.get(slug="openrouter").lease_expires_at is None
    check_integrity()


def test_a_run_that_outlived_its_lease_cannot_undo_what_a_later_one_published(upstream: Upstream) -> None:
    assert sync("openrouter").outcome == Outcome.PUBLISHED
    first = catalogue("openrouter").documents
    asked, answered = Event(), Event()

    def slowly(answer: Answer) -> Answer:
        def send(wire: Wire, given: Answer) -> None:
            asked.set()
            assert answered.wait(PATIENCE_SECONDS)
            answer.send(wire, given)

        return Answer(payload=answer.payload, send=send)

    def overtake() -> SyncRun:
        assert asked.wait(PATIENCE_SECONDS)
        Gateway.objects.filter(slug="openrouter").update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        serve(upstream, 2)
        try:
            return sync("openrouter")
        finally:
            answered.set()

    serve_round(upstream, "openrouter", 1)
    upstream.breaks(OPENROUTER, slowly, times=1)
    late, later = at_once(lambda: sync("openrouter"), overtake)

    assert (later.outcome, late.outcome) == (Outcome.PUBLISHED, Outcome.FAILED)
    assert late.error == "another run of openrouter has begun since this one took its lease"
    assert catalogue("openrouter").documents == second_edition(first)
    gateway = Gateway.objects.get(slug="openrouter")
    assert (gateway.accepted_run, gateway.failures) == (later, 0)
    check_integrity()


def test_edits_and_syncs_of_the_same_offers_lose_nothing(upstream: Upstream) -> None:
    for slug in SLUGS:
        sync(slug)

    at_once(
        syncing_rounds(upstream, "openrouter"),
        syncing_rounds(upstream, "chutes"),
        tagging("openrouter", "first", first=0),
        tagging("openrouter", "second", first=EDITED),
        tagging("chutes", "third", first=0),
    )

    tags = {"openrouter": ["first", "second"], "chutes": ["third"]}
    for slug in SLUGS:
        expected = {
            offer_id(place * EDITED + number): [tag, f"{tag}-{ROUNDS - 1}"]
            for place, tag in enumerate(tags[slug])
            for number in range(EDITED)
        }
        documents = {key: json.loads(text) for key, text in catalogue(slug).documents.items()}
        assert {key: document["tags"] for key, document in documents.items() if document["tags"]} == expected
        assert {document["description"] for document in documents.values()} == {f"Round {ROUNDS - 1}."}
    check_integrity()


def test_every_snapshot_is_the_catalogue_of_exactly_its_revision(upstream: Upstream) -> None:
    for slug in SLUGS:
        sync(slug)
    done = Event()
    edit = tagging("openrouter", "tag", first=0)

    def write() -> None:
        try:
            at_once(syncing_rounds(upstream, "openrouter"), syncing_rounds(upstream, "chutes"), edit)
        finally:
            done.set()

    _, *reads = at_once(write, reading_until(done), reading_until(done))

    for found in reads:
        assert len(found) > 2
        assert [read.revision for read in found] == sorted(read.revision for read in found)
        for read in found:
            # The canonical model of an offer is stored apart from its versions.
            shown = {key: MODEL.sub(b'"canonical_model":null', text) for key, text in read.documents.items()}
            assert shown == catalogue_of(read.revision), read.revision
        assert max(read.seconds for read in found) < PATIENCE_SECONDS / 6
    check_integrity()
