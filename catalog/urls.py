"""The addresses of the catalogue's faces."""

from __future__ import annotations

from catalog.api.urls import urlpatterns

__all__ = ["urlpatterns"]
