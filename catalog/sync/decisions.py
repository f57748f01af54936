"""Decisions of people about runs: release or discard a held run, publish an earlier run again, rebuild."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from catalog import registry
from catalog.models import Gateway, SyncRun
from catalog.publication import audit, locks
from catalog.records import Source
from catalog.sync.run import perform
from catalog.sync.task import Report, Say, Task, silently

Outcome = SyncRun.Outcome


class NothingToDecide(Exception):
    """The decision does not apply to this run; the message gives the reason."""


def release(held: SyncRun, *, author: User | None, reason: str = "", say: Say = silently) -> Report:
    """Publish the listing that a held run read. Raises NothingToDecide or AlreadyRunning."""
    _require_held(held)
    if not held.pages.exists():
        raise NothingToDecide(f"the captures of run {held.pk} have been pruned")
    decided = _draft(held, Outcome.RELEASED, author=author, reason=reason or "The listing is right.")
    report = _read_again(
        held, trigger=SyncRun.Trigger.RELEASE, is_vouched=True, author=author, decided=decided, say=say
    )
    if not report.has_failed:
        _decide(held, Outcome.RELEASED)
    return report


def discard(held: SyncRun, *, author: User | None = None, reason: str = "") -> None:
    """Discard a held run; the guard judges the next run again. Raises NothingToDecide."""
    with transaction.atomic():
        newest = locks.lock_revision()
        held.refresh_from_db()
        _require_held(held)
        _decide(held, Outcome.DISCARDED)
        draft = _draft(held, Outcome.DISCARDED, author=author, reason=reason or "The listing is wrong.")
        audit.write(draft, before=newest.number, after=newest.number, now=timezone.now())


def rebuild(slug: str, *, say: Say = silently) -> Report:
    """Rebuild a gateway's offers from the accepted captures, the overrides and the holds.

    With an unchanged adapter this changes nothing. With a corrected adapter it corrects the served offers.
    """
    gateway = Gateway.objects.select_related("accepted_run__gateway").filter(slug=slug).first()
    accepted = gateway.accepted_run if gateway else None
    if accepted is None:
        raise NothingToDecide(f"nothing of {slug} was ever accepted")
    return _read_again(accepted, trigger=SyncRun.Trigger.REBUILD, is_vouched=False, author=None, say=say)


def rebuildable() -> list[str]:
    """Return the slugs of the gateways that have an accepted run."""
    accepted = Gateway.objects.exclude(accepted_run=None).values_list("slug", flat=True)
    return [slug for slug in registry.GATEWAYS if slug in set(accepted)]


def publish_capture(sha256: str, *, say: Say = silently) -> Report:
    """Publish again the listing of the newest run that has this capture; a prefix of the hash is enough."""
    if not sha256:
        raise NothingToDecide("name a capture by its hash or the beginning of it")
    runs = SyncRun.objects.filter(pages__capture__sha256__startswith=sha256).order_by("-pk")
    if len(set(runs.values_list("pages__capture__sha256", flat=True))) > 1:
        raise NothingToDecide(f"several captures begin with {sha256}")
    run = runs.first()
    if run is None:
        raise NothingToDecide(f"no capture begins with {sha256}")
    return _read_again(run, trigger=SyncRun.Trigger.REBUILD, is_vouched=True, author=None, say=say)


def _read_again(
    run: SyncRun,
    *,
    trigger: str,
    is_vouched: bool,
    author: User | None,
    say: Say,
    decided: audit.Draft | None = None,
) -> Report:
    adapter = registry.GATEWAYS[run.gateway.slug]
    return perform(
        Task(
            adapter=adapter,
            source=Source(run.source),
            trigger=trigger,
            replayed=run,
            is_vouched=is_vouched,
            author=author,
            decided=decided,
            say=say,
        )
    )


def _require_held(run: SyncRun) -> None:
    if run.outcome != Outcome.HELD:
        raise NothingToDecide(f"run {run.pk} is {run.get_outcome_display()}, not held")


def _decide(run: SyncRun, outcome: str) -> None:
    SyncRun.objects.filter(pk=run.pk, outcome=Outcome.HELD).update(outcome=outcome)


def _draft(held: SyncRun, outcome: str, *, author: User | None, reason: str) -> audit.Draft:
    item = audit.Item(
        kind=audit.Subject.RUN,
        number=held.pk,
        subject=f"run {held.pk} of {held.gateway.slug}",
        field="outcome",
        before=held.outcome,
        after=str(outcome),
    )
    return audit.Draft(
        kind=audit.Kind.RUN, actor=audit.Actor.of(author), reason=audit.checked_reason(reason), items=[item]
    )
