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
from catalog.api.serializers.drop_in import (
    LITELLM_MAP,
    CountSerializer,
    DropInArchitectureSerializer,
    DropInCountSerializer,
    DropInListSerializer,
    DropInModelInDataSerializer,
    DropInModelSerializer,
    DropInPricingSerializer,
    DropInTopProviderSerializer,
    EndpointListSerializer,
    EndpointSerializer,
    EndpointsSerializer,
    KnownPricingSerializer,
    LinksSerializer,
    NoPagesSerializer,
    SellerListSerializer,
    SellerSerializer,
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
from catalog.api.serializers.problems import (
    DropInProblemSerializer,
    ErrorSerializer,
    ParameterProblemSerializer,
    ProblemSerializer,
)
from catalog.api.serializers.providers import ProviderListSerializer, ProviderSerializer

__all__ = [
    "LITELLM_MAP",
    "ArchitectureSerializer",
    "CandidateSerializer",
    "CanonicalDataSerializer",
    "CanonicalSerializer",
    "CheapestSerializer",
    "ComparedOfferSerializer",
    "CountSerializer",
    "DropInArchitectureSerializer",
    "DropInCountSerializer",
    "DropInListSerializer",
    "DropInModelInDataSerializer",
    "DropInModelSerializer",
    "DropInPricingSerializer",
    "DropInProblemSerializer",
    "DropInTopProviderSerializer",
    "EndpointListSerializer",
    "EndpointSerializer",
    "EndpointsSerializer",
    "ErrorSerializer",
    "GatewayListSerializer",
    "GatewaySerializer",
    "HealthSerializer",
    "KnownPricingSerializer",
    "LinksSerializer",
    "ListSerializer",
    "ModelDetailSerializer",
    "ModelListSerializer",
    "NoPagesSerializer",
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
    "SellerListSerializer",
    "SellerSerializer",
    "StampSerializer",
    "TopProviderSerializer",
    "WorkloadSerializer",
]
