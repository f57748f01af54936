"""What curators state about the names of tags and makers: standing rules, which no sync changes.

A row that is merged into another one redirects its name; without it, the name means itself again.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from catalog.normalize.text import MAX_ADDRESS, MAX_ID, MAX_NAME, MAX_TAG
from catalog.providers import MakerStatement

MAX_DESCRIPTION = 500


class TagQuerySet(models.QuerySet["Tag"]):
    def renamed(self) -> dict[str, str]:
        """Return the tag that each renamed tag is served as, at the end of its chain."""
        onward = dict(self.exclude(merged_into=None).order_by("name").values_list("name", "merged_into__name"))
        return {name: end_of(name, onward) for name in onward}


def end_of(name: str, onward: dict[str, str]) -> str:
    """Return the name at the end of a chain. A circle, which curation never writes, ends before it repeats."""
    passed = {name}
    while (following := onward.get(name)) is not None and following not in passed:
        name = following
        passed.add(name)
    return name


class Tag(models.Model):
    """A curator's statement about a tag: what it means, or which tag is served in its place."""

    # Lower case can have more characters than upper case.
    name = models.CharField(max_length=3 * MAX_TAG, unique=True, help_text="In lower case.")
    description = models.CharField(max_length=MAX_DESCRIPTION, blank=True)
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="merged",
        help_text="The tag that is served in its place.",
    )

    objects = TagQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(merged_into=None) | ~Q(merged_into=models.F("id")), name="tag_is_not_merged_into_itself"
            )
        ]

    def __str__(self) -> str:
        return self.name


class MakerQuerySet(models.QuerySet["Maker"]):
    def statements(self) -> tuple[MakerStatement, ...]:
        """Return everything that curators state about makers, in the order of their keys."""
        rows = self.order_by("key").values_list("slug", "name", "site_url", "icon", "merged_into__slug")
        return tuple(
            MakerStatement(slug=slug, name=name, site_url=site_url, icon=icon, merged_into=merged_into)
            for slug, name, site_url, icon, merged_into in rows
        )


class Maker(models.Model):
    """A curator's statement about a maker (a provider), or about a spelling: that it means another maker."""

    # Case-folding can turn one character into three.
    key = models.CharField(max_length=3 * MAX_ID, unique=True, help_text="Of the spelling, as the shipped list has it.")
    slug = models.CharField(max_length=MAX_ID, help_text="The spelling.")
    name = models.CharField(max_length=MAX_NAME, blank=True, help_text="The name that people read; empty: as it ships.")
    site_url = models.CharField(  # noqa: DJ001  "as it ships" and "it has none" differ
        "site",
        max_length=MAX_ADDRESS,
        null=True,
        blank=True,
        help_text="Without a value: as it ships. Empty: the maker has no site.",
    )
    icon = models.CharField(  # noqa: DJ001  likewise
        max_length=60,
        null=True,
        blank=True,
        help_text="Without a value: as it ships. Empty: a letter instead of a logo.",
    )
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="merged",
        help_text="The maker that this spelling means.",
    )

    objects = MakerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(merged_into=None) | ~Q(merged_into=models.F("id")), name="maker_is_not_merged_into_itself"
            )
        ]

    def __str__(self) -> str:
        return self.slug
