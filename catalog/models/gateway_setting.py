"""What operators chose for a gateway in the desk."""

from __future__ import annotations

from django.db import models

from catalog.models.gateway import Gateway


class GatewaySetting(models.Model):
    """The chosen values of one gateway. An empty one leaves the environment's, or the default.

    They have a table of their own because every run writes the gateway's row. All code reads them by
    `catalog.gateway_settings`, which also knows the environment and the defaults.
    """

    gateway = models.OneToOneField(Gateway, on_delete=models.PROTECT, related_name="chosen")
    is_enabled = models.BooleanField("enabled", null=True)
    interval_minutes = models.PositiveIntegerField("minutes between two runs", null=True)
    source = models.CharField(max_length=10, blank=True)
    """auto, api or bundled."""
    options = models.JSONField(default=dict)
    """Lists of words, by the name of the option."""

    def __str__(self) -> str:
        return self.gateway.slug
