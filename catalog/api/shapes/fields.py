"""Kinds of fields, each with its text for the OpenAPI document."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MONEY = r"^[0-9]+(\.[0-9]+)?$"


def text(help_text: str, *, null: bool = False) -> serializers.CharField:
    return serializers.CharField(help_text=help_text, allow_null=null)


def money(help_text: str, *, required: bool = True, null: bool | None = None) -> serializers.RegexField:
    """A price that is null if it is unknown. An optional price is left out instead."""
    allow_null = required if null is None else null
    return serializers.RegexField(MONEY, help_text=help_text, allow_null=allow_null, required=required)


def price(help_text: str) -> serializers.RegexField:
    """A key of `pricing`: left out if no such price is published, null if the published price cannot be used."""
    return money(help_text, required=False, null=True)


def count(help_text: str, *, null: bool = False) -> serializers.IntegerField:
    return serializers.IntegerField(help_text=help_text, allow_null=null)


def words(help_text: str, *, null: bool = False) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), help_text=help_text, allow_null=null)


def held_meters() -> serializers.ListField:
    return words(
        "Meters of the workload with a held price: the gateway reports another price that is not believed yet. The "
        "served price may be out of date, or unknown."
    )


def choice(help_text: str, choices: list[str], *, null: bool = False) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices, help_text=help_text, allow_null=null)


def moment(help_text: str, *, null: bool = False) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=help_text, allow_null=null)


@extend_schema_field({"type": ["string", "integer", "array", "null"], "items": {"type": "string"}})
class FactField(serializers.JSONField):
    """A value of any of an offer's fields; null if no source reports it."""
