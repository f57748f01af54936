"""The whole catalogue in one answer."""

from __future__ import annotations

from catalog.api.serializers import fields
from catalog.api.serializers.lists import StampSerializer
from catalog.api.serializers.offers import OfferSerializer


class ExportSerializer(StampSerializer):
    data = OfferSerializer(many=True, help_text="By id and gateway.")
    total = fields.count("Offers in `data`, which are all that match.")
