"""genai-prices computes with our document, and gets exactly what an estimate returns."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import genai_prices
import orjson
import pytest
from django.conf import settings
from django.test import Client
from genai_prices import UpdatePrices, Usage
from genai_prices.data_snapshot import set_custom_snapshot
from genai_prices.update_prices import DEFAULT_UPDATE_URL

from catalog.formats import genai_prices as ours
from catalog.formats.standard_prices import Reason
from catalog.memory import following
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.pricing import meters
from catalog.pricing.workloads import Workload
from catalog.records import Condition, ModelType, OfferRecord, PriceRecord
from tests.catalog.api.web_server import serving
from tests.factories import held_price, hourly, offer_record, per_token, served_row, snapshot_of

Json = Any

ADDRESS = "/genai-prices/v2/data.json"
MOST_LEFT_OUT = 0.1
NEVER_STATED = (
    "cache_audio_write_tokens",
    "cache_audio_write_1h_tokens",
    "cache_image_read_tokens",
    "cache_image_write_tokens",
    "cache_image_write_1h_tokens",
    "output_audio_reasoning_tokens",
    "output_image_reasoning_tokens",
)
"""Units that a workload of ours cannot state."""
PAIRS = 500


@pytest.fixture
def updated(request: pytest.FixtureRequest) -> Iterator[Snapshot]:
    """The package with the prices of the snapshot that the test's parameter names, fetched as it fetches its own."""
    served: Snapshot = request.getfixturevalue(request.param)
    with serving() as address:
        updater = UpdatePrices(url=f"{address}{ADDRESS}")
        updater.start(wait=True)
        yield served
        updater.stop()  # type: ignore[no-untyped-call]  # the package types it partly
        # Its thread ends later; until then the next test would get the outcome of this one.
        for thread in threading.enumerate():
            if thread.name == "genai_prices:update":
                thread.join(timeout=30)
    set_custom_snapshot(None)


def usage_of(workload: Workload) -> Usage:
    """Return the same quantities in the package's units, where wholes include all of their parts."""
    quantities = {
        "input_tokens": workload.input_tokens + workload.audio_input_tokens + workload.image_tokens,
        "cache_read_tokens": workload.cached_input_tokens + workload.cached_audio_tokens,
        "cache_audio_read_tokens": workload.cached_audio_tokens,
        "cache_write_tokens": workload.cache_write_tokens + workload.cache_write_1h_tokens,
        "cache_write_1h_tokens": workload.cache_write_1h_tokens,
        "input_audio_tokens": workload.audio_input_tokens,
        "input_image_tokens": workload.image_tokens,
        "output_tokens": workload.output_tokens + workload.audio_output_tokens + workload.output_image_tokens,
        "output_reasoning_tokens": workload.reasoning_tokens,
        "output_audio_tokens": workload.audio_output_tokens,
        "output_image_tokens": workload.output_image_tokens,
        "web_searches": workload.web_searches,
    }
    # The package refuses to guess how much of a cache was audio or an image.
    return Usage(**dict.fromkeys(NEVER_STATED, 0), **{name: int(quantity) for name, quantity in quantities.items()})


def computed(row: Row, workload: Workload) -> Decimal:
    moment = datetime.combine(date(2026, 11, 22), workload.at or time(12), UTC)
    found = genai_prices.calc_price(usage_of(workload), row.id, provider_id=row.gateway, genai_request_timestamp=moment)
    return found.total_price


def estimated(served: Snapshot, row: Row, workload: Workload) -> Decimal:
    position = next(position for position, found in served.index.rows.items() if found is row)
    bill = served.index.rows[position].tariff.bill(workload)
    assert bill.total is not None, (row.id, workload, bill.reasons)
    return bill.total


def listed_rows(served: Snapshot) -> list[Row]:
    providers = orjson.loads(ours.prices_of(served).body)
    known = {(provider["id"], model["id"]) for provider in providers for model in provider["models"]}
    return [row for row in served.rows if (row.gateway, row.id) in known]


