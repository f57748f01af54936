"""The saved filters."""

from __future__ import annotations

from rest_framework.serializers import Serializer

from catalog.api.shapes import fields
from catalog.api.shapes.lists import StampSerializer


class ViewSerializer(Serializer[object]):
    name = fields.text("The value of the parameter `view`.")
    title = fields.text("What the filter is for.")
    expression = fields.text("The filter as a query string; each of its parameters applies.")
    offers = fields.count("The number of active offers that it finds; null if it is no longer valid.", null=True)
    url = fields.text("The list of these offers, relative to this service.")


class ViewListSerializer(StampSerializer):
    data = ViewSerializer(many=True)
    total = fields.count("The number of saved filters.")
    returned = fields.count("Rows in `data`: all of them.")
