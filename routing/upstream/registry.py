"""All dialects. A new one is a file of this package, and needs no line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from routing import upstream
from routing.upstream.contract import Dialect


def _defined() -> dict[str, Dialect]:
    for module in iter_modules(upstream.__path__):
        if module.name != "registry":
            import_module(f"routing.upstream.{module.name}")
    return {found.gateway: found() for found in Dialect.__subclasses__()}


DIALECTS: Mapping[str, Dialect] = _defined()
"""By the slug of the gateway."""
