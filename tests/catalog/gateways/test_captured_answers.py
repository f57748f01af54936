"""The adapters over real captured answers, where `GATEWAYZ_PAYLOADS` names their folder. They are not stored here."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from catalog.adapter import testing
from catalog.adapter.contract import Gateway, Listing
from catalog.normalize import text
from catalog.records import OfferRecord
from catalog.registry import GATEWAYS
from catalog.sync.rows import sort_rows
from tests.catalog.gateways.cases import load

FOLDER = Path(os.environ.get("GATEWAYZ_PAYLOADS", "/nowhere"))
OPENROUTER_DAYS = ["models-2025-12-02", *(f"models-2026-04-{day:02d}" for day in range(6, 11))]
CHUTES_DAYS = [f"llm-models-2026-{day}" for day in ("06-20", "06-21", "07-24", "07-25", "08-04")]

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="NOT RUN over real captured answers: GATEWAYZ_PAYLOADS names no folder of them"
)


def openrouter(day: str) -> tuple[Gateway, Listing]:
    return _listing("openrouter", [f"openrouter/{day}.json"])


def chutes(day: str) -> tuple[Gateway, Listing]:
    return _listing("chutes", ["chutes/chutes-list-2025-10-21.json", f"chutes/{day}.json"])


def _listing(slug: str, paths: list[str]) -> tuple[Gateway, Listing]:
    gateway = GATEWAYS[slug]
    listing = testing.check_any_walk(gateway, [load(FOLDER / path) for path in paths])
    assert listing is not None
    return gateway, listing


def records(day: str) -> dict[str, OfferRecord]:
    gateway, listing = openrouter(day) if day.startswith("models") else chutes(day)
    return sort_rows(gateway, listing, reader="", known={}).records


@pytest.mark.parametrize("day", [*OPENROUTER_DAYS, *CHUTES_DAYS])
def test_every_row_becomes_a_record_that_can_be_stored(day: str) -> None:
    gateway, listing = openrouter(day) if day.startswith("models") else chutes(day)

    found = testing.check_rows(gateway, listing.rows)

    assert listing.is_complete
    assert len({record.id for record in found}) == len(listing.rows)
    assert all(record.prices or record.is_dynamic for record in found)


def test_two_of_three_chutes_are_private() -> None:
    assert chutes(CHUTES_DAYS[0])[1].ignored == 170


@pytest.mark.parametrize(("before", "after"), list(pairwise(OPENROUTER_DAYS[1:])))
def test_from_one_day_to_the_next_few_models_of_openrouter_change(before: str, after: str) -> None:
    old, new = records(before), records(after)

    changed = [offer_id for offer_id in old.keys() & new.keys() if _news(old[offer_id], new[offer_id])]

    assert len(changed) < 25


def test_from_one_day_to_the_next_the_models_of_chutes_change_by_their_prices_alone() -> None:
    for before, after in zip(CHUTES_DAYS[::2], CHUTES_DAYS[1::2], strict=False):
        old, new = records(before), records(after)
        changed = {offer_id for offer_id in old.keys() & new.keys() if old[offer_id] != new[offer_id]}

        assert changed == {
            offer_id for offer_id in old.keys() & new.keys() if old[offer_id].prices != new[offer_id].prices
        }
        assert len(changed) < 4


def _news(old: OfferRecord, new: OfferRecord) -> bool:
    is_same_text = old.description == new.description or text.is_abridged(
        new.description or "", of=old.description or ""
    )
    return old.prices != new.prices or not is_same_text
