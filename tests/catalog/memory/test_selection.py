"""A selection holds exactly the rows that plain predicates over the documents pick, in an order that is total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.memory.rows import Row
from catalog.memory.selection import SORTS, Selection
from catalog.normalize import model_ids
from catalog.records import ModelType
from catalog.reports.providers import figures, provider_keys
from tests.catalog.memory.generated import GATEWAYS, SOME_TYPES, SPELLINGS, catalogues
from tests.factories import snapshot_of

Json = Any
Predicate = Callable[[Json], bool]
Identity = tuple[str, str]


def document(row: Row) -> Json:
    return orjson.loads(row.document)


def identities(rows: Iterable[Row]) -> list[Identity]:
    return [(row.id, row.gateway) for row in rows]


def picked(rows: Iterable[Row], *predicates: Predicate) -> list[Identity]:
    """What the predicates leave of the documents that are not withdrawn, by id and gateway."""
    documents = [document(row) for row in rows]
    listed = [
        shown for shown in documents if shown["withdrawn_at"] is None and all(holds(shown) for holds in predicates)
    ]
    return sorted((shown["id"], shown["source_gateway"]) for shown in listed)


def is_of_provider(asked: str) -> Predicate:
    def plainly(spelling: str) -> str:
        return spelling.removeprefix("~").removeprefix("@").casefold()

    return lambda shown: shown["provider_slug"] is not None and plainly(shown["provider_slug"]) == plainly(asked)


def sort_value(row: Row, name: str) -> str:
    """What a document is sorted by: names as a dictionary does, ids byte by byte."""
    shown: str = document(row)[name]
    return shown.casefold() if name == "name" else shown


def selection_of(rows: Iterable[Row]) -> Selection:
    return Selection.of(snapshot_of(*rows))


@given(catalogues())
def test_a_selection_begins_with_all_that_is_not_withdrawn_by_id_and_gateway(rows: list[Row]) -> None:
    selection = selection_of(rows)

    assert identities(selection.rows) == picked(rows)
    assert len(selection) == len(picked(rows))


@given(catalogues(), st.sampled_from([*GATEWAYS, "featherless", "all"]))
def test_a_gateway_keeps_its_own(rows: list[Row], gateway: str) -> None:
    found = selection_of(rows).of_gateway(gateway)

    assert identities(found.rows) == picked(rows, lambda shown: gateway in {"all", shown["source_gateway"]})


@given(catalogues(), st.sampled_from([spelling for spelling in SPELLINGS if spelling] + ["qwe", "@", "unknown"]))
def test_a_provider_keeps_its_own_in_any_case(rows: list[Row], asked: str) -> None:
    assert identities(selection_of(rows).of_provider(asked).rows) == picked(rows, is_of_provider(asked))


@given(catalogues(), st.lists(st.sampled_from([kind.value for kind in ModelType])))
def test_types_keep_any_of_them(rows: list[Row], wanted: list[str]) -> None:
    found = selection_of(rows).having_any("model_type", wanted)

    assert identities(found.rows) == picked(rows, lambda shown: shown["model_type"] in wanted)


@given(catalogues(), st.lists(st.sampled_from(["hot", "HOT", "new", "cheap", "unheard-of"]), max_size=3))
def test_tags_keep_what_has_all_of_them_in_any_case(rows: list[Row], wanted: list[str]) -> None:
    def has_all(shown: Json) -> bool:
        return all(any(tag.lower() == other.lower() for other in shown["tags"]) for tag in wanted)

    assert identities(selection_of(rows).having_all("tags", [tag.lower() for tag in wanted]).rows) == picked(
        rows, has_all
    )


@given(catalogues(), st.sampled_from(GATEWAYS), st.sampled_from(["qwen", "unknown"]), st.permutations([0, 1, 2]))
def test_filters_mean_the_same_in_every_order(rows: list[Row], gateway: str, provider: str, order: list[int]) -> None:
    steps: list[Callable[[Selection], Selection]] = [
        lambda selection: selection.of_gateway(gateway),
        lambda selection: selection.of_provider(provider),
        lambda selection: selection.having_all("tags", ["hot"]),
    ]
    straight = shuffled = selection_of(rows)

    for step in steps:
        straight = step(straight)
    for place in order:
        shuffled = steps[place](shuffled)

    assert shuffled == straight


@given(catalogues())
def test_narrowing_and_sorting_leave_the_selection_that_they_began_with(rows: list[Row]) -> None:
    selection = selection_of(rows)
    before = list(selection.rows)

    selection.of_provider("qwen").sorted_by("-name")

    assert list(selection.rows) == before


@given(rows=catalogues(), shuffle=st.randoms(use_true_random=False))
def test_an_order_loses_nothing_and_does_not_depend_on_where_the_rows_were(rows: list[Row], shuffle: Any) -> None:
    jumbled = list(rows)
    shuffle.shuffle(jumbled)
    selection, other = selection_of(rows), selection_of(jumbled)
    for sort in (sign + name for name in SORTS for sign in ("", "-")):
        ordered = selection.sorted_by(sort).rows

        assert sorted(identities(ordered)) == picked(rows)
        assert other.sorted_by(sort).rows == ordered


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name"])
@given(rows=catalogues(), kind=st.sampled_from(SOME_TYPES), limit=st.integers(1, 5))
def test_pages_of_every_order_put_together_are_the_selection_in_that_order(
    rows: list[Row], sort: str, kind: ModelType, limit: int
) -> None:
    selection = selection_of(rows).having_any("model_type", [kind.value])
    plainly = [(sort_value(row, sort.removeprefix("-")), row) for row in selection.rows]
    plainly.sort(key=lambda pair: pair[0], reverse=sort.startswith("-"))  # stable: ties stay by id and gateway

    pages = [
        selection.sorted_by(sort).page(offset=offset, limit=limit) for offset in range(0, len(rows) + limit, limit)
    ]

    assert [row for page in pages for row in page] == [row for _, row in plainly]


@pytest.mark.parametrize("name", ["id", "name"])
@given(rows=catalogues())
def test_both_directions_of_an_order_agree_and_ties_are_by_id_and_gateway_in_both(rows: list[Row], name: str) -> None:
    selection = selection_of(rows)

    up, down = (
        [(sort_value(row, name), row.id, row.gateway) for row in selection.sorted_by(sort).rows]
        for sort in (name, f"-{name}")
    )

    assert up == sorted(up)
    assert sorted(down) == up
    assert all(first[0] > second[0] or first < second for first, second in pairwise(down))


@given(catalogues(), st.integers(1, 5))
def test_pages_of_any_size_put_together_are_the_selection(rows: list[Row], limit: int) -> None:
    selection = selection_of(rows)

    pages = [selection.page(offset=offset, limit=limit) for offset in range(0, len(selection) + limit, limit)]

    assert [row for page in pages for row in page] == list(selection.rows)
    assert all(len(page) <= limit for page in pages)


@given(catalogues())
def test_every_row_with_a_provider_counts_for_exactly_one(rows: list[Row]) -> None:
    selection = selection_of(rows)

    providers = {key: figures(selection, key) for key in provider_keys(selection)}

    assert sum(provider.model_count for provider in providers.values()) == len(
        picked(rows, lambda shown: shown["provider_slug"] is not None)
    )
    for key, provider in providers.items():
        mine = selection.of_provider(provider.slug).rows
        assert provider.model_count == len(mine)
        assert provider.model_types == dict(Counter(document(row)["model_type"] for row in mine))
        assert provider.source_gateways == sorted({row.gateway for row in mine})
        assert model_ids.provider_key(provider.slug) == key
