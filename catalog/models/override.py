"""Values that curators set. Only `catalog/curation` writes here; a sync never does, except for `is_stale`."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models.offer import Offer


class OverrideQuerySet(models.QuerySet["Override"]):
    def stale(self) -> OverrideQuerySet:
        """Return the overrides of listed offers whose gateway has changed the value since."""
        return self.filter(is_stale=True)

    def ended(self, *, now: datetime) -> OverrideQuerySet:
        return self.filter(expires_at__lte=now)


class Override(models.Model):
    """A curator's value for one field of one offer. It applies until it is cleared, even if the gateway disagrees."""

    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="overrides")
    field = models.CharField(max_length=40)
    value = models.JSONField(help_text="As it was entered, with its unit.")
    reason = models.TextField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField("made")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it applies until it is cleared.")
    version = models.PositiveBigIntegerField(default=0, help_text="The number of the action that set it.")
    reported = models.JSONField(
        null=True, blank=True, help_text="In `value`: what the gateway reported when it was set; empty: not known."
    )
    is_stale = models.BooleanField(default=False, help_text="The gateway reports something else than when it was set.")

    objects = OverrideQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "field"],
                name="one_override_per_field",
                violation_error_message="This field of the offer has an override already: change or clear that one.",
            )
        ]
        indexes = [
            models.Index(fields=["made_at"], condition=Q(is_stale=True), name="stale_overrides"),
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="ending_overrides"),
        ]

    def __str__(self) -> str:
        return self.field
