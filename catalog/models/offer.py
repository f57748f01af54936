"""Offers, their versions, and the providers of their models."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from catalog.models.canonical import MAX_RULE, MAX_VARIANT, CanonicalModel
from catalog.models.gateway import Gateway
from catalog.normalize.text import MAX_ID, MAX_NAME
from catalog.records import ModelType, Source


class Provider(models.Model):
    """The organisation that made or published a model, independent of the gateways that sell it."""

    # Case-folding can turn one character into three.
    key = models.CharField(
        max_length=3 * MAX_ID, unique=True, help_text="Case-folded: `Qwen` and `qwen` are one provider."
    )
    slug = models.CharField(max_length=MAX_ID, help_text="As the first gateway to list it spells it.")
    name = models.CharField(max_length=MAX_NAME, blank=True, help_text="The display name, as a gateway publishes it.")
    headquarters = models.CharField(max_length=2, blank=True, help_text="ISO code of the country.")
    status_page_url = models.CharField(max_length=500, blank=True)
    terms_url = models.CharField("terms of service", max_length=500, blank=True)
    privacy_url = models.CharField("privacy policy", max_length=500, blank=True)

    def __str__(self) -> str:
        return self.slug


class Offer(models.Model):
    """One gateway's listing of one model. Never deleted: an offer that is no longer listed is withdrawn."""

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="offers")
    model_id = models.CharField("id", max_length=MAX_ID, help_text="Case-sensitive, unique within its gateway.")
    name = models.CharField(max_length=MAX_NAME)
    provider = models.ForeignKey(Provider, null=True, blank=True, on_delete=models.PROTECT, related_name="offers")
    model_type = models.CharField(max_length=40, choices=[(kind.value, kind.value) for kind in ModelType])
    canonical = models.ForeignKey(
        CanonicalModel, null=True, blank=True, on_delete=models.PROTECT, related_name="offers", verbose_name="model"
    )
    own_canonical = models.ForeignKey(
        CanonicalModel,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="model by itself",
        help_text="Its model by the rules alone, which applies if no statement of a curator does.",
    )
    apart_from = models.ForeignKey(
        CanonicalModel,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The model of the split that keeps the offer alone; empty if no split does.",
    )
    variant = models.CharField(
        max_length=MAX_VARIANT, blank=True, help_text="How it differs from the model itself: free, fp8, tee."
    )
    identity_rule = models.CharField(max_length=MAX_RULE, blank=True, help_text="What tied it to the model.")
    identity_evidence = models.TextField(blank=True)
    identified_in = models.PositiveBigIntegerField(
        default=0, db_index=True, help_text="The revision in which its model last changed."
    )
    upstream = models.TextField(help_text="The gateway's last accepted record, without overrides.")
    fingerprint = models.CharField(max_length=64, help_text="Hash of the reported facts; equal means unchanged.")
    row_print = models.CharField(
        max_length=64, blank=True, help_text="Hash of the row that was read; an equal row need not be read again."
    )
    source = models.CharField(max_length=10, choices=[(source.value, source.value) for source in Source])
    recorded_on = models.DateField(null=True, blank=True, help_text="The day of the data, if it is bundled.")
    first_seen_at = models.DateTimeField("first seen")
    withdrawn_at = models.DateTimeField("withdrawn", null=True, blank=True)
    missed_runs = models.PositiveIntegerField(
        default=0, help_text="Consecutive complete listings without it; after some it is withdrawn."
    )

    rejected_since = models.DateTimeField(
        "row rejected since",
        null=True,
        blank=True,
        help_text="When the first of several consecutive runs could not use its row: what is served is older.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "model_id"], name="offer_identity")]

    def __str__(self) -> str:
        return self.model_id


class OfferVersionQuerySet(models.QuerySet["OfferVersion"]):
    def current(self) -> OfferVersionQuerySet:
        return self.filter(to_revision__isnull=True)


class OfferVersion(models.Model):
    """An offer as it was in the revisions [from_revision, to_revision): the open version is served."""

    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="versions")
    from_revision = models.PositiveBigIntegerField()
    to_revision = models.PositiveBigIntegerField(null=True, blank=True)
    record = models.TextField(help_text="The record with holds and overrides applied.")
    document = models.TextField(help_text="The finished JSON of the row in /catalog/models.")

    objects = OfferVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["offer"], condition=Q(to_revision__isnull=True), name="one_open_version"),
            models.CheckConstraint(
                condition=Q(to_revision__isnull=True) | Q(to_revision__gt=models.F("from_revision")),
                name="version_period_is_forward",
            ),
        ]
        indexes = [
            models.Index(fields=["offer", "from_revision"], name="version_by_offer"),
            # For the versions since a revision: serving processes query them every time, and the feed of changes pages
            # through them.
            models.Index(fields=["from_revision", "offer"], name="version_in_order"),
        ]

    def __str__(self) -> str:
        return f"from revision {self.from_revision}"
