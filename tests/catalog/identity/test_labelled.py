"""The rules, measured on pairs that were judged by hand: what they tie is right, and how much of it they find."""

from __future__ import annotations

from collections import Counter

import pytest

from catalog.identity.offers import Offer
from catalog.registry import GATEWAYS
from tests.catalog.gateways.captured import FOLDER
from tests.catalog.gateways.cases import load
from tests.catalog.identity import measure
from tests.catalog.identity.labelled import Pair, Verdict, offers, pairs, resolved, verdict

PAIRS = pairs()
FOUND = 226
"""Pairs of one model that the rules tie. It may grow; what is lost needs a reason."""


def test_the_set_is_large_and_each_pair_is_judged_once() -> None:
    judged = Counter(frozenset((pair.one, pair.other)) for pair in PAIRS)

    assert len(PAIRS) >= 300
    assert judged.most_common(1)[0][1] == 1
    assert all(len(pair) == 2 for pair in judged)
    assert min(Counter(pair.verdict for pair in PAIRS).values()) >= 50
    assert {gateway for pair in PAIRS for gateway, _ in (pair.one, pair.other)} == {
        "openrouter",
        "featherless",
        "chutes",
        "portkey",
    }


def test_no_tie_is_false_and_every_variant_is_found() -> None:
    resolution = resolved(offers())
    tied = [pair for pair in PAIRS if verdict(pair, resolution) is not Verdict.DIFFERENT]

    assert [pair for pair in tied if verdict(pair, resolution) is not pair.verdict] == []
    assert len(tied) == FOUND


def test_no_tie_is_false_among_the_bundled_offers_too() -> None:
    together = {offer.key: offer for offer in [*offers(), *measure.bundled()]}
    resolution = resolved(list(together.values()))

    assert [pair for pair in PAIRS if _is_false(pair, verdict(pair, resolution))] == []


@pytest.mark.skipif(
    not FOLDER.is_dir(), reason="NOT RUN over real captured answers: GATEWAYZ_PAYLOADS names no folder of them"
)
def test_no_tie_is_false_among_all_of_featherless() -> None:
    rows = load(FOLDER / "featherless/models-2026-04-09.json")["data"]
    listed = [Offer.of("featherless", GATEWAYS["featherless"].record(row)) for row in rows]
    together = {offer.key: offer for offer in [*listed, *measure.bundled(), *offers()]}

    resolution = resolved(list(together.values()))

    assert len(resolution.placements) > 16_000
    assert [pair for pair in PAIRS if _is_false(pair, verdict(pair, resolution))] == []


def _is_false(pair: Pair, found: Verdict) -> bool:
    return found not in {Verdict.DIFFERENT, pair.verdict}
