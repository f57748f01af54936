"""What the formats' parameters ignore, and how the ignored names are shown."""

from __future__ import annotations

import re

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from catalog.parameters.compatible import LONGEST_NAME, MOST_NAMES, OpenRouterFilterSet, header_of
from catalog.parameters.filterset import InvalidParameters
from tests.catalog.asking import canonical_query, question


@given(st.lists(st.text(max_size=60), max_size=40))
def test_the_header_has_only_tokens_and_is_limited(names: list[str]) -> None:
    shown = header_of(names)

    assert re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+(, )?)*", shown, re.ASCII)
    assert len(shown) <= MOST_NAMES * (LONGEST_NAME + 2)
    assert shown.split(", ") == sorted(set(shown.split(", ")))


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("client_version=0.171.0", "client_version"),
        ("b=1&a=2&b=3&limit=5", "a, b"),
        ("x%0d%0aSet-Cookie:%20a=1", "x__Set-Cookie__a"),
        ("sort=most-popular&zdr=true", "sort, zdr"),
        ("sort=newest", ""),
        ("gwz_abcdefghijklmnop=1", "gwz_abcdef_"),
    ],
)
def test_ignored_parameters_are_named(query: str, shown: str) -> None:
    asked = question("/api/v1/models", query)
    assert asked is not None
    assert asked.ignored == shown


@pytest.mark.parametrize("query", ["limit=0&x=1", "&".join(f"p{number}=1" for number in range(2_000))])
def test_a_request_that_is_refused_ignores_nothing(query: str) -> None:
    assert question("/api/v1/models", query) is None


def test_requests_that_differ_in_ignored_parameters_have_one_canonical_query() -> None:
    queries = ["limit=5", "limit=5&client_version=1", "zdr=true&limit=5&sort=top-weekly"]

    assert {canonical_query("/api/v1/models", query) for query in queries} == {"limit=5"}


@pytest.mark.parametrize("query", ["limit=1001", "offset=-1", "sort=oldest", "min_price=free", "limit=1&limit=2"])
def test_a_wrong_value_of_a_known_parameter_is_refused(query: str) -> None:
    with pytest.raises(InvalidParameters):
        OpenRouterFilterSet(QueryDict(f"{query}&unknown=1"))
