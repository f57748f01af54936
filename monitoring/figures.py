"""The figures of an offer, as answers show them. Unknown is null, and nothing is 100 by default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from catalog import registry
from catalog.normalize import dates
from catalog.records import Availability
from monitoring import uptime
from monitoring.follow import WatchedOffer
from monitoring.machine import Origin
from monitoring.models import TTFT_BOUNDS_MS, TTFT_COLUMNS
from monitoring.signals.openrouter import hosts_that_ask

Json = Any

ORIGINS = {Origin.STATEMENT: "statement", Origin.PROBE: "probe", Origin.TRAFFIC: "traffic"}
TTFT_WINDOW = "1d"
NOTHING: dict[str, Json] = {
    "state": Availability.UNKNOWN,
    "since": None,
    "reason": None,
    "marks": [],
    "checked_at": None,
    "evidence": None,
    "uptime": dict.fromkeys(uptime.WINDOWS),
    "known_share": dict.fromkeys(uptime.WINDOWS, 0.0),
    "success": dict.fromkeys(uptime.WINDOWS),
    "requests": dict.fromkeys(uptime.WINDOWS, 0),
    "ttft_ms": {"p50": None, "p90": None, "answers": 0},
}
"""The figures of an offer without an observation."""


def row(document: Mapping[str, Json], watched: WatchedOffer | None) -> dict[str, Json]:
    """Return what is known of an offer of the catalogue, without its gateway's own figures."""
    shown = {
        "id": document["id"],
        "source_gateway": document["source_gateway"],
        "published_state": document["availability"],
    }
    return shown | (NOTHING if watched is None else _observed(watched))


def _observed(watched: WatchedOffer) -> dict[str, Json]:
    state, now = watched.state, watched.as_of
    windows = uptime.windows(watched.periods, now=now.timestamp())
    sums = {window: watched.sums.get(window, {}) for window in uptime.WINDOWS}
    success = {
        window: uptime.success_percent(window, ok=each.get("ok", 0), failed=each.get("error", 0))
        for window, each in sums.items()
    }
    return {
        "state": state.state,
        "since": dates.iso(state.since),
        "reason": state.reason or None,
        "marks": [*state.marks(now=now)],
        "checked_at": None if state.checked_at is None else dates.iso(state.checked_at),
        "evidence": None if state.origin is None else ORIGINS[state.origin],
        "uptime": {window: _rounded(each.percent) for window, each in windows.items()},
        "known_share": {window: round(each.known_share, 4) for window, each in windows.items()},
        "success": {window: _rounded(percent) for window, percent in success.items()},
        "requests": {window: each.get("ok", 0) + each.get("error", 0) for window, each in sums.items()},
        "ttft_ms": _ttft(sums[TTFT_WINDOW]),
    }


def gateway_figures(watched: WatchedOffer | None, *, gateway: str) -> dict[str, Json] | None:
    """Return the gateway's own figures with their source; None if there are none."""
    if watched is None or not watched.figures or watched.figures_at is None:
        return None
    return {"source": registry.GATEWAYS[gateway].name, "read_at": dates.iso(watched.figures_at), **watched.figures}


def held_prices(document: Mapping[str, Json], watched: WatchedOffer | None) -> list[Json]:
    """Return the prices that we do not believe yet, with the hosts that ask the reported price and those that do not.

    Prices under conditions are left out: hosts state none.
    """
    hosts = watched.figures.get("hosts", ()) if watched is not None else ()
    found = []
    for hold in document["holds"]:
        if not hold["conditions"]:
            agreeing, others = hosts_that_ask(hosts, pricing_key=hold["pricing_key"], amount=hold["reported"])
            found.append(
                {
                    "pricing_key": hold["pricing_key"],
                    "reported": hold["reported"],
                    "served": hold["served"],
                    "verdict": _verdict(len(agreeing), len(others)),
                    "hosts_that_agree": agreeing,
                    "hosts_that_differ": others,
                }
            )
    return found


def periods(watched: WatchedOffer, *, days: int) -> list[Json]:
    """Return the states of the last days, the newest first."""
    start = (int(watched.as_of.timestamp()) // uptime.DAY - days + 1) * uptime.DAY
    return [
        {
            "state": period.state,
            "from": _iso(max(period.start, start)),
            "until": None if period.end is None else _iso(period.end),
        }
        for period in reversed(watched.periods)
        if period.end is None or period.end > start
    ]


def daily(watched: WatchedOffer, *, days: int) -> list[Json]:
    return [
        {
            "day": datetime.fromtimestamp(day.number * uptime.DAY, UTC).date().isoformat(),
            "uptime": _rounded(day.uptime.percent),
            "known_share": round(day.uptime.known_share, 4),
            "offline_seconds": round(day.seconds.get(Availability.OFFLINE, 0.0)),
        }
        for day in uptime.days(watched.periods, now=watched.as_of.timestamp(), count=days)
    ]


def _ttft(sums: Mapping[str, int]) -> dict[str, Json]:
    counts = [sums.get(column, 0) for column in TTFT_COLUMNS]
    return {
        "p50": uptime.percentile(counts, TTFT_BOUNDS_MS, 0.5),
        "p90": uptime.percentile(counts, TTFT_BOUNDS_MS, 0.9),
        "answers": sum(counts),
    }


def _verdict(agreeing: int, others: int) -> str:
    """A price that at least one host asks exists; one that none of the hosts asks is refuted."""
    if agreeing:
        return "confirmed"
    return "refuted" if others else "unknown"


def _rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 2)


def _iso(seconds: float) -> str:
    return dates.iso(datetime.fromtimestamp(seconds, UTC))
