"""Performs one run: takes the gateway's lease, reads, sorts, judges and publishes the listing, stores the result."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog import gateway_settings, registry
from catalog.adapter.contract import Request
from catalog.adapter.errors import GatewayError, RateLimited
from catalog.models import Gateway, Offer, RejectedRow, RunCount, SyncRun
from catalog.models.failures import FAILURES, line_of
from catalog.publication import apply, confirmation, listeners, revision
from catalog.publication.clock import ClockMoved
from catalog.publication.listing import AcceptedListing, Guard, NotBelieved, Terms
from catalog.publication.listing import Outcome as Published
from catalog.publication.locks import LeaseLost
from catalog.publication.prices import plausible, repeats
from catalog.records import Source
from catalog.sync import captures, collector, ending, fetch, judging, read, rows, schedule, stating
from catalog.sync.guard import ReleasingGuard, TrustingGuard
from catalog.sync.task import Report, Say, Task, silently

logger = logging.getLogger(__name__)
Outcome = SyncRun.Outcome
Trigger = SyncRun.Trigger

_ALIKE_RUNS, _ALIKE_FOR = 3, timedelta(hours=24)
"""A listing held only for its missing offers is believed once this many runs over this time report the same ones."""


class AlreadyRunning(Exception):
    """Another run has the gateway's lease."""


def run_gateway(
    slug: str, *, trigger: str, source: str | None = None, dry_run: bool = False, say: Say = silently
) -> Report:
    """Read one gateway and publish its listing. Raises AlreadyRunning; the report contains every other failure.

    `source` (auto, api, bundled) replaces the gateway's setting. In `auto`, the bundled catalogue is read if the API
    fails and nothing of the gateway is published yet.
    """
    adapter = registry.GATEWAYS[slug]
    setting = source or gateway_settings.settings_of(slug).source.value
    chosen = read.choose_source(adapter, setting=setting, has_key=bool(settings.GATEWAY_KEYS[slug]))
    task = Task(adapter=adapter, source=chosen, trigger=trigger, dry_run=dry_run, say=say)
    report = perform(task)
    if setting == "auto" and chosen is Source.API and report.has_failed and not _is_published(slug):
        say(f"{adapter.name}: {report.run.error}; falling back to the bundled catalogue")
        bridge = Task(
            adapter=adapter, source=Source.BUNDLED, trigger=trigger, is_fallback=True, dry_run=dry_run, say=say
        )
        return perform(bridge)
    return report


def publish_bundled_if_nothing_is(slug: str, *, trigger: str, say: Say = silently) -> Report | None:
    """Publish the bundled catalogue, so that a new installation serves within seconds.

    Returns None if something is published already, if only the API may be read, or if the gateway is disabled.
    Documents that an older program published are rendered again.
    """
    apply.render_all()
    applying = gateway_settings.settings_of(slug)
    if _is_published(slug) or applying.source.value == "api" or not applying.is_enabled:
        return None
    return perform(Task(adapter=registry.GATEWAYS[slug], source=Source.BUNDLED, trigger=trigger, say=say))


def perform(task: Task) -> Report:
    """Perform one run under the gateway's lease.

    Raises AlreadyRunning, a database error if the database lets no run begin, and what `is_still_wanted` raises.
    """
    slug = task.adapter.slug
    Gateway.objects.ensure([slug])
    with _lease(slug) as token:
        task.is_still_wanted()
        report = Report(_begin(task, token=token))
        try:
            with collector.paused():
                if not task.dry_run:
                    apply.render_all()
                _work(task, report)
        except NotBelieved as error:
            ending.hold(task, report, error)
        except RateLimited as error:
            report.retry_after = error.retry_after
            ending.fail(report, str(error))
        except (GatewayError, LeaseLost, ClockMoved) as error:
            ending.fail(report, str(error))
        except SoftTimeLimitExceeded:
            ending.fail(report, f"took longer than {settings.SYNC_SOFT_TIME_LIMIT_SECONDS} seconds")
        except FAILURES as error:
            ending.fail(report, line_of(error))
        except Exception as error:
            # The failure of one gateway must not stop the other runs; the log gets its traceback.
            logger.exception("The run of %s failed unexpectedly", slug)
            ending.fail(report, f"unexpected {type(error).__name__}: {error}")
        finally:
            report.seconds = (timezone.now() - report.run.started_at).total_seconds()
            if not task.dry_run:
                ending.end(task, report)
    return report


