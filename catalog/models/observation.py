"""What is observed of the availability of offers. Only `catalog/publication/observed.py` writes here."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from catalog.models.offer import Offer
from catalog.records import Availability

_CHOICES = [(state.value, state.value) for state in Availability]


class ObservationQuerySet(models.QuerySet["Observation"]):
    def unserved(self) -> ObservationQuerySet:
        """Return the observations of listed offers that are not served yet."""
        return self.exclude(availability=F("served")).filter(offer__withdrawn_at=None)


class Observation(models.Model):
    """The settled availability of one offer. It replaces that of the gateway's record when the offer is published."""

    offer = models.OneToOneField(Offer, on_delete=models.PROTECT, related_name="observation")
    availability = models.CharField(max_length=10, choices=_CHOICES, help_text="The newest settled state.")
    since = models.DateTimeField(help_text="Since when the offer is in this state.")
    served = models.CharField(
        max_length=10, choices=_CHOICES, help_text="The state in the offer's document, as the last publication took it."
    )

    objects = ObservationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["offer"], condition=~Q(availability=F("served")), name="unserved_observations"),
        ]

    def __str__(self) -> str:
        return self.availability
