"""The gateways: how fresh the prices of each are, how its last runs ended, and what its prices mean.

These pages are about this moment, not about a revision, so they read the tables and are kept only for seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from catalog import gateway_settings, registry
from catalog.adapter.contract import Gateway
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.models import SyncRun
from catalog.parameters.endpoints import Endpoint, NotFound, Query
from catalog.reports import statistics
from catalog.reports.gateways import GatewayReport, gateways
from catalog.web import figures, offers, pages, words
from catalog.web.layout import page_answer
from catalog.web.parameters import NoPageParameters, members_priced
from catalog.web.standing import standing_of
from front.answers import Answer

View = dict[str, Any]

BRIEFLY = "public, max-age=30"
SHOWN_RUNS, LISTED_RUNS = 30, 30
_OK = frozenset({SyncRun.Outcome.PUBLISHED, SyncRun.Outcome.UNCHANGED, SyncRun.Outcome.RELEASED})
_HELD = frozenset({SyncRun.Outcome.HELD, SyncRun.Outcome.DISCARDED, SyncRun.Outcome.OVERTAKEN})
STATES = {
    "fresh": "Its list was read within the last two intervals.",
    "stale": "Its list was not read lately; prices may have moved.",
    "held": "A new list waits for a person, because too much of it changed at once.",
    "failing": "The last run failed; the prices are those of the last list that could be read.",
    "never": "It was not read yet.",
    "disabled": "The operator of this service does not read it at present; its prices are the last that were read.",
    "bundled": "The list came with this program, and the gateway's API was not read yet.",
}
"""What the state of a gateway means."""


def read_gateways(snapshot: Snapshot, query: Query) -> Answer:
    reports = _reports()
    names = [offers.gateway_name(each.slug) for each in reports]
    values = {
        "gateways": [_gateway(snapshot, report) for report in reports],
        "count": figures.counted(len(reports), "gateway"),
        "interval": _interval(),
        "crumbs": [{"name": "Models", "href": "/"}, {"name": "Gateways", "href": ""}],
    }
    return page_answer(
        snapshot,
        query,
        "gateways.html",
        values,
        current="Gateways",
        title=f"{figures.counted(len(reports), 'gateway')} and how fresh their prices are",
        description=f"{figures.listed(names)}: offers, prices and last runs.",
        cache_control=BRIEFLY,
        alternates=(("application/json", "/catalog/gateways"),),
        about=(),
    )


class Gateways(pages.CatalogPage):
    endpoint = Endpoint(media_type=pages.HTML, filterset=NoPageParameters, answer=read_gateways, reads_tables=True)


def read_gateway(snapshot: Snapshot, query: Query) -> Answer:
    report = next((each for each in _reports() if each.slug == query.id), None)
    if report is None:
        raise NotFound(f"There is no gateway of this name. There are {', '.join(registry.GATEWAYS)}.")
    runs = _runs(report.slug, LISTED_RUNS)
    values = {
        "gateway": _gateway(snapshot, report),
        "runs": [_run(run) for run in runs],
        "prices": _prices(snapshot, report.slug),
        "crumbs": [
            {"name": "Models", "href": "/"},
            {"name": "Gateways", "href": "/gateways"},
            {"name": offers.gateway_name(report.slug), "href": ""},
        ],
    }
    name = offers.gateway_name(report.slug)
    return page_answer(
        snapshot,
        query,
        "gateway.html",
        values,
        current="Gateways",
        title=f"{name}: {figures.counted(report.models, 'offer')} and how fresh they are",
        description=f"{name} sells {figures.counted(report.models, 'offer')}. {STATES[report.state]}",
        cache_control=BRIEFLY,
        about=(report.slug,),
    )


class GatewayPage(pages.CatalogPage):
    endpoint = Endpoint(media_type=pages.HTML, filterset=NoPageParameters, answer=read_gateway, reads_tables=True)


def _reports() -> list[GatewayReport]:
    return gateways(now=timezone.now())


def _interval() -> str:
    """Return how often the gateways are read: one interval, or the shortest and the longest."""
    minutes = {each.interval_minutes.value for each in gateway_settings.all_settings().values() if each.is_enabled}
    if len(minutes) < 2:
        return "every hour" if minutes in ({60}, set()) else f"every {min(minutes)} minutes"
    return f"every {min(minutes):,} to {max(minutes):,} minutes"


def _gateway(snapshot: Snapshot, report: GatewayReport) -> View:
    adapter = registry.GATEWAYS[report.slug]
    mine = Selection.of(snapshot).of_gateway(report.slug)
    runs = _runs(report.slug, SHOWN_RUNS)
    return {
        "slug": report.slug,
        "name": offers.gateway_name(report.slug),
        "mark": offers.mark(snapshot.makers.of(report.slug), offers.gateway_name(report.slug)),
        "href": f"/gateways/{report.slug}",
        "offers_href": f"/?gateway={report.slug}",
        "state": report.state,
        "state_words": STATES[report.state],
        "about": _about_prices(snapshot, adapter),
        "offers": f"{report.models:,}",
        "models": f"{standing_of(snapshot).count(mine.members):,}",
        "recorded": figures.long_day(report.recorded_at) if report.recorded_at else "",
        "part": adapter.bundled_part if report.recorded_at else "",
        "read": figures.moment_view(report.last_success) if report.last_success else None,
        "next": figures.moment_view(report.next_run) if report.next_run else None,
        "error": report.error or "",
        "held_prices": report.held_prices,
        "rejected": report.rejected,
        "site": adapter.site_url,
        "docs": adapter.docs_url,
        "bars": bars(runs),
        "bars_words": bars_words(runs),
    }


def _about_prices(snapshot: Snapshot, adapter: Gateway) -> list[str]:
    """Return what the gateway's prices mean, in sentences: how its offers are priced, and where the prices are from."""
    mine = Selection.of(snapshot).of_gateway(adapter.slug)
    counts = {price: len(mine.members & members_priced(mine, price)) for price in words.PRICES}
    priced = [f"{number:,} {words.PRICES[price]}" for price, number in counts.items() if number]
    units = "They are US dollars, exactly as the gateway publishes them."
    edited = ["They come from a file that other people edit."] if adapter.prices_are_edited else []
    free = ["Free offers are counted once more by how they would be billed."] if counts["free"] else []
    return [
        f"Its offers: {figures.listed(priced)}.",
        *free,
        units,
        *edited,
        f"Read from {adapter.requests}.".replace("`", ""),
    ]


