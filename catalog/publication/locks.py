"""The locks of a publication. SQLite has no row locks: there, a writing transaction locks the whole database."""

from __future__ import annotations

from collections.abc import Collection

from catalog.models import CurationAction, Gateway, Offer, Revision
from catalog.publication.batches import batches


class LeaseLost(Exception):
    """The run took longer than its lease, and another run has begun since."""


def lock_gateway(slug: str) -> Gateway:
    return Gateway.objects.select_for_update().get(slug=slug)


def lock_gateways(slugs: Collection[str]) -> list[Gateway]:
    """Lock these gateways in one fixed order, and return them."""
    return list(Gateway.objects.select_for_update().filter(slug__in=slugs).order_by("slug"))


def lock_offers(keys: Collection[int]) -> dict[int, Offer]:
    """Lock the gateways of these offers in one fixed order, and return the offers by primary key as they then are.

    An offer that does not exist is left out.
    """
    wanted = [Offer.objects.filter(pk__in=batch) for batch in batches(sorted(keys))]
    slugs = {slug for offers in wanted for slug in offers.values_list("gateway__slug", flat=True).distinct()}
    lock_gateways(slugs)
    return {offer.pk: offer for offers in wanted for offer in offers.select_related("gateway")}


def lock_all_gateways() -> None:
    """Lock every gateway in one fixed order, so that two callers never deadlock."""
    list(Gateway.objects.select_for_update().order_by("slug"))


def lock_gateway_of_run(slug: str, *, lease_token: int) -> Gateway:
    """Lock and return the gateway, if the run with this token may still publish. Raises LeaseLost."""
    gateway = Gateway.objects.select_for_update().with_lease(slug=slug, token=lease_token).first()
    if gateway is None:
        raise LeaseLost(f"another run of {slug} has begun since this one took its lease")
    return gateway


def lock_revision() -> Revision:
    """Lock row 0, as all publications do, and return the newest revision. No other publication can add one then."""
    Revision.objects.select_for_update().get(number=0)
    return Revision.objects.newest()


def lock_action(number: int) -> None:
    """Lock an action of the audit trail, before all others. Its row never changes; one undo waits for another."""
    CurationAction.objects.select_for_update().get(number=number)
