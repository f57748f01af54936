"""The shapes of the answers, for the OpenAPI document. Nothing is serialised here: publication renders documents.

A test holds every answer against these shapes, so they cannot lag.
"""

from __future__ import annotations

from catalog.api.serializers.canonical import (
    CandidateSerializer,
    CanonicalDataSerializer,
    CanonicalSerializer,
    CheapestSerializer,
    ComparedOfferSerializer,
    ResolvedSerializer,
    ResolveSerializer,
    WorkloadSerializer,
)
from catalog.api.serializers.gateways import GatewayListSerializer, GatewaySerializer, HealthSerializer, ReadySerializer
from catalog.api.serializers.lists import ListSerializer, ModelDetailSerializer, ModelListSerializer, StampSerializer
from catalog.api.serializers.offers import (
    ArchitectureSerializer,
    OfferSerializer,
    PricePerMillionSerializer,
    PricesSerializer,
    PricingOverrideSerializer,
    PricingSerializer,
    TopProviderSerializer,
)
from catalog.api.serializers.problems import ParameterProblemSerializer, ProblemSerializer
from catalog.api.serializers.providers import ProviderListSerializer, ProviderSerializer

__all__ = [
    "ArchitectureSerializer",
    "CandidateSerializer",
    "CanonicalDataSerializer",
    "CanonicalSerializer",
    "CheapestSerializer",
    "ComparedOfferSerializer",
    "GatewayListSerializer",
    "GatewaySerializer",
    "HealthSerializer",
    "ListSerializer",
    "ModelDetailSerializer",
    "ModelListSerializer",
    "OfferSerializer",
    "ParameterProblemSerializer",
    "PricePerMillionSerializer",
    "PricesSerializer",
    "PricingOverrideSerializer",
    "PricingSerializer",
    "ProblemSerializer",
    "ProviderListSerializer",
    "ProviderSerializer",
    "ReadySerializer",
    "ResolveSerializer",
    "ResolvedSerializer",
    "StampSerializer",
    "TopProviderSerializer",
    "WorkloadSerializer",
]
