"""The addresses of the desk, below `/admin/`: of all pages that the modules of this package have.

Another app adds pages of its own by a module `desk`, and finds their templates by `templates.FOLDERS`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from django.apps import apps
from django.contrib import admin
from django.urls import path
from django.utils.module_loading import module_has_submodule

from catalog import desk
from catalog.desk.pages import DeskPage

app_name = "desk"


def pages() -> Iterator[type[DeskPage]]:
    """Yield the pages of all modules of the desk, and of the modules `desk` of other apps."""
    for name in _modules():
        module = import_module(name)
        for value in vars(module).values():
            is_page = isinstance(value, type) and issubclass(value, DeskPage)
            if is_page and value.__module__ == module.__name__ and value.name:
                yield value


def _modules() -> Iterator[str]:
    for found in pkgutil.iter_modules(desk.__path__):
        if found.name != "urls":  # it asks for them
            yield f"{desk.__name__}.{found.name}"
    for app in apps.get_app_configs():
        if not desk.__name__.startswith(f"{app.name}.") and module_has_submodule(app.module, "desk"):
            yield f"{app.name}.desk"


def _order(page: type[DeskPage]) -> tuple[bool, str]:
    """Addresses without a variable part come first: otherwise the variable part of another would hide them."""
    return "<" in page.address, page.address


urlpatterns = [
    *(path(page.address, page.as_view(), name=page.name) for page in sorted(pages(), key=_order)),
    path("tables/", admin.site.admin_view(admin.site.index), name="tables"),
]
