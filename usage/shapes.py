"""The answers, as the OpenAPI document describes them."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.shapes import fields


@extend_schema_field({"type": ["integer", "string"]})
class AnyFigure(serializers.JSONField):
    """A whole number, or US dollars as text."""


class PopularModelSerializer(Serializer[object]):
    rank = fields.count("The place in this answer, from 1.")
    canonical_model = fields.text("The slug of the model.")
    asks = fields.count("With `by=asks`: how often it was asked for in the window, rounded to two digits.", null=True)
    requests = fields.count(
        "With `by=requests`: the requests that were sent to it, rounded likewise. With `by=gateway`: those that its "
        "gateway counts.",
        null=True,
    )
    tokens = fields.count("With `by=tokens`: the tokens of these requests, rounded likewise.", null=True)
    cost_usd = fields.money("With `by=cost`: what they cost in US dollars, rounded likewise.", null=True)
    trend = AnyFigure(help_text="The figure minus the mean of the three windows before, rounded likewise.")
    gateways = fields.words("The gateways that sell it now.")


class PopularListSerializer(Serializer[object]):
    data = PopularModelSerializer(many=True)
    returned = fields.count("Models in `data`.")
    gateway = fields.text("The gateway that sells all of them, or `all`.")
    window = fields.text("The window.")
    source = fields.text("Who counted: `gatewayz` for requests to this service, or the gateway.")
    unit = fields.text("What is counted: `asks`, `requests`, `tokens` or `cost_usd`.")
    as_of = fields.moment("The end of the window: the beginning of today in UTC, or of the day after the last one.")
    ranked_days = fields.count("The days of the window that have figures; the others are left out.")


class AskedDaySerializer(Serializer[object]):
    day = serializers.DateField(help_text="The day, in UTC.")
    asks = fields.count("Rounded to two digits; null below 5, and on days with fewer than 20 clients.", null=True)


class PopularSeriesSerializer(Serializer[object]):
    canonical_model = fields.text("The slug of the model.")
    data = AskedDaySerializer(many=True)
    returned = fields.count("Days in `data`.")
    source = fields.text("Who counted: `gatewayz` for requests to this service.")
    unit = fields.text("What is counted: `asks`.")
    as_of = fields.moment("The end of the last day.")


class KeyUsageRowSerializer(Serializer[object]):
    day = serializers.DateField(required=False, help_text="The day, in UTC, if `group` is `day`.")
    canonical_model = serializers.CharField(
        required=False, help_text="The slug of the model, if `group` is `model`; empty for lists."
    )
    key = fields.count("The id of the key.")
    reads = fields.count("The number of requests that were answered.")


class KeyUsageSerializer(Serializer[object]):
    data = KeyUsageRowSerializer(many=True)
    returned = fields.count("Rows in `data`, at most 10,000.")
    group = fields.choice("What the requests are added up by.", ["day", "model"])
