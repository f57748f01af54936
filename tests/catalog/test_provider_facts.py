"""The file of curated facts about providers: what its readers can rely on."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PROVIDERS = Path(__file__).parents[2] / "fixtures" / "providers.json"
FACTS: list[dict[str, Any]] = json.loads(PROVIDERS.read_text(encoding="utf-8"))
FIELDS = ["slug", "name", "site_url", "hugging_face", "aliases", "icon"]

# The allowed text before the slash of an id. `~` and `@` are prefixes of gateways and not part of a name.
SPELLING = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", re.ASCII)
ICON = re.compile(r"[a-z0-9]+", re.ASCII)


def test_providers_are_one_per_line_in_order() -> None:
    lines = PROVIDERS.read_text(encoding="utf-8").splitlines()
    slugs = [maker["slug"].casefold() for maker in FACTS]

    assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == FACTS
    assert slugs == sorted(slugs)
    assert len(slugs) >= 120


def test_every_maker_is_well_formed() -> None:
    assert [maker for maker in FACTS if not is_well_formed(maker)] == []


def test_a_spelling_belongs_to_one_maker() -> None:
    makers = Counter(key for maker in FACTS for key in keys_of(maker))

    assert [key for key, count in makers.items() if count > 1] == []


@pytest.mark.parametrize(
    ("called", "slug"),
    [
        ("mistral", "mistralai"),
        ("zai", "zai-org"),
        ("ibm", "ibm-granite"),
        ("stability", "stabilityai"),
        ("together", "togethercomputer"),
    ],
)
def test_makers_are_known_by_what_people_call_them(called: str, slug: str) -> None:
    assert [maker["slug"] for maker in FACTS if called in keys_of(maker)] == [slug]


def test_the_name_at_hugging_face_is_a_spelling_of_the_maker() -> None:
    named = [maker for maker in FACTS if maker["hugging_face"] is not None]

    assert [maker for maker in named if maker["hugging_face"].casefold() not in keys_of(maker)] == []


def test_sites_are_addresses_over_https() -> None:
    sites = [maker["site_url"] for maker in FACTS if maker["site_url"] is not None]

    assert [site for site in sites if not is_site(site)] == []


def keys_of(maker: dict[str, Any]) -> list[str]:
    return [spelling.casefold() for spelling in (maker["slug"], *maker["aliases"])]


def is_well_formed(maker: dict[str, Any]) -> bool:
    spellings = [maker["slug"], *maker["aliases"], maker["hugging_face"] or maker["slug"]]
    return (
        list(maker) == FIELDS
        and is_one_line(maker["name"])
        and all(SPELLING.fullmatch(spelling) for spelling in spellings)
        and maker["aliases"] == sorted(maker["aliases"], key=str.casefold)
        and (maker["icon"] is None or ICON.fullmatch(maker["icon"]) is not None)
    )


def is_one_line(text: str) -> bool:
    return 0 < len(text) <= 100 and text == text.strip() and text.isprintable()


def is_site(address: str) -> bool:
    parts = urlsplit(address)
    return is_one_line(address) and parts.scheme == "https" and "." in parts.netloc and not address.endswith("/")
