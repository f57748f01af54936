"""The envelopes of lists and of one model."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.fields import Field
from rest_framework.serializers import Serializer

from catalog import registry
from catalog.api.shapes import fields
from catalog.api.shapes.offers import OfferSerializer


class StampSerializer(Serializer[object]):
    revision = fields.count("The published revision that the whole answer shows.")
    timestamp = fields.moment("When that revision was published.")


class ListSerializer(StampSerializer):
    total = fields.count("The number of matching rows on all pages.")
    returned = fields.count("Rows in `data`.")
    offset = fields.count("The number of rows that were skipped.")
    limit = fields.count("The requested number of rows.")
    gateway = fields.choice("The requested gateway.", [*registry.GATEWAYS, "all"])
    note = fields.text("A description of the answer.")
    next = fields.text("The next page, relative to this address; null on the last page.", null=True)


class PickedOfferSerializer(OfferSerializer):
    """An offer; with the parameter `fields`, only these fields of it."""

    def get_fields(self) -> dict[str, Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


class FacetValueSerializer(Serializer[object]):
    value = fields.text("The value, in the form that the filter accepts.")
    count = fields.count("The number of offers with this value.")


class ModelListSerializer(ListSerializer):
    data = PickedOfferSerializer(many=True)
    offset = fields.count("The number of rows that were skipped; null if the page was requested by cursor.", null=True)
    next_cursor = fields.text(
        "The `cursor` of the next page by id and gateway; null on the last page, and in another order.", null=True
    )
    facets = serializers.DictField(
        child=FacetValueSerializer(many=True),
        required=False,
        help_text="Only if the request has `facets`: at most 100 values of each fact, the most frequent first. The "
        "filters on a fact do not apply to its own counts.",
    )
    facet_sizes = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Only with `facets`: the number of different values of each fact, shown or not.",
    )


class ModelDetailSerializer(StampSerializer):
    data = OfferSerializer(help_text="The offer of the first gateway.")
    offers = OfferSerializer(many=True, help_text="The offers of all gateways under this id.")
