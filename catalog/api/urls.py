"""The addresses of the API. Lists answer with and without a trailing slash, without a redirect."""

from __future__ import annotations

from django.urls import URLPattern, path

from catalog.api import canonical, compare, estimate, export, feed, formats, history, stats, sync, views
from catalog.api.metrics import metrics


def _list(address: str, view: type[views.CatalogView]) -> list[URLPattern]:
    return [path(address, view.as_view()), path(f"{address}/", view.as_view())]


urlpatterns = [
    *_list("catalog/models", views.ModelList),
    # Before the models: a path that ends in `/history` is always the history, never a model's id.
    path("catalog/models/<path:model_id>/history", history.ModelHistory.as_view()),
    path("catalog/models/<path:model_id>", views.ModelDetail.as_view()),
    *_list("catalog/providers", views.ProviderList),
    path("catalog/providers/<path:provider>", views.ProviderDetail.as_view()),
    *_list("catalog/provider", views.ProviderListAsFirstNamed),
    path("catalog/canonical/<path:slug>", canonical.CanonicalDetail.as_view()),
    *_list("catalog/resolve", canonical.Resolve),
    *_list("catalog/compare", compare.Compare),
    *_list("catalog/stats", stats.Stats),
    *_list("catalog/estimate", estimate.Estimate),
    path("catalog/export.json", export.ExportJson.as_view()),
    path("catalog/export.ndjson", export.ExportNdjson.as_view()),
    path("catalog/export.csv", export.ExportCsv.as_view()),
    *_list("catalog/gateways", views.GatewayList),
    *_list("catalog/changes", history.ChangeList),
    path("catalog/changes.atom", feed.ChangeFeed.as_view()),
    path("catalog/sync/runs/<int:run_id>", sync.SyncRunDetail.as_view()),
    path("catalog/sync/<str:gateway>", sync.SyncStart.as_view()),
    *formats.urlpatterns(),
    path("catalog/schema", views.Schema.as_view(), name="schema"),
    path("catalog/docs", views.Docs.as_view(url_name="schema")),
    path("healthz", views.Alive.as_view()),
    path("readyz", views.Ready.as_view()),
    path("metrics", metrics),
]
