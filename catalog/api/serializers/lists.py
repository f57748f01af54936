"""The envelopes of lists and of one model."""

from __future__ import annotations

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


class ModelListSerializer(ListSerializer):
    data = OfferSerializer(many=True)


class ModelDetailSerializer(StampSerializer):
    data = OfferSerializer(help_text="The offer of the first gateway.")
    offers = OfferSerializer(many=True, help_text="The offers of all gateways under this id.")
