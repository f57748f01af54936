"""How fresh each gateway's data is, for pages that announce it without asking the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from catalog import gateway_settings
from catalog.gateway_settings import GatewaySettings
from catalog.models import Gateway, Offer, freshness
from catalog.records import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """A gateway, as far as readers of a page must know before they believe its prices."""

    slug: str
    state: str
    """One of fresh, stale, held, failing, never, bundled and disabled."""
    source: str | None
    recorded_on: date | None
    """The date of the published facts, if they come from a bundled file."""
    last_success_at: datetime | None


def read_sellers(*, now: datetime) -> Mapping[str, Seller]:
    """Read every gateway of the registry by a few short queries."""
    applying = gateway_settings.all_settings()
    stored = {gateway.slug: gateway for gateway in Gateway.objects.select_related("accepted_run").order_by("slug")}
    return {
        slug: _seller(stored.get(slug, Gateway(slug=slug)), now=now, applying=each) for slug, each in applying.items()
    }


def _seller(gateway: Gateway, *, now: datetime, applying: GatewaySettings) -> Seller:
    offers = Offer.objects.filter(gateway=gateway.pk, withdrawn_at__isnull=True)
    source = freshness.source_of(gateway, offers)
    last_run = freshness.last_run_of(gateway, now=now)
    of_source = offers.filter(source=source).order_by("-recorded_on").values_list("recorded_on", flat=True)
    return Seller(
        slug=gateway.slug,
        state=freshness.state_of(
            gateway.last_success_at,
            last_run=last_run,
            source=source,
            now=now,
            interval=applying.interval,
            is_enabled=applying.is_enabled,
        ),
        source=source,
        recorded_on=of_source.first() if source == Source.BUNDLED else None,
        last_success_at=gateway.last_success_at,
    )
