"""The adapters over real captured answers, where `GATEWAYZ_PAYLOADS` names their folder. They are not stored here."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from catalog.adapter import testing
from catalog.adapter.contract import Gateway, Listing
from catalog.normalize import text
from catalog.records import Availability, OfferRecord
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
    return _listing("openrouter", [f"openrouter/{day}.json", "openrouter/providers-2026-05-07.json"])


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


@pytest.fixture(scope="module")
def featherless() -> Listing:
    """The list of a day, in the pages in which it would come."""
    rows = load(FOLDER / "featherless/models-2026-04-09.json")["data"]
    pages = [
        {"data": rows[start : start + 1000], "total": len(rows), "pagination": {"total_items": len(rows)}}
        for start in range(0, len(rows), 1000)
    ]
    listing = testing.check_any_walk(GATEWAYS["featherless"], pages)
    assert listing is not None
    return listing


def test_every_row_of_featherless_is_an_offer_or_an_older_one_of_the_same_id(featherless: Listing) -> None:
    found = sort_rows(GATEWAYS["featherless"], featherless, reader="", known={})

    assert featherless.is_complete
    assert len(featherless.rows) == 15698
    assert len(found.records) == 15695
    assert [rejection.model_id for rejection in found.rejections] == [
        "canbingol/gemma3_1B_base-tr-cpt-3epoch_15k_data",
        "m8than/Mistral-Nemo-Instruct-2407-lenient-chatfix",
        "yil384/Qwen3-0.6B-lora",
    ]
    assert all(rejection.reason.endswith("was already listed; the first row stands") for rejection in found.rejections)
    assert found.records["yil384/Qwen3-0.6B-lora"].created == 1772898325
    assert {"DeepMount00/Llama-3.1-8b-ITA", "DeepMount00/Llama-3.1-8b-Ita"} <= found.records.keys()


def test_what_featherless_did_not_tell_in_april_is_unknown(featherless: Listing) -> None:
    found = testing.check_rows(GATEWAYS["featherless"], featherless.rows)

    assert all(record.hugging_face_id == record.id and record.context_length for record in found)
    assert not any(record.prices for record in found)
    assert {record.availability for record in found} == {Availability.UNKNOWN}
    assert sum(record.supported_parameters == ("tools",) for record in found) == 13004
    assert sum(record.max_completion_tokens is not None for record in found) == 1525


def test_a_page_of_featherless_alone_is_an_incomplete_listing() -> None:
    answer = load(FOLDER / "featherless/page-2026-08-09.json")

    listing = testing.check_any_walk(GATEWAYS["featherless"], [answer, *[answer | {"data": []}] * 3])

    assert listing is not None
    assert not listing.is_complete
    found = {record.id: record for record in testing.check_rows(GATEWAYS["featherless"], listing.rows)}
    assert len(found) == 6
    assert found["vanta-research/atom-v1-preview-12b"].input_modalities == ("text", "image")
    assert found["example/sparse-plan-tool-model"].context_length is None


def _news(old: OfferRecord, new: OfferRecord) -> bool:
    is_same_text = old.description == new.description or text.is_abridged(
        new.description or "", of=old.description or ""
    )
    return old.prices != new.prices or not is_same_text
