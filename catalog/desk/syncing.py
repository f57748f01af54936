"""Starts the run of a gateway and shows how it goes on, as a line of the list of gateways."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from catalog import registry
from catalog.desk import feeds
from catalog.desk.feeds import Feed
from catalog.desk.pages import DeskPage, Values
from catalog.desk.roles import Action
from catalog.memory.selection import Selection
from catalog.models import SyncRun
from catalog.models.patience import Busy
from catalog.publication import audit, locks
from catalog.publication.audit import Actor
from catalog.sync import schedule
from catalog.web import figures
from catalog.web.gateways import STATES, bars, bars_words
from catalog.web.offers import gateway_name

Outcome = SyncRun.Outcome
_ENDS = {
    Outcome.PUBLISHED: "published",
    Outcome.UNCHANGED: "nothing changed",
    Outcome.HELD: "held: somebody must decide",
    Outcome.FAILED: "failed",
    Outcome.LOST: "lost: its process ended",
}


class GatewayLine(DeskPage):
    """The line of one gateway. A script asks for it again while a run waits or reads."""

    address = "sync/<str:gateway>/"
    name = "sync"
    changes = Action.SYNC

    def get(self, request: HttpRequest, gateway: str) -> HttpResponse:
        feed = _feed(gateway)
        if not self.is_partial:
            return self.go("front")
        if request.GET.get("seen") == _key(feed):
            return HttpResponse(status=HTTPStatus.NO_CONTENT)  # the page shows it already
        return self._line(feed, said=_ended(feed) if not feed.active else "")

    def post(self, request: HttpRequest, gateway: str) -> HttpResponse:
        said, level = _request_run(_feed(gateway), Actor.of(self.user))
        if self.is_partial:
            return self._line(_feed(gateway), said=said)
        self.say(said, level)
        return self.go("front")

    def _line(self, feed: Feed, *, said: str) -> HttpResponse:
        return self.fragment("desk/gateway_line.html", {"each": {**feed_view(feed), "said": said}})


def feed_view(feed: Feed) -> Values:
    """Return what `gateway_line.html` shows of a gateway."""
    slug, read = feed.gateway.slug, feed.gateway.last_success_at
    served = feeds.snapshot()
    count = len(Selection.of(served).of_gateway(slug).members) if served else 0
    return {
        "slug": slug,
        "name": gateway_name(slug),
        "href": f"/gateways/{slug}",
        "state": feed.state,
        "state_words": STATES[feed.state],
        "offers": figures.counted(count, "offer"),
        "read": figures.moment_view(read) if read else None,
        "next": figures.moment_view(feed.gateway.next_run_at) if feed.gateway.next_run_at else None,
        "runs": {"bars": bars(feed.runs), "words": bars_words(feed.runs)},
        "progress": _progress(feed.active),
        "key": _key(feed),
        "said": "",
    }


def _feed(gateway: str) -> Feed:
    if gateway not in registry.GATEWAYS:
        raise Http404(f"There is no gateway of this name. There are {figures.listed([*registry.GATEWAYS])}.")
    return feeds.feeds([gateway])[0]


def _request_run(feed: Feed, actor: Actor) -> tuple[str, int]:
    """Request a run unless one waits or reads, and return what to tell about it."""
    name = gateway_name(feed.gateway.slug)
    if feed.active is not None:
        return f"{name}: {_progress(feed.active)} already; another run was not requested.", messages.WARNING
    try:
        now = timezone.now()
        schedule.request_run(feed.gateway.slug, now=now, record=lambda run: _record(run, actor, now=now))
        schedule.send_due()
    except Busy as error:
        return f"{name}: no run was requested: {error}. Please try again.", messages.WARNING
    except schedule.NoBroker as error:
        return f"{name}: a run is requested, but begins later: {error}.", messages.WARNING
    return f"{name}: a run is requested.", messages.SUCCESS


def _record(run: SyncRun, actor: Actor, *, now: datetime) -> None:
    """Write into the audit trail who asked for the run. It publishes nothing by itself."""
    revision = locks.lock_revision().number
    item = audit.Item(kind=audit.Subject.RUN, number=run.pk, subject=run.gateway.slug)
    draft = audit.Draft(kind=audit.Kind.SYNC, actor=actor, reason="Asked for at the desk.", items=[item])
    audit.write(draft, before=revision, after=revision, now=now)


def _progress(run: SyncRun | None) -> str:
    if run is None:
        return ""
    return "a run waits to begin" if run.outcome == Outcome.WAITING else "a run is reading"


def _key(feed: Feed) -> str:
    """Return a text that changes when the line does."""
    run = feed.active or next(iter(feed.runs), None)
    return f"{run.pk}-{run.outcome}" if run else ""


def _ended(feed: Feed) -> str:
    run = next(iter(feed.runs), None)
    if run is None:
        return ""
    words = _ENDS.get(Outcome(run.outcome), run.get_outcome_display())
    counts = (
        f": {run.new:,} new, {run.changed:,} changed, {run.withdrawn:,} withdrawn"
        if run.outcome == Outcome.PUBLISHED
        else ""
    )
    return f"The run has ended, {words}{counts}."
