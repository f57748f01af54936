"""The models themselves, independent of the gateways, and the curators' decisions on which offer is which model."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.identity import links

MAX_SLUG = 400
MAX_RULE = 20
MAX_VARIANT = 100


class CanonicalModel(models.Model):
    """A model under the one slug that it keeps forever."""

    slug = models.CharField(max_length=MAX_SLUG, unique=True)
    key = models.CharField(
        max_length=MAX_SLUG, unique=True, help_text="In lower case: no two slugs differ only by case."
    )
    born = models.PositiveBigIntegerField(
        help_text="The revision after which it was named: of two that merge the older stays."
    )
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The model that the rules merged it into.",
    )
    redirect = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="redirected",
        help_text="The model under which it is found now: curators have the last word.",
    )

    def __str__(self) -> str:
        return self.slug


class IdentityLink(models.Model):
    """A name that connects an offer or a model with others. Those without a common name are decided separately.

    The row without an offer and a model records the version of the rules that made all other rows. If it is missing,
    all rows are made again.
    """

    name = models.CharField(max_length=links.LONGEST)
    # The unique constraints already index both columns.
    offer = models.ForeignKey(
        "catalog.Offer", null=True, blank=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    model = models.ForeignKey(
        CanonicalModel, null=True, blank=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )

    class Meta:
        indexes = [models.Index(fields=["name"], name="identity_link_by_name")]
        constraints = [
            models.UniqueConstraint(fields=["offer", "name"], name="one_link_of_offer"),
            models.UniqueConstraint(fields=["model", "name"], name="one_link_of_model"),
            models.CheckConstraint(condition=Q(offer=None) | Q(model=None), name="identity_link_is_of_one"),
        ]

    def __str__(self) -> str:
        return self.name


class IdentityStatement(models.Model):
    """A curator's statement about which model an offer or a spelling is. No sync writes here."""

    class Kind(models.TextChoices):
        TIE = "tie", "the offer is of this model"
        SPLIT = "split", "the offer is not of this model; without a model: it is the only offer of its model"
        ALIAS = "alias", "this spelling means this model"

    kind = models.CharField(max_length=5, choices=Kind.choices)
    offer = models.ForeignKey(
        "catalog.Offer", null=True, blank=True, on_delete=models.CASCADE, related_name="identity_statements"
    )
    spelling = models.CharField(max_length=MAX_SLUG, blank=True, help_text="Of an alias: an id or a slug.")
    model = models.ForeignKey(
        CanonicalModel, null=True, blank=True, on_delete=models.PROTECT, related_name="statements"
    )
    reason = models.TextField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField("made")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["offer"], condition=Q(kind="tie"), name="one_tie_per_offer"),
            models.UniqueConstraint(fields=["spelling"], condition=Q(kind="alias"), name="one_alias_per_spelling"),
            models.CheckConstraint(
                condition=Q(kind="alias", offer=None, model__isnull=False) & ~Q(spelling="")
                | Q(kind="tie", offer__isnull=False, model__isnull=False, spelling="")
                | Q(kind="split", offer__isnull=False, spelling=""),
                name="identity_statement_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.spelling or self.offer} {self.model or 'alone'}"


class IdentityCandidate(models.Model):
    """Two models that may be the same: a question to a curator, never a tie."""

    model = models.ForeignKey(CanonicalModel, on_delete=models.CASCADE, related_name="candidates")
    may_be = models.ForeignKey(CanonicalModel, on_delete=models.CASCADE, related_name="candidates_for")
    reason = models.CharField(max_length=30)
    evidence = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "may_be"], name="one_question_per_pair")]

    def __str__(self) -> str:
        return f"{self.model} may be {self.may_be}"
