"""The gateways: what applies to each, with the locks of the environment, how its last runs ended, and a sync."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from catalog import queries, registry
from catalog.adapter import settings as of_gateway
from catalog.curation import gateways as curation
from catalog.curation.gateways import OPTION, InvalidSettings
from catalog.desk import feeds, syncing
from catalog.desk.feeds import Feed
from catalog.desk.pages import DeskPage, Values
from catalog.desk.roles import Action
from catalog.gateway_settings import LEAST_MINUTES, MOST_MINUTES, SOURCES, Chosen, GatewaySettings, Origin
from catalog.models import SyncRun
from catalog.publication.audit import Actor
from catalog.web import figures
from catalog.web.offers import gateway_name

APPLIES = "It applies within a minute, in all processes."


class Gateways(DeskPage):
    address = "gateways/"
    name = "gateways"
    title = "Gateways"

    def get(self, request: HttpRequest) -> HttpResponse:
        state = request.GET.get("state", "")
        found = [feed for feed in feeds.feeds() if state in {"", feed.state}]
        values = {"gateways": [_line(feed) for feed in found], "state": state, "heading": _heading(found, state)}
        return self.show("desk/gateways.html", values)


class GatewayPage(DeskPage):
    address = "gateways/<str:gateway>/"
    name = "gateway"
    current = "gateways"
    changes = Action.GATEWAYS

    def get(self, request: HttpRequest, gateway: str) -> HttpResponse:
        return self._page(_feed(gateway), sent=None, errors={})

    def post(self, request: HttpRequest, gateway: str) -> HttpResponse:
        feed = _feed(gateway)
        try:
            changed = curation.choose(
                gateway,
                _wanted(feed.settings, request.POST),
                reason=request.POST.get("reason", ""),
                actor=Actor.of(self.user),
                now=timezone.now(),
            )
        except InvalidSettings as error:
            errors = {problem.setting: figures.first_upper(f"{problem.reason}.") for problem in error.problems}
            return self._page(feed, sent=request.POST, errors=errors)
        names = figures.listed([_title(name).lower() for name in changed])
        return self.go("gateway", gateway, said=f"Changed: {names}. {APPLIES}" if changed else "Nothing was different.")

    def _page(self, feed: Feed, *, sent: Mapping[str, str] | None, errors: Mapping[str, str]) -> HttpResponse:
        slug = feed.gateway.slug
        state = queries.gateway_state(feed.gateway, now=timezone.now(), applying=feed.settings)
        values = {
            "title": gateway_name(slug),
            "each": syncing.feed_view(feed),
            "facts": _facts(state),
            "fields": _fields(feed.settings, sent or {}, errors),
            "reason": {
                "name": "reason",
                "label": "Why",
                "value": (sent or {}).get("reason", ""),
                "error": errors.get("reason", ""),
                "hint": "Stays in the audit trail.",
            },
            "rows": [self._run(run) for run in feed.runs],
            "rejected": self.way_to("rejected") if state.last_run and state.last_run.rejected else "",
        }
        return self.show("desk/gateway.html", values, HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK)

    def _run(self, run: SyncRun) -> Values:
        may_read = self.user.has_perm("catalog.view_syncrun")
        return {
            "href": f"/admin/catalog/syncrun/{run.pk}/change/" if may_read else "",
            "began": figures.moment_view(run.started_at),
            "outcome": run.outcome,
            "source": run.source,
            "counts": [f"{number:,}" for number in (run.seen, run.new, run.changed, run.withdrawn, run.rejected)],
            "error": run.error,
        }


def _heading(found: Sequence[Feed], state: str) -> str:
    return figures.counted(len(found), f"{state} gateway".strip()) if state else "Gateways"


def _feed(gateway: str) -> Feed:
    if gateway not in registry.GATEWAYS:
        raise Http404(f"There is no gateway of this name. There are {figures.listed([*registry.GATEWAYS])}.")
    return feeds.feeds([gateway])[0]


def _line(feed: Feed) -> Values:
    applying = feed.settings
    next_run = feed.gateway.next_run_at
    return {
        **syncing.feed_view(feed),
        "every": _every(applying.interval_minutes.value),
        "source": applying.source.value,
        "is_locked": any(each.is_locked for each in (applying.enabled, applying.interval_minutes, applying.source)),
        "next": figures.minute(next_run) if next_run and applying.is_enabled else "",
        "failures": feed.gateway.failures,
    }


def _facts(state: queries.GatewayState) -> Sequence[Values]:
    found = [
        ("Offers", f"{state.models:,}"),
        ("Read from", state.source or "nothing yet"),
        ("Last read", figures.minute(state.last_success_at) if state.last_success_at else "never"),
        ("Next run", _next(state)),
        ("Held prices", f"{state.held_prices:,}"),
    ]
    return [{"name": name, "value": value} for name, value in found]


def _next(state: queries.GatewayState) -> str:
    if state.state == "disabled":
        return "none while it is disabled"
    return figures.minute(state.next_run_at) if state.next_run_at else "as soon as possible"


def _every(minutes: int) -> str:
    if minutes % 60:
        return f"{minutes:,} min"
    return "hour" if minutes == 60 else f"{minutes // 60:,} hours"


# --- the form --------------------------------------------------------------------------------------------------------
def _title(name: str) -> str:
    titles = {"enabled": "Read at all", "interval_minutes": "Minutes between two runs", "source": "Source"}
    return titles.get(name) or figures.first_upper(name.removeprefix(OPTION).replace("_", " "))


def _wanted(applying: GatewaySettings, sent: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the form. A setting that the form lacks, because it is locked, stays."""
    read: Mapping[str, Callable[[str], Any]] = {"enabled": _flag, "interval_minutes": _number, "source": _text}
    wanted: dict[str, Any] = {name: clean(sent[name].strip()) for name, clean in read.items() if name in sent}
    for name in applying.options:
        if f"{OPTION}{name}" in sent:
            wanted[f"{OPTION}{name}"] = sent[f"{OPTION}{name}"].replace(",", " ").split()
    return wanted


