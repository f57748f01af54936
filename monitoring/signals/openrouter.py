"""OpenRouter: how the hosts behind each of its models do, measured by its own traffic.

- `GET /api/v1/models/{id}/endpoints`: `{"data": {"id", "endpoints": [...]}}`, a row for each host. `status` is 0, or
  negative if OpenRouter sends fewer requests there; `uptime_last_5m`, `_30m` and `_1d` are percentages or null. For an
  id with `:free` some links lead to the paid model, so the answer counts only if it has the id that was asked for.
- `GET /api/v1/endpoints/zdr`: the same rows for the hosts that keep no data, of all models in one answer. It leaves out
  the other hosts, so it can show that a model works, but not that it does not.

Prices are US dollars per token, as text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from catalog.adapter.contract import Request
from catalog.adapter.errors import BadPayload
from catalog.normalize import text
from catalog.pricing import money
from monitoring.machine import Verdict
from monitoring.signals.contract import Heard, Json, Reading, known, name, share, whole

GATEWAY = "openrouter"
ZDR_INTERVAL = timedelta(minutes=5)
MODEL_INTERVAL = timedelta(minutes=1)
"""At most 60 models an hour."""
ZDR_REQUEST = Request(host="api", path="/api/v1/endpoints/zdr")
UP_PERCENT = 80
MOST_HOSTS = 64
"""The most hosts of a model that are stored."""
NOT_MEASURED = ("~", "openrouter/")
"""Ids that begin so are aliases and routers, which have no hosts of their own."""
_UPTIMES = ("uptime_last_5m", "uptime_last_30m", "uptime_last_1d")
PRICES = ("prompt", "completion", "input_cache_read")
"""The prices of a host that are shown and compared with held ones, by their keys in `pricing`."""


class Hosts(NamedTuple):
    """What an answer says about one model."""

    verdict: Verdict
    reason: str


def request_of(offer_id: str) -> Request:
    return Request(host="api", path=f"/api/v1/models/{offer_id}/endpoints")


def is_measured(offer_id: str) -> bool:
    return not offer_id.startswith(NOT_MEASURED)


def read_endpoints(payload: Json, *, offer_id: str) -> Reading:
    """Return what the answer says about the model. Raises BadPayload if it is not the answer about this model."""
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, dict) or not isinstance(rows := data.get("endpoints"), list):
        raise BadPayload("OpenRouter's answer has no list of endpoints")
    if data.get("id") != offer_id:
        raise BadPayload("OpenRouter's answer is about another model")
    if not is_measured(offer_id):
        return {}
    hosts = [row for row in rows if isinstance(row, dict)]
    if not hosts:
        return {offer_id: Heard(verdict=Verdict.MISSING, reason="no host", figures={"hosts": []})}
    found = _of_hosts(hosts)
    figures = {"hosts": [_figures(row) for row in hosts[:MOST_HOSTS]]}
    return {offer_id: Heard(verdict=found.verdict, reason=found.reason, figures=figures)}


def read_zdr(payload: Json) -> Reading:
    """Return what the answer says about each model: that it works, or nothing. Raises BadPayload."""
    rows = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(rows, list):
        raise BadPayload("OpenRouter's answer has no list of endpoints")
    of_model: dict[str, list[Json]] = defaultdict(list)
    for row in rows:
        if isinstance(row, dict) and (model := _model_id(row)) is not None and is_measured(model):
            of_model[model].append(row)
    found = {model: _of_hosts(hosts) for model, hosts in of_model.items()}
    return {
        model: Heard(verdict=hosts.verdict, reason=hosts.reason)
        for model, hosts in found.items()
        if hosts.verdict is Verdict.UP
    }


def _of_hosts(rows: Sequence[Json]) -> Hosts:
    """The best host decides, because requests are sent to it. A host whose figures cannot be read decides nothing."""
    uptimes = [_uptime(row) for row in rows]
    works = [
        status_of(row) is not None and (status_of(row) or 0) >= 0 and _is_well(row, uptime)
        for row, uptime in zip(rows, uptimes, strict=True)
    ]
    if any(works):
        return Hosts(Verdict.UP, f"{sum(works)} of {len(rows)} hosts")
    if all(uptime is not None and uptime < UP_PERCENT for uptime in uptimes):
        return Hosts(Verdict.DOWN, f"0 of {len(rows)} hosts")
    return Hosts(Verdict.NOTHING, "")


def _is_well(row: Json, uptime: float | None) -> bool:
    """Return whether the host has a good uptime, or explicitly none because of too few requests."""
    if uptime is not None:
        return uptime >= UP_PERCENT
    return any(key in row and row[key] is None for key in _UPTIMES)


def status_of(row: Json) -> int | None:
    found = row.get("status")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _uptime(row: Json) -> float | None:
    """Return the uptime of the shortest time for which there is one."""
    found = (share(row.get(key), most=100) for key in _UPTIMES[:2])
    return next((each for each in found if each is not None), None)


def _figures(row: Json) -> dict[str, Json]:
    pricing = row.get("pricing")
    stated = pricing if isinstance(pricing, dict) else {}
    prices = {key: rate for key in PRICES if (rate := _price(stated.get(key))) is not None}
    figures = {
        "name": name(row.get("provider_name")),
        "tag": name(row.get("tag")),
        "status": status_of(row),
        **{key: share(row.get(key), most=100) for key in _UPTIMES},
        "quantization": _quantization(row.get("quantization")),
        "context_length": whole(row.get("context_length")),
        "pricing": prices or None,
    }
    return known(figures)


def _price(value: Json) -> str | None:
    rate = money.read(money.usd_per_token, value)
    return money.plain(rate.amount) if isinstance(rate, money.Rate) else None


def _quantization(value: Json) -> str | None:
    found = name(value)
    return None if found == "unknown" else found


def _model_id(row: Json) -> str | None:
    try:
        return text.line(row.get("model_id"), longest=text.MAX_ID)
    except (TypeError, ValueError):
        return None


def hosts_that_ask(hosts: Iterable[Json], *, pricing_key: str, amount: str) -> tuple[list[str], list[str]]:
    """Return the hosts that ask this price, and those that ask another one, by their tags.

    `hosts` are stored figures; `amount` is in US dollars per token, in plain notation.
    """
    agreeing: list[str] = []
    others: list[str] = []
    for host in hosts:
        if (asked := host.get("pricing", {}).get(pricing_key)) is not None:
            (agreeing if asked == amount else others).append(host.get("tag") or host.get("name") or "unnamed")
    return agreeing, others
