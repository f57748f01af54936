"""The contract suite over all gateways, their hand-written payloads and their bundled catalogues."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.adapter import testing
from catalog.adapter.contract import Config, Gateway, Listing
from catalog.records import Availability
from catalog.registry import GATEWAYS
from catalog.sync.rows import print_of, sort_rows
from tests.catalog.gateways.cases import CASES, Case, bundled, expected_text
from tests.catalog.gateways.strategies import ANY, broken

Json = Any

every_gateway = pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_gateway
def test_file_class_and_slug_agree(gateway: Gateway) -> None:
    testing.check_identity(gateway)


@every_gateway
def test_there_are_payloads(gateway: Gateway) -> None:
    assert any(case.gateway is gateway for case in CASES)


@every_case
def test_a_payload_becomes_the_expected_records(case: Case) -> None:
    assert expected_text(case.gateway, case.listing()) == case.expected_path.read_text(encoding="utf-8"), (
        "python -m tests.catalog.gateways.regenerate writes the expected records again"
    )


@every_case
def test_a_row_is_a_record_or_is_refused_with_a_reason(case: Case) -> None:
    for row in case.listing().rows:
        testing.check_refuses(case.gateway, row)


@every_case
@pytest.mark.parametrize("seed", range(5))
def test_order_and_volatile_fields_change_no_record(case: Case, seed: int) -> None:
    random = Random(seed)  # noqa: S311 (no secret)
    later = [_later(case, exchange, random) for exchange in case.exchanges()]

    changed = testing.check_walk(case.gateway, later, config=case.config)

    assert expected_text(case.gateway, changed) == expected_text(case.gateway, case.listing())


def _later(case: Case, exchange: testing.Exchange, random: Random) -> testing.Exchange:
    older = testing.aged(exchange.answer, random, volatile=case.gateway.volatile)
    return replace(exchange, answer=testing.shuffled(older, random, ordered=case.gateway.ordered))


@every_gateway
def test_volatile_fields_do_not_belong_to_the_essence_of_a_row(gateway: Gateway) -> None:
    random = Random(1)  # noqa: S311 (no secret)

    for row in _rows(gateway.slug):
        later = testing.aged(row, random, volatile=gateway.volatile)
        assert gateway.essence(later) == gateway.essence(row)


@every_gateway
def test_every_bundled_row_is_usable(gateway: Gateway) -> None:
    listing = bundled(gateway)

    records = testing.check_rows(gateway, listing.rows)

    assert listing.is_complete
    assert len({record.id for record in records}) == len(records)


@every_gateway
def test_the_bundled_catalogue_is_not_older_than_its_newest_model(gateway: Gateway) -> None:
    created = [record.created for record in testing.check_rows(gateway, bundled(gateway).rows) if record.created]

    assert datetime.fromtimestamp(max(created, default=0), UTC).date() <= gateway.bundled_on


@every_gateway
@pytest.mark.parametrize("payload", [{}, {"data": []}, "text", None, 3])
def test_a_bundled_catalogue_that_is_no_list_is_refused(gateway: Gateway, payload: Json) -> None:
    testing.check_refuses_payload(gateway, payload)


@every_gateway
@given(row=ANY)
def test_any_json_is_a_record_or_an_unusable_row(gateway: Gateway, row: Json) -> None:
    testing.check_refuses(gateway, row)


@every_gateway
@given(data=st.data())
def test_a_row_with_one_thing_changed_is_a_record_or_an_unusable_row(gateway: Gateway, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(_rows(gateway.slug)))
    changed = data.draw(broken(row))

    reason = testing.check_refuses(gateway, changed)

    # By their prints, as a sync compares them: in Python, false equals 0.
    if print_of(gateway, changed, reader="") == print_of(gateway, row, reader="") != "":
        assert testing.check_refuses(gateway, row) == reason
        assert reason or gateway.record(changed) == gateway.record(row)


@every_gateway
@given(data=st.data())
def test_where_availability_is_observed_it_belongs_to_no_print_and_no_record(
    gateway: Gateway, data: st.DataObject
) -> None:
    row = data.draw(st.sampled_from(_rows(gateway.slug)))
    changed = data.draw(broken(row))

    found = [
        sort_rows(gateway, Listing(rows=[each], is_complete=True), reader="", accepted={}, is_observed=True)
        for each in (row, changed)
    ]

    if print_of(gateway, changed, reader="", is_observed=True) == print_of(gateway, row, reader="", is_observed=True):
        assert found[0].records == found[1].records
    assert {each.availability for sorted_ in found for each in sorted_.records.values()} <= {Availability.UNKNOWN}


@every_gateway
@given(has_key=st.booleans(), answers=st.lists(ANY, min_size=1, max_size=3))
def test_any_json_is_a_listing_or_a_bad_payload(gateway: Gateway, has_key: bool, answers: list[Json]) -> None:
    testing.check_any_walk(gateway, answers, config=Config(has_key=has_key, options=gateway.options))


@every_gateway
@given(data=st.data())
def test_answers_with_one_thing_changed_are_a_listing_or_a_bad_payload(gateway: Gateway, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from([case for case in CASES if case.gateway is gateway]))
    answers = [exchange.answer for exchange in case.exchanges()]
    at = data.draw(st.integers(0, len(answers) - 1))
    answers[at] = data.draw(broken(answers[at]))

    listing = testing.check_any_walk(gateway, answers, config=case.config)

    if listing is not None:
        found = sort_rows(gateway, listing, reader="", accepted={})
        assert len(found.records) + len(found.rejections) == len(listing.rows)


@cache
def _rows(slug: str) -> list[Json]:
    gateway = GATEWAYS[slug]
    walked = [case.listing().rows for case in CASES if case.gateway is gateway]
    return [row for rows in (*walked, bundled(gateway).rows[:5]) for row in rows]
