"""Dated prices, and prices that wait for a curator's word."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models.offer import Offer
from catalog.models.sync_run import SyncRun


class PriceQuerySet(models.QuerySet["Price"]):
    def open(self) -> PriceQuerySet:
        return self.filter(valid_to__isnull=True)


class Price(models.Model):
    """What one unit of a meter cost in [valid_from, valid_to). Never edited: a change closes one and opens another."""

    class Origin(models.TextChoices):
        UPSTREAM = "upstream", "the gateway"
        CURATOR = "curator"

    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="prices")
    meter = models.CharField(max_length=40)
    amount = models.CharField(max_length=50, help_text="Canonical plain decimal text.")
    currency = models.CharField(max_length=3, default="USD")
    conditions_key = models.CharField(max_length=200, default="[]", help_text="JSON; [] is the base price.")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField()
    origin = models.CharField(max_length=10, choices=Origin.choices)

    objects = PriceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "meter", "currency", "conditions_key"],
                condition=Q(valid_to__isnull=True),
                name="one_open_price",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")), name="price_period_is_forward"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.amount} {self.currency}"


class PriceHoldQuerySet(models.QuerySet["PriceHold"]):
    def deciding(self) -> PriceHoldQuerySet:
        """Holds that say something about what is served: not those that the gateway has overtaken."""
        return self.exclude(state=PriceHold.State.OVERTAKEN)

    def waiting(self) -> PriceHoldQuerySet:
        return self.filter(state=PriceHold.State.OPEN)


class PriceHold(models.Model):
    """A price that was not believed: the one before stays served until a curator decides or the gateway moves on."""

    class State(models.TextChoices):
        OPEN = "open", "open: waits for a curator"
        RELEASED = "released", "released: the new price is right"
        DISCARDED = "discarded", "discarded: the price before stays"
        OVERTAKEN = "overtaken", "overtaken: the gateway says something else"

    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="price_holds")
    meter = models.CharField(max_length=40)
    conditions_key = models.CharField(max_length=200, default="[]")
    amount = models.CharField(max_length=50, help_text="What the gateway says.")
    kept = models.CharField(max_length=50, blank=True, help_text="What is served instead; empty: unknown.")
    reason = models.TextField()
    run = models.ForeignKey(SyncRun, null=True, on_delete=models.SET_NULL, related_name="price_holds")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    made_at = models.DateTimeField("made")
    decided_at = models.DateTimeField("decided", null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = PriceHoldQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "meter", "conditions_key"],
                condition=~Q(state="overtaken"),
                name="one_deciding_hold_per_price",
            )
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.amount} ({self.state})"
