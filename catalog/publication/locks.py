"""The locks of a publication. SQLite has none per row: there a writing transaction holds the whole database."""

from __future__ import annotations

from catalog.models import Gateway, Offer, Revision


class LeaseLost(Exception):
    """The run took longer than its lease, and another run has begun since."""


def lock_gateway(slug: str) -> Gateway:
    return Gateway.objects.select_for_update().get(slug=slug)


def lock_offer(offer: Offer) -> Offer:
    """The offer as it is once no sync of its gateway can change it."""
    lock_gateway(offer.gateway.slug)
    return Offer.objects.select_related("gateway").get(pk=offer.pk)


def lock_all_gateways() -> None:
    """Every gateway, in one order, so that two who do this never wait for each other."""
    list(Gateway.objects.select_for_update().order_by("slug"))


def lock_gateway_of_run(slug: str, *, lease_token: int) -> Gateway:
    """The gateway locked, if the run with this token may still publish. Raises LeaseLost."""
    gateway = Gateway.objects.select_for_update().holding(slug=slug, token=lease_token).first()
    if gateway is None:
        raise LeaseLost(f"another run of {slug} has begun since this one took its lease")
    return gateway


def lock_revision() -> Revision:
    """The newest revision, while nobody else can publish one: row 0 is what all publications lock."""
    Revision.objects.select_for_update().get(number=0)
    return Revision.objects.newest()
