"""The addresses of the catalogue's faces."""

from __future__ import annotations

from catalog.api.urls import urlpatterns as api
from catalog.web.urls import urlpatterns as web

urlpatterns = [*api, *web]
