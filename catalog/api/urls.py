"""The addresses of the API: those of the viewsets, which `routing.py` finds, and of the views at one address each."""

from __future__ import annotations

from django.urls import path

from catalog.api import formats, health, openapi
from catalog.api.metrics import metrics
from catalog.api.routing import CatalogRouter

urlpatterns = [
    *CatalogRouter().urls,
    *formats.urlpatterns(),
    path("catalog/schema", openapi.Schema.as_view(), name="schema"),
    path("catalog/docs", openapi.Docs.as_view(url_name="schema")),
    path("healthz", health.Alive.as_view()),
    path("readyz", health.Ready.as_view()),
    path("metrics", metrics),
]
