"""`GET /catalog/models`: the example of the contract, the envelope, the pages, the filters and the orders."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from catalog import registry
from catalog.memory import following, loading
from catalog.memory.snapshot import Snapshot
from catalog.models import Offer, Revision
from catalog.normalize import dates
from tests.catalog.api.reading import ids, read
from tests.factories import hourly, offer_record, per_token, publish, served_row, snapshot_of

Json = Any

EXAMPLE = json.loads("""
{
  "id": "deepseek-ai/DeepSeek-R1",
  "slug": "deepseek-ai/DeepSeek-R1",
  "canonical_slug": "deepseek-ai/DeepSeek-R1",
  "name": "DeepSeek-R1",
  "description": "Chutes.ai hosted LLM model: deepseek-ai/DeepSeek-R1. Pricing: $22.0/hr.",
  "provider_slug": "deepseek-ai",
  "source_gateway": "chutes",
  "model_type": "LLM",
  "tags": ["hot", "popular"],
  "pricing": { "prompt": "0.000022", "completion": "0.000022", "hourly_rate": "22.0" },
  "architecture": { "modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"] }
}
""")
ENVELOPE = {
    "data",
    "total",
    "returned",
    "offset",
    "limit",
    "gateway",
    "note",
    "next",
    "next_cursor",
    "revision",
    "timestamp",
}
BOTH_SPELLINGS = pytest.mark.parametrize("address", ["/catalog/models", "/catalog/models/"])


def contains(row: Json, expected: Json) -> bool:
    """Whether every field of `expected`, at any depth, is in the row with that very value."""
    if not isinstance(expected, dict):
        return bool(row == expected)
    return all(name in row and contains(row[name], value) for name, value in expected.items())


def walk(client: Client, address: str | None) -> Iterator[Json]:
    """The answers from this address on, as a client follows them."""
    while address:
        answer = read(client, address)
        yield answer
        address = answer["next"]


def money_texts(row: Json) -> list[str]:
    amounts = [*row["pricing"].values(), *(row["price_per_million"] or {}).values()]
    return [amount for amount in amounts if amount is not None]


# --- the document's example and envelope -----------------------------------------------------------------------------


@BOTH_SPELLINGS
def test_the_row_of_the_document_is_served_field_by_field(client: Client, catalogue: Snapshot, address: str) -> None:
    rows = {row["id"]: row for row in read(client, f"{address}?gateway=chutes")["data"]}

    assert contains(rows[EXAMPLE["id"]], EXAMPLE)


@BOTH_SPELLINGS
def test_the_envelope_counts_what_is_found_and_what_is_shown(client: Client, catalogue: Snapshot, address: str) -> None:
    answer = read(client, f"{address}?gateway=chutes&limit=10")

    assert answer.keys() == ENVELOPE
    assert answer | {"data": [], "next": "", "next_cursor": "", "timestamp": ""} == {
        "data": [],
        "total": 104,
        "returned": 10,
        "offset": 0,
        "limit": 10,
        "gateway": "chutes",
        "note": "Chutes.ai catalog",
        "next": "",
        "next_cursor": "",
        "revision": 1,
        "timestamp": "",
    }
    assert len(answer["data"]) == 10
    assert answer["timestamp"] == dates.iso(Revision.objects.get(number=1).published_at)


def test_without_parameters_all_gateways_are_shown_in_one_page(client: Client, catalogue: Snapshot) -> None:
    answer = read(client, "/catalog/models")

    assert (answer["total"], answer["returned"], answer["offset"], answer["limit"]) == (104, 104, 0, 250)
    assert (answer["gateway"], answer["next"]) == ("all", None)
    assert answer["note"] == registry.combined_note(registry.GATEWAYS.values())
    assert read(client, "/catalog/models?gateway=all") == answer


def test_each_gateway_shows_its_own_offers_under_its_note_and_all_together_are_all_of_them(
    client: Client, catalogues: Snapshot
) -> None:
    listed: list[tuple[str, str]] = []
    for slug, gateway in registry.GATEWAYS.items():
        answers = list(walk(client, f"/catalog/models?gateway={slug}&limit=1000"))
        rows = [row for answer in answers for row in answer["data"]]

        assert {(answer["gateway"], answer["note"]) for answer in answers} == {(slug, gateway.note)}
        assert {row["source_gateway"] for row in rows} == {slug}
        assert answers[0]["total"] == len(rows) == Offer.objects.filter(gateway__slug=slug).count() > 0
        listed += [(row["id"], row["source_gateway"]) for row in rows]
    pages = list(walk(client, "/catalog/models?limit=100"))

    assert [(row["id"], row["source_gateway"]) for page in pages for row in page["data"]] == sorted(listed)
    assert {page["total"] for page in pages} == {len(listed)}


@pytest.mark.parametrize("limit", [1, 7, 103, 104, 1000])
def test_following_next_gives_every_offer_exactly_once_in_the_order_of_ids(
    client: Client, catalogue: Snapshot, limit: int
) -> None:
    pages = list(walk(client, f"/catalog/models?gateway=chutes&limit={limit}"))

    seen = [model_id for page in pages for model_id in ids(page)]
    assert seen == sorted({row.id for row in catalogue.rows})
    assert {page["total"] for page in pages} == {104}
    assert all(page["returned"] == len(page["data"]) for page in pages)
    assert all(page["returned"] == limit for page in pages[:-1])


def test_next_keeps_the_filters_and_stays_on_this_host(client: Client, catalogue: Snapshot) -> None:
    address = "/catalog/models/?model_type=image-generation,LLM&provider=Qwen&sort=-name&limit=4"

    pages = list(walk(client, address))

    rows = [row for page in pages for row in page["data"]]
    assert len(rows) == len({row["id"] for row in rows}) == pages[0]["total"] > 4
    assert {row["provider_slug"] for row in rows} == {"Qwen"}
    assert [row["name"].casefold() for row in rows] == sorted((row["name"].casefold() for row in rows), reverse=True)
    assert all(page["next"].startswith("/catalog/models/?") for page in pages[:-1])


def test_a_page_behind_the_last_row_is_empty(client: Client, catalogue: Snapshot) -> None:
    answer = read(client, "/catalog/models?offset=104")

    assert (answer["data"], answer["total"], answer["returned"], answer["next"]) == ([], 104, 0, None)


def test_equal_questions_get_equal_bytes_whenever_and_by_whichever_process(
    client: Client, catalogue: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.get("/catalog/models?limit=30").content
    monkeypatch.setattr(following.FOLLOWER, "snapshot", loading.load())

    with time_machine.travel(datetime(2100, 1, 1, tzinfo=UTC)):
        after = client.get("/catalog/models?limit=30").content

    assert after == before


def test_the_timestamp_is_when_the_revision_was_published(client: Client, db: None) -> None:
    with time_machine.travel(datetime(2100, 11, 22, 8, tzinfo=UTC), tick=False):
        publish(offer_record())
    following.FOLLOWER.refresh()

    assert read(client, "/catalog/models")["timestamp"] == "2100-11-22T08:00:00Z"


def test_offers_of_one_id_at_several_gateways_all_stand_in_the_list(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [served_row(offer_record("maker/same"), gateway=gateway) for gateway in ("openrouter", "chutes")]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*rows))

    everything = read(client, "/catalog/models")
    of_chutes = read(client, "/catalog/models?gateway=chutes")

    assert [(row["id"], row["source_gateway"]) for row in everything["data"]] == [
        ("maker/same", "chutes"),
        ("maker/same", "openrouter"),
    ]
    assert [row["source_gateway"] for row in of_chutes["data"]] == ["chutes"]


# --- money -----------------------------------------------------------------------------------------------------------


def test_money_is_text_in_plain_notation(client: Client, catalogue: Snapshot) -> None:
    amounts = [amount for row in read(client, "/catalog/models")["data"] for amount in money_texts(row)]

    assert len(amounts) > 104
    assert all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", amount) for amount in amounts)


def test_a_tiny_price_and_a_round_one_keep_their_digits(client: Client, db: None) -> None:
    tiny = per_token(prompt="0.00000000000000000000012", completion="1E+2")
    publish(offer_record(prices=tiny), offer_record("maker/hourly", prices=(hourly("1E-7"),)))
    following.FOLLOWER.refresh()

    of_tokens, of_hours = (row for row in reversed(read(client, "/catalog/models")["data"]))

    assert of_tokens["pricing"] == {"prompt": "0.00000000000000000000012", "completion": "100"}
    assert of_tokens["price_per_million"] == {"input": "0.00000000000000012", "output": "100000000"}
    assert of_hours["pricing"] == {
        "prompt": "0.0000000000001",
        "completion": "0.0000000000001",
        "hourly_rate": "0.0000001",
    }


# --- the bundled catalogue -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model_type", "count"),
    [
        ("LLM", 69),
        ("Image Generation", 19),
        ("Content Moderation", 5),
        ("Embeddings", 4),
        ("Text to Speech", 2),
        ("Other", 2),
        ("Speech to Text", 1),
        ("Video", 1),
        ("Music Generation", 1),
    ],
)
def test_a_model_type_is_found_in_either_spelling(
    client: Client, catalogue: Snapshot, model_type: str, count: int
) -> None:
    as_shown = read(client, f"/catalog/models?model_type={model_type.replace(' ', '%20')}")
    as_word = read(client, f"/catalog/models?model_type={model_type.replace(' ', '-').upper()}")

    assert (as_shown["total"], as_shown["returned"]) == (count, count)
    assert {row["model_type"] for row in as_shown["data"]} == {model_type}
    assert as_word["data"] == as_shown["data"]


def test_the_tiers_of_the_hourly_rates_have_the_documents_sizes(client: Client, catalogue: Snapshot) -> None:
    rows = read(client, "/catalog/models")["data"]

    assert Counter(row["price_tier"] for row in rows) == {
        "free": 10,
        "budget": 31,
        "standard": 27,
        "premium": 13,
        "enterprise": 23,
    }


def test_only_text_models_get_token_figures_from_an_hourly_rate(client: Client, catalogue: Snapshot) -> None:
    rows = read(client, "/catalog/models")["data"]

    derived = {row["model_type"] for row in rows if row["pricing"]["prompt"] is not None}
    assert derived == {"LLM", "Content Moderation"}
    assert all({"prompt", "completion", "hourly_rate"} == row["pricing"].keys() for row in rows)
    assert {row["price_basis"] for row in rows} == {"hourly"}
    assert {row["price_per_million"] for row in rows} == {None}


# --- filters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["qwen", "Qwen", "QWEN"])
def test_a_provider_is_itself_in_any_case_and_no_part_of_an_id(
    client: Client, catalogue: Snapshot, spelling: str
) -> None:
    found = ids(read(client, f"/catalog/models?provider={spelling}"))

    assert found == [row.id for row in catalogue.rows if row.id.startswith("Qwen/")]
    assert len(found) == 20
    assert "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B" not in found


def test_an_id_without_a_slash_belongs_to_the_gateway(client: Client, catalogue: Snapshot) -> None:
    answer = read(client, "/catalog/models?provider=chutes")

    its_own = [row["id"] for row in answer["data"] if row["provider_slug"] == "chutes"]
    assert its_own == [row.id for row in catalogue.rows if "/" not in row.id]
    assert len(its_own) == 24


def test_a_provider_is_found_by_any_of_its_spellings(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        served_row(offer_record("deepseek-ai/a", provider_slug="deepseek-ai"), gateway="chutes"),
        served_row(offer_record("deepseek/a", provider_slug="deepseek"), gateway="openrouter"),
        served_row(offer_record("qwen/deepseek", provider_slug="qwen"), gateway="openrouter"),
    ]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*rows))

    for spelling in ("deepseek", "DeepSeek", "deepseek-ai", "DEEPSEEK-AI"):
        assert ids(read(client, f"/catalog/models?provider={spelling}")) == ["deepseek-ai/a", "deepseek/a"]


@pytest.mark.parametrize("query", ["model_type=LLM,embeddings", "model_type=LLM&model_type=Embeddings"])
def test_several_model_types_are_any_of_them(client: Client, catalogue: Snapshot, query: str) -> None:
    answer = read(client, f"/catalog/models?{query}")

    assert answer["total"] == 69 + 4


@pytest.mark.parametrize("query", ["tags=hot,new", "tags=hot&tags=new", "tags=%20new%20,%20HOT", "tags=hot,hot,new"])
def test_several_tags_are_all_of_them(client: Client, db: None, query: str) -> None:
    publish(
        offer_record("maker/both", tags=("New", "hot", "cheap")),
        offer_record("maker/hot", tags=("hot",)),
        offer_record("maker/new", tags=("new",)),
        offer_record("maker/neither"),
    )
    following.FOLLOWER.refresh()

    assert ids(read(client, f"/catalog/models?{query}")) == ["maker/both"]


def test_filters_together_all_hold(client: Client, catalogue: Snapshot) -> None:
    answer = read(client, "/catalog/models?gateway=chutes&provider=deepseek-ai&model_type=llm&tags=hot")

    assert ids(answer) == ["deepseek-ai/DeepSeek-R1"]


@pytest.mark.parametrize("query", ["provider=nobody", "tags=unheard-of", "provider=%25", "tags='%20OR%201=1--"])
def test_what_matches_nothing_is_an_empty_list_and_no_error(client: Client, catalogue: Snapshot, query: str) -> None:
    answer = read(client, f"/catalog/models?{query}")

    assert (answer["data"], answer["total"], answer["returned"], answer["next"]) == ([], 0, 0, None)


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("id", ["maker/1", "maker/2", "maker/3", "maker/4"]),
        ("-id", ["maker/4", "maker/3", "maker/2", "maker/1"]),
        ("name", ["maker/4", "maker/1", "maker/3", "maker/2"]),
        ("-name", ["maker/2", "maker/1", "maker/3", "maker/4"]),
    ],
)
def test_every_order_is_total_with_ties_by_id(client: Client, db: None, sort: str, expected: list[str]) -> None:
    names = {"maker/3": "middle", "maker/1": "Middle", "maker/4": "Alpha", "maker/2": "zeta"}
    publish(*(offer_record(model_id, name=name) for model_id, name in names.items()))
    following.FOLLOWER.refresh()

    assert ids(read(client, f"/catalog/models?sort={sort}")) == expected
    assert [found for page in walk(client, f"/catalog/models?sort={sort}&limit=1") for found in ids(page)] == expected


# --- fields, facets and walks ----------------------------------------------------------------------------------------


def test_rows_have_just_the_fields_that_are_asked_for_in_the_usual_order(client: Client, catalogue: Snapshot) -> None:
    whole = read(client, "/catalog/models?limit=3")["data"]

    picked = read(client, "/catalog/models?limit=3&fields=pricing,name&fields=id")["data"]

    assert [list(row) for row in picked] == [["id", "name", "pricing"]] * 3
    assert picked == [{name: row[name] for name in ("id", "name", "pricing")} for row in whole]


def test_facets_stand_in_the_answer_where_they_are_asked_for(client: Client, catalogue: Snapshot) -> None:
    answer = read(client, "/catalog/models?model_type=Video&facets=model_type,price_tier&limit=1")

    assert answer["total"] == 1
    assert [(each["value"], each["count"]) for each in answer["facets"]["model_type"]][:3] == [
        ("LLM", 69),
        ("Image Generation", 19),
        ("Content Moderation", 5),
    ]
    assert sum(each["count"] for each in answer["facets"]["price_tier"]) == 1
    assert answer["facet_sizes"] == {"model_type": 9, "price_tier": 1}


@pytest.mark.parametrize("limit", [1, 7, 104, 1000])
def test_a_walk_by_cursor_or_by_its_next_shows_every_offer_once(
    client: Client, catalogue: Snapshot, limit: int
) -> None:
    by_next = list(walk(client, f"/catalog/models?cursor=start&limit={limit}"))
    by_cursor, cursor = [], "start"
    while cursor:
        by_cursor.append(read(client, f"/catalog/models?limit={limit}&cursor={cursor}"))
        cursor = by_cursor[-1]["next_cursor"]

    assert by_next == by_cursor
    assert [found for page in by_next for found in ids(page)] == [row.id for row in catalogue.rows]
    assert {page["offset"] for page in by_next} == {None}
    assert {page["total"] for page in by_next} == {104}


def test_a_walk_can_go_on_from_a_page_that_was_asked_for_by_offset(client: Client, catalogue: Snapshot) -> None:
    page = read(client, "/catalog/models?limit=10&offset=20")

    second = read(client, f"/catalog/models?limit=10&cursor={page['next_cursor']}")

    assert ids(second) == ids(read(client, page["next"]))


def test_withdrawn_offers_are_shown_where_they_are_asked_for(client: Client, db: None) -> None:
    publish(offer_record("maker/kept"), offer_record("maker/gone"))
    publish(offer_record("maker/kept"))
    following.FOLLOWER.refresh()

    found = {status: ids(read(client, f"/catalog/models?status={status}")) for status in ("active", "withdrawn", "all")}

    assert found == {"active": ["maker/kept"], "withdrawn": ["maker/gone"], "all": ["maker/gone", "maker/kept"]}
