"""Listings of real captured answers, whose folder `GATEWAYZ_PAYLOADS` names. They are not stored here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from catalog.adapter import testing
from catalog.adapter.contract import Config, Gateway, Listing
from catalog.registry import GATEWAYS
from tests.catalog.gateways.cases import load

Json = Any

FOLDER = Path(os.environ.get("GATEWAYZ_PAYLOADS", "/nowhere"))
OPENROUTER_DAYS = ["models-2025-12-02", *(f"models-2026-04-{day:02d}" for day in range(6, 11))]
CHUTES_DAYS = [f"llm-models-2026-{day}" for day in ("06-20", "06-21", "07-24", "07-25", "08-04")]

PORTKEY_DAY = "2026-08-21"


def listings() -> dict[str, tuple[Gateway, Listing]]:
    """One of each gateway, and two of Portkey: the newest that there are."""
    hosts = [f"{provider}-{PORTKEY_DAY}" for provider in GATEWAYS["portkey"].options["providers"]]
    return {
        f"OpenRouter {OPENROUTER_DAYS[-1][-10:]}": openrouter(OPENROUTER_DAYS[-1]),
        f"Portkey {PORTKEY_DAY}, {len(hosts)} price files": portkey(*hosts),
        "Portkey, a workspace 2025-10-05": portkey(*hosts, has_key=True),
        "Featherless 2026-04-09": featherless("models-2026-04-09"),
        f"Chutes.ai {CHUTES_DAYS[-1][-10:]}": chutes(CHUTES_DAYS[-1]),
    }


def openrouter(day: str) -> tuple[Gateway, Listing]:
    return _listing("openrouter", [f"openrouter/{day}.json", "openrouter/providers-2026-05-07.json"])


def chutes(day: str) -> tuple[Gateway, Listing]:
    return _listing("chutes", ["chutes/chutes-list-2025-10-21.json", f"chutes/{day}.json"])


def portkey(*names: str, has_key: bool = False) -> tuple[Gateway, Listing]:
    """A listing of these price files; with a key, of a workspace and those of them that its hosts have."""
    workspace = "portkey/v1-models-2025-10-05.json"
    if has_key:
        hosts = {row["id"].removeprefix("@").partition("/")[0] for row in load(FOLDER / workspace)["data"]}
        names = tuple(name for name in names if name[: -len("-2026-08-21")] in hosts)
    pages = [*([workspace] if has_key else []), *(f"portkey/pricing/{name}.json" for name in names)]
    config = Config(has_key=has_key, options={"providers": tuple(name[: -len("-2026-08-21")] for name in names)})
    return _listing("portkey", pages, config=config)


def featherless(name: str) -> tuple[Gateway, Listing]:
    """The list of a day, in the pages in which it would come."""
    rows = load(FOLDER / f"featherless/{name}.json")["data"]
    pages = [
        {"data": rows[start : start + 1000], "total": len(rows), "pagination": {"total_items": len(rows)}}
        for start in range(0, len(rows), 1000)
    ]
    return _walked("featherless", pages)


def _listing(slug: str, paths: list[str], *, config: Config | None = None) -> tuple[Gateway, Listing]:
    return _walked(slug, [load(FOLDER / path) for path in paths], config=config)


def _walked(slug: str, answers: list[Json], *, config: Config | None = None) -> tuple[Gateway, Listing]:
    gateway = GATEWAYS[slug]
    listing = testing.check_any_walk(gateway, answers, config=config)
    assert listing is not None
    return gateway, listing
