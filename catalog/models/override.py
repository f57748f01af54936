"""Values that curators set. Only `catalog/curation` writes here; a sync never does."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from catalog.models.offer import Offer


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

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "field"],
                name="one_override_per_field",
                violation_error_message="This field of the offer has an override already: change or clear that one.",
            )
        ]

    def __str__(self) -> str:
        return self.field
