"""What is odd about Chutes; the contract suite covers the rest."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from catalog.adapter import testing
from catalog.adapter.contract import Config, Listing, Page
from catalog.adapter.errors import BadPayload
from catalog.gateways.chutes import Chutes
from catalog.pricing import money, status
from catalog.records import Availability, ModelType, OfferRecord

Json = Any
CHUTES = Chutes()


MEANT = {"prompt": "input.text", "completion": "output.text", "input_cache_read": "input.text.cache_read"}


def chute(name: str = "acme/Atlas", number: int = 1, **changes: Json) -> Json:
    return {
        "chute_id": f"chute-{number}",
        "name": name,
        "public": True,
        "standard_template": "vllm",
        "current_estimated_price": {
            "per_million_tokens": {"input": {"usd": Decimal("0.3")}, "output": {"usd": Decimal("1.2")}},
            "usd": {"hour": 22, "second": Decimal("0.00611111111111111")},
        },
    } | changes


def llm(offer_id: str = "acme/Atlas", number: int = 1, **changes: Json) -> Json:
    return {
        "id": offer_id,
        "chute_id": f"chute-{number}",
        "root": "acme/Atlas-FP8",
        "pricing": {"prompt": Decimal("0.5"), "completion": Decimal("1.5")},
    } | changes


def record(*, chute: Json = None, llm: Json = None, cords: Json = None) -> OfferRecord:
    return CHUTES.record({"chute": chute, "llm": llm, "cords": cords})


def prices(found: OfferRecord) -> dict[str, str]:
    return {price.meter: money.plain(price.amount) for price in found.prices}


def unclear(found: OfferRecord) -> dict[str, str]:
    return {price.meter: price.reason for price in found.unclear}


def listing(chutes: list[Json], llms: list[Json] | None = None, *, total: int | None = None) -> Listing:
    walk = CHUTES.walk(Config(has_key=False))
    next(walk)
    try:
        walk.send(Page(payload={"items": chutes, "total": len(chutes) if total is None else total}))
        walk.send(Page(payload={"data": [llm("acme/Other", 99)] if llms is None else llms}))
    except StopIteration as end:
        found = end.value
        assert isinstance(found, Listing)
        return found
    raise AssertionError("the walk asks for more")


# Prices


def test_token_prices_are_of_a_million_tokens() -> None:
    assert prices(record(llm=llm())) == {"input.text": "0.0000005", "output.text": "0.0000015"}


def test_the_hour_of_an_instance_is_never_a_token_price() -> None:
    estimate = {"usd": {"hour": 22}}

    assert prices(record(chute=chute(current_estimated_price=estimate))) == {"compute.hour": "22"}


def test_a_chute_has_token_prices_and_the_cost_of_its_instance() -> None:
    assert prices(record(chute=chute())) == {
        "input.text": "0.0000003",
        "output.text": "0.0000012",
        "compute.hour": "22",
    }


def test_a_joined_row_has_token_prices_of_its_llm_and_the_hour_of_its_chute() -> None:
    assert prices(record(chute=chute(), llm=llm())) == {
        "input.text": "0.0000005",
        "output.text": "0.0000015",
        "compute.hour": "22",
    }


def test_of_a_joined_row_the_chute_has_no_price_but_the_hour() -> None:
    estimate = {"per_step": {"usd": 1}, "usd": {"hour": 2}}

    assert prices(record(chute=chute(current_estimated_price=estimate), llm=llm())) == {
        "input.text": "0.0000005",
        "output.text": "0.0000015",
        "compute.hour": "2",
    }


def test_a_step_of_a_diffusion_model_has_its_own_meter() -> None:
    estimate = {"per_step": {"usd": Decimal("0.006")}, "usd": {"hour": Decimal("1.2")}}

    assert prices(record(chute=chute(standard_template="diffusion", current_estimated_price=estimate))) == {
        "step": "0.006",
        "compute.hour": "1.2",
    }


def test_the_noise_of_a_float_is_kept_exactly() -> None:
    pricing = {"prompt": Decimal("0.12"), "completion": 1, "input_cache_read": Decimal("0.011999999999999997")}

    assert prices(record(llm=llm(pricing=pricing)))["input.text.cache_read"] == "0.000000011999999999999997"


def test_price_and_pricing_are_one_number_written_twice() -> None:
    price = {"input": {"usd": Decimal("0.50"), "tao": 1}, "output": {"usd": Decimal("1.5")}}

    assert prices(record(llm=llm(price=price))) == prices(record(llm=llm()))


@pytest.mark.parametrize(
    ("key", "value"), [("prompt", Decimal("0.0000005")), ("completion", 2), ("input_cache_read", Decimal("0.1"))]
)
def test_a_price_that_is_written_twice_and_differs_is_unknown_and_the_others_stay(key: str, value: Json) -> None:
    price = {
        "input": {"usd": Decimal("0.5")},
        "output": {"usd": Decimal("1.5")},
        "input_cache_read": {"usd": Decimal("0.05")},
    }
    pricing = {"prompt": Decimal("0.5"), "completion": Decimal("1.5"), "input_cache_read": Decimal("0.05")}

    found = record(llm=llm(price=price, pricing=pricing | {key: value}))

    assert unclear(found) == {MEANT[key]: "price and pricing differ"}
    assert prices(found).keys() == set(MEANT.values()) - {MEANT[key]}


def test_the_hour_of_an_instance_does_not_replace_contradicting_token_prices() -> None:
    price = {"input": {"usd": Decimal("0.6")}, "output": {"usd": Decimal("1.6")}}

    found = record(chute=chute(), llm=llm(price=price))

    assert prices(found) == {"compute.hour": "22"}
    assert (status.price_status(found), status.price_basis(found)) == ("unknown", None)


def test_zeros_next_to_an_unclear_price_of_the_work_are_not_free() -> None:
    found = record(llm=llm(pricing={"prompt": 0, "completion": "cheap"}))

    assert prices(found) == {"input.text": "0"}
    assert status.price_status(found) == "unknown"


@pytest.mark.parametrize(
    ("blended", "expected"), [(Decimal("0.2722"), "0.0000002722"), (0, "0"), (Decimal("0.0"), "0")]
)
def test_the_blended_price_of_2025_is_the_price_of_both_sides(blended: Json, expected: str) -> None:
    found = record(llm={"id": "acme/Atlas", "price": {"usd": blended, "tao": 3}, "max_model_len": 4096})

    assert prices(found) == {"input.text": expected, "output.text": expected}
    assert found.zero_is_free


def test_a_free_chute_has_zeros_that_are_evidence() -> None:
    zero = {"input": {"usd": 0}, "output": {"usd": 0}}

    found = record(chute=chute(current_estimated_price={"per_million_tokens": zero, "usd": {"hour": 0}}))

    assert set(prices(found).values()) == {"0"}
    assert found.zero_is_free


def test_a_zero_next_to_a_price_of_the_other_side_is_no_evidence() -> None:
    one_side = {"input": {"usd": Decimal("0.01")}, "output": {"usd": 0}}

    estimate = {"per_million_tokens": one_side, "usd": {"hour": 22}}

    assert not record(chute=chute(current_estimated_price=estimate)).zero_is_free
    assert not record(llm=llm(pricing={"prompt": Decimal("0.01"), "completion": 0})).zero_is_free


SIDES = ("input.text", "output.text")


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        ({"llm": {"id": "acme/Atlas"}}, {**dict.fromkeys(SIDES, "its amount is missing")}),
        ({"llm": {"id": "acme/Atlas", "price": {}}}, {**dict.fromkeys(SIDES, "its amount is missing")}),
        ({"llm": {"id": "a/b", "pricing": {"prompt": 1}}}, {"output.text": "its amount is missing"}),
        (
            {"llm": {"id": "a/b", "pricing": {"prompt": -1, "completion": 1}}},
            {"input.text": "its amount must not be negative: -1"},
        ),
        ({"llm": {"id": "a/b", "price": 5}}, dict.fromkeys(SIDES, "its price list must be an object, not a number")),
        ({"chute": {"name": "acme/Atlas", "public": True}}, {"compute.hour": "its amount is missing"}),
        ({"chute": chute(current_estimated_price={"tao": {}})}, {"compute.hour": "its amount is missing"}),
        (
            {"chute": chute(current_estimated_price={"usd": 5, "per_million_tokens": []})},
            {
                **dict.fromkeys(SIDES, "its price list must be an object, not a list"),
                "compute.hour": "its price list must be an object, not a number",
            },
        ),
        (
            {"chute": chute(current_estimated_price={"usd": {"hour": 1}, "per_step": {"usd": "few"}})},
            {"step": "its amount must be a decimal number, not 'few'"},
        ),
    ],
)
def test_a_price_that_is_missing_or_cannot_be_read_is_unknown_and_the_row_stays(
    row: Json, reasons: dict[str, str]
) -> None:
    assert unclear(CHUTES.record({"chute": None, "llm": None} | row)) == reasons


def test_a_row_of_nothing_is_refused() -> None:
    assert testing.check_refuses(CHUTES, {"chute": None, "llm": None}) == "has neither a chute nor a language model"


# Facts


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("vllm", ModelType.LLM),
        ("diffusion", ModelType.IMAGE_GENERATION),
        ("embedding", ModelType.EMBEDDINGS),
        ("tei", ModelType.EMBEDDINGS),
        (None, ModelType.OTHER),
        ("hologram", ModelType.OTHER),
    ],
)
def test_the_template_decides_the_type(template: str | None, expected: ModelType) -> None:
    assert record(chute=chute(standard_template=template)).model_type == expected


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (["/v1/chat/completions", "/v1/completions", "/v1/models"], ModelType.LLM),
        (["/v1/embeddings"], ModelType.EMBEDDINGS),
        (["/v1/audio/speech"], ModelType.TEXT_TO_SPEECH),
        (["/v1/audio/transcriptions"], ModelType.SPEECH_TO_TEXT),
        (["/speak"], ModelType.OTHER),
        (["/generate"], ModelType.OTHER),
        (["/v1/embeddings", "/v1/chat/completions"], ModelType.OTHER),
        ([None, 3], ModelType.OTHER),
    ],
)
def test_without_a_template_only_a_standard_route_decides_the_type(routes: Json, expected: ModelType) -> None:
    cords = [{"public_api_path": route} for route in routes]

    assert record(chute=chute(standard_template=None), cords=cords).model_type == expected


def test_a_language_model_is_one_with_any_template() -> None:
    assert record(chute=chute(standard_template=None), llm=llm()).model_type == ModelType.LLM


@pytest.mark.parametrize(
    ("hot", "expected"), [(True, Availability.ONLINE), (False, Availability.COLD), (None, Availability.UNKNOWN)]
)
def test_hot_is_availability_and_no_tag(hot: bool | None, expected: Availability) -> None:
    found = record(chute=chute(hot=hot), llm=llm())

    assert found.availability == expected
    assert found.tags == ()


def test_a_language_model_without_a_chute_may_or_may_not_be_online() -> None:
    assert record(llm=llm()).availability == Availability.UNKNOWN


def test_the_context_falls_back_to_the_length_of_the_engine() -> None:
    assert record(llm=llm(max_model_len=262144)).context_length == 262144
    assert record(llm=llm(max_model_len=262144, context_length=131072)).context_length == 131072


def test_the_time_of_the_query_is_not_when_the_model_was_made() -> None:
    assert record(llm=llm(created=1781900000)).created is None
    assert record(chute=chute(created_at="2025-10-09T22:27:28.661019Z"), llm=llm(created=5)).created == 1760048848


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (record(llm=llm("acme/Atlas-TEE", root="makers/Atlas-FP8")), "makers/Atlas-FP8"),
        (record(llm=llm("acme/Atlas-TEE", root="/app/model")), None),
        (record(llm=llm("acme/Atlas-TEE", root=None)), None),
        (record(chute=chute("acme/Atlas")), "acme/Atlas"),
        (record(chute=chute("acme/Atlas-TEE")), None),
        (record(chute=chute("iLustMix")), None),
    ],
)
def test_the_repository_is_the_root_or_a_name_with_an_owner(found: OfferRecord, expected: str | None) -> None:
    assert found.hugging_face_id == expected


def test_an_id_without_an_owner_belongs_to_chutes_and_keeps_its_suffix() -> None:
    found = record(llm=llm("Sparrow-30B-TEE"))

    assert (found.id, found.provider_slug) == ("Sparrow-30B-TEE", "chutes")


@pytest.mark.parametrize(
    ("confidential", "tee", "expected"),
    [(True, None, True), (None, True, True), (False, True, False), (None, None, None)],
)
def test_either_host_states_whether_a_model_is_confidential(
    confidential: bool | None, tee: bool | None, expected: bool | None
) -> None:
    assert record(chute=chute(tee=tee), llm=llm(confidential_compute=confidential)).is_confidential is expected


# The walk


def test_private_chutes_are_no_offers() -> None:
    found = listing([chute(), chute("affine/bee", 2, public=False), chute("affine/bee", 3, public=None)])

    assert found.ignored == 2
    assert found.is_complete
    assert [CHUTES.row_id(row) for row in found.rows] == ["acme/Atlas", "acme/Other"]


def test_a_chute_that_may_be_private_is_refused_and_still_counts_as_listed() -> None:
    silent = {key: value for key, value in chute().items() if key != "public"}

    found = listing([silent])

    assert testing.check_refuses(CHUTES, found.rows[0]) == "chute.public: Field required"
    assert CHUTES.row_id(found.rows[0]) == "acme/Atlas"


def test_the_two_hosts_are_joined_by_chute_id_and_nothing_is_left_out() -> None:
    found = listing([chute("acme/A", 1), chute("acme/B", 2)], [llm("acme/B", 2), llm("acme/C", 3)])

    joined = [(CHUTES.row_id(row), row["chute"] is not None, row["llm"] is not None) for row in found.rows]
    assert joined == [("acme/A", True, False), ("acme/B", True, True), ("acme/C", False, True)]


def test_a_private_chute_adds_nothing_to_its_language_model() -> None:
    found = listing([chute(public=False)], [llm()])

    assert prices(CHUTES.record(found.rows[0])) == {"input.text": "0.0000005", "output.text": "0.0000015"}


def test_of_several_chutes_with_one_name_the_same_is_used_in_any_order() -> None:
    official: Json = {"user": {"username": "chutes"}, "created_at": "2025-01-01T00:00:00Z"}
    rows = [
        chute(number=1, created_at="2026-01-01T00:00:00Z", hot=True),
        chute(number=2, created_at="oops"),
        chute(number=3, **official),
        chute(number=4, **official | {"created_at": "2025-02-01T00:00:00Z"}, hot=False),
    ]

    first = {listing(list(order)).rows[0]["chute"]["chute_id"] for order in permutations(rows)}

    assert first == {"chute-4"}


def test_of_a_chute_and_a_language_model_with_one_id_the_latter_is_used() -> None:
    found = listing([chute(number=1, user={"username": "chutes"})], [llm(number=2)])

    assert [row["llm"] is not None for row in found.rows] == [True, False]


def test_rows_that_were_missed_make_a_listing_incomplete() -> None:
    walk = CHUTES.walk(Config(has_key=False))
    assert next(walk).query["page"] == "0"
    assert walk.send(Page(payload={"items": [chute()], "total": 3})).query["page"] == "1"
    assert walk.send(Page(payload={"items": [chute()], "total": 3})).query["page"] == "2"
    assert walk.send(Page(payload={"items": [], "total": 3})).host == "llm"
    with pytest.raises(StopIteration) as end:
        walk.send(Page(payload={"data": [llm()]}))

    assert not end.value.value.is_complete


def test_a_row_that_comes_twice_counts_once_and_the_first_is_used() -> None:
    found = listing([chute(hot=True), chute(hot=False)])

    assert len(found.rows) == 2
    assert CHUTES.record(found.rows[0]).availability == Availability.ONLINE
    assert not found.is_complete


def test_pages_without_end_are_refused() -> None:
    walk = CHUTES.walk(Config(has_key=False))
    next(walk)
    page = Page(payload={"items": [chute()], "total": 10**9})
    for _ in range(99):
        walk.send(page)

    with pytest.raises(BadPayload, match="do not end"):
        walk.send(page)


@pytest.mark.parametrize(
    "payload",
    [
        [],
        {"detail": "Not Found"},
        {"items": None, "total": 0},
        {"items": [], "total": 0},
        {"items": [chute()], "total": "many"},
        {"items": [chute()], "total": True},
        {"items": [chute()]},
    ],
)
def test_an_answer_that_is_no_list_of_chutes_is_refused(payload: Json) -> None:
    answers = [payload, {"data": [llm()]}]

    assert testing.check_any_walk(CHUTES, answers) is None


@pytest.mark.parametrize("llms", [[], None])
def test_an_empty_list_of_language_models_is_a_failure(llms: Json) -> None:
    walk = CHUTES.walk(Config(has_key=False))
    next(walk)
    walk.send(Page(payload={"items": [chute()], "total": 1}))

    with pytest.raises(BadPayload):
        walk.send(Page(payload={"data": llms}))
