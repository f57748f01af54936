"""Applies the curators' overrides to the gateway's records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.publication.fields import FIELDS, field_of
from catalog.records import OfferRecord

Json = Any


def overlay(record: OfferRecord, overrides: Mapping[str, Json]) -> OfferRecord:
    """Return the record with the overridden fields replaced; `overrides` maps fields to checked values."""
    for name, field in FIELDS.items():
        if name in overrides:
            record = field.put(record, overrides[name])
    return record


def checked_value(name: str, value: Json) -> Json:
    """Return the cleaned value of an override. Raises ValueError with a reason that names the problem."""
    return field_of(name).checked(value)
