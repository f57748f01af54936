"""The gateways, with their schedule and the lease of the current run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import models, transaction
from django.db.models import F, Q


class GatewayQuerySet(models.QuerySet["Gateway"]):
    def ensure(self, slugs: Iterable[str]) -> None:
        """Create the missing rows, so that every gateway that the program knows has one."""
        missing = set(slugs) - set(self.values_list("slug", flat=True))
        self.bulk_create([Gateway(slug=slug) for slug in sorted(missing)], ignore_conflicts=True)

    def due(self, *, now: datetime) -> GatewayQuerySet:
        return self.filter(Q(next_run_at__isnull=True) | Q(next_run_at__lte=now)).order_by("slug")

    def free(self, *, now: datetime) -> GatewayQuerySet:
        """Return the gateways without a live run."""
        return self.filter(Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=now))

    def take_lease(self, *, slug: str, now: datetime, until: datetime) -> int | None:
        """Return the fencing token of a new lease, or None while another run has one.

        It is one conditional UPDATE, so that only one of two simultaneous runs gets the lease. The token is read before
        another run can take the next one.
        """
        mine = self.filter(slug=slug)
        with transaction.atomic():
            if not mine.free(now=now).update(lease_token=F("lease_token") + 1, lease_expires_at=until):
                return None
            return mine.values_list("lease_token", flat=True).get()

    def with_lease(self, *, slug: str, token: int) -> GatewayQuerySet:
        """Return the gateway if the lease with this token is still its newest."""
        return self.filter(slug=slug, lease_token=token)


class Gateway(models.Model):
    """A seller of access to models. The constant facts about a gateway are in its adapter, not here."""

    slug = models.SlugField(max_length=50, unique=True)
    next_run_at = models.DateTimeField("next run", null=True, blank=True, help_text="Empty: as soon as possible.")
    last_success_at = models.DateTimeField(
        "last success",
        null=True,
        blank=True,
        help_text="When its complete listing was last read.",
    )
    failures = models.PositiveIntegerField(default=0, help_text="Runs that failed since the last one that did not.")
    accepted_run = models.ForeignKey(
        "catalog.SyncRun",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The run whose captures the published offers were made of.",
    )
    lease_token = models.PositiveBigIntegerField(
        default=0, help_text="Grows with every run; a run with an older token may no longer publish."
    )
    lease_expires_at = models.DateTimeField("leased until", null=True, blank=True)

    objects = GatewayQuerySet.as_manager()

    def __str__(self) -> str:
        return self.slug
