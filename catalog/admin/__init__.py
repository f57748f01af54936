"""The admin for curators and operators. Tables that a writer owns are read-only; every save uses curation."""

from __future__ import annotations

from django.contrib import admin

from catalog.admin import (
    accounts,
    audit,
    chosen,
    gateways,
    identity,
    naming,
    offers,
    operation,
    overrides,
    prices,
    revisions,
    runs,
)
from catalog.admin.logins import LoginForm

__all__ = [
    "accounts",
    "audit",
    "chosen",
    "gateways",
    "identity",
    "naming",
    "offers",
    "operation",
    "overrides",
    "prices",
    "revisions",
    "runs",
]

admin.site.site_header = "Gatewayz"
admin.site.site_title = "Gatewayz"
admin.site.index_title = "The catalogue and its curation"
admin.site.login_form = LoginForm
