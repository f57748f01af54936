"""The addresses of this app that Django answers."""

from __future__ import annotations

from catalog.api.routing import CatalogRouter
from routing.api.route import Route

urlpatterns = CatalogRouter([Route]).urls
