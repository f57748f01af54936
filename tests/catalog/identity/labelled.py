"""Pairs of real offers, judged by hand, and the facts of these offers.

`pairs.csv` has the verdict of a person who knows the models for each pair: `same`, `variant` (one model, sold or run in
another way) or `different`. The pairs were chosen to be hard, and to cover each trap. `offers.csv` has the facts as
gateways reported them between October 2025 and August 2026. Besides the judged offers it has those that the rules need.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from catalog import registry
from catalog.identity.names import Namer
from catalog.identity.offers import Offer, OfferKey
from catalog.identity.resolution import Resolution, resolve
from catalog.normalize import model_ids
from catalog.records import ModelType

HERE = Path(__file__).parent


class Verdict(StrEnum):
    SAME = "same"
    VARIANT = "variant"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    one: OfferKey
    other: OfferKey
    verdict: Verdict
    why: str


def pairs() -> list[Pair]:
    return [
        Pair(
            one=(row["gateway_a"], row["id_a"]),
            other=(row["gateway_b"], row["id_b"]),
            verdict=Verdict(row["verdict"]),
            why=row["why"],
        )
        for row in _rows("pairs.csv")
    ]


def offers() -> list[Offer]:
    return [_offer(row) for row in _rows("offers.csv")]


def resolved(listed: list[Offer]) -> Resolution:
    return resolve(listed, namer=Namer(registry.PROVIDERS, registry.GATEWAYS), revision=1)


def verdict(pair: Pair, resolution: Resolution) -> Verdict:
    """Return the verdict of the rules on a pair."""
    one, other = resolution.placements[pair.one], resolution.placements[pair.other]
    if one.model != other.model:
        return Verdict.DIFFERENT
    return Verdict.SAME if one.variant == other.variant else Verdict.VARIANT


def _offer(row: dict[str, str]) -> Offer:
    gateway, offer_id = row["gateway"], row["id"]
    host, slug = None, offer_id
    if gateway == "portkey":
        host, _, slug = offer_id.removeprefix("@").partition("/")
    return Offer(
        gateway=gateway,
        id=offer_id,
        slug=slug,
        canonical_slug=row["canonical_slug"] or slug,
        provider_slug=model_ids.owner(slug) or row["provider_slug"] or None,
        hugging_face_id=offer_id if gateway == "featherless" else row["hugging_face_id"] or None,
        host=host,
        model_type=ModelType(row["model_type"] or "LLM"),
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
