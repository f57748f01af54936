"""All URLs of the service."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

from catalog.admin.logins import change_password, login
from catalog.web.pages import Redirect

urlpatterns = [
    *(path(short, Redirect.as_view(url="/catalog/docs")) for short in ("catalog", "catalog/")),
    path("admin", Redirect.as_view(url="/admin/")),
    path("admin/login/", login),
    path("admin/password_change/", admin.site.admin_view(change_password, cacheable=True)),
    path("admin/", include("catalog.desk.urls")),
    path("admin/", admin.site.urls),
    *([path("", include("usage.urls"))] if apps.is_installed("usage") else []),
    *([path("", include("routing.urls"))] if apps.is_installed("routing") else []),
    *([path("", include("monitoring.urls"))] if apps.is_installed("monitoring") else []),
    path("", include("catalog.urls")),
]

handler400 = "catalog.api.errors.bad_request"
handler403 = "catalog.api.errors.forbidden"
handler404 = "catalog.api.errors.not_found"
handler500 = "catalog.api.errors.server_error"
