"""Turns rows of the tables into the states of the machine, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from catalog.records import Availability
from monitoring.circuit import GatewayState
from monitoring.machine import OfferState, Origin
from monitoring.models import Watched, WatchedGateway

_GATEWAY_FIELDS = ("asked_at", "reached_at", "unreachable_since", "suspected_until", "believed_until", "is_out")
STATE_COLUMNS = ("state", "since", "reason", "checked_at", "valid_until", "limited_until", "memory")
LONGEST_REASON = 60


def gateway_state(row: WatchedGateway) -> GatewayState:
    facts = {name: getattr(row, name) for name in _GATEWAY_FIELDS}
    return GatewayState(falls=tuple(_moment(at) for at in row.falls), **facts)


def store_gateway(row: WatchedGateway, state: GatewayState) -> None:
    for name in _GATEWAY_FIELDS:
        setattr(row, name, getattr(state, name))
    row.falls = [at.timestamp() for at in state.falls]
    row.save()


def offer_state(row: Watched) -> OfferState:
    return OfferState(
        state=Availability(row.state),
        since=row.since,
        reason=row.reason,
        checked_at=row.checked_at,
        valid_until=row.valid_until,
        limited_until=row.limited_until,
        **_remembered(row.memory),
    )


def row_of(offer: int, state: OfferState) -> Watched:
    """Return the row of a state, without figures."""
    return Watched(
        offer_id=offer,
        state=state.state,
        since=state.since,
        reason=state.reason[:LONGEST_REASON],
        checked_at=state.checked_at,
        valid_until=state.valid_until,
        limited_until=state.limited_until,
        memory=_memory(state),
    )


def _memory(state: OfferState) -> dict[str, Any]:
    """Return the counters that are not empty: most offers have none."""
    facts = {
        "origin": state.origin,
        "halves": state.halves,
        "struck_at": state.struck_at and state.struck_at.timestamp(),
        "ups": state.ups,
        "up_at": state.up_at and state.up_at.timestamp(),
        "colds": state.colds,
        "was_up": state.was_up,
        "flips": [at.timestamp() for at in state.flips],
    }
    return {name: value for name, value in facts.items() if value or value is False}


def _remembered(memory: Mapping[str, Any]) -> dict[str, Any]:
    origin = memory.get("origin")
    return {
        "origin": None if origin is None else Origin(origin),
        **{name: _moment(memory[name]) for name in ("struck_at", "up_at") if name in memory},
        **{name: memory[name] for name in ("halves", "ups", "colds", "was_up") if name in memory},
        "flips": tuple(_moment(at) for at in memory.get("flips", ())),
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
