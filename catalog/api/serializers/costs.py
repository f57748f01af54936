"""Comparisons of models, figures, and the costs of a workload."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog import registry
from catalog.api.serializers import fields
from catalog.api.serializers.canonical import CheapestSerializer, WorkloadSerializer
from catalog.api.serializers.lists import StampSerializer
from catalog.pricing import meters, money
from catalog.records import ModelType


# --- compare ---------------------------------------------------------------------------------------------------------
class RangeSerializer(Serializer[object]):
    least = fields.money("US dollars.", null=False)
    most = fields.money("US dollars.", null=False)


class CostRangeSerializer(RangeSerializer):
    offers = fields.count("The offers that could be costed.")


class HeldOfferSerializer(Serializer[object]):
    source_gateway = fields.text("The gateway that sells it.")
    id = fields.text("The offer's id there.")
    held_meters = fields.held_meters()


class CheapestOfModelSerializer(CheapestSerializer):
    variant = fields.text("How the offer differs from the model itself: `free`, `fp8`, `tee`.", null=True)
    notes = fields.words("What was assumed.")


class PricesOfModelSerializer(Serializer[object]):
    input = RangeSerializer(allow_null=True, help_text="Per million input tokens.")
    output = RangeSerializer(allow_null=True, help_text="Per million output tokens.")


class ComparedModelSerializer(Serializer[object]):
    asked = fields.text("As it stood in `ids`.")
    canonical_model = fields.text("The model's slug.")
    name = fields.text("For people.")
    provider_slug = fields.text("Who made or published it.", null=True)
    model_type = fields.choice("What the model is for.", [kind.value for kind in ModelType])
    hugging_face_id = fields.text("The repository of its weights.", null=True)
    knowledge_cutoff = serializers.DateField(allow_null=True, help_text="The day up to which it knows the world.")
    context_length = fields.count("Tokens; the largest of any of its offers.", null=True)
    max_completion_tokens = fields.count("Tokens; the largest of any of its offers.", null=True)
    input_modalities = fields.words("What goes in, at any of its offers.", null=True)
    output_modalities = fields.words("What comes out, at any of its offers.", null=True)
    supported_parameters = fields.words("What a request may have, at any of its offers.", null=True)
    gateways = fields.words("Where it is sold.")
    offers = fields.count("Its offers that are not withdrawn.")
    cheapest = CheapestOfModelSerializer(allow_null=True, help_text="The cheapest offer that can be compared.")
    cost = CostRangeSerializer(allow_null=True, help_text="What the workload costs, from the cheapest to the dearest.")
    held_offers = HeldOfferSerializer(
        many=True, help_text="Its offers for which the workload needs a price that is held; `cost` may include them."
    )
    reasons = fields.words("Why offers of it have no cost.")
    price_per_million = PricesOfModelSerializer(help_text="Of its offers that are billed by tokens.")


class ComparisonSerializer(Serializer[object]):
    workload = WorkloadSerializer(help_text="What the models are compared by.")
    models = ComparedModelSerializer(many=True, help_text="In the order of `ids`.")
    differences = serializers.DictField(
        child=serializers.ListField(child=fields.FactField()),
        help_text="Fields in which the models differ, with the value of each in their order; of lists, what not all "
        "of them have.",
    )


class CompareSerializer(StampSerializer):
    data = ComparisonSerializer()


# --- stats -----------------------------------------------------------------------------------------------------------
def _counts(help_text: str) -> serializers.DictField:
    return serializers.DictField(child=serializers.IntegerField(), help_text=help_text)


class ModelCountsSerializer(Serializer[object]):
    total = fields.count("Models, whoever sells them.")
    by_gateways = _counts("How many of them are sold at so many gateways.")


class OfferCountsSerializer(Serializer[object]):
    gateway = _counts("Offers by gateway.")
    model_type = _counts("Offers by model type.")
    price_status = _counts("Offers by what is known of their price.")
    price_basis = _counts("Offers by what they are billed by; those of which that is unknown are in none.")
    price_tier = _counts("Offers with an hourly rate, by its tier.")
    availability = _counts("Offers by whether the gateway can serve them now.")
    provider = _counts("Offers by provider, the most first; those whose maker is unknown are in none.")


class DistributionSerializer(Serializer[object]):
    """Percentiles by nearest rank: each is a price that some offer has."""

    offers = fields.count("Offers with a price above 0, which the percentiles are of.")
    free = fields.count("Offers whose price is 0.")
    min = fields.money("US dollars.")
    p10 = fields.money("US dollars.")
    p25 = fields.money("US dollars.")
    median = fields.money("US dollars.")
    p75 = fields.money("US dollars.")
    p90 = fields.money("US dollars.")
    max = fields.money("US dollars.")


class DistributionsSerializer(Serializer[object]):
    prompt_per_million = DistributionSerializer(help_text="Input tokens, where offers are billed by tokens.")
    completion_per_million = DistributionSerializer(help_text="Output tokens, where offers are billed by tokens.")
    hourly_rate = DistributionSerializer(help_text="An hour of an instance, where offers are billed by it.")


class FiguresSerializer(Serializer[object]):
    offers = fields.count("Offers that match.")
    models = ModelCountsSerializer()
    counts = OfferCountsSerializer()
    prices = DistributionsSerializer()
    prices_by_gateway = serializers.DictField(
        child=DistributionsSerializer(), help_text=f"The same at each of {', '.join(registry.GATEWAYS)}."
    )


class StatsSerializer(StampSerializer):
    data = FiguresSerializer()


# --- estimate --------------------------------------------------------------------------------------------------------
class LineSerializer(Serializer[object]):
    meter = fields.choice("What is counted.", list(meters.METERS))
    unit = fields.choice("One unit of it.", [unit.value for unit in money.Unit])
    quantity = fields.money("How many units.", null=False)
    unit_price = fields.money("US dollars for one.", null=False)
    amount = fields.money("Their product, exact.", null=False)
    conditions = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=3, max_length=3),
        help_text="Why this price and no other, as in `pricing.overrides`; none: it is the usual one.",
    )
    is_held = serializers.BooleanField(
        help_text="Whether the gateway reports another price, which is not believed yet."
    )


class EstimatedOfferSerializer(Serializer[object]):
    source_gateway = fields.text("The gateway that sells it.")
    id = fields.text("The offer's id there.")
    name = fields.text("For people.")
    host = fields.text("Who runs the model, where the gateway routes to others.", null=True)
    canonical_model = fields.text("The model itself.", null=True)
    variant = fields.text("How the offer differs from it.", null=True)
    price_status = fields.choice("What is known of the price.", ["priced", "free", "dynamic", "unknown"])
    price_basis = fields.choice("What the offer is billed by.", ["token", "hourly", "unit"], null=True)
    held_meters = fields.held_meters()


class CostedOfferSerializer(EstimatedOfferSerializer):
    total = fields.money("US dollars, the exact sum of the lines.", null=False)
    lines = LineSerializer(many=True)
    notes = fields.words("What was assumed, and what this offer does not bill.")


class UncostedOfferSerializer(EstimatedOfferSerializer):
    reasons = fields.words("Why it has no cost.")
    notes = fields.words("What was assumed.")


class ReasonSerializer(Serializer[object]):
    reason = fields.text("Why an offer has no cost.")
    offers = fields.count("How many offers; one may have several reasons.")


class UncostedSerializer(Serializer[object]):
    total = fields.count("Offers that match and have no cost.")
    reasons = ReasonSerializer(many=True, help_text="The most frequent first.")
    offers = UncostedOfferSerializer(many=True, help_text="As many as `uncosted_limit`, by id and gateway.")


class EstimateSerializer(StampSerializer):
    data = CostedOfferSerializer(many=True, help_text="Cheapest first; equal ones by id and gateway.")
    total = fields.count("Offers that could be costed.")
    returned = fields.count("Offers in `data`.")
    offset = fields.count("Offers skipped.")
    limit = fields.count("Offers asked for.")
    matched = fields.count("Offers that match `filters` and `ids`: those that could be costed, and the others.")
    uncosted = UncostedSerializer()
    workload = serializers.DictField(child=serializers.CharField(), help_text="The workload that was given.")
