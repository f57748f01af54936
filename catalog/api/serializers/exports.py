"""The whole catalogue in one answer."""

from __future__ import annotations

from catalog.api.serializers import fields
from catalog.api.serializers.lists import StampSerializer
from catalog.api.serializers.offers import OfferSerializer


class ExportSerializer(StampSerializer):
    data = OfferSerializer(many=True, help_text="Ordered by id and gateway.")
    total = fields.count("The number of offers in `data`: all that match.")
