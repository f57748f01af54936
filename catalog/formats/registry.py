"""The formats that are served: every concrete `Format` that a module of this package defines, by its slug."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module

from catalog import formats
from catalog.formats.contract import Format


def _defined() -> Iterator[type[Format]]:
    for module in pkgutil.iter_modules(formats.__path__, f"{formats.__name__}."):
        # A package that is being imported cannot import this module once more; it defines no format either.
        if module.name != __name__:
            for _, found in inspect.getmembers(import_module(module.name), inspect.isclass):
                if issubclass(found, Format) and found.__module__ == module.name and not inspect.isabstract(found):
                    yield found


FORMATS: Mapping[str, Format] = {found.slug: found() for found in sorted(_defined(), key=lambda found: found.slug)}

BEGINNINGS = sorted(
    {f"/{prefix.split('/')[1]}/" for each in FORMATS.values() for route in each.routes for prefix in route.prefixes}
)
"""The beginnings of all addresses of formats, which only programs call."""
