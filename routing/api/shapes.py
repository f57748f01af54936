"""The answers, as the OpenAPI document describes them."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.shapes import fields
from catalog.api.shapes.lists import StampSerializer


class RoutePricesSerializer(Serializer[object]):
    input = fields.money("US dollars per million input tokens.", null=True)
    output = fields.money("US dollars per million output tokens.", null=True)


class RouteCandidateSerializer(Serializer[object]):
    gateway = fields.text("The gateway that would get the request.")
    id = fields.text("The offer's id there, which would be its `model`.")
    model = fields.text("The slug of the model, or `gateway/id` of an offer that belongs to none.")
    reason = fields.text("Why it is at this place.")
    expected_cost_usd = fields.money(
        "The cost in US dollars of the input as estimated and of the output as limited, else of 500 tokens; null if "
        "it cannot be computed.",
        null=True,
    )
    why_no_cost = fields.choice(
        "Why there is no expected cost.", ["unknown price", "billed by the hour", "subscription"], null=True
    )
    price_status = fields.text("What is known of its price: `priced`, `free`, `dynamic` or `unknown`.")
    price_basis = fields.text("What it is billed by: `token`, `hourly` or `unit`.", null=True)
    price_per_million = RoutePricesSerializer(help_text="The base prices of an offer that is billed by tokens.")
    hourly_rate = fields.money("US dollars per hour, of an offer that is billed by the hour.", null=True)
    max_output_tokens = fields.count(
        "The most tokens that can come out: the request's limit, else the offer's.", null=True
    )
    has_key = serializers.BooleanField(help_text="Whether inference has a key of the gateway.")


class RouteLeftOutSerializer(Serializer[object]):
    gateway = fields.text("The gateway that sells it.")
    id = fields.text("The offer's id there.")
    reason = fields.text("What rules it out.")


class RouteGatewaySerializer(Serializer[object]):
    gateway = fields.text("A gateway that inference can use.")
    has_key = serializers.BooleanField(help_text="Whether it has a key of the gateway.")


class RouteSerializer(StampSerializer):
    object = fields.text("Always `route`.")
    inference = fields.choice("Whether this service sends requests to gateways.", ["on", "off"])
    model = fields.text("What the name means: the slug of a model, `gateway/id`, or `@name` of a saved filter.")
    expected_input_tokens = fields.count("The tokens that are expected to go in, by the length of the body.")
    candidates = RouteCandidateSerializer(many=True, help_text="The offers that can run it, the first to try first.")
    reason = fields.text("Why there is no candidate, if there is none.", null=True)
    left_out = RouteLeftOutSerializer(many=True, help_text="The other offers of the model, at most 100.")
    left_out_total = fields.count("All offers that are left out.")
    gateways = RouteGatewaySerializer(many=True, help_text="The gateways that inference can use.")


class PercentilesSerializer(Serializer[object]):
    p50 = fields.count("Half of the good answers took no longer, in milliseconds; null without any.", null=True)
    p95 = fields.count("95 of 100 good answers took no longer, in milliseconds; null without any.", null=True)


class InferenceSumsSerializer(Serializer[object]):
    requests = fields.count("Requests that have ended.")
    errors = fields.count("Requests without a good answer that neither the client nor its leaving caused.")
    failures = serializers.DictField(
        child=serializers.IntegerField(), help_text="Requests without a good answer, by outcome."
    )
    attempts = fields.count("Attempts at offers.")
    absorbed = fields.count("Attempts that failed before another offer answered: neither requests nor errors.")
    input_tokens = fields.count("Tokens that went in, with cached ones.")
    output_tokens = fields.count("Tokens that came out, with reasoning.")
    cached_input_tokens = fields.count("Input tokens that were read from a cache.")
    cache_write_tokens = fields.count("Input tokens that were written to a cache.")
    reasoning_tokens = fields.count("Output tokens of reasoning.")
    audio_input_tokens = fields.count("Tokens of audio that went in.")
    audio_output_tokens = fields.count("Tokens of audio that came out.")
    image_output_tokens = fields.count("Tokens of images that came out.")
    estimated = fields.count("Attempts whose tokens are estimated, because the gateway stated none.")
    cost_usd = fields.money("The known costs in US dollars, exact to a billionth of a dollar for each attempt.")
    unpriced = fields.count("Attempts whose cost is not known. They add nothing to `cost_usd`.")
    charged_usd = fields.money(
        "What counts against budgets: the cost, or what was reserved if the cost of an answer is not known."
    )
    first_content_ms = PercentilesSerializer(help_text="The time until the first content.")
    duration_ms = PercentilesSerializer(help_text="The time until the end.")


class InferenceUsageRowSerializer(InferenceSumsSerializer):
    day = serializers.DateField(required=False, help_text="The day in UTC on which requests began (`group=day`).")
    canonical_model = serializers.CharField(
        required=False, help_text="The slug of the model, or `gateway/id` of an offer without one (`group=model`)."
    )
    gateway = serializers.CharField(required=False, help_text="The gateway (`group=offer`).")
    offer = serializers.CharField(required=False, help_text="The offer's id there (`group=offer`).")
    key = serializers.IntegerField(required=False, help_text="The id of the key (`group=key`).")


class InferenceUsageSerializer(Serializer[object]):
    data = InferenceUsageRowSerializer(many=True)
    returned = fields.count("Rows in `data`, at most 10,000.")
    group = fields.choice("What requests are added up by.", ["day", "model", "offer", "key"])
    to = serializers.DateField(help_text="The last day.")
    total = InferenceSumsSerializer(help_text="The sums of all rows.")

    def get_fields(self) -> dict[str, serializers.Field[object, object, object, object]]:
        """Add `from`, which Python does not take as a name."""
        first = serializers.DateField(help_text="The first day.")
        return {**super().get_fields(), "from": first}
