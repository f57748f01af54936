"""Dated prices, and prices that wait for a curator's decision."""

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
    """The price of one unit of a meter in [valid_from, valid_to).

    It is never edited: a change closes it and opens another one.
    """

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
    reported_since = models.DateTimeField(
        null=True, blank=True, help_text="When the gateway first reported it, if it was held on earlier days."
    )
    origin = models.CharField(max_length=10, choices=Origin.choices)

    objects = PriceQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["valid_to"], condition=Q(valid_to__isnull=False), name="ended_prices"),
            models.Index(fields=["valid_from"], name="begun_prices"),
        ]
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
        """Return the holds that decide what is served: all except those that the gateway has overtaken."""
        return self.exclude(state=PriceHold.State.OVERTAKEN)

    def waiting(self) -> PriceHoldQuerySet:
        return self.filter(state=PriceHold.State.OPEN)


class PriceHold(models.Model):
    """A price that was not believed: the previous price is served until the new one is believed.

    A curator believes it, or its gateway repeats it long enough. The hold ends when the gateway reports another price.
    """

    class State(models.TextChoices):
        OPEN = "open", "open: waits for a curator"
        RELEASED = "released", "released: the new price is right"
        DISCARDED = "discarded", "discarded: the price before stays"
        CONFIRMED = "confirmed", "confirmed: the gateway kept reporting the new price"
        OVERTAKEN = "overtaken", "overtaken: the gateway reports something else"

    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="price_holds")
    meter = models.CharField(max_length=40)
    conditions_key = models.CharField(max_length=200, default="[]")
    amount = models.CharField(max_length=50, help_text="What the gateway reports.")
    first_amount = models.CharField("first reported", max_length=50, help_text="What it reported first.")
    kept = models.CharField("served", max_length=50, blank=True, help_text="What is served instead; empty: unknown.")
    rule = models.CharField(max_length=10, help_text="Which rule doubts it.")
    reason = models.TextField()
    run = models.ForeignKey(SyncRun, null=True, on_delete=models.SET_NULL, related_name="price_holds")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    made_at = models.DateTimeField("made")
    reported_since = models.DateTimeField(help_text="When the gateway first reported approximately this amount.")
    readings = models.PositiveIntegerField(default=0, help_text="Complete readings of the API that repeated it.")
    first_read_at = models.DateTimeField("first of the readings", null=True, blank=True)
    last_read_at = models.DateTimeField("last of the readings", null=True, blank=True)
    resets = models.PositiveIntegerField(
        default=0, help_text="Holds of this price before it, which ended because the gateway reported something else."
    )
    is_interrupted = models.BooleanField(
        default=False, help_text="A run that is no evidence ended it, so the next hold continues the count."
    )
    decided_at = models.DateTimeField("decided", null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = PriceHoldQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["made_at"], condition=Q(state="open"), name="open_holds")]
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "meter", "conditions_key"],
                condition=~Q(state="overtaken"),
                name="one_deciding_hold_per_price",
            )
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.amount} ({self.state})"
