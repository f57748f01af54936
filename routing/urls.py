"""The addresses of this app that Django answers."""

from __future__ import annotations

from catalog.api.routing import CatalogRouter
from routing.api.route import Route
from routing.api.usage import InferenceUsage

urlpatterns = CatalogRouter([Route, InferenceUsage]).urls
