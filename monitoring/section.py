"""The section of a model's page that shows whether its offers could be used: a strip of 90 days, with words.

The strip has a bar for each day, which is as high as the share of the day in which the offer could be used. Words and a
table say the same, so nothing depends on a colour. What gateways say themselves is apart, under their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any

from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.pricing import money
from catalog.records import Availability
from catalog.web import figures, offers, templates
from monitoring import uptime
from monitoring.figures import held_prices
from monitoring.follow import WatchedOffer
from monitoring.uptime import Day

View = dict[str, Any]

DAYS = 90
MOST_OFFERS, MOST_HOSTS, MOST_BAD_DAYS = 12, 20, 30
DAY_WIDTH, BAR_WIDTH, HEIGHT = 4, 3, 32
LEAST_HEIGHT = 4
"""Of a day on which the offer could not be used at all."""
FULL_PERCENT = 99.95
_EPOCH = date(1970, 1, 1)
_WORDS = {
    Availability.ONLINE: "can be used",
    Availability.COLD: "has to be loaded first",
    Availability.OFFLINE: "cannot be used",
    Availability.UNKNOWN: "is not known",
}


def section(snapshot: Snapshot, rows: Sequence[Row]) -> str:
    """Return the section about these offers; empty if none of them is watched."""
    watched = [
        (row, watch.facts)
        for row in rows
        if (watch := snapshot.watches.get((row.gateway, row.id))) is not None and isinstance(watch.facts, WatchedOffer)
    ]
    if not watched:
        return ""
    shown = watched[:MOST_OFFERS]
    values = {
        "as_of": figures.moment_view(max(facts.as_of for _, facts in shown)),
        "offers": [offer_view(row, facts) for row, facts in shown],
        "left_out": len(watched) - len(shown),
        "days": DAYS,
        "width": DAYS * DAY_WIDTH - (DAY_WIDTH - BAR_WIDTH),
        "height": HEIGHT,
        "figures": [view for row, facts in shown if (view := _own_figures(row, facts))],
    }
    return templates.render_part("monitoring/section.html", values)


def offer_view(row: Row, facts: WatchedOffer) -> View:
    now = facts.as_of.timestamp()
    found = uptime.days(facts.periods, now=now, count=DAYS)
    month = uptime.windows(facts.periods, now=now)["30d"]
    bad = [day for day in found if day.seconds.get(Availability.OFFLINE, 0) > 0]
    known = sum(day.uptime.known > 0 for day in found)
    state = facts.state
    return {
        "seller": offers.seller(row),
        "id": row.id,
        "state": state.state,
        "since": figures.minute(state.since),
        "marks": [*state.marks(now=facts.as_of)],
        "reason": state.reason,
        "month": _percent(month.percent) if month.percent is not None else "",
        "known": f"its state is known on {figures.counted(known, 'day')} of {DAYS}",
        "outages": _outages(bad),
        "bad_days": [
            {"day": _day_view(day), "uptime": _percent(day.uptime.percent), "down": _duration(day)}
            for day in reversed(bad[-MOST_BAD_DAYS:])
        ],
        "strip": strip(found),
        "words": f"{offers.seller(row)} {_WORDS[state.state]} since {figures.minute(state.since)}; "
        f"{_outages(bad)} in {DAYS} days",
    }


def strip(days: Sequence[Day]) -> list[View]:
    """Return the bars as one SVG path for each kind of day: `full`, `part`, `none` and `unknown`."""
    paths: dict[str, list[str]] = {}
    for place, day in enumerate(days):
        kind, height = _bar(day)
        x = place * DAY_WIDTH
        paths.setdefault(kind, []).append(f"M{x} {HEIGHT}v-{height}h{BAR_WIDTH}v{height}z")
    return [{"kind": kind, "path": "".join(parts)} for kind, parts in sorted(paths.items())]


def _bar(day: Day) -> tuple[str, int]:
    """Return the kind and the height of a day's bar. Of a day that is hardly known, what is known is shown."""
    if day.uptime.known <= 0:
        return "unknown", 1
    percent = 100 * day.uptime.usable / day.uptime.known
    height = max(LEAST_HEIGHT, round(HEIGHT * percent / 100))
    if percent >= FULL_PERCENT:
        return "full", HEIGHT
    return ("none" if percent < 1 else "part"), min(height, HEIGHT - 3)


def _outages(bad: Sequence[Day]) -> str:
    return f"offline on {figures.counted(len(bad), 'day')}" if bad else "never seen offline"


def _day_view(day: Day) -> View:
    moment = _EPOCH + timedelta(days=day.number)
    return {"iso": moment.isoformat(), "text": figures.day(moment)}


def _duration(day: Day) -> str:
    minutes = max(1, round(day.seconds[Availability.OFFLINE] / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _percent(percent: float | None) -> str:
    """Return a percentage that never says 100 of something that is less."""
    if percent is None:
        return "not known"
    return "100%" if percent == 100 else f"{min(percent, 99.99):.2f}%"


# --- what the gateway says itself ------------------------------------------------------------------------------------
def _own_figures(row: Row, facts: WatchedOffer) -> View | None:
    if not facts.figures or facts.figures_at is None:
        return None
    hosts = facts.figures.get("hosts", ())
    view: View = {
        "seller": offers.gateway_name(row.gateway),
        "id": row.id,
        "read": figures.moment_view(facts.figures_at.astimezone(UTC)),
        "sentence": _load_sentence(facts.figures),
        "hosts": [_host_view(host) for host in hosts[:MOST_HOSTS]],
        "more_hosts": max(0, len(hosts) - MOST_HOSTS),
        "held": [_held_sentence(hold) for hold in held_prices(offers.document_of(row.document), facts)],
    }
    return view if view["hosts"] or view["sentence"] else None


def _load_sentence(own: Mapping[str, Any]) -> str:
    """Return what Chutes says of its instances and their load."""
    active, total = own.get("active_instance_count"), own.get("total_instance_count")
    parts = []
    if active is not None:
        parts.append(f"{active} of {total} instances run" if total is not None else f"{active} instances run")
    if (load := own.get("utilization_5m")) is not None:
        parts.append(f"their load over five minutes is {100 * load:.0f}%")
    if (refused := own.get("rate_limit_ratio_5m")) is not None:
        parts.append(f"{100 * refused:.0f}% of the requests were refused")
    return f"{figures.first_upper(', '.join(parts))}." if parts else ""


def _host_view(host: Mapping[str, Any]) -> View:
    pricing = host.get("pricing", {})
    status = host.get("status")
    return {
        "name": host.get("name") or host.get("tag") or "unnamed",
        "quantization": host.get("quantization", ""),
        "status": "" if status is None else ("normal" if status >= 0 else f"fewer requests ({status})"),
        "uptimes": [
            "" if (each := host.get(key)) is None else f"{round(each, 2):g}%"
            for key in ("uptime_last_5m", "uptime_last_30m", "uptime_last_1d")
        ],
        "prices": [
            figures.per_million_view(money.per_million(Decimal(pricing[key]))) if pricing.get(key) else None
            for key in ("prompt", "completion")
        ],
    }


def _held_sentence(hold: Mapping[str, Any]) -> str:
    agreeing, others = len(hold["hosts_that_agree"]), len(hold["hosts_that_differ"])
    if hold["verdict"] == "unknown":
        return ""
    of = figures.counted(agreeing + others, "host")
    return f"The held price of {hold['pricing_key']} is asked by {agreeing} of {of}."
