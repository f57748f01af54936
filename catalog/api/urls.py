"""The addresses of the API. Lists answer with and without a trailing slash, without a redirect."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

from catalog.api import views

urlpatterns = [
    re_path(r"^catalog/models/?$", views.ModelList.as_view(), name="model-list"),
    path("catalog/models/<path:model_id>", views.ModelDetail.as_view(), name="model-detail"),
    re_path(r"^catalog/providers?/?$", views.ProviderList.as_view(), name="provider-list"),
    re_path(r"^catalog/gateways/?$", views.GatewayList.as_view(), name="gateway-list"),
    path("catalog/schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path("catalog/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("healthz", views.Alive.as_view(), name="healthz"),
    path("readyz", views.Ready.as_view(), name="readyz"),
]