def workload_of(row: Row, random: Random) -> Workload:
    """Make up one request that the offer can bill, often with a prompt just below or above a size of its prices."""
    document = orjson.loads(row.document)
    pricing, outputs = document["pricing"], document["architecture"]["output_modalities"] or ["text"]
    sizes = [
        int(condition[2])
        for override in pricing.get("overrides", ())
        for condition in override["conditions"]
        if condition[0] == "prompt_tokens"
    ]
    size = random.choice([*(size - step for size in sizes for step in (0, 1)), random.randint(10, 2_000_000)])
    audio = random.randint(0, size // 4) if "audio" in pricing else 0
    image = random.randint(0, size // 4) if "image_token" in pricing else 0
    text = size - audio - image
    output = random.randint(0, 100_000) if "text" in outputs and pricing["completion"] is not None else 0
    return Workload(
        input_tokens=text,
        cached_input_tokens=random.choice([0, text // 3]),
        cache_write_tokens=random.choice([0, text // 5]),
        cache_write_1h_tokens=random.choice([0, text // 7]),
        output_tokens=output,
        reasoning_tokens=random.choice([0, output // 2]),
        audio_input_tokens=audio,
        cached_audio_tokens=random.choice([0, audio // 2]),
        audio_output_tokens=random.randint(0, 9_999) if "audio_output" in pricing else 0,
        image_tokens=image,
        output_image_tokens=random.randint(0, 9_999) if "image_output" in pricing else 0,
        web_searches=random.randint(0, 9) if "web_search" in pricing else 0,
        requests=1,
    )


# --- the bundled catalogues ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("updated", ["bundled"], indirect=True)
def test_random_offers_and_workloads_cost_exactly_what_an_estimate_returns(updated: Snapshot) -> None:
    random = Random(13)  # noqa: S311  the same pairs in each run
    rows = listed_rows(updated)
    pairs = [(row, workload_of(row, random)) for row in random.choices(rows, k=PAIRS)]

    wrong = [
        (row.gateway, row.id, workload)
        for row, workload in pairs
        if computed(row, workload) != estimated(updated, row, workload)
    ]

    assert wrong == []
    assert len({row.id for row, _ in pairs}) > PAIRS / 2


@pytest.mark.parametrize("updated", ["bundled"], indirect=True)
def test_every_offer_of_the_document_is_found_and_costs_the_same(updated: Snapshot) -> None:
    random = Random(7)  # noqa: S311  the same workloads in each run
    rows = listed_rows(updated)
    assert len(rows) > 1_000

    for row in rows:
        workload = workload_of(row, random)
        assert computed(row, workload) == estimated(updated, row, workload), row.id


def test_at_most_a_tenth_of_the_offers_that_are_billed_by_tokens_is_left_out(bundled: Snapshot) -> None:
    by_token = {(row.gateway, row.id) for row in bundled.rows if orjson.loads(row.document)["price_basis"] == "token"}
    listed = {(row.gateway, row.id) for row in listed_rows(bundled)}
    left_out = ours.left_out(bundled)

    assert left_out.keys() | listed == by_token
    assert left_out.keys().isdisjoint(listed)
    assert len(left_out) <= MOST_LEFT_OUT * len(by_token), Counter(left_out.values())


def test_the_page_has_every_reason_why_an_offer_may_be_left_out() -> None:
    page = (Path(settings.DOCS_DIR) / "formats" / "genai_prices.md").read_text("utf-8").replace("\n  ", " ")

    assert [reason for reason in Reason if reason not in {Reason.FACTS} and reason not in page] == []


def test_the_package_asks_for_the_version_of_the_format_that_is_served(client: Client, bundled: Snapshot) -> None:
    assert DEFAULT_UPDATE_URL.endswith(ADDRESS.removeprefix("/genai-prices"))


# --- made-up offers --------------------------------------------------------------------------------------------------
LONG: Condition = ("prompt_tokens", ">=", 200_001)
LONGER: Condition = ("prompt_tokens", ">=", 1_000_001)
NIGHT: Condition = ("utc_window", "during", "16:30-00:30")
NOON: Condition = ("utc_window", "during", "11:00-13:00")
LATE: Condition = ("utc_window", "during", "22:00-24:00")
BATCH: Condition = ("execution_mode", "=", "batch")
TEXT = per_token(prompt="1E-6", completion="2E-6")


def price(meter: str, amount: str, *conditions: Condition) -> PriceRecord:
    return PriceRecord(meter=meter, amount=Decimal(amount), conditions=tuple(sorted(conditions, key=str)))


OFFERS = {
    "text": TEXT,
    "cached": (*TEXT, price(meters.INPUT_TEXT_CACHE_READ, "1E-7"), price(meters.INPUT_TEXT_CACHE_WRITE_1H, "3E-6")),
    "long": (
        *TEXT,
        price(meters.INPUT_TEXT, "3E-6", LONG),
        price(meters.OUTPUT_TEXT, "5E-6", LONGER),
        price(meters.INPUT_TEXT_CACHE_READ, "2E-7", LONGER),
    ),
    "hours": (
        *TEXT,
        price(meters.INPUT_TEXT, "5E-7", NIGHT),
        price(meters.OUTPUT_TEXT, "9E-6", NOON),
        price(meters.INPUT_TEXT, "4E-7", LATE),
        price(meters.INPUT_TEXT, "7E-7", LATE, LONG),
        price(meters.INPUT_TEXT, "3E-6", LONG),
    ),
    "sound": (
        *TEXT,
        price(meters.INPUT_AUDIO, "4E-6"),
        price(meters.OUTPUT_AUDIO, "8E-6"),
        price(meters.INPUT_AUDIO_CACHE_READ, "4E-7"),
        price(meters.OUTPUT_REASONING, "3E-6"),
    ),
    "pictures": (
        *TEXT,
        price(meters.INPUT_IMAGE_TOKEN, "6E-6"),
        price(meters.OUTPUT_IMAGE_TOKEN, "4E-5"),
        price(meters.INPUT_TEXT_CACHE_READ, "1E-7"),
        price(meters.INPUT_TEXT_CACHE_WRITE, "2E-6"),
    ),
    "fees": (*TEXT, price(meters.REQUEST, "0.005"), price(meters.SEARCH_WEB, "0.01")),
    "batch": (*TEXT, price(meters.INPUT_TEXT, "5E-7", BATCH), price(meters.STEP, "1", BATCH)),
}
WORKLOADS = [
    Workload(
        input_tokens=size, cached_input_tokens=size // 3, cache_write_1h_tokens=size // 7, output_tokens=77, requests=1
    )
    for size in (1, 199_999, 200_000, 200_001, 1_000_000, 1_000_001)
]
TIMES = [time(hour, minute) for hour in range(24) for minute in (0, 29, 30, 59)]


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    rows = [served_row(offer_record(name, prices=prices), gateway="openrouter") for name, prices in OFFERS.items()]
    served = snapshot_of(*rows)
    monkeypatch.setattr(following.FOLLOWER, "snapshot", served)
    return served


@pytest.mark.parametrize("updated", ["made_up"], indirect=True)
def test_sizes_hours_sound_pictures_and_fees_cost_what_an_estimate_returns(updated: Snapshot) -> None:
    rows = {row.id: row for row in updated.rows}
    assert {row.id for row in listed_rows(updated)} == OFFERS.keys()
    more: dict[str, Any] = {
        "sound": {
            "audio_input_tokens": 999,
            "cached_audio_tokens": 99,
            "audio_output_tokens": 55,
            "reasoning_tokens": 7,
        },
        "pictures": {"image_tokens": 333, "output_image_tokens": 44},
        "fees": {"web_searches": 3},
    }

    for name, row in rows.items():
        for workload in WORKLOADS:
            for at in TIMES if name == "hours" else (None,):
                asked = replace(workload, at=at, **more.get(name, {}))
                assert computed(row, asked) == estimated(updated, row, asked), (name, asked)


@pytest.mark.parametrize("updated", ["made_up"], indirect=True)
def test_the_package_finds_the_usage_and_the_gateway_in_an_answer(updated: Snapshot) -> None:
    answer = {
        "model": "sound",
        "usage": {
            "prompt_tokens": 1_000,
            "prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 0},
            "completion_tokens": 50,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
    }

    for flavor in ("default", "chat"):
        found = genai_prices.extract_usage(
            answer, provider_api_url="https://openrouter.ai/api/v1/chat/completions", api_flavor=flavor
        )
        # 1,000 x 0.000001 (a cache has no price for text of its own) + 30 x 0.000002 + 20 x 0.000003
        assert found.calc_price().total_price == Decimal("0.00112")


def left_out_of(record: OfferRecord, **facts: Any) -> Reason | None:
    served = snapshot_of(served_row(record, gateway="openrouter", **facts))
    return ours.left_out(served).get(("openrouter", record.id))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"prices": per_token(prompt="1E-6")}, Reason.UNKNOWN),
        ({"prices": per_token(completion="1E-6")}, Reason.UNKNOWN),
        ({"prices": (*TEXT, price(meters.INPUT_IMAGE, "0.01"))}, Reason.METER),
        ({"prices": (*TEXT, price(meters.STEP, "0.01"))}, Reason.METER),
        ({"prices": (*TEXT, price(meters.INPUT_AUDIO, "1E-6", LONG))}, Reason.PARTLY),
        ({"prices": (*TEXT, price(meters.SEARCH_WEB, "1"), price(meters.SEARCH_WEB, "2", LONG))}, Reason.CONDITION),
        ({"prices": per_token(prompt="1.234567890123456789E-6", completion="1E-6")}, Reason.DIGITS),
        ({"prices": TEXT, "id": "x" * 101}, Reason.ID),
        ({"prices": TEXT, "id": "a model"}, Reason.ID),
        ({"prices": TEXT}, None),
        ({"prices": per_token(prompt="1E-6"), "model_type": ModelType.EMBEDDINGS}, None),
        ({"prices": (*TEXT, hourly("3"))}, None),
        ({"prices": (*TEXT, price(meters.INPUT_IMAGE_TOKEN, "1E-6"))}, None),
    ],
)
def test_what_the_format_cannot_express_is_left_out_with_its_reason(fields: Json, reason: Reason | None) -> None:
    assert left_out_of(offer_record(fields.pop("id", "a/x"), **fields)) == reason


def test_a_held_price_leaves_the_offer_out_unless_it_is_one_of_a_batch() -> None:
    record = offer_record("a/x", prices=TEXT)
    of_batch = replace(held_price(meters.INPUT_TEXT), price=price(meters.INPUT_TEXT, "9", BATCH))

    assert left_out_of(record, holds=(held_price(meters.INPUT_TEXT),)) == Reason.HELD
    assert left_out_of(record, holds=(held_price(meters.INPUT_TEXT_CACHE_READ),)) == Reason.HELD
    assert left_out_of(record, holds=(of_batch,)) is None


def test_offers_whose_ids_differ_only_in_case_are_left_out_because_the_package_ignores_case() -> None:
    rows = [served_row(offer_record(model_id, prices=TEXT), gateway="openrouter") for model_id in ("a/x", "A/x", "b")]
    served = snapshot_of(*rows, served_row(offer_record("a/X", prices=TEXT), gateway="chutes"))

    assert ours.left_out(served) == dict.fromkeys([("openrouter", "a/x"), ("openrouter", "A/x")], Reason.AMBIGUOUS)


@pytest.mark.parametrize(
    "fields",
    [
        {"prices": (hourly("2"),)},
        {"prices": ()},
        {"prices": TEXT, "is_dynamic": True},
        {"prices": TEXT, "execution_mode": "batch"},
        {"prices": TEXT, "execution_mode": None},
    ],
)
def test_what_is_not_billed_by_tokens_of_ordinary_requests_is_not_considered(fields: Json) -> None:
    served = snapshot_of(served_row(offer_record("a/x", **fields), gateway="openrouter"))

    assert orjson.loads(ours.prices_of(served).body) == []
    assert ours.left_out(served) == {}
