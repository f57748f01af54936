"""The revisions of the published catalogue."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models.gateway import Gateway


class RevisionQuerySet(models.QuerySet["Revision"]):
    def newest(self) -> Revision:
        return self.order_by("-number")[:1].get()


class Revision(models.Model):
    """One publication that changed something. Revision 0 is the empty catalogue."""

    number = models.PositiveBigIntegerField(primary_key=True)
    published_at = models.DateTimeField("published")
    gateway = models.ForeignKey(Gateway, null=True, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The curator, if a curator published it.",
    )
    is_curated = models.BooleanField(
        "curated",
        default=False,
        help_text="Published by the decision of a curator, not by a sync.",
    )
    is_forgotten = models.BooleanField(
        "forgotten", default=False, help_text="Some of the versions that it began or ended have been deleted."
    )
    renderer = models.PositiveIntegerField(default=0, help_text="The version of the renderer of its documents.")
    is_rendered = models.BooleanField(
        "rendered again", default=False, help_text="Only the rendering changed, no reported fact."
    )
    is_observed = models.BooleanField(
        "observed", default=False, help_text="Only the observed availability changed, nothing that a gateway states."
    )
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)

    objects = RevisionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["published_at"], name="revision_by_time"),
            models.Index(fields=["number"], condition=Q(is_forgotten=True), name="forgotten_revision"),
            models.Index(fields=["number"], condition=Q(is_observed=True), name="observed_revision"),
        ]

    def __str__(self) -> str:
        return f"revision {self.number}"
