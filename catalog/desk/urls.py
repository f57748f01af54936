"""The addresses of the desk, below `/admin/`: of all pages that the modules of this package have."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from django.contrib import admin
from django.urls import path

from catalog import desk
from catalog.desk.pages import DeskPage

app_name = "desk"


def pages() -> Iterator[type[DeskPage]]:
    """Yield the pages of all modules of the desk."""
    for found in pkgutil.iter_modules(desk.__path__):
        if found.name == "urls":
            continue  # it asks for them
        module = import_module(f"{desk.__name__}.{found.name}")
        for value in vars(module).values():
            is_page = isinstance(value, type) and issubclass(value, DeskPage)
            if is_page and value.__module__ == module.__name__ and value.name:
                yield value


def _order(page: type[DeskPage]) -> tuple[bool, str]:
    """Addresses without a variable part come first: otherwise the variable part of another would hide them."""
    return "<" in page.address, page.address


urlpatterns = [
    *(path(page.address, page.as_view(), name=page.name) for page in sorted(pages(), key=_order)),
    path("tables/", admin.site.admin_view(admin.site.index), name="tables"),
]
