"""What is odd about OpenRouter; the contract suite covers the rest."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from catalog.adapter import testing
from catalog.adapter.contract import Config, Page, Request
from catalog.adapter.errors import BadPayload, Unreachable
from catalog.gateways.openrouter import OpenRouter, prices
from catalog.gateways.openrouter.rows import Prices
from catalog.pricing import meters, money, status
from catalog.pricing.status import price_basis, price_status
from catalog.records import ModelType, OfferRecord, ProviderRecord
from tests.catalog.gateways.cases import bundled

Json = Any
OPENROUTER = OpenRouter()
_METERS = {"prompt": "input.text", "completion": "output.text"}


def row(offer_id: str = "acme/atlas", *, outputs: tuple[str, ...] = ("text",), **changes: Json) -> Json:
    return {
        "id": offer_id,
        "name": "Acme: Atlas",
        "architecture": {"input_modalities": ["text"], "output_modalities": list(outputs), "tokenizer": "Other"},
        "pricing": {"prompt": "0.000001", "completion": "0.000002"},
    } | changes


def record(offer_id: str = "acme/atlas", **changes: Json) -> OfferRecord:
    return OPENROUTER.record(row(offer_id, **changes))


def priced(pricing: Json, *, outputs: tuple[str, ...] = ("text",)) -> dict[str, str]:
    """The prices by meter and conditions, as text."""
    base = {"prompt": "0.000001", "completion": "0.000002"}
    found = record(outputs=outputs, pricing=base | pricing)
    return {
        " ".join([price.meter, *(str(part) for condition in price.conditions for part in condition)]): money.plain(
            price.amount
        )
        for price in found.prices
    }


def unclear(pricing: Json) -> dict[str, str]:
    """The reasons by meter and conditions."""
    return {
        " ".join([price.meter, *(str(part) for condition in price.conditions for part in condition)]): price.reason
        for price in record(pricing=pricing).unclear
    }


def listing(*answers: Json) -> Any:
    with_answers = OPENROUTER.walk(Config(has_key=False))
    next(with_answers)
    try:
        for answer in answers:
            with_answers.send(Page(payload=answer))
        with_answers.throw(Unreachable("no providers today"))  # what is asked for last, and can be done without
    except StopIteration as end:
        return end.value
    raise AssertionError("the walk asks for more")


# Types


def test_the_bundled_models_have_these_types() -> None:
    records = testing.check_rows(OPENROUTER, bundled(OPENROUTER).rows)

    assert Counter(record.model_type for record in records) == {
        ModelType.LLM: 346,
        ModelType.IMAGE_GENERATION: 6,
        ModelType.CONTENT_MODERATION: 3,
        ModelType.MUSIC_GENERATION: 2,
    }
    assert sum(record.is_dynamic for record in records) == 3


@pytest.mark.parametrize(
    ("offer_id", "outputs", "tokenizer", "expected"),
    [
        ("acme/atlas", ("text",), "GPT", ModelType.LLM),
        ("openrouter/auto", ("text", "image"), "Router", ModelType.LLM),
        ("~acme/easel-latest", ("image", "text"), "Router", ModelType.LLM),
        ("acme/llama-guard-3-8b", ("text",), "Llama3", ModelType.CONTENT_MODERATION),
        ("acme/gpt-oss-safeguard-20b:free", ("text",), "GPT", ModelType.CONTENT_MODERATION),
        ("guard/atlas", ("text",), "GPT", ModelType.LLM),
        ("acme/vanguard-9", ("text",), "GPT", ModelType.LLM),
        ("google/lyria-3-pro-preview", ("text", "audio"), "Other", ModelType.MUSIC_GENERATION),
        ("acme/reel", ("video", "image", "text"), "Media", ModelType.VIDEO),
        ("acme/easel", ("text", "image"), "GPT", ModelType.IMAGE_GENERATION),
        ("acme/voice", ("audio",), "GPT", ModelType.TEXT_TO_SPEECH),
        ("acme/voice", ("speech",), "GPT", ModelType.TEXT_TO_SPEECH),
        ("acme/voice", ("text", "audio"), "GPT", ModelType.LLM),
        ("acme/ears", ("transcription",), "Media", ModelType.SPEECH_TO_TEXT),
        ("acme/sift", ("embeddings",), "Other", ModelType.EMBEDDINGS),
        ("acme/sift", ("rerank",), "Other", ModelType.OTHER),
        ("acme/sift", (), "Other", ModelType.OTHER),
    ],
)
def test_the_type_follows_from_router_name_and_outputs(
    offer_id: str, outputs: tuple[str, ...], tokenizer: str, expected: ModelType
) -> None:
    architecture = {"input_modalities": ["text"], "output_modalities": list(outputs), "tokenizer": tokenizer}

    assert record(offer_id, architecture=architecture).model_type == expected


def test_a_router_without_the_tokenizer_of_routers_is_known_by_its_price() -> None:
    found = record("openrouter/fusion", outputs=("text", "image"), pricing={"prompt": "-1", "completion": "-1"})

    assert found.model_type == ModelType.LLM


# Prices


def test_a_price_is_of_one_token() -> None:
    assert priced({"prompt": "0.00000025", "completion": "1e-5"}) == {
        "input.text": "0.00000025",
        "output.text": "0.00001",
    }


def test_every_price_key_has_its_meter() -> None:
    keys = [meter.pricing_key for meter in meters.METERS.values() if meter.pricing_key in Prices.model_fields]
    amounts = {key: f"0.{number:03d}" for number, key in enumerate(keys, start=1)}

    found = OPENROUTER.record(row(pricing=amounts))

    assert {price.meter: price.amount for price in found.prices} == {
        meter.name: Decimal(amounts[meter.pricing_key]) for meter in meters.METERS.values() if meter.pricing_key in keys
    }


@pytest.mark.parametrize("minus", ["-1", -1, "-1.0", Decimal("-0.5")])
@pytest.mark.parametrize("sides", [("prompt", "completion"), ("prompt",), ("completion",)])
def test_a_negative_price_is_decided_at_run_time_and_never_stored(minus: Json, sides: tuple[str, ...]) -> None:
    found = record(pricing={"prompt": "0.000001", "completion": "0.000002"} | dict.fromkeys(sides, minus))

    assert found.is_dynamic
    assert len(found.prices) == 2 - len(sides)
    assert not any(price.amount < 0 for price in found.prices)


def test_a_negative_price_of_another_key_is_no_price() -> None:
    found = record(pricing={"prompt": "0.000001", "completion": "0.000002", "image": "-1"})

    assert not found.is_dynamic
    assert {price.meter for price in found.prices} == {"input.text", "output.text"}


def test_zeros_of_prompt_and_completion_are_prices_and_other_zeros_are_not() -> None:
    others = ("request", "image", "web_search", "internal_reasoning", "input_cache_read", "input_cache_write", "audio")

    assert priced({"prompt": "0", "completion": "0"} | dict.fromkeys(others, "0")) == {
        "input.text": "0",
        "output.text": "0",
    }


def test_the_prices_of_2025_and_of_2026_are_one() -> None:
    written_out = {"request": "0", "image": "0", "web_search": "0", "internal_reasoning": "0"}

    assert priced(written_out) == priced({})


@pytest.mark.parametrize(
    ("offer_id", "outputs", "is_free"),
    [
        ("acme/atlas", ("text",), True),
        ("acme/atlas:free", ("text", "image"), True),
        ("google/lyria-3-pro-preview", ("text", "audio"), False),
        ("acme/easel", ("image",), False),
        ("acme/free", ("image",), False),
        ("acme/ears", ("transcription",), False),
    ],
)
def test_zeros_are_evidence_of_free_only_for_text_or_a_free_id(
    offer_id: str, outputs: tuple[str, ...], is_free: bool
) -> None:
    assert record(offer_id, outputs=outputs, pricing={"prompt": "0", "completion": "0"}).zero_is_free is is_free


@pytest.mark.parametrize(("offer_id", "is_free"), [("acme/ocr", False), ("acme/ocr:free", True)])
def test_zeros_of_tokens_next_to_a_price_per_image_are_no_evidence(offer_id: str, is_free: bool) -> None:
    found = record(offer_id, pricing={"prompt": "0", "completion": "0", "image": "0.001"})

    assert found.zero_is_free is is_free


def test_an_image_at_the_price_of_a_prompt_token_is_priced_by_its_tokens() -> None:
    assert priced({"image": "0.000001"})[meters.INPUT_IMAGE_TOKEN] == "0.000001"
    assert priced({"image": "0.0048"})[meters.INPUT_IMAGE] == "0.0048"
    assert priced({"image": "0.000001", "image_token": "0.000003"})[meters.INPUT_IMAGE_TOKEN] == "0.000003"


def test_an_image_stays_priced_by_its_tokens_while_a_window_changes_the_prompt_alone() -> None:
    day_and_night = [
        {"utc_start": "0600", "utc_end": "2200", "prompt": "0.000001"},
        {"utc_start": "2200", "utc_end": "0600", "prompt": "0.0000005"},
    ]

    by_day = priced({"prompt": "0.000001", "image": "0.000001", "overrides": day_and_night})
    by_night = priced({"prompt": "0.0000005", "image": "0.000001", "overrides": day_and_night})

    assert by_day == by_night
    assert by_day[meters.INPUT_IMAGE_TOKEN] == "0.000001"


def test_a_discount_is_no_price_and_takes_nothing_off() -> None:
    assert priced({"discount": Decimal("0.5")}) == priced({})


@pytest.mark.parametrize("outputs", [("speech",), ("transcription",), ("rerank",), ("rerank", "Speech")])
def test_a_price_of_unstated_unit_is_unknown(outputs: tuple[str, ...]) -> None:
    assert priced({"prompt": "0.000016", "request": "0.002"}, outputs=outputs) == {"request": "0.002"}


@pytest.mark.parametrize("outputs", [("decisions",), ("hologram",), ("rerank", "text"), ("music",)])
def test_an_output_of_a_new_kind_is_billed_by_tokens(outputs: tuple[str, ...]) -> None:
    assert priced({"prompt": "0.000000042", "completion": "0.000001"}, outputs=outputs) == {
        "input.text": "0.000000042",
        "output.text": "0.000001",
    }


@pytest.mark.parametrize("outputs", [("rerank",), ("speech",), ("transcription",), ("decisions",), ("image",)])
def test_a_free_tier_is_free_for_any_output(outputs: tuple[str, ...]) -> None:
    free = record("acme/sift:free", outputs=outputs, pricing={"prompt": "0", "completion": "0"})

    assert (price_status(free), price_basis(free)) == ("free", "token")


@pytest.mark.parametrize(
    ("offer_id", "mode"),
    [
        ("acme/sift", "standard"),
        ("acme/sift:free", "standard"),
        ("acme/sift:batch", "batch"),
        ("acme/sift:later", None),
    ],
)
def test_only_a_variant_that_is_understood_is_sold_in_a_mode(offer_id: str, mode: str | None) -> None:
    sold = record(offer_id)

    assert (sold.execution_mode, price_status(sold)) == (mode, "priced")
    assert sold.amount(meters.INPUT_TEXT) == Decimal("0.000001")


def test_a_zero_without_the_word_free_is_no_evidence_where_more_than_text_comes_out() -> None:
    assert price_status(record(outputs=("rerank",), pricing={"prompt": "0", "completion": "0"})) == "unknown"
    assert price_status(record(outputs=("decisions",), pricing={"prompt": "0", "completion": "0"})) == "unknown"


def test_a_prompt_size_is_strictly_greater() -> None:
    overrides = [{"min_prompt_tokens": 200000, "prompt": "0.000003"}]

    assert priced({"overrides": overrides}) == {
        "input.text": "0.000001",
        "input.text prompt_tokens >= 200001": "0.000003",
        "output.text": "0.000002",
    }


def test_an_override_of_any_prompt_begins_with_the_first_token() -> None:
    assert "input.text prompt_tokens >= 1" in priced({"overrides": [{"min_prompt_tokens": 0, "prompt": "0.000003"}]})


def test_an_override_that_changes_nothing_is_no_price_of_its_own() -> None:
    assert priced({"overrides": [{"min_prompt_tokens": 200000, "prompt": "0.000001"}]}) == priced({})


def test_a_zero_in_an_override_means_not_applicable_there_too() -> None:
    overrides = [{"min_prompt_tokens": 200000, "input_cache_read": "0"}]

    assert priced({"input_cache_read": "0.0000001", "overrides": overrides}) == priced(
        {"input_cache_read": "0.0000001"}
    )


def test_the_price_of_the_larger_part_of_the_day_is_the_base_at_any_time() -> None:
    overrides = [
        {"utc_start": "1630", "utc_end": "0030", "prompt": "0.0000005"},
        {"utc_start": "0030", "utc_end": "1630", "prompt": "0.000001"},
    ]

    by_day = priced({"prompt": "0.000001", "overrides": overrides})
    by_night = priced({"prompt": "0.0000005", "overrides": overrides})

    assert by_day == by_night
    assert by_day["input.text"] == "0.000001"
    assert by_day["input.text utc_window during 16:30-00:30"] == "0.0000005"


def test_hours_that_no_window_covers_cost_the_price_of_the_top_level() -> None:
    overrides = [{"utc_start": "1630", "utc_end": "0030", "prompt": "0.0000005"}]

    assert priced({"prompt": "0.000001", "overrides": overrides})["input.text"] == "0.000001"


def test_a_row_is_partial_while_a_window_hides_what_the_other_hours_cost() -> None:
    overrides = [{"utc_start": "1630", "utc_end": "0030", "prompt": "0.0000005"}]
    pricing = {"prompt": "0.0000005", "completion": "0.000002", "overrides": overrides}

    assert priced(pricing) == {"output.text": "0.000002"}
    assert unclear(pricing) == {"input.text": prices.HIDDEN.reason}
    assert record(pricing=pricing).is_partial
    assert not record(pricing=pricing | {"prompt": "0.000001"}).is_partial


@pytest.mark.parametrize(
    "unknown", [{"utc_weekdays": [1, 2]}, {"min_images": "3"}, {"region": "eu"}, {"max_prompt_tokens": 9}]
)
def test_an_override_with_an_unknown_condition_does_not_count(unknown: Json) -> None:
    assert priced({"overrides": [{"min_prompt_tokens": 9, "prompt": "0.000009"} | unknown]}) == priced({})


def test_an_override_with_an_unknown_price_counts_for_the_known_ones() -> None:
    overrides = [{"min_prompt_tokens": 9, "prompt": "0.000009", "hologram": "0.5", "audio_minutes": None}]

    assert priced({"overrides": overrides})["input.text prompt_tokens >= 10"] == "0.000009"


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ({"utc_start": "1630"}, "the time window of another one has no start or no end"),
        (
            {"utc_start": "2560", "utc_end": "0030"},
            "the condition of another one cannot be read: must be a time of day",
        ),
        ({"min_prompt_tokens": "many"}, "the condition of another one cannot be read: must be a whole number, not str"),
        ({"utc_start": "1630", "utc_end": "0030", "prompt": "cheap"}, "its amount must be a decimal number"),
    ],
)
def test_where_it_is_not_known_when_a_price_holds_its_meter_is_unknown(override: Json, reason: str) -> None:
    pricing = row()["pricing"] | {"overrides": [{"prompt": "0.000003"} | override]}

    assert priced(pricing) == {"output.text": "0.000002"}
    assert unclear(pricing)["input.text"].startswith(reason)
    assert not record(pricing=pricing).is_partial


def test_an_amount_for_long_prompts_that_cannot_be_read_leaves_the_others_known() -> None:
    overrides = [
        {"min_prompt_tokens": 9, "prompt": "cheap", "completion": "0.000004"},
        {"min_prompt_tokens": 99, "prompt": "0.000003"},
    ]

    assert priced({"overrides": overrides}) == priced({}) | {
        "input.text prompt_tokens >= 100": "0.000003",
        "output.text prompt_tokens >= 10": "0.000004",
    }
    assert unclear(row()["pricing"] | {"overrides": overrides}).keys() == {"input.text prompt_tokens >= 10"}


@pytest.mark.parametrize(
    "overrides",
    ["by agreement", ["by agreement"], [{"min_prompt_tokens": size, "prompt": "0.000003"} for size in range(25)]],
)
def test_where_the_overrides_cannot_be_read_or_are_too_many_every_price_is_unknown(overrides: Json) -> None:
    pricing = row()["pricing"] | {"request": "0.5", "overrides": overrides}

    assert priced(pricing) == {}
    assert unclear(pricing) == dict.fromkeys(
        ("input.text", "output.text", "request"), "what it is under other conditions cannot be read"
    )


# Facts


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("id", "id: Field required"),
        ("name", "name: Field required"),
        ("architecture", "architecture: Field required"),
    ],
)
def test_a_missing_field_is_named(missing: str, reason: str) -> None:
    kept = {key: value for key, value in row().items() if key != missing}

    assert testing.check_refuses(OPENROUTER, kept) == reason


@pytest.mark.parametrize("side", ["prompt", "completion"])
def test_a_missing_side_of_the_price_is_unknown(side: str) -> None:
    kept = {key: value for key, value in row()["pricing"].items() if key != side}

    assert unclear(kept) == {_METERS[side]: "its amount is missing"}
    assert len(record(pricing=kept).prices) == 1


@pytest.mark.parametrize(
    ("pricing", "reason"),
    [
        ({}, "its amount is missing"),
        (None, "its price list must be an object, not null"),
        ("free", "its price list must be an object, not a text"),
        ({"prompt": "free", "completion": "free"}, "its amount must be a decimal number, not 'free'"),
        ({"prompt": None, "completion": None}, "its amount is missing"),
    ],
)
def test_a_row_without_a_price_list_stays_at_unknown_prices(pricing: Json, reason: str) -> None:
    assert unclear(pricing) == {"input.text": reason, "output.text": reason}
    assert status.price_status(record(pricing=pricing)) == "unknown"


def test_a_free_side_is_not_free_while_the_other_one_cannot_be_read() -> None:
    assert status.price_status(record(pricing={"prompt": "0", "completion": "free"})) == "unknown"
    assert status.price_status(record(pricing={"prompt": "0", "completion": "0"})) == "free"


def test_everything_else_may_be_missing() -> None:
    found = record()

    assert found.canonical_slug == found.id
    assert found.context_length is None
    assert found.supported_parameters is None


@pytest.mark.parametrize("offer_id", ["atlas", "/atlas", "acme/", "~/atlas", "acme/at las", ""])
def test_an_id_is_author_and_slug(offer_id: str) -> None:
    assert testing.check_refuses(OPENROUTER, row(offer_id)).startswith("id: ")


def test_the_provider_of_a_moving_alias_has_no_tilde() -> None:
    assert record("~acme/atlas-latest").provider_slug == "acme"


@pytest.mark.parametrize("spelling", ["", None])
def test_no_repository_is_written_in_two_ways(spelling: str | None) -> None:
    assert record(hugging_face_id=spelling).hugging_face_id is None


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2026-06-05", date(2026, 6, 5)),
        ("2089-12-31", date(2089, 12, 31)),
        ("2090-01-01", None),
        ("2098-12-31", None),
        (None, None),
    ],
)
def test_a_day_far_in_the_future_means_that_nothing_expires(stated: str | None, expected: date | None) -> None:
    assert record(expiration_date=stated).expires == expected


def test_the_context_of_the_top_provider_may_be_another() -> None:
    found = record(context_length=200000, top_provider={"context_length": 131072, "max_completion_tokens": None})

    assert (found.context_length, found.top_provider_context_length) == (200000, 131072)


def test_default_parameters_are_the_scalars_that_are_set() -> None:
    stated = {"top_p": Decimal("0.95"), "temperature": Decimal("1.0"), "top_k": None, "stop": ["x"], "mode": "fast"}

    assert record(default_parameters=stated).default_parameters == {"mode": "fast", "temperature": 1, "top_p": 0.95}
    assert record(default_parameters={"top_k": None}).default_parameters is None


def test_a_shared_permanent_slug_is_kept() -> None:
    free, paid = (
        record(offer_id, canonical_slug="acme/atlas-20260301") for offer_id in ("acme/atlas:free", "acme/atlas")
    )

    assert free.canonical_slug == paid.canonical_slug
    assert free.id != paid.id


# The walk


def test_everything_is_asked_for() -> None:
    assert next(OPENROUTER.walk(Config(has_key=False))) == Request(
        host="api", path="/api/v1/models", query={"output_modalities": "all"}
    )


@pytest.mark.parametrize("answer", [[row()], {"data": [row()]}, {"data": [row()], "links": {"next": None}}])
def test_an_answer_without_a_count_is_complete(answer: Json) -> None:
    assert listing(answer).is_complete


@pytest.mark.parametrize(("total", "is_complete"), [(1, True), (2, False), (0, False), ("many", False), (None, True)])
def test_a_listing_is_complete_if_it_has_as_many_models_as_are_counted(total: Json, is_complete: bool) -> None:
    assert listing({"data": [row(), row()], "total_count": total}).is_complete is is_complete


@pytest.mark.parametrize(
    "link", ["/api/v1/models?offset=1", "https://openrouter.ai/api/v1/models?offset=1", "http://127.0.0.1/x?offset=1"]
)
def test_only_the_query_of_the_next_page_is_followed(link: str) -> None:
    walk = OPENROUTER.walk(Config(has_key=False))
    next(walk)

    request = walk.send(Page(payload={"data": [row()], "links": {"next": link}}))

    assert request == Request(host="api", path="/api/v1/models", query={"output_modalities": "all", "offset": "1"})


def test_pages_that_go_in_circles_are_refused() -> None:
    link = {"next": "/api/v1/models?offset=1"}

    with pytest.raises(BadPayload, match="do not end"):
        listing({"data": [row()], "links": link}, {"data": [row()], "links": link})


def test_pages_without_end_are_refused() -> None:
    answers = [{"data": [row()], "links": {"next": f"?offset={number}"}} for number in range(101)]

    with pytest.raises(BadPayload, match="100 were read"):
        listing(*answers)


@pytest.mark.parametrize(
    "answer",
    [
        {"data": None},
        {"error": {"code": 500, "message": "oops"}},
        "<rss/>",
        None,
        {"data": [row()], "links": {"next": 5}},
        {"data": [row()], "links": {"next": "http://[oops"}},
    ],
)
def test_an_answer_that_is_no_list_of_models_is_refused(answer: Json) -> None:
    with pytest.raises(BadPayload):
        listing(answer)


def test_of_two_rows_with_one_id_the_newer_is_used() -> None:
    older, newer = row(created=1), row(created=2)

    assert listing({"data": [older, newer]}).rows[0] == listing({"data": [newer, older]}).rows[0] == newer


# Providers


def providers(answer: Json) -> tuple[ProviderRecord, ...]:
    walk = OPENROUTER.walk(Config(has_key=False))
    next(walk)
    assert walk.send(Page(payload={"data": [row()]})) == Request(host="api", path="/api/v1/providers")
    with pytest.raises(StopIteration) as end:
        walk.send(Page(payload=answer))
    return tuple(end.value.value.providers)


def test_facts_of_providers_are_listed_and_odd_ones_left_out() -> None:
    good = {"name": "Acme AI", "slug": "acme", "headquarters": "FR", "status_page_url": "https://status.acme.example"}
    odd = {"name": "Odd", "slug": "odd", "headquarters": "Atlantis", "privacy_policy_url": "javascript:alert(1)"}

    assert providers({"data": [good, odd, {"slug": "nameless"}, None]}) == (
        ProviderRecord(slug="acme", name="Acme AI", headquarters="FR", status_page_url="https://status.acme.example"),
        ProviderRecord(slug="odd", name="Odd"),
    )


@pytest.mark.parametrize("answer", [None, [], {}, {"data": None}, {"error": "no"}, "text", 5])
def test_models_are_listed_with_any_answer_for_providers(answer: Json) -> None:
    assert providers(answer) == ()
