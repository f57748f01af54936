"""Applies what is observed, and the curators' overrides, to the gateway's records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from catalog.publication.fields import FIELDS, field_of
from catalog.records import Availability, OfferRecord

Json = Any


def with_observed(record: OfferRecord, availability: Availability | None) -> OfferRecord:
    """Return the record with the observed availability; None means that nothing is observed."""
    return record if availability in {None, record.availability} else replace(record, availability=availability)


def overlay(record: OfferRecord, overrides: Mapping[str, Json]) -> OfferRecord:
    """Return the record with the overridden fields replaced; `overrides` maps fields to checked values."""
    for name, field in FIELDS.items():
        if name in overrides:
            record = field.put(record, overrides[name])
    return record


def checked_value(name: str, value: Json) -> Json:
    """Return the cleaned value of an override. Raises ValueError with a reason that names the problem."""
    return field_of(name).checked(value)
