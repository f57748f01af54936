"""All addresses of the catalogue: of the API and of the pages."""

from __future__ import annotations

from catalog.api.urls import urlpatterns as api
from catalog.web.urls import urlpatterns as web

urlpatterns = [*api, *web]
