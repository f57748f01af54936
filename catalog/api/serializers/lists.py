"""The envelopes of lists and of one model."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.fields import Field
from rest_framework.serializers import Serializer

from catalog import registry
from catalog.api.serializers import fields
from catalog.api.serializers.offers import OfferSerializer


class StampSerializer(Serializer[object]):
    revision = fields.count("The published revision that the whole answer shows.")
    timestamp = fields.moment("When that revision was published.")


class ListSerializer(StampSerializer):
    total = fields.count("Rows after filtering, before paging.")
    returned = fields.count("Rows in `data`.")
    offset = fields.count("Rows skipped.")
    limit = fields.count("Rows asked for.")
    gateway = fields.choice("The gateway asked for.", [*registry.GATEWAYS, "all"])
    note = fields.text("What the answer shows, in words.")
    next = fields.text("The next page, relative to this address; null on the last.", null=True)


class PickedOfferSerializer(OfferSerializer):
    """An offer; with the parameter `fields`, only these fields of it."""

    def get_fields(self) -> dict[str, Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


class FacetValueSerializer(Serializer[object]):
    value = fields.text("The value, as the filter on this fact takes it.")
    count = fields.count("The offers with it.")


class ModelListSerializer(ListSerializer):
    data = PickedOfferSerializer(many=True)
    offset = fields.count("Rows skipped; null where a cursor says where to go on.", null=True)
    next_cursor = fields.text(
        "Where a walk by id and gateway goes on after this page; null on the last, and in another order.", null=True
    )
    facets = serializers.DictField(
        child=FacetValueSerializer(many=True),
        required=False,
        help_text="Only where `facets` was asked for: the values of each fact, the most frequent ones first, at most "
        "100. Each is counted as if the filters on that very fact were not there.",
    )
    facet_sizes = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Beside `facets`: how many different values each fact has, shown or not.",
    )


class ModelDetailSerializer(StampSerializer):
    data = OfferSerializer(help_text="The offer of the first gateway.")
    offers = OfferSerializer(many=True, help_text="The offers of all gateways under this id.")
