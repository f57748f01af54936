"""The addresses of what people see."""

from __future__ import annotations

from django.urls import path

from catalog.web import logos

urlpatterns = [
    path("catalog/logos/<path:key>.svg", logos.logo),
]
