"""Deletes data that is no longer needed, never the data that the published catalogue was made from."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from access import logins
from catalog.models import Capture, Gateway, OfferVersion, Revision, RunPage, SyncRun


def prune(*, now: datetime) -> dict[str, int]:
    """Delete old data, and return how many rows of each kind. A retention of zero days keeps all of its kind.

    What is counted of logins has no setting: it is deleted as soon as no limit depends on it.
    """
    return {
        "runs": _prune_runs(now=now) if settings.KEEP_RUNS_DAYS else 0,
        "captures": _prune_captures(now=now) if settings.KEEP_CAPTURES_DAYS else 0,
        "versions": _prune_versions(now=now) if settings.KEEP_VERSIONS_DAYS else 0,
        "logins": logins.prune(now=now),
    }


def _prune_runs(*, now: datetime) -> int:
    old = now - timedelta(days=settings.KEEP_RUNS_DAYS)
    # A held run still waits for a curator.
    runs = SyncRun.objects.filter(started_at__lt=old).exclude(pk__in=_accepted()).exclude(outcome=SyncRun.Outcome.HELD)
    count = runs.count()
    runs.delete()
    return count


def _prune_captures(*, now: datetime) -> int:
    old = now - timedelta(days=settings.KEEP_CAPTURES_DAYS)
    RunPage.objects.filter(run__started_at__lt=old).exclude(run__in=_accepted()).exclude(
        run__outcome=SyncRun.Outcome.HELD
    ).delete()
    # A recent capture without pages may belong to a run that is being written.
    count, _ = Capture.objects.filter(pages=None, captured_at__lt=old).delete()
    return count


def _prune_versions(*, now: datetime) -> int:
    old = now - timedelta(days=settings.KEEP_VERSIONS_DAYS)
    newest_old = (
        Revision.objects.filter(published_at__lt=old).order_by("-number").values_list("number", flat=True).first()
    )
    with transaction.atomic():
        versions = OfferVersion.objects.filter(to_revision__lte=newest_old or 0)
        last = versions.aggregate(last=Max("to_revision"))["last"]
        if last is None:
            return 0
        # The feed reports the oldest revision that is kept; otherwise its readers would miss changes without knowing.
        Revision.objects.filter(number__lte=last, is_forgotten=False).update(is_forgotten=True)
        count, _ = versions.delete()
    return count


def _accepted() -> list[int]:
    return [gateway.accepted_run_id for gateway in Gateway.objects.order_by("slug") if gateway.accepted_run_id]
