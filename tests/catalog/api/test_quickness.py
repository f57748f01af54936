"""What an endpoint calls quick may run on an event loop: it does little work, and computes nothing from all offers.

Work is counted, not timed: a busy machine would fail correct code. `python -m benchmarks.starvation` measures times.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import orjson
import pytest
from django.http import QueryDict
from django.urls import resolve

from catalog.documents import rendering
from catalog.memory.facets import COUNTED
from catalog.memory.index import Index
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import EXAMPLE_ID, QUICK_ROWS, Endpoint, NotFound, Query
from catalog.routes import declared_endpoint
from tests.catalog.addresses import ONE_EACH

MOST_INSTRUCTIONS = 150_000
"""Of Python's bytecode, which take 3 ms."""
MOST_BYTES = 1_000_000
"""The largest answer: C writes it within 1 ms."""

FIELDS, FACETS = ",".join(rendering.FIELDS), ",".join(COUNTED)
TYPING = "meta llama 3.1 70b instruct turbo"
HEAVY = [
    f"/catalog/models?limit={QUICK_ROWS}&fields={FIELDS}&facets={FACETS}",
    f"/catalog/models?limit={QUICK_ROWS}&sort=-name&offset=1500",
    f"/catalog/models?limit={QUICK_ROWS}&q={TYPING}",
    f"/catalog/models?limit={QUICK_ROWS}&q=m&status=all&sort=-created",
    f"/catalog/models?limit={QUICK_ROWS}&prompt_price_min=0.0000001&context_length_min=1000&is_free=false&fields=id",
    f"/catalog/models?limit={QUICK_ROWS}&cursor=start",
    "/catalog/models?limit=10&q=depseek+mistrl+lamma+instrct",
    "/catalog/canonical/openai/gpt-oss-120b",
    f"/catalog/resolve?id={'us.anthropic.a-b:' * 17}",
    f"/catalog/resolve?id={'a/b-' * 70}",
    "/catalog/resolve?id=deepseek-r1",
    "/catalog/providers/openai",
    "/v1/models/nothing-of-this-name",
    "/api/v1/models/openai/gpt-oss-120b/endpoints",
]
SLOW = [
    f"/catalog/models?limit={QUICK_ROWS + 1}",
    "/catalog/models",
    "/catalog/export.json?gateway=chutes",
    "/catalog/export.csv",
    "/catalog/stats",
    "/catalog/compare?ids=openai/gpt-oss-120b",
    "/catalog/changes?limit=1",
    "/v1/models",
    "/litellm/model_prices.json",
]
ADDRESSES = [*(address.target(model=EXAMPLE_ID) for address in ONE_EACH if address.endpoint.answer), *HEAVY]


def asked(target: str) -> tuple[Endpoint, Query]:
    path, _, parameters = target.partition("?")
    found = resolve(path)
    endpoint = declared_endpoint(found.func)
    assert endpoint is not None
    filters = endpoint.filterset(QueryDict(parameters.replace(" ", "+")))
    return endpoint, Query(path=path, filters=filters, id=str(next(iter(found.kwargs.values()), "")))


def answered(endpoint: Endpoint, snapshot: Snapshot, query: Query) -> bytes:
    assert endpoint.answer is not None
    try:
        return endpoint.answer(snapshot, query).whole()
    except NotFound:
        return b""


def instructions(work: Callable[..., object], *arguments: Any) -> int:
    """Return how many instructions of bytecode a call takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work(*arguments)
    finally:
        sys.settrace(before)
    return count


def copied(row: Row, number: int) -> Row:
    """Return an offer of another model that is the same otherwise."""
    document = orjson.loads(row.document)
    own = {"id": f"{row.id}-{number}", "slug": f"{document['slug']}-{number}", "canonical_model": None}
    return Row.of(orjson.dumps(document | own))


@pytest.fixture
def used(bundled: Snapshot) -> Snapshot:
    """The snapshot after everything was derived from it that the addresses use."""
    for target in ADDRESSES:
        endpoint, query = asked(target)
        answered(endpoint, bundled, query)
    return bundled


@pytest.mark.parametrize("target", ADDRESSES)
def test_a_quick_answer_derives_nothing(bundled: Snapshot, target: str) -> None:
    endpoint, query = asked(target)
    snapshot = replace(bundled)

    if endpoint.is_quick(snapshot, query):
        answered(endpoint, snapshot, query)

    assert not snapshot.derived


def test_a_quick_answer_takes_few_instructions_and_is_small(used: Snapshot) -> None:
    for target in ADDRESSES:
        endpoint, query = asked(target)
        if endpoint.is_quick(used, query):
            assert instructions(answered, endpoint, used, query) <= MOST_INSTRUCTIONS, target
            assert len(answered(endpoint, used, query)) <= MOST_BYTES, target


def test_a_quick_answer_takes_no_step_for_each_offer(used: Snapshot) -> None:
    copies = [copied(row, number) for number in range(3) for row in used.rows]
    larger = replace(used, index=Index.of([*used.rows, *copies]))
    for target in ADDRESSES:
        endpoint, query = asked(target)
        answered(endpoint, larger, query)
        if endpoint.is_quick(larger, query):
            steps = [instructions(answered, endpoint, snapshot, query) for snapshot in (used, larger)]
            assert steps[1] - steps[0] < len(copies), target


def test_whether_an_answer_is_quick_takes_few_instructions_itself(used: Snapshot) -> None:
    for target in [*ADDRESSES, *SLOW]:
        endpoint, query = asked(target)
        assert instructions(endpoint.is_quick, used, query) <= MOST_INSTRUCTIONS // 50, target


@pytest.mark.parametrize("target", HEAVY)
def test_what_people_ask_most_is_quick_after_its_data_was_derived(used: Snapshot, target: str) -> None:
    endpoint, query = asked(target)

    assert endpoint.is_quick(used, query)


@pytest.mark.parametrize("target", SLOW)
def test_what_lists_or_computes_much_is_never_quick(used: Snapshot, target: str) -> None:
    endpoint, query = asked(target)

    assert not endpoint.is_quick(used, query)


def test_an_answer_that_reads_tables_is_never_quick(used: Snapshot) -> None:
    for address in ONE_EACH:
        endpoint, query = asked(address.target(model=EXAMPLE_ID))
        assert not (endpoint.reads_tables and endpoint.is_quick(used, query)), address.route


def test_each_facet_of_a_search_counts_as_another_search(used: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    words = used.index.search.most_comparisons("depseek")
    monkeypatch.setattr("catalog.api.models.QUICK_COMPARISONS", 2 * words)

    quick = [
        endpoint.is_quick(used, query)
        for endpoint, query in map(
            asked,
            (
                "/catalog/models?limit=9&q=depseek",
                "/catalog/models?limit=9&q=depseek&facets=gateway,gateway",
                "/catalog/models?limit=9&q=depseek&facets=gateway,tags",
                "/catalog/models?limit=9&q=depseek+mistrl",
                "/catalog/models?limit=9&q=depseek+mistrl+lamma",
                "/catalog/models?limit=9&facets=gateway,tags,host",
            ),
        )
    ]

    assert quick == [True, True, False, True, False, True]
