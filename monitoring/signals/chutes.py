"""Chutes.ai: how many instances of each deployment run, and how busy they are.

`GET https://api.chutes.ai/chutes/utilization`, without a key: a bare list with a row for each deployment ("chute"),
also for private ones, whose name is "[private chute]". One request covers all. `utilization_*` and `rate_limit_ratio_*`
are shares from 0 to 1, over 5 minutes, 15 minutes and an hour.

`GET /chutes/warmup/…` is never asked: it starts instances, and bills for them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from catalog.adapter.contract import Request
from catalog.adapter.errors import BadPayload
from catalog.normalize import text
from monitoring.machine import Verdict
from monitoring.signals.contract import Heard, Json, Reading, known, share, whole

GATEWAY = "chutes"
INTERVAL = timedelta(minutes=5)
REQUEST = Request(host="api", path="/chutes/utilization")
LIMITED_SHARE = 0.5
"""An offer is limited if a larger share of the requests of five minutes was refused."""
_ORDER = (Verdict.UP, Verdict.COLD, Verdict.NOTHING)
_SHARES = ("utilization_current", "utilization_5m", "utilization_1h", "rate_limit_ratio_5m", "rate_limit_ratio_1h")
_COUNTS = ("active_instance_count", "total_instance_count")


def read_utilization(payload: Json, *, cold: Collection[str] = frozenset()) -> Reading:
    """Return what the answer says about each deployment, by name. Raises BadPayload if it is no list.

    `cold` are the offers that were listed as not running. Only for those a deployment without any instance is cold:
    of others, it is not known whether an instance will be started.
    """
    if not isinstance(payload, list):
        raise BadPayload("Chutes' utilization is no list")
    found: dict[str, Heard] = {}
    for row in payload:
        if (name := _name(row)) is not None:
            heard = _heard(row, is_cold=name in cold)
            # Several deployments may have one name; the one that runs serves the requests.
            if name not in found or _ORDER.index(heard.verdict) < _ORDER.index(found[name].verdict):
                found[name] = heard
    return found


def _name(row: Json) -> str | None:
    if not isinstance(row, dict):
        return None
    try:
        found = text.line(row.get("name"), longest=text.MAX_ID)
    except (TypeError, ValueError):
        return None
    return None if found.startswith("[private") else found


def _heard(row: Json, *, is_cold: bool) -> Heard:
    active, total = (whole(row.get(key)) for key in _COUNTS)
    refused = share(row.get("rate_limit_ratio_5m"), most=1)
    figures = known(
        {key: share(row.get(key), most=1) for key in _SHARES} | {key: whole(row.get(key)) for key in _COUNTS}
    )
    verdict, reason = _verdict(active, total, is_updating=row.get("update_in_progress") is True, is_cold=is_cold)
    is_limited = refused is not None and refused > LIMITED_SHARE
    return Heard(verdict=verdict, reason=reason, is_limited=is_limited, figures=figures)


def _verdict(active: int | None, total: int | None, *, is_updating: bool, is_cold: bool) -> tuple[Verdict, str]:
    if active is None:
        return Verdict.NOTHING, ""
    if active > 0:
        return Verdict.UP, "instances run"
    if total or is_updating:
        return Verdict.COLD, "instances start"
    return (Verdict.COLD, "no instance") if is_cold and total is not None else (Verdict.NOTHING, "")
