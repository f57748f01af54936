"""What is odd about Featherless; the contract suite covers the rest."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import chain, repeat
from typing import Any

import pytest

from catalog.adapter.contract import Config, Listing, Page
from catalog.adapter.errors import BadPayload
from catalog.gateways.featherless import Featherless
from catalog.pricing import money
from catalog.pricing.status import price_status
from catalog.records import Availability, ModelType, OfferRecord

Json = Any
FEATHERLESS = Featherless()


def row(offer_id: object = "acme/Atlas", **fields: Json) -> Json:
    return {"id": offer_id, "created": 1786000000, "context_length": 32768} | fields


def record(offer_id: str = "acme/Atlas", **fields: Json) -> OfferRecord:
    return FEATHERLESS.record(row(offer_id, **fields))


def prices(pricing: Json) -> dict[str, str]:
    return {price.meter: money.plain(price.amount) for price in record(pricing=pricing).prices}


def page(*rows: Json, total: Json) -> Json:
    return {"data": list(rows), "total": total, "pagination": {"total_items": total}}


def walked(answers: Iterable[Json]) -> tuple[Listing, int]:
    """The listing, and the number of the last page that was asked for."""
    walk = FEATHERLESS.walk(Config(has_key=False))
    request = next(walk)
    for answer in answers:
        try:
            request = walk.send(Page(payload=answer))
        except StopIteration as end:
            found = end.value
            assert isinstance(found, Listing)
            return found, int(request.query["page"])
    raise AssertionError("the walk asks for more")


def ids(listing: Listing) -> list[str | None]:
    return [FEATHERLESS.row_id(row) for row in listing.rows]


# Prices


def test_a_text_is_of_a_token_and_a_number_of_a_million_tokens() -> None:
    expected = {"input.text": "0.0000001", "output.text": "0.0000004"}

    assert prices({"prompt": "0.0000001", "completion": "4e-7"}) == expected
    assert prices({"input": Decimal("0.1"), "output": Decimal("0.4")}) == expected
    assert prices({"prompt": "0.0000001", "output": Decimal("0.4"), "completion": None}) == expected


def test_where_text_and_number_differ_the_text_holds() -> None:
    assert prices({"prompt": "0.000002", "completion": "0.00001", "input": 3, "output": 15}) == {
        "input.text": "0.000002",
        "output.text": "0.00001",
    }


@pytest.mark.parametrize(
    ("pricing", "reason"),
    [
        (
            {"prompt": "0.1", "input": Decimal("0.1")},
            "prompt is 100000 US dollars per million tokens and input 0.1 US dollars",
        ),
        ({"completion": "0.0000004", "output": Decimal("0.0000004")}, "completion is 0.4 US dollars per million"),
        ({"prompt": "0.0000001", "input": 1}, "prompt is 0.1 US dollars"),
        ({"prompt": "0", "input": 1}, "prompt is 0 US dollars"),
    ],
)
def test_a_price_that_cannot_be_of_the_unit_it_should_have_is_unknown(pricing: Json, reason: str) -> None:
    [unclear] = record(pricing={"request": "0.5"} | pricing).unclear

    assert unclear.reason.startswith(reason)
    assert unclear.meter == ("input.text" if "prompt" in pricing else "output.text")
    assert prices({"request": "0.5"} | pricing) == {"request": "0.5"}


@pytest.mark.parametrize(
    ("pricing", "meters"),
    [
        ({"prompt": "cheap", "completion": "0.000001"}, ["input.text"]),
        ({"prompt": -1}, ["input.text"]),
        ({"image": "a lot", "input": []}, ["input.image_token", "input.text"]),
        ("by agreement", ["input.text", "output.text"]),
        ([], ["input.text", "output.text"]),
    ],
)
def test_prices_that_cannot_be_read_are_unknown_and_the_row_stays(pricing: Json, meters: list[str]) -> None:
    assert sorted(price.meter for price in record(pricing=pricing).unclear) == meters


def test_an_image_is_priced_by_its_tokens_and_a_request_as_a_whole() -> None:
    assert prices({"image": "0.0000002", "request": "0.0005"}) == {
        "input.image_token": "0.0000002",
        "request": "0.0005",
    }


@pytest.mark.parametrize(
    "pricing", [None, {}, {"prompt": None}, {"prompt": "0", "completion": "0", "image": "0", "request": "0"}]
)
def test_neither_silence_nor_zeros_are_a_free_model(pricing: Json) -> None:
    assert price_status(record(pricing=pricing)) == "unknown"


# Facts


def test_what_was_left_out_before_mid_2026_is_unknown() -> None:
    found = FEATHERLESS.record({"id": "acme/Atlas", "owned_by": "Feather"})

    assert (found.name, found.provider_slug, found.hugging_face_id) == ("Atlas", "acme", "acme/Atlas")
    assert (found.context_length, found.max_completion_tokens, found.supported_parameters) == (None, None, None)
    assert found.availability == Availability.UNKNOWN


def test_a_context_of_zero_is_unknown() -> None:
    assert record(context_length=0, max_completion_tokens=0).context_length is None


def test_an_id_without_a_slash_is_no_repository_and_belongs_to_featherless() -> None:
    found = record("Sparrow")

    assert (found.provider_slug, found.hugging_face_id) == ("featherless", None)


@pytest.mark.parametrize(
    ("features", "expected"), [({"tool_use": True}, ("tools",)), ({"tool_use": False}, None), ({}, None), (None, None)]
)
def test_tools_are_a_parameter_if_they_are_stated(features: Json, expected: Json) -> None:
    assert record(features=features).supported_parameters == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, ("text",)),
        ({"features": {"image_input": True}}, ("text", "image")),
        ({"vision_supported": True}, ("text", "image")),
        ({"vision_supported": True, "input_modalities": []}, ("text", "image")),
        ({"vision_supported": True, "input_modalities": ["text", "audio"]}, ("text", "audio")),
    ],
)
def test_a_model_reads_images_if_either_field_is_true(stated: Json, expected: Json) -> None:
    assert record(**stated).input_modalities == expected


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        (None, None, ModelType.LLM),
        (["text", "image"], ["text"], ModelType.LLM),
        (["text"], ["text", "audio"], ModelType.LLM),
        (["audio"], ["text"], ModelType.SPEECH_TO_TEXT),
        (["text"], ["audio"], ModelType.TEXT_TO_SPEECH),
        (["text"], ["text", "image"], ModelType.IMAGE_GENERATION),
        (["text"], ["video"], ModelType.VIDEO),
        (None, ["embedding"], ModelType.EMBEDDINGS),
        (None, ["embeddings"], ModelType.EMBEDDINGS),
        (None, ["scores"], ModelType.OTHER),
    ],
)
def test_modalities_tell_the_type(inputs: Json, outputs: Json, expected: ModelType) -> None:
    assert record(input_modalities=inputs, output_modalities=outputs).model_type == expected


def test_a_name_decides_no_type() -> None:
    assert record("acme/whisper-guard-embed-8B").model_type == ModelType.LLM


@pytest.mark.parametrize(
    ("status", "tier", "expected"),
    [
        ("active", "hot", Availability.ONLINE),
        ("active", "warm", Availability.ONLINE),
        (None, "warm", Availability.ONLINE),
        ("active", "cold", Availability.COLD),
        ("active", "loading", Availability.OFFLINE),
        ("active", "offline", Availability.OFFLINE),
        ("active", None, Availability.UNKNOWN),
        ("pending_deploy", "warm", Availability.OFFLINE),
        ("not_deployed", None, Availability.OFFLINE),
        (None, None, Availability.UNKNOWN),
    ],
)
def test_tier_and_status_are_availability(status: str | None, tier: str | None, expected: Availability) -> None:
    readiness = tier and {"tier": tier, "is_hot_live": False}

    assert record(status=status, availability=readiness).availability == expected


# The walk


def test_a_listing_is_complete_once_as_many_rows_as_are_counted_are_there() -> None:
    found, asked = walked([page(row("a/1"), row("a/2"), total=3), page(row("a/3"), total=3)])

    assert (ids(found), found.is_complete, asked) == (["a/1", "a/2", "a/3"], True, 2)


@pytest.mark.parametrize("counted", [{"total": 2}, {"pagination": {"total_items": 2}}])
def test_either_count_will_do(counted: Json) -> None:
    found, asked = walked([{"data": [row("a/1")], **counted}, {"data": [row("a/2")], **counted}])

    assert (found.is_complete, asked) == (True, 2)


@pytest.mark.parametrize("nothing", [{}, {"total": None, "pagination": None}, {"total": True}, {"total": "many"}])
def test_an_answer_that_counts_nothing_has_one_page_and_lacks_models(nothing: Json) -> None:
    found, asked = walked([{"data": [row("a/1")], **nothing}])

    assert (ids(found), found.is_complete, asked) == (["a/1"], False, 1)


def test_empty_pages_before_the_counted_end_end_an_incomplete_listing() -> None:
    answers = chain([page(row("a/1"), total=43591)], repeat(page(total=43591)))

    found, asked = walked(answers)

    assert (ids(found), found.is_complete, asked) == (["a/1"], False, 4)


def test_rows_behind_an_empty_page_are_not_lost() -> None:
    gap = page(total=3)

    found, asked = walked(
        [page(row("a/1"), total=3), gap, gap, page(row("a/2"), total=3), gap, page(row("a/3"), total=3)]
    )

    assert (ids(found), found.is_complete, asked) == (["a/1", "a/2", "a/3"], True, 6)


def test_an_empty_list_is_an_empty_listing() -> None:
    assert walked(repeat(page(total=0))) == (Listing(rows=[], is_complete=True), 1)
    assert walked(repeat(page(total=683))) == (Listing(rows=[], is_complete=False), 3)


def test_a_server_that_gives_one_page_whichever_is_asked_for_is_not_asked_without_end() -> None:
    found, asked = walked(repeat(page(row("a/1"), total=9)))

    assert (ids(found), found.is_complete, asked) == (["a/1"], False, 4)


def test_pages_without_end_are_refused() -> None:
    with pytest.raises(BadPayload, match="500 were read"):
        walked(page(row(f"a/{number}"), total=10**6) for number in range(501))


def test_more_rows_than_asked_for_are_taken() -> None:
    found, asked = walked([page(*(row(f"a/{number}") for number in range(1500)), total=1500)])

    assert (len(found.rows), found.is_complete, asked) == (1500, True, 1)


def test_a_row_that_moves_to_the_next_page_counts_once() -> None:
    pages = [
        page(row("a/1"), row("a/2"), total=3),
        page(row("a/2", availability={"tier": "cold"}), row("a/3"), total=3),
    ]

    found, _ = walked(pages)

    assert (ids(found), found.is_complete) == (["a/1", "a/2", "a/3"], True)
    assert FEATHERLESS.record(found.rows[1]).availability == Availability.UNKNOWN


def test_a_list_that_grows_or_shrinks_while_it_is_read_is_incomplete() -> None:
    grown, _ = walked([page(row("a/1"), total=2), page(row("a/2"), total=3), page(row("a/3"), total=3)])
    shrunk, _ = walked([page(row("a/1"), total=3), page(row("a/3"), total=2), *[page(total=2)] * 3])

    assert not grown.is_complete
    assert not shrunk.is_complete


@pytest.mark.parametrize("order", [1, -1])
def test_of_rows_with_one_id_the_newest_is_used_and_all_are_counted(order: int) -> None:
    rows = [row(created=1), row(created=2, context_length=8192), row("acme/ATLAS", created=3)]

    found, _ = walked([page(*rows[::order], total=3)])

    assert [(each["id"], each["created"]) for each in found.rows] == [
        ("acme/ATLAS", 3), ("acme/Atlas", 2), ("acme/Atlas", 1)
    ]  # fmt: skip
    assert found.is_complete


def test_rows_without_a_usable_id_are_kept_to_be_refused() -> None:
    found, _ = walked([page(None, {}, row(""), row(), total=4)])

    assert (len(found.rows), found.is_complete) == (4, True)


@pytest.mark.parametrize(
    "payload", [None, [row()], "Gone.", {"data": None}, {"error": {"message": "x"}}, {"items": []}]
)
def test_an_answer_that_is_no_list_of_models_is_refused(payload: Json) -> None:
    with pytest.raises(BadPayload):
        walked([payload])
    with pytest.raises(BadPayload):
        walked([page(row(), total=2), payload])