def _work(task: Task, report: Report) -> None:
    run, adapter = report.run, task.adapter
    evidence = stating.Evidence.of(task)
    answers: list[captures.RawPage] = []
    try:
        reading = _read(task, run, answers)
    except GatewayError:
        # A person who looks into the failure needs exactly the responses that could not be read.
        captures.store(run, [] if task.dry_run else answers, now=timezone.now())
        raise
    if not task.dry_run:
        captures.store(run, reading.pages, now=timezone.now())
    if reading.listing is None:
        report.is_equal_to_accepted = True
        _copy_counts(run)
        evidence.tell_of_equal(reading.pages)
        _count_reading(task, run, unread=_rejected_in(run.gateway.accepted_run))
        return
    listing = reading.listing
    run.ignored = listing.ignored
    if not listing.rows:
        raise NotBelieved(["the listing is empty; an empty answer is never taken for an empty catalogue"])
    task.say(f"{adapter.name}: checking {len(listing.rows)} rows")
    found = rows.sort_rows(
        adapter,
        listing,
        reader=run.reader,
        accepted=_accepted_rows(task, run),
        is_observed=listeners.is_observed(),
    )
    evidence.take(listing)
    report.rejections = found.rejections
    run.seen, run.rejected = len(listing.rows), len(found.rejections)
    _renew_lease(run)
    task.say(f"{adapter.name}: comparing" + ("" if task.dry_run else " and publishing"))
    accepted = judging.accepted_listing(
        adapter, listing, found, source=task.source, availability=evidence.states if listeners.is_observed() else None
    )
    outcome = _publish(task, run, accepted)
    evidence.tell()
    if not listing.is_complete:
        run.error = "by its own count the listing is incomplete, so nothing was withdrawn"
    if accepted.postponed:
        run.error = "; ".join(filter(None, [run.error, f"{len(accepted.postponed)} offers were listed only in part"]))
    if reading.is_partial:
        run.reader = ""  # equal bytes in the next run must not hide that a page is still missing
    for name, value in asdict(outcome).items():
        setattr(run, name, value)
    is_published = outcome.revision_after != outcome.revision_before
    is_changed = is_published or outcome.new or outcome.changed or outcome.withdrawn
    run.outcome = Outcome.PUBLISHED if is_changed else Outcome.UNCHANGED
    run.is_complete = accepted.is_complete
    _count_reading(task, run, unread=accepted.unread)


def _count_reading(task: Task, run: SyncRun, *, unread: Collection[str]) -> None:
    """Count the reading for the held prices, as the last step of a run. Prices repeated long enough are believed."""
    if task.dry_run or task.replayed is not None or task.source is not Source.API or not run.is_complete:
        return
    confirmed = confirmation.count_reading(
        run,
        unread=unread,
        judge=judging.strict_guard(run),
        rules=repeats.rules(),
        is_edited=task.adapter.prices_are_edited,
    )
    run.confirmed_prices = confirmed.prices
    if confirmed.offers:
        run.changed += confirmed.offers
        run.unchanged = max(0, run.unchanged - confirmed.offers)
        run.revision_after = confirmed.revision_after
        run.outcome = Outcome.PUBLISHED


def _rejected_in(run: SyncRun | None) -> frozenset[str]:
    """Return the ids of the rows that the run could not use."""
    return frozenset(RejectedRow.objects.filter(run=run).values_list("model_id", flat=True)) if run else frozenset()


