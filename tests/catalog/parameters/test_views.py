"""A saved filter is a set of offers, which the other parameters of a request narrow further."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from django.http import QueryDict
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from catalog.memory import following
from catalog.memory.saved import Saved
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.expressions import InvalidExpression, taken
from catalog.parameters.filterset import InvalidParameters
from catalog.parameters.offer_filters import OfferFilterSet
from catalog.web.parameters import ListFilterSet
from tests.catalog.api.reading import body_of, problem_of
from tests.catalog.asking import canonical_query
from tests.factories import offer_record, served_row, snapshot_of

Json = Any

ROWS = (
    served_row(offer_record("a/small", tags=("hot",), context_length=1_000, supported_parameters=("tools",))),
    served_row(offer_record("a/large", tags=("hot", "new"), context_length=9_000)),
    served_row(offer_record("b/large", tags=("new",), context_length=9_000, supported_parameters=("tools",))),
)


def served(**saved: str) -> Snapshot:
    named = {name.replace("_", "-"): expression for name, expression in saved.items()}
    return replace(snapshot_of(*ROWS), saved={name: Saved(name, name, text) for name, text in named.items()})


def found(snapshot: Snapshot, query: str) -> set[str]:
    return {row.id for row in OfferFilterSet(QueryDict(query)).narrowed(Selection.of(snapshot)).rows}


# --- expressions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expression", "left_out"),
    [
        ("tags=hot&context_length_min=32768", "context_length_min=32768&tags=hot", []),
        ("?tags=NEW,hot&tags=hot", "tags=hot%2Cnew", []),
        (
            "https://catalogue.example.org/?tags=hot&sort=-created&page=3&show=offers#top",
            "tags=hot",
            ["sort", "show", "page"],
        ),
        ("/?gateway=chutes,openrouter&price=free", "gateway=chutes%2Copenrouter&price_status=free", []),
        ("price=token,hourly", "price_basis=hourly%2Ctoken", []),
        (" q=Deep-Seek ", "q=deep+seek", []),
    ],
)
def test_an_expression_is_stored_in_its_canonical_form(text: str, expression: str, left_out: list[str]) -> None:
    found = taken(text)

    assert (found.expression, list(found.left_out)) == (expression, left_out)
    assert taken(found.expression).expression == expression


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the expression must have at least one filter"),
        ("https://catalogue.example.org/", "the expression must have at least one filter"),
        ("page=2", "the expression must have at least one filter"),
        ("tag=hot", 'unknown parameter "tag"; did you mean "tags"?'),
        ("context_length_min=many", "context_length_min must be a whole number"),
        ("context_length_min=2&context_length_max=1", "context_length_min must not be above context_length_max"),
        ("view=other&tags=hot", "may not refer to another one"),
        ("status=all&tags=hot", "applies to offers of any status"),
        ("moved=fell", "moved depends on the day"),
        ("price=token,free", "price mixes how offers are billed"),
        ("price=cheap", "price must be one of token, hourly, unit, free, dynamic, unknown"),
        ("tags=a\x00", "must not contain a NUL character"),
        ("q=%00", "must not contain a NUL character"),
        ("tags=" + ",".join(f"tag{number}" for number in range(999)), "must have at most 2,000 characters"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidExpression, match=re.escape(reason)):
        taken(text)


# --- views -----------------------------------------------------------------------------------------------------------

_EXPRESSIONS = st.sampled_from(
    ["tags=hot", "tags=new", "context_length_min=5000", "supported_parameters=tools", "q=large"]
)


@given(expression=_EXPRESSIONS, beside=_EXPRESSIONS)
def test_a_view_finds_what_its_expression_finds_and_other_parameters_narrow_it(expression: str, beside: str) -> None:
    snapshot = served(mine=expression)

    assert found(snapshot, "view=mine") == found(snapshot, expression)
    assert found(snapshot, f"{beside}&view=MINE") == found(snapshot, expression) & found(snapshot, beside)


def test_the_same_parameter_beside_a_view_narrows_it_and_never_replaces_a_part_of_it() -> None:
    snapshot = served(large="context_length_min=5000")

    assert found(snapshot, "view=large&context_length_min=1") == {"a/large", "b/large"}
    assert found(snapshot, "view=large&status=withdrawn") == set()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("view=cheap-tool", 'names no saved filter: there is no "cheap-tool"; did you mean "cheap-tools"?'),
        ("view=broken", 'names a saved filter that is no longer valid: unknown parameter "colour"'),
        ("view=a%20b", "must be the name of a saved filter: letters, digits and single hyphens"),
    ],
)
def test_a_name_that_means_nothing_is_refused_and_a_near_one_suggested(query: str, reason: str) -> None:
    with pytest.raises(InvalidParameters) as refused:
        found(served(cheap_tools="tags=hot", broken="colour=red"), query)

    [problem] = refused.value.problems
    assert (problem.parameter, problem.reason[: len(reason)]) == ("view", reason)


def test_a_request_with_a_view_is_canonical_in_any_spelling_and_another_one_than_without() -> None:
    spellings = {
        canonical_query("/catalog/models", query) for query in ("tags=a&view=X-1", "view=x-1&tags=A&limit=250")
    }

    assert spellings == {"tags=a&view=x-1"}


def test_lists_statistics_exports_and_pages_take_views_and_say_which_there_are(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = served(cheap_tools="supported_parameters=tools", broken="colour=red")
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot)

    listed = body_of(client.get("/catalog/models?view=cheap-tools&sort=-context_length&facets=tags"))
    assert [offer["id"] for offer in listed["data"]] == ["b/large", "a/small"]
    assert {each["value"]: each["count"] for each in listed["facets"]["tags"]} == {"hot": 1, "new": 1}
    assert body_of(client.get("/catalog/stats?view=cheap-tools"))["data"]["offers"] == 2
    assert len(client.get("/catalog/export.csv?view=cheap-tools").text.splitlines()) == 3
    body = {"workload": {"input_tokens": 1}, "filters": {"view": "cheap-tools"}}
    priced = client.post("/catalog/estimate", orjson.dumps(body), content_type="application/json")
    assert priced.status_code == 200, priced.content
    page = client.get("/?view=cheap-tools").text
    assert "a/small" in page
    assert "a/large" not in page
    assert "/catalog/models?view=cheap-tools" in page
    assert ListFilterSet(QueryDict("view=cheap-tools")).canonical() == "view=cheap-tools"
    for address in ("/catalog/models", "/catalog/stats", "/catalog/export.csv", "/catalog/export.ndjson"):
        assert problem_of(client.get(f"{address}?view=cheap"), status=400)["errors"][0]["parameter"] == "view"
    assert client.get("/?view=cheap", headers={"accept": "text/html"}).status_code == 400
    views = body_of(client.get("/catalog/views"))
    assert (views["total"], views["revision"]) == (2, 1)
    assert {view["name"]: view["offers"] for view in views["data"]} == {"cheap-tools": 2, "broken": None}
