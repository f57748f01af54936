"""The gateways that Gatewayz reads, as their modules declare them, and the providers that it knows."""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from catalog import gateways
from catalog.adapter.contract import Gateway
from catalog.identity.traits import Traits
from catalog.providers import KnownProviders


class WrongDeclaration(Exception):
    """A module of `catalog/gateways` does not declare a gateway as the contract requires."""


def declared_in(module: ModuleType) -> type[Gateway]:
    """Return the adapter that a module defines. Raises WrongDeclaration unless it is exactly one, without gaps."""
    found = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Gateway) and kind.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(kind.__name__ for kind in found) or "none"
        raise WrongDeclaration(f"{module.__name__} must define one gateway; it defines {names}")
    facts = (name for name in Gateway.__annotations__ if not hasattr(found[0], name))
    if missing := [*facts, *sorted(found[0].__abstractmethods__)]:
        raise WrongDeclaration(f"{module.__name__}.{found[0].__name__} does not declare {', '.join(missing)}")
    return found[0]


def in_order(kinds: Iterable[type[Gateway]]) -> dict[str, Gateway]:
    """Return the gateways by slug, in the order of rank and slug. Raises WrongDeclaration if two share a slug."""
    found: dict[str, Gateway] = {}
    for kind in sorted(kinds, key=lambda kind: (kind.rank, kind.slug)):
        other = found.setdefault(kind.slug, kind())
        if type(other) is not kind:
            raise WrongDeclaration(f"{kind.__module__} and {type(other).__module__} both have the slug {kind.slug}")
    return found


def combined_note(gateways: Iterable[Gateway]) -> str:
    """Return the `note` of answers that show all gateways."""
    *names, last = (gateway.short_name or gateway.name for gateway in gateways)
    before = f"{', '.join(names)}{',' if len(names) > 1 else ''} and " if names else ""
    return f"Combined {before}{last} catalog"


def traits_digest() -> str:
    """Return a digest of what ids mean at the gateways. When it changes, the identity of every offer is decided
    again."""
    declared = sorted((slug, repr(each.traits)) for slug, each in GATEWAYS.items() if each.traits != Traits())
    return hashlib.sha256(repr(declared).encode()).hexdigest()[:12]


GATEWAYS: dict[str, Gateway] = in_order(
    declared_in(import_module(f"{gateways.__name__}.{module.name}"))
    for module in pkgutil.iter_modules(gateways.__path__)
)
"""The adapters by slug, in the order in which responses list the gateways."""

PROVIDERS = KnownProviders.load(Path(__file__).parents[1] / "fixtures" / "providers.json")
