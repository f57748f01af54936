"""Two gateways on loopback, with forty offers each, and looks at what is published of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_django.fixtures import Settings

from catalog import records
from catalog.models import Offer, OfferVersion, Revision, SyncRun
from catalog.pricing import money
from catalog.sync import run
from tests.upstream import Upstream

Json = Any

PROVE = bool(os.environ.get("PROVE"))
"""Set by `make prove`: everything, and not a sample of it."""

ROWS = 40
LLMS = 24
"""The number of Chutes' deployments that are language models too."""
FIRST_PAGE = 30
NEWS = (0, 7)
"""The rows that change in the second edition."""
OPENROUTER, CHUTES, LLM = "/api/v1/models", "/chutes/", "/v1/models"
SLUGS = ("openrouter", "chutes")


def point_gateways_at(upstream: Upstream, settings: Settings) -> None:
    """Read both gateways from their APIs, which are this upstream, with short timeouts."""
    settings.GATEWAY_SOURCES = {"openrouter": "auto", "chutes": "auto"}
    settings.GATEWAY_KEYS = {"openrouter": "", "chutes": "cpk-0123456789"}
    settings.GATEWAY_BASES = {
        "openrouter": {"api": upstream.base},
        "chutes": {"api": upstream.base, "llm": upstream.base},
    }
    settings.FETCH_CONNECT_SECONDS = settings.FETCH_IDLE_SECONDS = settings.FETCH_TOTAL_SECONDS = 20
    settings.FETCH_MAX_MEBIBYTES = 1
    settings.FETCH_ATTEMPTS = 3


def sync(slug: str) -> SyncRun:
    """A run by the schedule."""
    return run.run_gateway(slug, trigger=SyncRun.Trigger.SCHEDULE).run


# --- what the gateways list ------------------------------------------------------------------------------------------
def words(number: int, edition: int) -> str:
    """The description of an offer: in its second edition only some are new."""
    return f"Model {number:02}, edition {edition if number in NEWS else 1}."


def offer_id(number: int) -> str:
    return f"maker/model-{number:02}"


def serve(upstream: Upstream, edition: int) -> None:
    """Both gateways, well, in this edition."""
    upstream.serve(OPENROUTER, openrouter(edition))
    items = [chute(number, edition) for number in range(ROWS)]
    upstream.serve(CHUTES, chutes_page(items=[]))
    upstream.serve(CHUTES, chutes_page(items=items[:FIRST_PAGE]), page="0")
    upstream.serve(CHUTES, chutes_page(items=items[FIRST_PAGE:]), page="1")
    upstream.serve(LLM, {"object": "list", "data": [llm(number) for number in range(LLMS)]})


def openrouter(edition: int, *, rows: int = ROWS) -> Json:
    return {"data": [openrouter_row(number, edition) for number in range(rows)], "total_count": rows}


def openrouter_row(number: int, edition: int) -> dict[str, Json]:
    return {
        "id": offer_id(number),
        "name": f"Maker: Model {number:02}",
        "created": 1_772_323_200 + number,
        "description": words(number, edition),
        "context_length": 131_072,
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"], "tokenizer": "Other"},
        "pricing": {"prompt": "0.000002", "completion": "0.000006", "input_cache_read": "0.0000002"},
        "top_provider": {"context_length": 131_072, "max_completion_tokens": 32_768, "is_moderated": False},
        "supported_parameters": ["tools", "max_tokens"],
    }


def chutes_page(*, items: list[Json]) -> Json:
    return {"total": ROWS, "limit": 1000, "items": items, "cord_refs": {}}


def chute(number: int, edition: int) -> dict[str, Json]:
    tokens = {"per_million_tokens": {"input": {"usd": 0.5}, "output": {"usd": 1.5}}}
    price = tokens if number < LLMS else {"per_step": {"usd": 0.006}}
    return {
        "chute_id": f"00000000-0000-0000-0000-{number:012}",
        "name": offer_id(number),
        "tagline": words(number, edition),
        "public": True,
        "standard_template": "vllm" if number < LLMS else "diffusion",
        "created_at": f"2026-05-{1 + number % 28:02}T08:00:00Z",
        "user": {"username": "chutes"},
        "current_estimated_price": {**price, "usd": {"hour": 2.5}},
        "hot": True,
        "tee": False,
    }


def llm(number: int) -> dict[str, Json]:
    return {
        "id": offer_id(number),
        "chute_id": f"00000000-0000-0000-0000-{number:012}",
        "root": offer_id(number),
        "price": {"input": {"usd": 0.5}, "output": {"usd": 1.5}},
        "pricing": {"prompt": 0.5, "completion": 1.5},
        "context_length": 131_072,
        "max_output_length": 32_768,
        "input_modalities": ["text"],
        "output_modalities": ["text"],
        "supported_features": ["tools"],
    }


# --- what is published -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    revision: int
    documents: Mapping[str, str]
    """The served bytes of one gateway, by the id of the offer."""


def catalogue(slug: str) -> Catalogue:
    current = OfferVersion.objects.current().filter(offer__gateway__slug=slug)
    return Catalogue(
        revision=Revision.objects.newest().number,
        documents=dict(current.order_by("offer__model_id").values_list("offer__model_id", "document")),
    )


def second_edition(first: Mapping[str, str], *, without: frozenset[str] = frozenset()) -> dict[str, str]:
    """Derive the documents of the second edition from those of the first; those of `without` stay."""
    found = dict(first)
    for number in NEWS:
        if (key := offer_id(number)) not in without:
            found[key] = found[key].replace(words(number, 1), words(number, 2))
            assert found[key] != first[key]
    return found


def check_integrity() -> None:
    """Check what must hold between the tables after any fault: nothing is a mixture of two revisions."""
    published_at = dict(Revision.objects.values_list("number", "published_at"))
    assert sorted(published_at) == list(range(len(published_at)))
    for offer in Offer.objects.prefetch_related("versions", "prices").order_by("pk"):
        versions = sorted(offer.versions.all(), key=lambda version: version.from_revision)
        starts = [version.from_revision for version in versions]
        assert [version.to_revision for version in versions] == [*starts[1:], None], offer
        assert starts[-1] in published_at, offer
        served = records.load(versions[-1].record).prices if offer.withdrawn_at is None else ()
        wanted = sorted((*price.key, money.plain(price.amount)) for price in served)
        billed = [price for price in offer.prices.all() if price.valid_to is None]
        assert sorted((price.meter, price.conditions_key, price.amount) for price in billed) == wanted, offer
        assert {price.valid_from for price in offer.prices.all()} <= set(published_at.values()), offer
