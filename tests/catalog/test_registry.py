"""The registry finds the gateways, and refuses a module that does not declare one as the contract requires."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from catalog import registry
from catalog.adapter.contract import Auth, Config, Gateway, Json, Listing, Walk
from catalog.identity.traits import Traits
from catalog.records import OfferRecord
from catalog.registry import GATEWAYS, WrongDeclaration


class Acme(Gateway):
    rank = 20
    slug = "acme"
    name = "Acme Inc."
    short_name = "Acme"
    site_url = docs_url = "https://acme.example"
    hosts = {"api": "https://api.acme.example"}
    auth = Auth()
    explained = {"api": "Serves everything."}
    requests = "`/models`"
    bundled_on = date(2026, 11, 22)
    bundled_facts = bundled_from = "nothing"
    volatile = frozenset()

    def walk(self, config: Config) -> Walk:
        yield from ()
        return Listing(rows=[], is_complete=True)

    def record(self, row: Json) -> OfferRecord:
        raise NotImplementedError


class Twin(Acme):
    name = "Twin"


class Earlier(Acme):
    slug = "zzz"
    rank = 10


class Sibling(Acme):
    slug = "abc"


def module(*kinds: type) -> ModuleType:
    """Return a module that defines these classes."""
    made = ModuleType(__name__)
    for kind in kinds:
        setattr(made, kind.__name__, kind)
    return made


def test_the_modules_of_gateways_are_the_gateways() -> None:
    folder = Path(registry.__file__).parent / "gateways"
    modules = {path.stem for path in folder.iterdir() if not path.name.startswith("_")}

    assert set(GATEWAYS) == modules


def test_gateways_are_in_the_order_of_rank_and_slug() -> None:
    assert list(registry.in_order([Acme, Sibling, Earlier])) == ["zzz", "abc", "acme"]
    assert [slug for slug in GATEWAYS if slug in {"openrouter", "portkey", "featherless", "chutes"}] == [
        "openrouter",
        "portkey",
        "featherless",
        "chutes",
    ]


def test_two_gateways_with_one_slug_are_refused() -> None:
    with pytest.raises(WrongDeclaration, match="both have the slug acme"):
        registry.in_order([Acme, Twin])


def test_a_module_defines_exactly_one_gateway() -> None:
    assert registry.declared_in(module(Acme)) is Acme
    with pytest.raises(WrongDeclaration, match="must define one gateway; it defines none"):
        registry.declared_in(module())
    with pytest.raises(WrongDeclaration, match="must define one gateway; it defines Acme, Earlier"):
        registry.declared_in(module(Acme, Earlier))


def test_a_missing_fact_is_named() -> None:
    class Bare(Gateway):
        slug = "bare"
        name = "Bare"

    with pytest.raises(WrongDeclaration, match=r"Bare does not declare rank, site_url, .*volatile, record, walk"):
        registry.declared_in(module(Bare))


def test_the_note_of_all_gateways_lists_them() -> None:
    four = [GATEWAYS[slug] for slug in ("openrouter", "portkey", "featherless", "chutes")]

    assert registry.combined_note(four) == "Combined OpenRouter, Portkey, Featherless, and Chutes catalog"
    assert registry.combined_note([Acme(), Earlier()]) == "Combined Acme and Acme catalog"
    assert registry.combined_note([Acme()]) == "Combined Acme catalog"


def test_other_traits_have_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = registry.traits_digest()

    monkeypatch.setitem(GATEWAYS, "acme", Acme())
    assert registry.traits_digest() == before

    monkeypatch.setattr(Acme, "traits", Traits(is_run_by_hosts=True))
    assert registry.traits_digest() != before
