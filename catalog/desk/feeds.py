"""The gateways as the desk shows them: their last runs, and the run that waits or reads now. Three queries for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from catalog import gateway_settings, registry
from catalog.gateway_settings import GatewaySettings
from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.models import Gateway, SyncRun, freshness

SHOWN = 30
"""The number of runs in a chart."""
_ACTIVE = 2
"""At most one run waits and one reads; they are newer than the finished ones."""
Outcome = SyncRun.Outcome
GOOD = frozenset({Outcome.PUBLISHED, Outcome.UNCHANGED, Outcome.RELEASED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    gateway: Gateway
    runs: Sequence[SyncRun]
    """The last runs that ended, newest first."""
    active: SyncRun | None
    """The run that reads now, else the one that waits to begin."""
    last_run: SyncRun | None
    """The last run that asked the gateway and ended, or whose process was lost."""
    state: str
    """One of fresh, stale, held, failing, never, bundled and disabled."""
    settings: GatewaySettings

    @property
    def rejecting(self) -> int | None:
        """The run that has the rejected rows of the last run: equal bytes are not read again, so it has none."""
        if self.last_run is None:
            return None
        is_equal = self.last_run.outcome == Outcome.UNCHANGED
        return self.gateway.accepted_run_id if is_equal else self.last_run.pk


def feeds(slugs: Collection[str] = ()) -> list[Feed]:
    """Return the gateways with these names, by default all, in the order of the registry."""
    wanted = [slug for slug in registry.GATEWAYS if not slugs or slug in slugs]
    stored = {each.slug: each for each in Gateway.objects.filter(slug__in=wanted)}
    applying = gateway_settings.all_settings()
    runs = newest_runs([each.pk for each in stored.values()])
    sources = _sources()
    now = timezone.now()
    gateways = [stored.get(slug, Gateway(slug=slug)) for slug in wanted]
    return [
        _feed(each, runs.get(each.pk, []), sources.get(each.slug), now=now, applying=applying[each.slug])
        for each in gateways
    ]


def newest_runs(gateways: Sequence[int], most: int = SHOWN + _ACTIVE) -> Mapping[int, Sequence[SyncRun]]:
    """Return the newest runs of each gateway, newest first, in one query that reads only these."""
    if not gateways:
        return {}
    parts: list[str] = []
    parameters: list[Any] = []
    for gateway in gateways:
        newest = SyncRun.objects.filter(gateway=gateway).order_by("-started_at", "-pk")[:most]
        sql, values = newest.query.sql_with_params()
        parts.append(f"SELECT * FROM ({sql}) AS part")  # noqa: S608  the text is Django's, values are parameters
        parameters += values
    found: dict[int, list[SyncRun]] = defaultdict(list)
    for run in SyncRun.objects.raw(" UNION ALL ".join(parts), parameters):
        found[run.gateway_id].append(run)
    for runs in found.values():
        runs.sort(key=lambda run: (run.started_at, run.pk), reverse=True)
    return found


def snapshot() -> Snapshot | None:
    """Return what this process serves; None if nothing has been read yet."""
    try:
        return following.FOLLOWER.current()
    except following.NotReady:
        return None


def _sources() -> Mapping[str, str | None]:
    served = snapshot()
    return {slug: seller.source for slug, seller in served.sellers.items()} if served else {}


def _feed(
    gateway: Gateway, runs: Sequence[SyncRun], source: str | None, *, now: datetime, applying: GatewaySettings
) -> Feed:
    last_run = _last_run(gateway, runs, now=now)
    return Feed(
        gateway=gateway,
        runs=[run for run in runs if run.outcome not in {Outcome.WAITING, Outcome.RUNNING}][:SHOWN],
        active=_active(gateway, runs, now=now),
        last_run=last_run,
        state=freshness.state_of(
            gateway.last_success_at,
            last_run=last_run,
            source=source,
            now=now,
            interval=applying.interval,
            is_enabled=applying.is_enabled,
        ),
        settings=applying,
    )


def _active(gateway: Gateway, runs: Sequence[SyncRun], *, now: datetime) -> SyncRun | None:
    reads = [run for run in runs if run.outcome == Outcome.RUNNING and _has_lease(gateway, now)]
    waits = [run for run in runs if run.outcome == Outcome.WAITING]
    return next(iter([*reads, *waits]), None)


def _last_run(gateway: Gateway, runs: Sequence[SyncRun], *, now: datetime) -> SyncRun | None:
    """Return the same as `freshness.last_run_of`, from runs that are loaded already."""
    asking = [run for run in runs if run.trigger in SyncRun.ASKING and run.outcome != Outcome.WAITING]
    newest = next(iter(asking), None)
    if newest is None or newest.outcome != Outcome.RUNNING:
        return newest
    if _has_lease(gateway, now):
        return next((run for run in asking if run.outcome != Outcome.RUNNING), None)
    return SyncRun(pk=newest.pk, gateway=gateway, outcome=Outcome.LOST, started_at=newest.started_at)


def _has_lease(gateway: Gateway, now: datetime) -> bool:
    return gateway.lease_expires_at is not None and gateway.lease_expires_at > now
