"""Which addresses lead to which actions of the viewsets."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module

from rest_framework.routers import DynamicRoute, Route, SimpleRouter

from catalog import api
from catalog.api.base import CatalogViewSet

MOST_READ = "catalog/models"
"""Most requests are below this prefix, and Django tries the addresses one after the other."""


class CatalogRouter(SimpleRouter):
    """Lists answer with and without a trailing slash, without a redirect; there are no format suffixes."""

    _ALL = {"get": "list", "post": "create"}
    _ONE = {"get": "retrieve", "post": "start"}
    routes = [
        Route("{prefix}", _ALL, "{basename}-list", detail=False, initkwargs={}),
        Route("{prefix}/", _ALL, "{basename}-list", detail=False, initkwargs={}),
        DynamicRoute("{prefix}/{url_path}", "{basename}-{url_name}", detail=False, initkwargs={}),
        # Before the detail: an address that ends with the name of an action is never an id.
        DynamicRoute("{prefix}/{lookup}/{url_path}", "{basename}-{url_name}", detail=True, initkwargs={}),
        Route("{prefix}/{lookup}", _ONE, "{basename}-detail", detail=True, initkwargs={}),
    ]

    def __init__(self, found: Iterable[type[CatalogViewSet]] | None = None) -> None:
        """Lead to these viewsets; by default to those of the API. Other apps have routers of their own."""
        super().__init__(trailing_slash=False, use_regex_path=False)
        for viewset in sorted(viewsets() if found is None else found, key=_order):
            self.register(viewset.prefix, viewset, basename=viewset.__name__)


def _order(viewset: type[CatalogViewSet]) -> tuple[int, bool, str, str]:
    """Longer prefixes come first: otherwise an id that may contain slashes would hide them."""
    return -viewset.prefix.count("/"), viewset.prefix != MOST_READ, viewset.prefix, viewset.__name__


def viewsets() -> Iterator[type[CatalogViewSet]]:
    """Yield the viewsets of all modules of the API that declare a prefix."""
    for found in pkgutil.iter_modules(api.__path__):
        if found.name == "urls":
            continue  # it asks for them
        module = import_module(f"{api.__name__}.{found.name}")
        for value in vars(module).values():
            is_viewset = isinstance(value, type) and issubclass(value, CatalogViewSet)
            if is_viewset and value.__module__ == module.__name__ and value.prefix:
                yield value
