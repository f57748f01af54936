"""The addresses of this app."""

from __future__ import annotations

from catalog.api.routing import CatalogRouter
from usage.api import KeyUsage, PopularModels

urlpatterns = CatalogRouter([PopularModels, KeyUsage]).urls