def _runs(slug: str, most: int) -> list[SyncRun]:
    """Return the last finished runs, newest first."""
    return list(SyncRun.objects.filter(gateway__slug=slug).finished().order_by("-started_at")[:most])


def bars(runs: Sequence[SyncRun]) -> list[View]:
    """Return the last runs as bars, oldest first: full for a success, half for a failure, hollow for a held list."""
    bars = []
    for number, run in enumerate(reversed(runs)):
        kind = "ok" if run.outcome in _OK else "hold" if run.outcome in _HELD else "bad"
        is_last = number == len(runs) - 1
        bars.append(
            {
                "class": "last" if is_last and kind == "ok" else kind,
                "x": f"{number * 7 + 0.5}",
                "y": "12.5" if kind == "bad" else "0.5",
                "height": "13" if kind == "bad" else "25",
            }
        )
    return bars


def bars_words(runs: Sequence[SyncRun]) -> str:
    if not runs:
        return "No run has ended yet."
    good = sum(run.outcome in _OK for run in runs)
    held = sum(run.outcome in _HELD for run in runs)
    failed = len(runs) - good - held
    parts = [f"{good} succeeded", *([f"{held} held"] if held else []), *([f"{failed} failed"] if failed else [])]
    last_bad = next((run for run in runs if run.outcome not in _OK), None)
    when = f" The last that did not succeed began on {figures.minute(last_bad.started_at)}." if last_bad else ""
    return f"Last {figures.counted(len(runs), 'run')}: {', '.join(parts)}.{when}"


def _run(run: SyncRun) -> View:
    return {
        "began": figures.moment_view(run.started_at),
        "outcome": run.outcome,
        "seen": f"{run.seen:,}",
        "new": f"{run.new:,}",
        "changed": f"{run.changed:,}",
        "gone": f"{run.withdrawn:,}",
        "rejected": f"{run.rejected:,}",
        "held": f"{run.held_prices:,}",
        "error": run.error,
    }


def _prices(snapshot: Snapshot, slug: str) -> list[View]:
    """Return how the gateway's prices are distributed; each figure is the price of some offer."""
    found = statistics.statistics(Selection.of(snapshot).of_gateway(slug)).prices
    names = {
        "prompt_per_million": "Input, US$ per 1M tokens",
        "completion_per_million": "Output, US$ per 1M tokens",
        "hourly_rate": "US$ per hour of an instance",
    }
    return [
        {
            "name": names[name],
            "offers": f"{each.offers:,}",
            "free": f"{each.free:,}",
            "amounts": [
                figures.dollars_view(amount)
                for amount in (each.min, each.p25, each.median, each.p75, each.max)
                if amount is not None
            ],
        }
        for name, each in found.items()
        if each.offers or each.free
    ]
