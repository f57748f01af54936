"""Comparisons of models, figures, and the costs of a workload."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog import registry
from catalog.api.shapes import fields
from catalog.api.shapes.canonical import CheapestSerializer, WorkloadSerializer
from catalog.api.shapes.lists import StampSerializer
from catalog.pricing import meters, money
from catalog.records import ModelType


# --- compare ---------------------------------------------------------------------------------------------------------
class RangeSerializer(Serializer[object]):
    least = fields.money("US dollars.", null=False)
    most = fields.money("US dollars.", null=False)


class CostRangeSerializer(RangeSerializer):
    offers = fields.count("The number of offers with a cost.")


class HeldOfferSerializer(Serializer[object]):
    source_gateway = fields.text("The gateway that sells it.")
    id = fields.text("The offer's id there.")
    held_meters = fields.held_meters()


class CheapestOfModelSerializer(CheapestSerializer):
    variant = fields.text("How the offer differs from the model itself: `free`, `fp8`, `tee`.", null=True)
    notes = fields.words("The assumptions behind the cost.")


class PricesOfModelSerializer(Serializer[object]):
    input = RangeSerializer(allow_null=True, help_text="Per million input tokens.")
    output = RangeSerializer(allow_null=True, help_text="Per million output tokens.")


class ComparedModelSerializer(Serializer[object]):
    asked = fields.text("The id as given in `ids`.")
    canonical_model = fields.text("The model's slug.")
    name = fields.text("The display name.")
    provider_slug = fields.text("The organisation that made or published it.", null=True)
    model_type = fields.choice("What the model is for.", [kind.value for kind in ModelType])
    hugging_face_id = fields.text("The Hugging Face repository of its weights.", null=True)
    knowledge_cutoff = serializers.DateField(allow_null=True, help_text="The last day that its knowledge covers.")
    context_length = fields.count("The largest of its offers, in tokens.", null=True)
    max_completion_tokens = fields.count("The largest of its offers, in tokens.", null=True)
    input_modalities = fields.words("The inputs that at least one of its offers accepts.", null=True)
    output_modalities = fields.words("The outputs that at least one of its offers produces.", null=True)
    supported_parameters = fields.words("The request parameters that at least one of its offers accepts.", null=True)
    gateways = fields.words("The gateways that sell it.")
    offers = fields.count("The number of its offers that are not withdrawn.")
    cheapest = CheapestOfModelSerializer(allow_null=True, help_text="The cheapest offer that can be compared.")
    cost = CostRangeSerializer(allow_null=True, help_text="The lowest and the highest cost of the workload.")
    held_offers = HeldOfferSerializer(
        many=True, help_text="Its offers with a held price that the workload needs; `cost` may include them."
    )
    reasons = fields.words("Why some of its offers have no cost.")
    price_per_million = PricesOfModelSerializer(help_text="The prices of its offers that are billed by tokens.")


class ComparisonSerializer(Serializer[object]):
    workload = WorkloadSerializer(help_text="The workload that the models are compared by.")
    models = ComparedModelSerializer(many=True, help_text="In the order of `ids`.")
    differences = serializers.DictField(
        child=serializers.ListField(child=fields.FactField()),
        help_text="Fields in which the models differ, with the value of each model in the order of `models`. Of a list "
        "it shows only the items that not all models have.",
    )


class CompareSerializer(StampSerializer):
    data = ComparisonSerializer()


# --- stats -----------------------------------------------------------------------------------------------------------
def _counts(help_text: str) -> serializers.DictField:
    return serializers.DictField(child=serializers.IntegerField(), help_text=help_text)


class ModelCountsSerializer(Serializer[object]):
    total = fields.count("The number of models, at any gateway.")
    by_gateways = _counts("The number of models by the number of gateways that sell them.")


class OfferCountsSerializer(Serializer[object]):
    gateway = _counts("Offers by gateway.")
    model_type = _counts("Offers by model type.")
    price_status = _counts("Offers by price status.")
    price_basis = _counts("Offers by price basis; an offer with an unknown basis is not counted.")
    price_tier = _counts("Offers with an hourly rate, by its tier.")
    availability = _counts("Offers by availability.")
    provider = _counts("Offers by provider, the most frequent first; an offer with an unknown provider is not counted.")


class DistributionSerializer(Serializer[object]):
    """Percentiles by nearest rank: each of them is the price of an offer."""

    offers = fields.count("Offers with a price above 0. The percentiles are theirs.")
    free = fields.count("Offers whose price is 0.")
    min = fields.money("US dollars.")
    p10 = fields.money("US dollars.")
    p25 = fields.money("US dollars.")
    median = fields.money("US dollars.")
    p75 = fields.money("US dollars.")
    p90 = fields.money("US dollars.")
    max = fields.money("US dollars.")


class DistributionsSerializer(Serializer[object]):
    prompt_per_million = DistributionSerializer(
        help_text="Prices of input tokens, of offers that are billed by tokens."
    )
    completion_per_million = DistributionSerializer(
        help_text="Prices of output tokens, of offers that are billed by tokens."
    )
    hourly_rate = DistributionSerializer(help_text="Prices of an hour of an instance, of offers that are billed by it.")


class FiguresSerializer(Serializer[object]):
    offers = fields.count("Offers that match.")
    models = ModelCountsSerializer()
    counts = OfferCountsSerializer()
    prices = DistributionsSerializer()
    prices_by_gateway = serializers.DictField(
        child=DistributionsSerializer(), help_text=f"The distributions at each gateway: {', '.join(registry.GATEWAYS)}."
    )


class StatsSerializer(StampSerializer):
    data = FiguresSerializer()


# --- estimate --------------------------------------------------------------------------------------------------------
class LineSerializer(Serializer[object]):
    meter = fields.choice("What is counted.", list(meters.METERS))
    unit = fields.choice("The unit of the quantity.", [unit.value for unit in money.Unit])
    quantity = fields.money("The number of units.", null=False)
    unit_price = fields.money("US dollars per unit.", null=False)
    amount = fields.money("The exact product of quantity and unit price.", null=False)
    conditions = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=3, max_length=3),
        help_text="The conditions of this price, as in `pricing.overrides`; empty for the base price.",
    )
    is_held = serializers.BooleanField(help_text="Whether the gateway reports another price that is not believed yet.")


class EstimatedOfferSerializer(Serializer[object]):
    source_gateway = fields.text("The gateway that sells it.")
    id = fields.text("The offer's id there.")
    name = fields.text("The display name.")
    host = fields.text("The host that runs the model, if the gateway routes to other hosts.", null=True)
    canonical_model = fields.text("The slug of the canonical model.", null=True)
    variant = fields.text("How the offer differs from the canonical model.", null=True)
    price_status = fields.choice("What is known about the price.", ["priced", "free", "dynamic", "unknown"])
    price_basis = fields.choice("How the offer is billed.", ["token", "hourly", "unit"], null=True)
    held_meters = fields.held_meters()


class CostedOfferSerializer(EstimatedOfferSerializer):
    total = fields.money("US dollars, the exact sum of the lines.", null=False)
    lines = LineSerializer(many=True)
    notes = fields.words("The assumptions behind the cost, and what this offer does not bill.")


class UncostedOfferSerializer(EstimatedOfferSerializer):
    reasons = fields.words("Why the offer has no cost.")
    notes = fields.words("The assumptions behind the cost.")


class ReasonSerializer(Serializer[object]):
    reason = fields.text("Why an offer has no cost.")
    offers = fields.count("The number of offers with this reason; an offer may have several reasons.")


class UncostedSerializer(Serializer[object]):
    total = fields.count("Matching offers without a cost.")
    reasons = ReasonSerializer(many=True, help_text="The most frequent first.")
    offers = UncostedOfferSerializer(
        many=True, help_text="At most `uncosted_limit` of them, ordered by id and gateway."
    )


class EstimateSerializer(StampSerializer):
    data = CostedOfferSerializer(many=True, help_text="Cheapest first; equal ones are ordered by id and gateway.")
    total = fields.count("Offers with a cost.")
    returned = fields.count("Offers in `data`.")
    offset = fields.count("Offers skipped.")
    limit = fields.count("The requested number of offers.")
    matched = fields.count("Offers that match `filters` and `ids`, with or without a cost.")
    uncosted = UncostedSerializer()
    workload = serializers.DictField(child=serializers.CharField(), help_text="The workload of the request.")
