"""One model and all its offers."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.shapes import fields
from catalog.api.shapes.lists import StampSerializer
from catalog.api.shapes.offers import OfferSerializer


class ComparedOfferSerializer(Serializer[object]):
    offer = OfferSerializer()
    cost = fields.text("What the workload costs there, in US dollars; null if it has no cost.", null=True)
    is_comparable = serializers.BooleanField(help_text="Whether the offer has a cost.")
    reasons = fields.words("Why the offer has no cost.")
    notes = fields.words("The assumptions behind the cost.")
    held_meters = fields.held_meters()
    variant = fields.text("How the offer differs from the model itself: `free`, `fp8`, `tee`.", null=True)
    identity_rule = fields.text("The rule that links the offer to the model: docs/identity.md.", null=True)
    identity_evidence = fields.text("The evidence for the link, in a sentence.", null=True)


class CheapestSerializer(Serializer[object]):
    source_gateway = fields.text("The gateway with the cheapest offer.")
    id = fields.text("The offer's id there.")
    cost = fields.text("What the workload costs there, in US dollars.")
    held_meters = fields.held_meters()


class WorkloadSerializer(Serializer[object]):
    input_tokens = fields.count("Input tokens, including cached ones.")
    cached_percent = fields.count("The percentage of the input tokens that is read from a cache.")
    output_tokens = fields.count("Output tokens.")
    requests = fields.count("Requests; 0 if their number is not stated.")


class CanonicalDataSerializer(Serializer[object]):
    slug = fields.text("The model's permanent slug.")
    gateways = fields.words("The gateways that sell it or sold it.")
    workload = WorkloadSerializer(help_text="The workload that the offers are compared by.")
    cheapest = CheapestSerializer(allow_null=True, help_text="The cheapest comparable offer; null if there is none.")
    differences = serializers.DictField(
        child=serializers.ListField(child=fields.FactField()),
        help_text="Fields in which the offers differ, with the value of each offer in the order of `offers`.",
    )
    offers = ComparedOfferSerializer(many=True, help_text="Cheapest first; those that cannot be compared last.")


class CanonicalSerializer(StampSerializer):
    data = CanonicalDataSerializer()


class CandidateSerializer(Serializer[object]):
    canonical_model = fields.text("The slug of a model that may be meant.")
    evidence = fields.text("Why it may be meant.")


class ResolvedSerializer(Serializer[object]):
    id = fields.text("The requested id.")
    canonical_model = fields.text("The slug of the model; null if none or several may be meant.", null=True)
    rule = fields.text("The rule that found the model; null if nothing has this name.", null=True)
    evidence = fields.text("An explanation of the rule.")
    offers = OfferSerializer(many=True, help_text="All offers of the model.")
    candidates = CandidateSerializer(
        many=True,
        help_text="The models if several may be meant; otherwise models with the same words in their names.",
    )


class ResolveSerializer(StampSerializer):
    data = ResolvedSerializer()
