"""The addresses of the API. Lists answer with and without a trailing slash, without a redirect."""

from __future__ import annotations

from django.urls import URLPattern, path

from catalog.api import (
    canonical,
    compare,
    drop_in,
    estimate,
    export,
    feed,
    gateways,
    health,
    history,
    models,
    openapi,
    providers,
    stats,
    sync,
)
from catalog.api.base import CatalogView
from catalog.api.metrics import metrics


def _list(address: str, view: type[CatalogView]) -> list[URLPattern]:
    return [path(address, view.as_view()), path(f"{address}/", view.as_view())]


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
    *_list("catalog/models", models.ModelList),
    # Before the models: a path that ends in `/history` is always the history, never a model's id.
    path("catalog/models/<path:model_id>/history", history.ModelHistory.as_view()),
    path("catalog/models/<path:model_id>", models.ModelDetail.as_view()),
    *_list("catalog/providers", providers.ProviderList),
    path("catalog/providers/<path:provider>", providers.ProviderDetail.as_view()),
    *_list("catalog/provider", providers.ProviderListAsFirstNamed),
    path("catalog/canonical/<path:slug>", canonical.CanonicalDetail.as_view()),
    *_list("catalog/resolve", canonical.Resolve),
    *_list("catalog/compare", compare.Compare),
    *_list("catalog/stats", stats.Stats),
    *_list("catalog/estimate", estimate.Estimate),
    path("catalog/export.json", export.ExportJson.as_view()),
    path("catalog/export.ndjson", export.ExportNdjson.as_view()),
    path("catalog/export.csv", export.ExportCsv.as_view()),
    *_list("catalog/gateways", gateways.GatewayList),
    *_list("catalog/changes", history.ChangeList),
    path("catalog/changes.atom", feed.ChangeFeed.as_view()),
    path("catalog/sync/runs/<int:run_id>", sync.SyncRunDetail.as_view()),
    path("catalog/sync/<str:gateway>", sync.SyncStart.as_view()),
    *_drop_in("api/v1"),
    *_drop_in("v1"),
    path("litellm/model_prices.json", drop_in.LiteLLMPrices.as_view()),
    path("catalog/schema", openapi.Schema.as_view(), name="schema"),
    path("catalog/docs", openapi.Docs.as_view(url_name="schema")),
    path("healthz", health.Alive.as_view()),
    path("readyz", health.Ready.as_view()),
    path("metrics", metrics),
]