def _read(task: Task, run: SyncRun, answers: list[captures.RawPage]) -> read.Reading:
    """Read the listing. Append each of the gateway's responses to `answers` as soon as it arrives."""
    adapter, config = task.adapter, gateway_settings.settings_of(task.adapter.slug).config()
    if task.replayed is not None:
        task.say(f"{adapter.name}: reading the captures of run {task.replayed.pk}")
        return read.read_again(adapter, source=task.source, pages=captures.stored_pages(task.replayed), config=config)
    accepted = _accepted_pages(task, run)
    if task.source is Source.BUNDLED:
        task.say(f"{adapter.name}: reading the bundled catalogue")
        return read.read_bundled(adapter, fixtures=settings.FIXTURES_DIR, accepted=accepted)
    with fetch.Fetcher(
        adapter,
        bases=settings.GATEWAY_BASES[adapter.slug],
        key=settings.GATEWAY_KEYS[adapter.slug] or None,
        limits=_fetch_limits(),
        user_agent=settings.USER_AGENT,
    ) as fetcher:

        def get(request: Request) -> bytes:
            task.say(f"{adapter.name}: asking {request.path}" + "".join(f" {k}={v}" for k, v in request.query.items()))
            try:
                body = fetcher.get(request)
            finally:
                _renew_lease(run)  # a failed request can take as long as a successful one
            answers.append(captures.RawPage(request=request, body=body))
            return body

        return read.read_api(adapter, fetch=get, config=config, accepted=accepted)


def _accepted_pages(task: Task, run: SyncRun) -> list[captures.AcceptedPage]:
    """Return the pages to compare with. There are none if equal bytes give another result now, or must be counted."""
    accepted = run.gateway.accepted_run
    if accepted is None or accepted.reader != run.reader or accepted.source != task.source or task.dry_run:
        return []
    if Offer.objects.filter(gateway=run.gateway, missed_runs__gt=0, withdrawn_at__isnull=True).exists():
        return []
    return captures.accepted_pages(accepted)


def _reader(task: Task) -> str:
    """Return a name for everything that decides how bytes are read. Under another name, equal bytes are read again."""
    day = task.adapter.bundled_on if task.source is Source.BUNDLED else ""
    config = gateway_settings.settings_of(task.adapter.slug).config()
    # The options can be long, and the name of a reader must be short: so it contains their hash.
    options = hashlib.sha256(repr(sorted(config.options.items())).encode()).hexdigest()[:12] if config.options else ""
    observed = "o" if listeners.is_observed() and task.adapter.states_availability else ""
    read_by = f"{task.adapter.version}{observed}.{plausible.RULES}.{registry.PROVIDERS.digest}"
    return f"{read_by}.{task.source}{day}.{int(config.has_key)}{options}"


def _accepted_rows(task: Task, run: SyncRun) -> dict[str, str]:
    """Map the prints of the published rows to their ids. The map is empty if the rows must be read again."""
    return {} if task.replayed is not None else judging.published_rows(run)


def _copy_counts(run: SyncRun) -> None:
    """Copy the counts of the accepted run: equal bytes give equal counts."""
    accepted = run.gateway.accepted_run
    assert accepted is not None  # noqa: S101  for the type checker: only its pages can have been equal
    run.seen, run.rejected, run.ignored = accepted.seen, accepted.rejected, accepted.ignored
    run.unchanged = accepted.new + accepted.changed + accepted.unchanged
    run.revision_before = run.revision_after = revision.current().number
    run.outcome, run.error, run.is_complete = Outcome.UNCHANGED, accepted.error, accepted.is_complete


def _publish(task: Task, run: SyncRun, listing: AcceptedListing) -> Published:
    strict = judging.strict_guard(run)
    guards: dict[str, Guard] = {Trigger.REBUILD: TrustingGuard(), Trigger.RELEASE: ReleasingGuard(strict=strict)}
    guard = guards.get(task.trigger, strict)
    try:
        return _publish_judged(task, run, listing, guard)
    except NotBelieved as error:
        if not error.missing or not _was_reported_before(run, ending.key_of(error.missing)):
            raise
        task.say(f"{task.adapter.name}: {error}; {_ALIKE_RUNS} runs over a day agree, so it is believed")
        return _publish_judged(task, run, listing, ReleasingGuard(strict=strict))


def _publish_judged(task: Task, run: SyncRun, listing: AcceptedListing, guard: Guard) -> Published:
    # A listing that a person vouches for, or that three runs over a day repeat, needs no further run to confirm it.
    is_vouched = task.is_vouched or isinstance(guard, ReleasingGuard)
    return apply.publish_listing(
        run,
        listing=listing,
        terms=Terms(
            guard=guard,
            rules=repeats.rules(),
            withdraw_after=0 if is_vouched else settings.SYNC_WITHDRAW_AFTER_RUNS,
            is_replay=task.replayed is not None,
            author=task.author,
            decided=task.decided,
            dry_run=task.dry_run,
        ),
    )


