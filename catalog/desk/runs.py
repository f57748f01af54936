"""The runs: all of them, those that are held, and one with what its release would change."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from catalog import queries, registry
from catalog.desk import run_difference, run_views
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.models import SyncRun
from catalog.publication.audit import ReasonMissing
from catalog.sync import decisions
from catalog.sync.run import AlreadyRunning
from catalog.web import figures
from catalog.web.offers import gateway_name

SHOWN = 50
"""The number of runs on a page."""
_LONGEST_NUMBER = 15
Outcome = SyncRun.Outcome


class Runs(DeskPage):
    address = "runs/"
    name = "runs"
    title = "Runs"

    def get(self, request: HttpRequest) -> HttpResponse:
        chosen = {
            "gateway": _one_of([*registry.GATEWAYS], request.GET.get("gateway", "")),
            "outcome": _one_of(list(Outcome.values), request.GET.get("outcome", "")),
        }
        runs, pager = _page(_matching(chosen), request.GET.get("before", ""), chosen)
        values = {
            "heading": "Runs",
            "fields": _fields(chosen),
            "chips": _chips(chosen),
            "head": run_views.HEAD,
            "rows": [run_views.row(run, href=reverse("desk:run", args=[run.pk])) for run in runs],
            "pager": pager,
        }
        return self.show("desk/runs.html", values)


class HeldRuns(DeskPage):
    address = "queues/runs/"
    name = "held_runs"
    title = "Held runs"
    current = "queues"

    def get(self, request: HttpRequest) -> HttpResponse:
        held = SyncRun.objects.filter(outcome=Outcome.HELD).select_related("gateway").order_by("started_at")[:SHOWN]
        runs = [_held_view(run) for run in held]
        return self.show("desk/held_runs.html", {"heading": figures.counted(len(runs), "held run"), "runs": runs})


class Run(DeskPage):
    address = "runs/<int:run>/"
    name = "run"
    current = "runs"
    changes = Action.DECIDE_RUNS

    def get(self, request: HttpRequest, run: int) -> HttpResponse:
        return self._page(_run(run))

    def post(self, request: HttpRequest, run: int) -> HttpResponse:
        found, reason = _run(run), request.POST.get("reason", "")
        _require_undecided(found)
        _require_newest(found, seen=request.POST.get("newest", ""))
        try:
            if "release" in request.POST:
                return self._release(found, reason)
            if "discard" in request.POST:
                return self._discard(found, reason)
        except ReasonMissing:
            return self._page(found, error="A reason is required, as text.")
        except decisions.NothingToDecide as error:
            found.refresh_from_db()
            _require_undecided(found)
            raise Problem("There is nothing to decide.", f"Nothing was changed: {error}.") from error
        except AlreadyRunning as error:
            raise Problem("Another run is reading this gateway.", f"{error}. Try again when it has ended.") from error
        raise PermissionDenied("Release or discard: the form has both buttons.")

    def _release(self, run: SyncRun, reason: str) -> HttpResponse:
        # Within the request: it takes about a second for a thousand offers, and the person sees the result at once.
        report = decisions.release(run, author=self.user, reason=_reason(reason))
        if report.has_failed:
            raise Problem("The run was not released.", f"Nothing was published: {report.run.error}.")
        done = f"Run {run.pk} of {gateway_name(run.gateway.slug)} is released"
        after, before = report.run.revision_after or 0, report.run.revision_before
        return self.go("held_runs", said=f"{done}, " + (f"in revision {after:,}." if after != before else "unchanged."))

    def _discard(self, run: SyncRun, reason: str) -> HttpResponse:
        decisions.discard(run, author=self.user, reason=_reason(reason))
        name = gateway_name(run.gateway.slug)
        return self.go("held_runs", said=f"Run {run.pk} of {name} is discarded. The next run is judged again.")

    def _page(self, run: SyncRun, *, error: str = "") -> HttpResponse:
        is_held = run.outcome == Outcome.HELD
        newest = run_views.newest_of(run) if is_held else None
        values = {
            "title": f"Run {run.pk} of {gateway_name(run.gateway.slug)}",
            "run": _held_view(run),
            "is_held": is_held,
            "state": {"word": run.outcome, "kind": run_views.STATES[run.outcome]},
            "decision": run_views.decision(run),
            "facts": run_views.facts(run),
            "newest": newest.pk if newest else run.pk,
            "warning": _warning(newest),
            "reason": {"name": "reason", "label": "Reason, for the audit trail", "required": True, "error": error},
            "difference": run_difference.difference_of(run, queries.newest_revision()) if is_held else None,
            "most": run_difference.SHOWN,
            "rejected_href": self._rejected(run),
        }
        return self.show("desk/run.html", values, HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK)

    def _rejected(self, run: SyncRun) -> str:
        if not (run.rejected and self.user.has_perm("catalog.view_rejectedrow")):
            return ""
        return f"{reverse('admin:catalog_rejectedrow_changelist')}?run__exact={run.pk}"


def _run(pk: int) -> SyncRun:
    if len(str(pk)) > _LONGEST_NUMBER:
        raise Http404("There is no run of this number.")
    found = SyncRun.objects.select_related("gateway__accepted_run").filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no run {pk}.")
    return found


def _reason(reason: str) -> str:
    """Raises ReasonMissing: without one, the decision would get a reason that its author did not give."""
    if not reason.strip():
        raise ReasonMissing
    return reason


def _held_view(run: SyncRun) -> Values:
    return {
        "pk": run.pk,
        "gateway": gateway_name(run.gateway.slug),
        "href": reverse("desk:run", args=[run.pk]),
        "began": figures.moment_view(run.started_at),
        "reasons": [figures.first_upper(reason) for reason in run.error.split("; ") if reason],
        "limits": run_views.limits(run) if run.outcome == Outcome.HELD else [],
        "seen": figures.counted(run.seen, "row"),
    }


def _require_undecided(run: SyncRun) -> None:
    if run.outcome == Outcome.HELD:
        return
    name = f"Run {run.pk} of {gateway_name(run.gateway.slug)}"
    words = run_views.decision(run) or f"Its outcome is: {run.get_outcome_display()}."
    title = f"{name} was decided in the meantime." if run_views.decision(run) else f"{name} is not held."
    raise Problem(title, f"Nothing was changed. {words}")


def _require_newest(run: SyncRun, *, seen: str) -> None:
    """Raise Problem if a newer run has read the gateway since the page was shown."""
    newest = run_views.newest_of(run)
    if newest is not None and seen.isdecimal() and seen != str(newest.pk):
        name = gateway_name(run.gateway.slug)
        words = f"Run {newest.pk} has read {name} on {figures.minute(newest.started_at)}: {newest.outcome}."
        raise Problem("A newer run has ended since you opened this page.", f"Nothing was changed. {words} Look again.")


def _warning(newest: SyncRun | None) -> str:
    if newest is None:
        return ""
    return f"A newer run of this gateway has ended: run {newest.pk}, {newest.outcome}."


# --- the list --------------------------------------------------------------------------------------------------------
def _matching(chosen: dict[str, str]) -> QuerySet[SyncRun]:
    runs = SyncRun.objects.select_related("gateway").order_by("-pk")
    if chosen["gateway"]:
        runs = runs.filter(gateway__slug=chosen["gateway"])
    return runs.filter(outcome=chosen["outcome"]) if chosen["outcome"] else runs


def _page(runs: QuerySet[SyncRun], before: str, chosen: dict[str, str]) -> tuple[list[SyncRun], Values | None]:
    """Return a page of runs, and the ways to others. Pages begin at a run, so new runs do not move them."""
    is_later = before.isascii() and before.isdecimal() and len(before) <= _LONGEST_NUMBER
    found = list((runs.filter(pk__lt=int(before)) if is_later else runs)[: SHOWN + 1])
    shown, kept = found[:SHOWN], {name: value for name, value in chosen.items() if value}
    if len(found) <= SHOWN and not is_later:
        return shown, None
    return shown, {
        "words": f"{figures.counted(len(shown), 'run')}, newest first",
        "before": f"?{urlencode(kept)}" if is_later else "",
        "after": f"?{urlencode({**kept, 'before': shown[-1].pk})}" if len(found) > SHOWN else "",
    }


def _one_of(known: list[str], value: str) -> str:
    return value if value in known else ""


def _fields(chosen: dict[str, str]) -> list[Values]:
    gateways = {"": "all", **{slug: gateway_name(slug) for slug in registry.GATEWAYS}}
    outcomes = {"": "all", **dict(Outcome.choices)}
    return [
        {"name": name, "label": label, "options": [_option(*each, chosen[name]) for each in options.items()]}
        for name, label, options in (("gateway", "Gateway", gateways), ("outcome", "Outcome", outcomes))
    ]


def _option(value: str, text: str, chosen: str) -> Values:
    return {"value": value, "text": text, "chosen": value == chosen}


def _chips(chosen: dict[str, str]) -> list[Values]:
    kept = {name: value for name, value in chosen.items() if value}
    return [
        {"text": f"{name}: {value}", "href": f"?{urlencode({each: kept[each] for each in kept if each != name})}"}
        for name, value in kept.items()
    ]
