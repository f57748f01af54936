"""What pages of the desk show of a run: its counts, what became of it, and who decided."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db.models import QuerySet

from catalog.desk.pages import Values
from catalog.models import CurationItem, SyncRun
from catalog.sync import guard, judging
from catalog.web import figures
from catalog.web.offers import gateway_name

Outcome = SyncRun.Outcome

STATES: Mapping[str, str] = {
    Outcome.WAITING: "unknown",
    Outcome.RUNNING: "stale",
    Outcome.PUBLISHED: "fresh",
    Outcome.UNCHANGED: "quiet",
    Outcome.HELD: "held",
    Outcome.RELEASED: "fresh",
    Outcome.DISCARDED: "quiet",
    Outcome.OVERTAKEN: "quiet",
    Outcome.FAILED: "failing",
    Outcome.LOST: "failing",
}
"""The sign of each outcome, as `parts.state` draws it."""

_COUNTS = ("seen", "new", "changed", "withdrawn", "rejected", "held_prices")


def row(run: SyncRun, *, href: str) -> list[Values]:
    """Return a run as cells of the table of runs."""
    return [
        {"text": _began(run), "href": href, "note": run.trigger},
        {"text": gateway_name(run.gateway.slug), "note": run.source},
        {"text": run.outcome, "state": STATES[run.outcome]},
        *({"text": f"{count:,}" if (count := getattr(run, name)) else "", "right": True} for name in _COUNTS),
        {"text": f"{run.revision_after:,}" if run.revision_after is not None else "", "right": True},
        {"text": run.error},
    ]


def _began(run: SyncRun) -> str:
    began: str = figures.moment_view(run.started_at)["short"]
    return began.removesuffix(" UTC")


HEAD = (
    {"text": "Began, UTC"},
    {"text": "Gateway"},
    {"text": "Outcome"},
    {"text": "Rows", "right": True},
    {"text": "New", "right": True},
    {"text": "Changed", "right": True},
    {"text": "Withdrawn", "right": True},
    {"text": "Rejected", "right": True},
    {"text": "Held prices", "right": True},
    {"text": "Revision", "right": True},
    {"text": "Why"},
)


def facts(run: SyncRun) -> list[Values]:
    """Return the facts of one run, as names and texts."""
    counts = [(name.replace("_", " "), f"{getattr(run, name):,}") for name in _COUNTS]
    took = f"{(run.finished_at - run.started_at).total_seconds():.1f} s" if run.finished_at else ""
    found = [
        ("began", figures.minute(run.started_at)),
        ("took", took),
        ("asked by", run.get_trigger_display()),
        ("source", run.source),
        *counts,
        ("revision", f"{run.revision_after:,}" if run.revision_after is not None else ""),
    ]
    return [{"name": figures.first_upper(name), "text": text} for name, text in found if text]


def limits(run: SyncRun) -> list[Values]:
    """Return the settings that have the limits which a held run exceeded."""
    names = [judging.setting_of(limit) for limit in guard.limits_in(run.error)]
    return [{"name": name, "value": f"{getattr(settings, name)}"} for name in names]


def decision(run: SyncRun) -> str:
    """Return who released or discarded a run, or which run has overtaken it; empty if nothing was decided."""
    if run.outcome == Outcome.OVERTAKEN:
        newer = _newer(run).filter(outcome__in=[Outcome.PUBLISHED, Outcome.UNCHANGED]).first()
        name = gateway_name(run.gateway.slug)
        at = f", on {figures.minute(newer.started_at)}" if newer else ""
        return f"A newer run has read {name} since then{f' (run {newer.pk})' if newer else ''}{at}."
    if run.outcome not in {Outcome.RELEASED, Outcome.DISCARDED}:
        return ""
    items = CurationItem.objects.filter(subject_kind=CurationItem.Subject.RUN, subject_number=run.pk)
    item = items.select_related("action").order_by("-action_id").first()
    if item is None:
        return f"It was {run.outcome} before there was an audit trail."
    action = item.action
    return f"{action.actor} {run.outcome} it on {figures.minute(action.made_at)}: {action.reason}"


def newest_of(run: SyncRun) -> SyncRun | None:
    """Return the newest run that read the gateway after this one and ended with a listing."""
    return _newer(run).exclude(outcome__in=[Outcome.FAILED, Outcome.LOST]).last()


def _newer(run: SyncRun) -> QuerySet[SyncRun]:
    return SyncRun.objects.filter(gateway=run.gateway_id, pk__gt=run.pk).asking().finished().order_by("pk")
