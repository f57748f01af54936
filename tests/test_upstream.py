"""The test upstream fails in the ways that tests ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import upstream as faults
from tests.upstream import Fault, Upstream

ROW = {"id": "maker/model", "context": 4096, "pricing": {"prompt": "0.00000025", "completion": "-1"}}
CHUTE = {
    "chute_id": "1",
    "current_estimated_price": {"usd": {"hour": 22.0}, "per_million_tokens": {"input": {"usd": 0.3}}},
}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        upstream.serve("/models", {"data": [ROW, {**ROW, "id": "maker/other"}]})
        upstream.serve("/chutes/", {"total": 2, "items": [CHUTE, CHUTE]})
        upstream.serve("/chutes/", {"total": 2, "items": []}, page="1")
        yield upstream


def asked(upstream: Upstream, target: str) -> tuple[int, str]:
    connection = HTTPConnection(urlsplit(upstream.base).netloc, timeout=5)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def rows(upstream: Upstream, target: str) -> Any:
    payload = json.loads(asked(upstream, target)[1])
    return payload.get("data", payload.get("items"))


def test_the_query_picks_the_page(upstream: Upstream) -> None:
    assert len(rows(upstream, "/chutes/?page=0&limit=1000")) == 2
    assert rows(upstream, "/chutes/?page=1&limit=1000") == []


def test_what_is_not_served_is_not_found(upstream: Upstream) -> None:
    assert asked(upstream, "/other")[0] == 404


def test_faults_come_in_turn_and_pass(upstream: Upstream) -> None:
    upstream.breaks("/models", faults.server_error(), times=2)
    upstream.breaks("/models", faults.rate_limited(), times=1)

    assert [asked(upstream, "/models")[0] for _ in range(4)] == [500, 500, 429, 200]


def test_a_fault_without_end_lasts_until_it_is_healed(upstream: Upstream) -> None:
    upstream.breaks("/models", faults.unauthorized())
    while_broken = asked(upstream, "/models")[0]
    upstream.heals("/models")

    assert (while_broken, asked(upstream, "/models")[0]) == (401, 200)


def test_a_fault_may_hit_one_page_alone(upstream: Upstream) -> None:
    upstream.breaks("/chutes/", faults.gone(), page="1")

    assert asked(upstream, "/chutes/?page=0")[0] == 200
    assert asked(upstream, "/chutes/?page=1") == (404, "Gone.")


@pytest.mark.parametrize(
    ("fault", "count"),
    [(faults.half_the_list(), 1), (faults.empty_page(), 0), (faults.repeated_rows(), 4)],
)
def test_rows_go_missing_or_come_twice_beside_the_same_total(upstream: Upstream, fault: Fault, count: int) -> None:
    upstream.breaks("/chutes/", fault)

    payload = json.loads(asked(upstream, "/chutes/")[1])

    assert (payload["total"], len(payload["items"])) == (2, count)


def test_prices_and_nothing_else_are_multiplied(upstream: Upstream) -> None:
    upstream.breaks("/models", faults.prices_times(10))
    upstream.breaks("/chutes/", faults.prices_times(10))

    assert rows(upstream, "/models")[0] == {
        "id": "maker/model",
        "context": 4096,
        "pricing": {"prompt": "0.00000250", "completion": "-1"},
    }
    assert rows(upstream, "/chutes/")[0]["current_estimated_price"] == {
        "usd": {"hour": 220.0},
        "per_million_tokens": {"input": {"usd": 3.0}},
    }


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (faults.nan("pricing", "prompt"), '"prompt": NaN'),
        (faults.beyond_numbers("context"), '"context": 1e999'),
        (faults.lone_surrogate("id"), r'"id": "half a character: \ud83d"'),
        (faults.nul_character("id"), r'"id": "before\u0000after"'),
        (faults.deeply_nested("context", levels=3), '"context": [[[]]]'),
    ],
)
def test_a_value_is_planted_into_the_first_row(upstream: Upstream, fault: Fault, text: str) -> None:
    upstream.breaks("/models", fault)

    body = asked(upstream, "/models")[1]

    assert text in body
    assert '"maker/other"' in body


def test_a_fault_that_does_not_fit_fails_its_test() -> None:
    upstream = Upstream()
    upstream.serve("/models", {"data": [ROW]})
    upstream.breaks("/models", faults.nan("no", "such", "place"))

    def its_test() -> None:
        with upstream, pytest.raises(ConnectionError):
            asked(upstream, "/models")

    with pytest.raises(KeyError):
        its_test()


def test_a_stopped_upstream_refuses_connections(upstream: Upstream) -> None:
    upstream.stop()

    with pytest.raises(ConnectionRefusedError):
        asked(upstream, "/models")
