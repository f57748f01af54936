"""The adapters over real captured answers, where `GATEWAYZ_PAYLOADS` names their folder. They are not stored here."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from catalog.adapter import testing
from catalog.adapter.contract import Listing
from catalog.normalize import text
from catalog.pricing.meters import METERS
from catalog.pricing.money import Unit, per_million
from catalog.records import Availability, OfferRecord
from catalog.registry import GATEWAYS
from catalog.sync import bundle
from catalog.sync.rows import sort_rows
from tests.catalog.gateways import captured
from tests.catalog.gateways.captured import CHUTES_DAYS, FOLDER, OPENROUTER_DAYS, chutes, openrouter, portkey
from tests.catalog.gateways.cases import FIXTURES, load

PORTKEY_FILES = {
    "anthropic-2026-08-21": 33,
    "cohere-2026-08-21": 19,
    "deepinfra-2026-08-21": 224,
    "google-2026-08-21": 67,
    "groq-2026-08-21": 21,
    "mistral-ai-2026-08-21": 56,
    "openai-2025-12-26": 133,
    "openai-2026-08-21": 188,
    "openrouter-2026-08-21": 650,
    "together-ai-2026-08-21": 174,
    "x-ai-2026-08-21": 83,
}
"""Price files, with the number of offers in them."""
PORTKEY_UNCLEAR = {
    "@google/gemini-2.5-flash-image-preview": {"output.text"},
    "@google/gemini-3.1-pro-preview": {"input.text", "output.text", "input.text.cache_read", "search.web"},
    "@google/gemini-3.1-pro-preview-customtools": {"input.text", "output.text", "input.text.cache_read", "search.web"},
    "@google/gemini-embedding-001": {"input.text"},
}
"""Halves that differ 64-fold, halves of two sizes that differ, and two prices of one batch."""
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="NOT RUN over real captured answers: GATEWAYZ_PAYLOADS names no folder of them"
)


def records(day: str) -> dict[str, OfferRecord]:
    gateway, listing = openrouter(day) if day.startswith("models") else chutes(day)
    return sort_rows(gateway, listing, reader="", accepted={}).records


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
    return captured.featherless("models-2026-04-09")[1]


def test_every_row_of_featherless_is_an_offer_or_an_older_one_of_the_same_id(featherless: Listing) -> None:
    found = sort_rows(GATEWAYS["featherless"], featherless, reader="", accepted={})

    assert featherless.is_complete
    assert len(featherless.rows) == 15698
    assert len(found.records) == 15695
    assert [rejection.model_id for rejection in found.rejections] == [
        "canbingol/gemma3_1B_base-tr-cpt-3epoch_15k_data",
        "m8than/Mistral-Nemo-Instruct-2407-lenient-chatfix",
        "yil384/Qwen3-0.6B-lora",
    ]
    assert all(rejection.reason.endswith("was already listed; the first row is kept") for rejection in found.rejections)
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


@pytest.mark.parametrize(("name", "count"), PORTKEY_FILES.items())
def test_every_price_file_of_portkey_becomes_offers_at_prices_that_somebody_charges(name: str, count: int) -> None:
    gateway, listing = portkey(name)

    found = sort_rows(gateway, listing, reader="", accepted={})

    testing.check_rows(gateway, listing.rows)
    assert listing.is_complete
    assert len(found.records) == count
    assert not found.rejections
    unclear = {
        key: {price.meter for price in record.unclear} for key, record in found.records.items() if record.unclear
    }
    assert unclear == (PORTKEY_UNCLEAR if "google" in name else {})
    odd = [
        (record.id, price.meter)
        for record in found.records.values()
        for price in record.prices
        if price.amount and METERS[price.meter].unit is Unit.TOKEN
        if not Decimal("0.0001") <= per_million(price.amount) <= 1000
    ]
    assert odd == ([("@together-ai/MiniMaxAI/MiniMax-M2.5", "output.text")] if "together" in name else [])


def test_the_bundled_catalogue_of_portkey_is_made_of_its_price_files_of_that_day() -> None:
    gateway = GATEWAYS["portkey"]
    before = bundle.bundled_rows(gateway, fixtures=FIXTURES)

    rows = bundle.answered_rows(gateway, folder=FOLDER / "portkey/pricing", on=gateway.bundled_on, before=before)

    assert (
        bundle.text_of(bundle.with_contexts(gateway, rows, fixtures=FIXTURES))
        == bundle.path_of(gateway, fixtures=FIXTURES).read_text()
    )


def test_a_workspace_of_portkey_is_priced_by_the_price_files_of_its_hosts() -> None:
    gateway, listing = portkey("deepinfra-2026-08-21", has_key=True)

    found = testing.check_rows(gateway, listing.rows)

    assert listing.is_complete
    assert len(found) == 215
    assert {record.host for record in found if record.prices} == {"deepinfra"}
    assert sum(bool(record.prices) for record in found) == 103


def _news(old: OfferRecord, new: OfferRecord) -> bool:
    is_same_text = old.description == new.description or text.is_abridged(
        new.description or "", of=old.description or ""
    )
    return old.prices != new.prices or not is_same_text
