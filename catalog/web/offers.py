"""What pages show of one offer: words and figures, ready for a template. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson

from catalog import registry
from catalog.memory.moves import Move
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.pricing import meters
from catalog.providers import KnownProvider
from catalog.web import figures, words
from catalog.web.logos import logo_address
from catalog.web.standing import since_of, slug_of

View = dict[str, Any]
Document = dict[str, Any]

_PATH_SAFE = "/:@!$&'()*+,;=~-._"
"""What may stay in the path of an address. A `?`, a `#` or a `%` in an id would end or change it."""


@lru_cache(maxsize=4_096)
def document_of(stored: bytes) -> Document:
    """Return the document of an offer. Pages show the same offers again and again."""
    document: Document = orjson.loads(stored)
    return document


def quoted(name: str) -> str:
    """Return an id or a slug as it stands in the path of an address."""
    return quote(name, safe=_PATH_SAFE)


def model_address(slug: str) -> str:
    return f"/models/{quoted(slug)}"


def maker_address(slug: str) -> str:
    return f"/makers/{quoted(slug)}"


def gateway_name(slug: str) -> str:
    gateway = registry.GATEWAYS.get(slug)
    return (gateway.short_name or gateway.name) if gateway else slug


def seller(row: Row) -> str:
    """Return who sells, and who runs it if that is somebody else: `Portkey, deepinfra`."""
    host = document_of(row.document)["host"]
    return f"{gateway_name(row.gateway)}, {host}" if host else gateway_name(row.gateway)


def name_of(row: Row) -> str:
    """Return the name without what other parts of a page say: the maker before it, the variant behind it."""
    document = document_of(row.document)
    name: str = document["name"]
    maker, colon, rest = name.partition(": ")
    if colon and rest and row.provider_slug and _means(maker, row.provider_slug, row.maker):
        # `DeepSeek: R1` is DeepSeek R1, as its slug says, and `Z.ai: GLM 4.6` is GLM 4.6.
        begins = slug_of(row).rpartition("/")[2].casefold().startswith(maker.casefold())
        name = rest if not begins or rest.casefold().startswith(maker.casefold()) else f"{maker} {rest}"
    return name.removesuffix(" (free)")


def _means(maker: str, provider_slug: str, known: KnownProvider | None) -> bool:
    """Whether the words before the colon of a name are its maker: `Nous` for Nous Research."""
    names = [provider_slug, *([known.name] if known else [])]
    return any(name.casefold().startswith(maker.casefold()) for name in names)


def maker(snapshot: Snapshot, provider_slug: str | None) -> View | None:
    """Return who made a model: slug, name and address of the page; None if no gateway says it."""
    if not provider_slug:
        return None
    key = snapshot.makers.key(provider_slug)
    known, reported = snapshot.makers.of(provider_slug), snapshot.providers.get(key)
    slug = known.slug if known else provider_slug
    name = known.name if known else (reported.name if reported and reported.name else provider_slug)
    return {"slug": slug, "key": key, "name": name, "href": maker_address(slug)}


def mark(known: KnownProvider | None, name: str) -> View:
    """Return the logo of a maker; without one, the letter that is drawn instead."""
    letter = next((character.upper() for character in name if character.isalnum()), "?")
    return {"logo": logo_address(known), "letter": letter}


# --- prices ----------------------------------------------------------------------------------------------------------
def price_view(row: Row) -> View:
    """Return the price in the columns of a list: two figures of tokens, or words that span both.

    `state` is one of tokens, hourly, unit, dynamic, unknown; `input` and `output` are figures, or the word `free`.
    """
    document, tariff = document_of(row.document), row.tariff
    held = {hold["meter"] for hold in document["holds"]}
    view: View = {"is_held": bool(held), "why": ""}
    if tariff.status == "dynamic":
        return view | {
            "state": "dynamic",
            "words": words.PRICES["dynamic"],
            "why": "the gateway decides it per request",
        }
    if tariff.basis == "hourly" and tariff.hourly_rate is not None:
        hourly = figures.dollars_view(tariff.hourly_rate)
        return view | {"state": "hourly", "amount": hourly, "words": "per hour", "why": "billed by the hour"}
    if tariff.per_million_input is not None or tariff.per_million_output is not None:
        return view | {
            "state": "tokens",
            "input": _amount(tariff.per_million_input),
            "output": _amount(tariff.per_million_output),
        }
    if tariff.status == "free":
        return view | {"state": "free", "words": "free"}
    if tariff.status == "unknown":
        return view | {"state": "unknown", "words": words.NOT_PUBLISHED, "why": _dated(document)}
    return view | {"state": "unit", **_unit_price(row)}


def _amount(amount: Decimal | None) -> View:
    """Return a price of a million tokens, as a figure or as a word."""
    if amount is None:
        return {"word": words.NOT_PUBLISHED}
    return {"word": "free"} if not amount else figures.per_million_view(amount)


def _unit_price(row: Row) -> View:
    """Return the first price of an offer that is billed by other units than tokens of text."""
    for price in row.tariff.prices:
        if not price.conditions:
            unit = meters.METERS[price.meter].unit
            amount = price.amount.scaleb(6) if unit in words.IN_MILLIONS else price.amount
            return {
                "amount": figures.dollars_view(amount),
                "words": f"{words.UNITS[unit][0]}",
                "why": words.METERS.get(price.meter, price.meter),
            }
    return {"words": "by other units", "why": ""}


def _dated(document: Document) -> str:
    return f"list of {figures.day(date.fromisoformat(document['recorded_at']))}" if document["recorded_at"] else ""


def dearest(rows: Sequence[Row], side: str) -> View | None:
    """Return the highest price of a million tokens, if these offers have different ones."""
    amounts = {amount for row in rows if (amount := getattr(row.tariff, f"per_million_{side}")) is not None}
    return figures.per_million_view(max(amounts)) if len(amounts) > 1 and max(amounts) else None


# --- rows of a list --------------------------------------------------------------------------------------------------
def list_row(
    snapshot: Snapshot, best: Row, *, head: Row, rows: Sequence[Row], slug: str, sold: str, since: int
) -> View:
    """Return a row of a list: the model by its `head`, its price by `best`, the range of `rows`."""
    document, named = document_of(best.document), document_of(head.document)
    name = name_of(head)
    context = document["context_length"] or named["context_length"]
    inputs = document["architecture"]["input_modalities"] or named["architecture"]["input_modalities"]
    parameters = document["supported_parameters"] or named["supported_parameters"]
    price = price_view(best)
    if price["state"] == "tokens":
        price |= {"input_to": dearest(rows, "input"), "output_to": dearest(rows, "output")}
        for side in ("input", "output"):
            if price[f"{side}_to"] is not None and price[f"{side}_to"]["text"] == price[side].get("text"):
                price[f"{side}_to"] = None
    return {
        "slug": slug,
        "id": slug,
        "href": model_address(slug),
        "name": name,
        "mark": mark(head.maker, name),
        "kind": words.kind(named["model_type"]),
        "can": ", ".join(words.abilities(inputs, parameters)),
        "context": f"{context:,}" if context else None,
        "price": price,
        "seller": seller(best),
        "sold": sold,
        "availability": document["availability"],
        "since": figures.day_of_seconds(since),
        "moved": _moved(snapshot.moves, rows),
    }


def offer_row(snapshot: Snapshot, row: Row) -> View:
    """Return a row of the list of single offers."""
    slug = slug_of(row)
    shown = list_row(snapshot, row, head=row, rows=[row], slug=slug, sold="", since=since_of(row))
    return shown | {"id": row.id}


def _moved(moves: Any, rows: Sequence[Row]) -> str:
    found: list[Move] = [move for row in rows if (move := moves.get((row.gateway, row.id))) is not None]
    if not found:
        return ""
    last = max(found, key=lambda move: move.at)
    verb = "moved" if last.has_fallen and last.has_risen else "fell" if last.has_fallen else "rose"
    return f"{verb} {last.at.day} {last.at:%b}"
