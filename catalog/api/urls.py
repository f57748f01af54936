"""The addresses of the API: those of the viewsets, which `routing.py` finds, and of the views at one address each."""

from __future__ import annotations

from django.urls import URLPattern, path

from catalog.api import drop_in, health, openapi
from catalog.api.metrics import metrics
from catalog.api.routing import CatalogRouter


def _drop_in(prefix: str) -> list[URLPattern]:
    return [
        path(f"{prefix}/models", drop_in.Models.as_view()),
        path(f"{prefix}/models/user", drop_in.ModelsOfUser.as_view()),
        path(f"{prefix}/models/count", drop_in.ModelCount.as_view()),
        path(f"{prefix}/models/<path:model_id>/endpoints", drop_in.Endpoints.as_view()),
        path(f"{prefix}/models/<path:model_id>", drop_in.Model.as_view()),
        path(f"{prefix}/model/<path:model_id>", drop_in.ModelInData.as_view()),
        path(f"{prefix}/providers", drop_in.Providers.as_view()),
    ]


urlpatterns = [
    *CatalogRouter().urls,
    *_drop_in("api/v1"),
    *_drop_in("v1"),
    path("litellm/model_prices.json", drop_in.LiteLLMPrices.as_view()),
    path("catalog/schema", openapi.Schema.as_view(), name="schema"),
    path("catalog/docs", openapi.Docs.as_view(url_name="schema")),
    path("healthz", health.Alive.as_view()),
    path("readyz", health.Ready.as_view()),
    path("metrics", metrics),
]