def _text(text: str) -> str | None:
    return text or None


def _flag(text: str) -> bool | str | None:
    return {"": None, "true": True, "false": False}.get(text, text)


def _number(text: str) -> int | str | None:
    if not text:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text


def _fields(applying: GatewaySettings, sent: Mapping[str, str], errors: Mapping[str, str]) -> list[Values]:
    adapter = registry.GATEWAYS[applying.slug]
    fields = [
        _field("enabled", applying.enabled, "yes" if applying.enabled.value else "no", sent, errors)
        | {
            "options": (("", "default: yes"), ("true", "yes"), ("false", "no")),
            "hint": "While it is not read, its offers stay as they are, and lists say so.",
        },
        _field("interval_minutes", applying.interval_minutes, str(applying.interval_minutes.value), sent, errors)
        | {
            "inputmode": "numeric",
            "hint": f"{LEAST_MINUTES} to {MOST_MINUTES:,}. Empty: {settings.SYNC_INTERVAL_MINUTES:,}.",
        },
        _field("source", applying.source, applying.source.value, sent, errors)
        | {
            "options": (("", "default: auto"), *((each, each) for each in SOURCES)),
            "hint": of_gateway.source(adapter).explained,
        },
    ]
    for name, chosen in applying.options.items():
        hint = f"{adapter.explained[name]} Empty: {', '.join(adapter.options[name])}."
        fields.append(
            _field(f"{OPTION}{name}", chosen, ", ".join(chosen.value), sent, errors) | {"is_long": True, "hint": hint}
        )
    return [_with_options(field) for field in fields]


def _field(name: str, chosen: Chosen[Any], shown: str, sent: Mapping[str, str], errors: Mapping[str, str]) -> Values:
    """`shown` is the value that applies. The field has the chosen one, which is empty if nothing was chosen here."""
    own = shown if chosen.origin is Origin.DESK else ""
    spelled = {"yes": "true", "no": "false"}.get(own, own) if name == "enabled" else own
    return {
        "name": name,
        "label": _title(name),
        "shown": shown,
        "lock": chosen.variable if chosen.is_locked else "",
        "value": sent.get(name, spelled),
        "error": errors.get(name, ""),
    }


def _with_options(field: Values) -> Values:
    if "options" not in field:
        return field
    options = [{"value": value, "text": words, "chosen": value == field["value"]} for value, words in field["options"]]
    return field | {"options": options}
