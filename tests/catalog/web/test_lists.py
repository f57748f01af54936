"""The list of models: its order, its counts, its addresses."""

from __future__ import annotations

import re
from collections import defaultdict
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from catalog import registry
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.web import listing
from catalog.web.listing import Asked
from catalog.web.parameters import ListFilterSet, Superfluous
from catalog.web.standing import since_of, slug_of, standing_of

TRACKED = ["utm_source=a", "fbclid=1", "gclid=2", "UTM_Campaign=x", "mc_eid=3"]


def asked(snapshot: Snapshot, **query: Any) -> Asked:
    return Asked(snapshot, ListFilterSet(QueryDict(urlencode(query, doseq=True))))


def rows_of(snapshot: Snapshot, **query: Any) -> list[Any]:
    return [listing.view_of(snapshot, entry) for entry in listing.listed(asked(snapshot, **query)).entries]


def models_by_hand(snapshot: Snapshot) -> dict[str, list[Any]]:
    models = defaultdict(list)
    for row in Selection.of(snapshot).rows:
        models[slug_of(row)].append(row)
    return models


def test_models_are_ordered_by_the_gateways_that_sell_them_then_by_age(bundled: Snapshot) -> None:
    models = models_by_hand(bundled)

    def place(slug: str) -> tuple[int, int, str]:
        rows = models[slug]
        return -len({row.gateway for row in rows}), -min(map(since_of, rows)), slug

    assert [model.slug for model in standing_of(bundled).models] == sorted(models, key=place)


def test_each_row_has_the_cheapest_offer_of_those_that_are_asked_for(bundled: Snapshot) -> None:
    every = listing.listed(asked(bundled))
    at_portkey = rows_of(bundled, gateway="portkey")

    assert every.total == len(models_by_hand(bundled))
    assert len(every.entries) == 50
    assert {row["seller"].partition(",")[0] for row in at_portkey} == {"Portkey"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # all examples only read the snapshot
@given(data=st.data())
def test_each_count_is_the_number_of_rows_that_the_value_alone_leads_to(bundled: Snapshot, data: st.DataObject) -> None:
    query: dict[str, Any] = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "show": st.sampled_from(["models", "offers"]),
                "gateway": st.sampled_from([*registry.GATEWAYS]),
                "price": st.sampled_from(["free", "token", "hourly", "unknown"]),
                "model_type": st.sampled_from(["LLM", "Embeddings"]),
                "supported_parameters": st.sampled_from(["tools", "reasoning"]),
                "q": st.sampled_from(["qwen", "deepseek r1", "llama"]),
            },
        )
    )
    groups = listing.facets(asked(bundled, **query))
    group = data.draw(st.sampled_from([group for group in groups if group["values"]]))
    value = data.draw(st.sampled_from(group["values"]))
    name = group["name"]
    narrows_itself = name == "supported_parameters" and name in query
    chosen = [query[name], value["value"]] if narrows_itself else value["value"]

    assert value["count"] == f"{listing.listed(asked(bundled, **(query | {name: chosen}))).total:,}"


@pytest.mark.parametrize("sort", ["prompt_price", "-prompt_price", "completion_price", "context_length", "-created"])
def test_every_page_of_an_order_goes_on_where_the_one_before_ended(bundled: Snapshot, sort: str) -> None:
    slugs = [row["slug"] for page in range(1, 30) for row in rows_of(bundled, sort=sort, page=page)]

    assert len(slugs) == len(set(slugs)) == listing.listed(asked(bundled, sort=sort)).total


@pytest.mark.parametrize("sort", ["prompt_price", "-prompt_price"])
def test_figures_never_turn_back_and_unknown_ones_come_last(bundled: Snapshot, sort: str) -> None:
    rows = [row for page in range(1, 30) for row in rows_of(bundled, sort=sort, page=page)]
    shown = [row["price"].get("input", {}) for row in rows]
    values = [
        0.0 if each.get("word") == "free" else float(each["value"]) if "value" in each else None for each in shown
    ]
    known = [value for value in values if value is not None]

    assert known == sorted(known, reverse=sort.startswith("-"))
    assert values[: len(known)] == known


@pytest.mark.parametrize("tracked", TRACKED)
@pytest.mark.parametrize("path", ["/", "/models/maker/model", "/compare", "/makers", "/gateways", "/changes"])
def test_what_readers_cannot_help_is_redirected_away(
    client: Client, bundled: Snapshot, path: str, tracked: str
) -> None:
    answer = client.get(f"{path}?{tracked}")

    assert (answer.status_code, answer["Location"]) == (302, path)


@given(st.lists(st.tuples(st.sampled_from(["q", "gateway", "price", "x"]), st.sampled_from(["", " ", "qwen", "a&b"]))))
def test_a_redirect_keeps_what_means_something_and_leads_nowhere_else(pairs: list[tuple[str, str]]) -> None:
    sent = QueryDict(urlencode(pairs))
    kept = [(name, text) for name, texts in sent.lists() for text in texts if text.strip()]
    if len(kept) == len(pairs):
        return
    with pytest.raises(Superfluous) as found:
        ListFilterSet(sent)

    assert found.value.query == urlencode(kept)


@pytest.mark.parametrize("wrong", ["gateway=nope", "prompt_price_max=ten", "page=0", "nothing=1", "sort=relevance"])
def test_a_wrong_value_is_a_page_that_marks_the_field(client: Client, bundled: Snapshot, wrong: str) -> None:
    answer = client.get(f"/?{wrong}&q=&model_type=LLM" if "relevance" not in wrong else f"/?{wrong}")
    if answer.status_code == 302:
        answer = client.get(answer["Location"])
    html = unescape(answer.content.decode())

    assert (answer.status_code, answer["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert answer["Cache-Control"] == "no-store"
    assert f"{wrong.partition('=')[0]} " in re.sub("<[^>]+>", "", html)


def test_a_list_takes_no_query(
    client: Client, bundled: Snapshot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        for path in ("/", "/?q=qwen", "/?price=free", "/makers", "/makers/openai", "/compare?ids=Qwen/Qwen3-32B"):
            assert client.get(path).status_code == 200