def _was_reported_before(run: SyncRun, missing_key: str) -> bool:
    """Return whether the runs before this one, over a day, were held for the same missing offers."""
    alike = 1
    earlier = SyncRun.objects.filter(gateway=run.gateway).asking().exclude(pk=run.pk)
    ended = earlier.finished().exclude(outcome__in=[Outcome.FAILED, Outcome.LOST])
    for before in ended.order_by("-pk")[:500]:
        if before.outcome != Outcome.HELD or before.missing_key != missing_key:
            return False
        alike += 1
        if alike >= _ALIKE_RUNS and run.started_at - before.started_at >= _ALIKE_FOR:
            return True
    return False


def _fetch_limits() -> fetch.Limits:
    return fetch.Limits(
        connect_seconds=settings.FETCH_CONNECT_SECONDS,
        idle_seconds=settings.FETCH_IDLE_SECONDS,
        total_seconds=settings.FETCH_TOTAL_SECONDS,
        max_bytes=settings.FETCH_MAX_MEBIBYTES * 2**20,
        max_ratio=settings.FETCH_MAX_RATIO,
        attempts=settings.FETCH_ATTEMPTS,
        longest_wait_seconds=settings.FETCH_LONGEST_WAIT_SECONDS,
    )


def _is_published(slug: str) -> bool:
    return Offer.objects.filter(gateway__slug=slug).exists()


@contextmanager
def _lease(slug: str) -> Iterator[int]:
    """Take the gateway's lease for this run. If the process dies, the lease expires."""
    token = Gateway.objects.take_lease(slug=slug, now=timezone.now(), until=_lease_end())
    if token is None:
        raise AlreadyRunning(f"{slug} is being read by another run")
    try:
        yield token
    finally:
        with suppress(*FAILURES):  # a lease that cannot be released expires
            Gateway.objects.with_lease(slug=slug, token=token).update(lease_expires_at=None)


def _renew_lease(run: SyncRun) -> None:
    """Renew the lease between the steps of a run, so that a lease can be short and a run long. Raises LeaseLost."""
    mine = Gateway.objects.with_lease(slug=run.gateway.slug, token=run.lease_token)
    if not mine.update(lease_expires_at=_lease_end()):
        raise LeaseLost(f"another run of {run.gateway.slug} has begun since this one took its lease")


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.SYNC_LEASE_SECONDS)


def _begin(task: Task, *, token: int) -> SyncRun:
    gateway = Gateway.objects.select_related("accepted_run").get(slug=task.adapter.slug)
    now = timezone.now()
    if not task.dry_run:
        # A run that held the lease before and never ended has lost it.
        _end_lost_runs(gateway, now=now)
        # This run answers all requests so far. A request that arrives while it reads asks for another run.
        # This update precedes the query for a waiting run: a waiting run that the query misses leaves the gateway due.
        Gateway.objects.filter(pk=gateway.pk, next_run_at=None).update(next_run_at=now + schedule.RETRY_AFTER)
    run = _run_asked_for(task, gateway) or SyncRun(trigger=task.trigger)
    run.gateway, run.lease_token, run.outcome = gateway, token, Outcome.RUNNING
    run.source, run.reader, run.started_at = task.source, _reader(task), now
    if not task.dry_run:
        run.save()
    return run


def _end_lost_runs(gateway: Gateway, *, now: datetime) -> None:
    lost = SyncRun.objects.filter(gateway=gateway, outcome=Outcome.RUNNING)
    with transaction.atomic():
        if count := lost.update(outcome=Outcome.LOST, finished_at=now):
            RunCount.objects.add(gateway, Outcome.LOST, count=count)
            logger.warning("%s: lost; the process ended before the run did", gateway.slug)


def _run_asked_for(task: Task, gateway: Gateway) -> SyncRun | None:
    """Return the run that waits to begin. It waits for a request to the gateway, so no other task may take it."""
    if task.dry_run or task.replayed is not None or task.is_fallback:
        return None
    return SyncRun.objects.waiting().filter(gateway=gateway).first()
