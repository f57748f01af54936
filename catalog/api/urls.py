"""The addresses of the API. Lists answer with and without a trailing slash, without a redirect."""

from __future__ import annotations

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularJSONAPIView

from catalog.api import canonical, views
from catalog.api.metrics import metrics


def _list(address: str, view: type[views.CatalogView]) -> list[URLPattern]:
    return [path(address, view.as_view()), path(f"{address}/", view.as_view())]


urlpatterns = [
    *_list("catalog/models", views.ModelList),
    path("catalog/models/<path:model_id>", views.ModelDetail.as_view()),
    *_list("catalog/providers", views.ProviderList),
    *_list("catalog/provider", views.ProviderListAsFirstNamed),
    path("catalog/canonical/<path:slug>", canonical.CanonicalDetail.as_view()),
    *_list("catalog/resolve", canonical.Resolve),
    *_list("catalog/gateways", views.GatewayList),
    path("catalog/schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path("catalog/docs", views.Docs.as_view(url_name="schema")),
    path("healthz", views.Alive.as_view()),
    path("readyz", views.Ready.as_view()),
    path("metrics", metrics),
]
