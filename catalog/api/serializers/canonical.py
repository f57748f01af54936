"""One model and all its offers."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.serializers import fields
from catalog.api.serializers.lists import StampSerializer
from catalog.api.serializers.offers import OfferSerializer


class ComparedOfferSerializer(Serializer[object]):
    offer = OfferSerializer()
    cost = fields.text("What the workload costs there, in US dollars; null where it cannot be said.", null=True)
    is_comparable = serializers.BooleanField(help_text="Whether it has a cost.")
    reasons = fields.words("Why it has none.")
    notes = fields.words("What was assumed.")
    held_meters = fields.held_meters()
    variant = fields.text("How it differs from the model itself: `free`, `fp8`, `tee`.", null=True)
    identity_rule = fields.text("What tied it to the model: docs/identity.md.", null=True)
    identity_evidence = fields.text("Why, in a sentence that can be checked.", null=True)


class CheapestSerializer(Serializer[object]):
    source_gateway = fields.text("Where it is cheapest.")
    id = fields.text("The offer's id there.")
    cost = fields.text("What the workload costs there, in US dollars.")
    held_meters = fields.held_meters()


class WorkloadSerializer(Serializer[object]):
    input_tokens = fields.count("Tokens that go in.")
    cached_percent = fields.count("The share of them that is read from a cache.")
    output_tokens = fields.count("Tokens that come out.")
    requests = fields.count("Requests; 0 is not stated.")


class CanonicalDataSerializer(Serializer[object]):
    slug = fields.text("The model's own slug, which it keeps.")
    gateways = fields.words("Where it is or was sold.")
    workload = WorkloadSerializer(help_text="What the offers are compared by.")
    cheapest = CheapestSerializer(allow_null=True, help_text="The first of the comparable offers.")
    differences = serializers.DictField(
        child=serializers.ListField(child=fields.FactField()),
        help_text="Fields in which the offers differ, with the value of each offer in the order of `offers`.",
    )
    offers = ComparedOfferSerializer(many=True, help_text="Cheapest first; those that cannot be compared last.")


class CanonicalSerializer(StampSerializer):
    data = CanonicalDataSerializer()


class CandidateSerializer(Serializer[object]):
    canonical_model = fields.text("A model that may be meant.")
    evidence = fields.text("Why.")


class ResolvedSerializer(Serializer[object]):
    id = fields.text("What was asked for.")
    canonical_model = fields.text("The model that is meant; null where none or several may be.", null=True)
    rule = fields.text("How the id was understood; null where nothing is called so.", null=True)
    evidence = fields.text("The same in words.")
    offers = OfferSerializer(many=True, help_text="All offers of the model.")
    candidates = CandidateSerializer(
        many=True,
        help_text="Where several models may be meant; besides the one that is, those whose names are the same words.",
    )


class ResolveSerializer(StampSerializer):
    data = ResolvedSerializer()
