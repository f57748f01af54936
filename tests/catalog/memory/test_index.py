"""An index that follows from another one and the changes equals one that is built from all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.memory import index, orders
from catalog.memory.index import Index
from catalog.memory.rows import SORT_VALUES, Row
from tests.catalog.memory.generated import rows
from tests.factories import offer_record, served_row

Step = dict[tuple[str, str], Row]


def publications() -> st.SearchStrategy[list[list[Row]]]:
    """Several publications, each with the rows of some offers."""
    one = st.lists(rows(), max_size=6, unique_by=lambda row: (row.id, row.gateway))
    return st.lists(one, min_size=1, max_size=8)


def content(found: Index) -> Any:
    """Return the content of an index, independent of the numbers of its positions."""

    def documents(positions: Any) -> list[bytes]:
        return [found.rows[position].document for position in positions]

    return (
        documents(found.positions),
        {offer_id: documents(positions) for offer_id, positions in found.positions_of_id.items()},
        {name: {value: documents(at) for value, at in values.items()} for name, values in found.facets.items()},
        {
            name: (
                documents(order.rising),
                documents(reversed(order.falling_backwards)),
                [order.ranks[position] for position in order.rising],
                [documents(block) for block in order.blocks],
                documents(order.unknown),
            )
            for name, order in found.orders.items()
        },
    )


@pytest.fixture(autouse=True, params=[index.REBUILD_SHARE, 0], ids=["as it is", "never rebuilt"])
def rebuilds(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "REBUILD_SHARE", request.param)
        yield


@pytest.fixture(autouse=True)
def small_blocks() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders, "BLOCK", 2)
        yield


@given(publications())
def test_step_by_step_or_at_once_the_same_index(steps: list[list[Row]]) -> None:
    followed, latest = Index.of([]), Step()
    for step in steps:
        before, was = followed, content(followed)
        followed = followed.with_rows(step)
        latest |= {(row.id, row.gateway): row for row in step}

        assert content(before) == was  # readers still hold it
        assert content(followed) == content(Index.of(latest.values()))


@given(publications())
def test_values_that_are_unknown_come_last_in_both_directions(steps: list[list[Row]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        by_tag = {"tags": lambda shown: shown["tags"][0].lower() if shown["tags"] else None}
        for module in ("rows", "index"):
            patch.setattr(f"catalog.memory.{module}.SORT_VALUES", by_tag)
        steps = [[Row.of(row.document) for row in step] for step in steps]
        followed = Index.of([])
        for step in steps:
            followed = followed.with_rows(step)

        assert content(followed) == content(Index.of(followed.rows.values()))
        for is_falling in (False, True):
            check_order(followed, is_falling=is_falling)


@given(publications(), st.sampled_from([4095, 4096, 5000, 32768, 32769]))
def test_a_range_of_an_order_follows_from_its_values(steps: list[list[Row]], value: int) -> None:
    name = "context_length"
    number = list(SORT_VALUES).index(name)
    followed = Index.of([])
    for step in steps:
        followed = followed.with_rows(step)
        known = {at: row.sort_values[number] for at, row in followed.rows.items() if row.sort_values[number]}
        members, order = followed.having("status", "active"), followed.orders[name]

        assert order.number == number
        assert set(order.at_least(members, value, followed.rows)) == {
            at for at in members if at in known and known[at] >= value
        }
        assert set(order.at_most(members, value, followed.rows)) == {
            at for at in members if at in known and known[at] <= value
        }
        assert set(order.below(members, value, followed.rows)) == {
            at for at in members if at in known and known[at] < value
        }


def check_order(found: Index, *, is_falling: bool) -> None:
    [order] = found.orders.values()
    plainly = [position for position in found.positions if found.rows[position].sort_values[0] is not None]
    plainly.sort(key=lambda position: found.rows[position].sort_values[0], reverse=is_falling)
    plainly += [position for position in found.positions if found.rows[position].sort_values[0] is None]
    for name, value in [("status", "active"), ("gateway", "chutes"), ("tags", "new")]:
        members = found.having(name, value)
        wanted = [position for position in plainly if position in members]
        for start, stop in ((0, 1), (1, 4), (0, len(found))):
            for expected in (1, stop):
                picked = order.picked(
                    found.rows, members, is_falling=is_falling, start=start, stop=stop, expected=expected
                )
                assert list(picked) == wanted[start:stop]


@given(st.lists(st.text("ab", min_size=1, max_size=12), min_size=1, max_size=30, unique=True))
@example([f"a{'a' * number}" for number in range(12)])
def test_offers_that_keep_coming_between_two_others_always_find_their_place(ids: Sequence[str]) -> None:
    followed = Index.of([served_row(offer_record("0")), served_row(offer_record("z"))])
    for offer_id in ids:
        followed = followed.with_rows([served_row(offer_record(offer_id))])

    assert [followed.rows[position].id for position in followed.positions] == ["0", *sorted(ids), "z"]


def test_what_did_not_change_is_shared() -> None:
    many = [served_row(offer_record(f"maker/{number}")) for number in range(100)]
    before = Index.of(many)

    after = before.with_rows([served_row(offer_record("maker/7", tags=("hot",)))])

    assert after.orders["name"] is before.orders["name"]
    assert after.positions_of_id is before.positions_of_id
    assert after.facets["gateway"] is before.facets["gateway"]
    assert after.facets["tags"] != before.facets["tags"]
