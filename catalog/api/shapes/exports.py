"""The whole catalogue in one answer."""

from __future__ import annotations

from catalog.api.shapes import fields
from catalog.api.shapes.lists import StampSerializer
from catalog.api.shapes.offers import OfferSerializer


class ExportSerializer(StampSerializer):
    data = OfferSerializer(many=True, help_text="Ordered by id and gateway.")
    total = fields.count("The number of offers in `data`: all that match.")
