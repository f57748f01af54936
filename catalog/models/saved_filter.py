"""Filters that curators saved under a name."""

from __future__ import annotations

from django.db import models

LONGEST_NAME = 50
LONGEST_TITLE = 100
LONGEST_EXPRESSION = 2_000


class SavedFilter(models.Model):
    """A name for an expression of the list's parameters. Requests use it as `view=NAME`."""

    name = models.CharField(max_length=LONGEST_NAME, unique=True)
    title = models.CharField(max_length=LONGEST_TITLE)
    expression = models.CharField(max_length=LONGEST_EXPRESSION)
    """A canonical query string: `prompt_price_max=0.5&supported_parameters=tools`."""

    def __str__(self) -> str:
        return self.name
