"""`python -m tests.web.publishing [--with-hostile-rows]`: publish what `catalogue.py` has into an empty database.

It runs in its own process, with the settings of the environment, and travels from edition to edition.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import django
import time_machine
from django.core.management import call_command

from tests.clients.service import ROOT
from tests.upstream import Upstream
from tests.web import catalogue

MODELS = "/api/v1/models"


def main(*, with_hostile_rows: bool) -> None:
    from django.conf import settings

    listed = json.loads((ROOT / "fixtures/openrouter_catalog.json").read_text())
    began = datetime.now(UTC)
    with Upstream() as upstream:
        settings.GATEWAY_BASES["openrouter"] = {"api": upstream.base}
        for number, days in enumerate(catalogue.AGO):
            hostile = with_hostile_rows and number == len(catalogue.AGO) - 1
            rows = [*catalogue.edition(listed, number), *(catalogue.hostile_rows() if hostile else ())]
            upstream.serve(MODELS, {"data": rows, "total_count": len(rows)})
            with time_machine.travel(began - timedelta(days=days)):
                _publish(number)
    _observe(began)


def _publish(number: int) -> None:
    if number == 0:
        django.setup()
        call_command("migrate", verbosity=0)
        call_command("sync")
    else:
        call_command("sync", "openrouter")
    if number == 1:
        _curate()


def _curate() -> None:
    from django.utils import timezone

    from catalog.curation.overrides import set_override
    from catalog.models import Offer

    set_override(
        Offer.objects.get(gateway__slug="openrouter", model_id=catalogue.CURATED),
        field="prompt",
        value={"amount": "0.25", "unit": "usd_per_million_tokens"},
        reason="the invoice says so",
        author=None,
        is_confirmed=True,
        now=timezone.now(),
    )


def _observe(now: datetime) -> None:
    """Let two gateways be watched for some weeks, with outages, and publish their own figures."""
    from monitoring import evidence
    from monitoring.evidence import News
    from monitoring.machine import Evidence, Verdict

    lasting = timedelta(days=200)
    for gateway, offer, history in catalogue.OBSERVED:
        for verdict, days_ago in history:
            for minutes in (0, 4, 8) if verdict == "down" else (0, 2):
                at = now - timedelta(days=days_ago) + timedelta(minutes=minutes)
                found = [Evidence(verdict=Verdict(verdict), at=at, lasts=lasting, reason=catalogue.REASONS[verdict])]
                evidence.take(News(gateway=gateway, evidence={offer: found}, is_reached=True), now=at)
        figures = {offer: catalogue.FIGURES[gateway]}
        evidence.take(News(gateway=gateway, figures=figures, is_reached=True), now=now)


if __name__ == "__main__":
    main(with_hostile_rows="--with-hostile-rows" in sys.argv)
