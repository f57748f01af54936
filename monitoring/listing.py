"""Takes what the listings of gateways state of their offers, which costs no request of its own."""

from __future__ import annotations

from django.utils import timezone

from catalog import gateway_settings
from catalog.publication.listeners import Statement
from catalog.records import Availability
from monitoring import evidence
from monitoring.evidence import News
from monitoring.machine import Evidence, Verdict

LASTS = 3
"""A statement is valid for this many intervals of its gateway."""
_OF_STATE = {
    Availability.ONLINE: (Verdict.UP, "listed as online"),
    Availability.COLD: (Verdict.COLD, "listed as not loaded"),
    Availability.OFFLINE: (Verdict.DOWN, "listed as inactive"),
}


def take_listing(statement: Statement) -> None:
    """Take what a listing states of its offers as evidence; the catalogue calls this after each listing."""
    if not statement.states:
        return
    lasts = LASTS * gateway_settings.settings_of(statement.gateway).interval
    found = {
        offer_id: [Evidence(verdict=verdict, reason=reason, at=statement.at, lasts=lasts)]
        for offer_id, state in statement.states.items()
        for verdict, reason in [_OF_STATE[state]]
    }
    evidence.take(News(gateway=statement.gateway, evidence=found, is_reached=True), now=timezone.now())
