"""The gateways: what each offers, how fresh its data is, and how its last run ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from catalog import queries, registry
from catalog.queries import GatewayState


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayReport:
    slug: str
    name: str
    note: str
    site_url: str | None
    models: int
    source: str | None
    recorded_at: date | None
    """The date of the published facts, if they come from a bundled file."""
    state: str
    """One of fresh, stale, held, failing, never, bundled and disabled."""
    last_checked: datetime | None
    """When the last run ended."""
    last_success: datetime | None
    age_seconds: int | None
    """Seconds since the last success."""
    next_run: datetime | None
    last_outcome: str | None
    error: str | None
    rejected: int
    """Rows that the last run could not use."""
    held_prices: int
    """Prices that wait for a curator."""


def gateways(*, now: datetime) -> list[GatewayReport]:
    """Return a report on every gateway, in the order of the registry."""
    states = queries.gateway_states(registry.GATEWAYS, now=now)
    return [_report(state) for state in states.values()]


def _report(state: GatewayState) -> GatewayReport:
    adapter, run = registry.GATEWAYS[state.slug], state.last_run
    return GatewayReport(
        slug=state.slug,
        name=adapter.name,
        note=adapter.note,
        site_url=adapter.site_url,
        models=state.models,
        source=state.source,
        recorded_at=state.recorded_on,
        state=state.state,
        last_checked=run.finished_at if run else None,
        last_success=state.last_success_at,
        age_seconds=state.age_seconds,
        next_run=state.next_run_at,
        last_outcome=run.outcome if run else None,
        error=(run.error or None) if run else None,
        rejected=run.rejected if run else 0,
        held_prices=state.held_prices,
    )
