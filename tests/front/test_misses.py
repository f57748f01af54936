"""Answers that the front makes without Django: they are the ones that the viewsets make, whatever is asked."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import EXAMPLE_ID
from front.counts import Source
from tests.catalog.addresses import CACHED, ONE_EACH, Address
from tests.front.web import Answered, Web

pytestmark = pytest.mark.usefixtures("one_connection")

QUESTIONS = 2_000 if os.environ.get("PROVE") else 40
FROM_MEMORY = [
    address
    for address in ONE_EACH
    if address in CACHED and address.endpoint.answer is not None and not address.endpoint.reads_tables
]
VALUES = [
    "",
    "0",
    "1",
    "3",
    "1000",
    "-1",
    "1.5",
    "true",
    "all",
    "chutes",
    "hot",
    "LLM",
    "name",
    "-id",
    "qwen",
    "%",
    "é",
]
ACCEPTED = ["*/*", "text/html, */*;q=0.1", "application/json", "text/csv", "image/png"]
IDS = [EXAMPLE_ID, "Qwen/Qwen3-32B", "qwen", "openai", "nobody/nothing", "chutes", "a//b", "%2F", "é", "\xff"]


@pytest.fixture
def both(bundled: Snapshot, settings: Settings) -> tuple[Web, Web]:
    """A front that makes its answers, and one that passes every miss to Django. Both believe a TLS proxy."""
    settings.RATE_LIMIT_PER_MINUTE = 0
    settings.ANSWERS_MAX_MEBIBYTES = 0  # so that every request is a miss
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 1
    fronts = []
    for settings.FRONT_MISSES in (True, False):
        fronts.append(Web())
    return fronts[0], fronts[1]


def requests_of(address: Address) -> st.SearchStrategy[dict[str, Any]]:
    """Return requests of one endpoint, most of them right."""
    variable = st.sampled_from(IDS) if "<" in address.route else st.just("")
    return st.fixed_dictionaries(
        {
            "path": variable.map(lambda id: path_of(address, id)),
            "query": queries_of(address),
            "method": st.sampled_from(["GET"] * 6 + ["HEAD", "OPTIONS", "POST", "BREW"]),
            "HTTP_X_FORWARDED_PROTO": st.sampled_from(["https"] * 6 + ["http", "HTTPS", "https, http"]),
        },
        optional={
            "HTTP_HOST": st.sampled_from(["evil.example", "localhost:1", "LOCALHOST", ""]),
            "HTTP_ACCEPT": st.sampled_from(ACCEPTED),
            "HTTP_ACCEPT_ENCODING": st.sampled_from(["gzip", "br", "br;q=0, gzip", "identity;q=0"]),
            "HTTP_IF_NONE_MATCH": st.sampled_from(["*", '"other"']),
        },
    )


def path_of(address: Address, id: str) -> str:
    named = address.path(model=id, provider=id, gateway=id, maker=id, key=id)
    return named.encode().decode("latin-1")


def queries_of(address: Address) -> st.SearchStrategy[str]:
    parameters = address.endpoint.filterset.parameters()
    right = {name: str(each.example) for name, each in parameters.items() if each.example is not None}
    required = {name: right[name] for name, each in parameters.items() if each.required}
    pairs = st.tuples(st.sampled_from([*parameters, "bogus"]), st.sampled_from(VALUES))
    examples = st.sampled_from(sorted(right.items())) if right else pairs
    drawn = st.lists(examples | examples | pairs, max_size=3)
    few = drawn.map(lambda found: urlencode([*required.items(), *(p for p in found if p[0] not in required)]))
    return few | drawn.map(urlencode) | st.binary(max_size=8).map(lambda raw: quote(raw, safe="=&+%"))


@pytest.mark.parametrize("address", FROM_MEMORY, ids=lambda address: address.route)
def test_an_answer_of_the_front_is_the_one_of_the_viewset(both: tuple[Web, Web], address: Address) -> None:
    quick, django = both

    @given(requests_of(address))
    @settings(max_examples=QUESTIONS, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def check(request: dict[str, Any]) -> None:
        assert without_order(quick.ask(**request)) == without_order(django.ask(**request))

    check()

    assert quick.counts.requests[Source.MISS, "200"] == django.counts.requests[Source.MISS, "200"] > 0
    assert len(quick.asked_django) < len(django.asked_django)


def without_order(answered: Answered) -> tuple[str, list[tuple[str, str]], bytes]:
    status, headers, body = answered.lasting
    own_id = str(answered["X-Request-ID"]).encode()
    return status, sorted((name.lower(), value) for name, value in headers), body.replace(own_id, b"")


def test_a_miss_asks_neither_django_nor_the_database(
    both: tuple[Web, Web], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    quick, _ = both

    plain = [address for address in FROM_MEMORY if "<" not in address.route]
    queries = [(address.path(), address.query(model=EXAMPLE_ID)) for address in plain]
    with django_assert_num_queries(0):
        statuses = {quick.ask(path, query, HTTP_X_FORWARDED_PROTO="https").status for path, query in queries}

    assert statuses == {"200 OK"}
    assert quick.asked_django == []
