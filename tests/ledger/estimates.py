"""Valid and invalid bodies of `POST /catalog/estimate`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = Any

WORKLOAD = {"input_tokens": 3_000_000, "cached_input_tokens": 1_000_000, "output_tokens": "500000.5", "requests": 1_000}
PLAIN = json.dumps({"workload": WORKLOAD, "limit": 2, "uncosted_limit": 1}).encode()
MODES = ("standard", "batch", "flex", "priority", "fast", "unknown")
WRONG_QUANTITIES: Sequence[Json] = (-1, "-1", 1.5, "1.5", True, None, "x", "", [], {}, 10**40, "1e3", "٣", "0" * 50)
NO_JSON = (
    b"",
    b" ",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"{'workload': {}}",
    b'{"workload": {"requests": 1}, "workload": {"requests": 2}}',
    b'{"workload": {"requests": NaN}}',
    b'{"workload": {"requests": 1e999}}',
    b'{"workload": {"requests": 1}} x',
    b'\xef\xbb\xbf{"workload": {"requests": 1}}',
    b'{"workload": {"requests": "\xff"}}',
    b'{"ids": ["\\ud800"], "workload": {"requests": 1}}',
    b"[" * 1_500,
)


def bodies(schema: Json, *, ids: Sequence[str], filters: Mapping[str, Sequence[str]]) -> Iterator[bytes]:
    """`schema` describes the body, `filters` has valid values of each filter."""
    yield PLAIN
    yield from NO_JSON
    quantities = schema["properties"]["workload"]["properties"]
    for body in (*_costed(quantities, ids, filters), *_refused(ids, filters)):
        yield json.dumps(body).encode()


def _costed(quantities: Json, ids: Sequence[str], filters: Mapping[str, Sequence[str]]) -> Iterator[Json]:
    for name in quantities:
        yield {"workload": {name: 1_000}, "limit": 2, "uncosted_limit": 1}
        yield {"workload": {**WORKLOAD, name: "2000.25"}, "limit": 2, "ids": list(ids[:3])}
    for mode in MODES:
        for at in (None, "00:00", "16:30", "24:00"):
            yield {"workload": {**WORKLOAD, "execution_mode": mode, "at": at}, "limit": 3}
    for model in ids:
        yield {"workload": WORKLOAD, "ids": [model], "uncosted_limit": 5}
        yield {"workload": {"input_tokens": 900_000, "requests": 1, "hours": 2}, "ids": [model], "uncosted_limit": 5}
    for name, values in filters.items():
        yield {"workload": WORKLOAD, "filters": {name: values[0]}, "limit": 2}
        yield {"workload": WORKLOAD, "filters": {name: [*values[:2]]}, "limit": 1}
    for paging in ({"offset": 2}, {"limit": 0}, {"uncosted_offset": 3, "uncosted_limit": 2}, {"offset": 100_000}):
        yield {"workload": WORKLOAD, "limit": 1, **paging}
    yield {"workload": {**WORKLOAD, "prompt_tokens": 250_000}, "limit": 5}


def _refused(ids: Sequence[str], filters: Mapping[str, Sequence[str]]) -> Iterator[Json]:
    for value in WRONG_QUANTITIES:
        yield {"workload": {"input_tokens": value}, "limit": 1}
    for name in filters:
        yield {"workload": WORKLOAD, "filters": {name: "unknown"}, "limit": 1}
    wrong_filters: Sequence[Json] = ([], {"unknown": 1}, {"limit": 1}, {"gateway": {"a": 1}}, {"gateway": []})
    for given in wrong_filters:
        yield {"workload": WORKLOAD, "filters": given}
    for more in ({"limit": 1_001}, {"limit": -1}, {"limit": "1"}, {"uncosted_limit": 1_001}, {"unknown": 1}):
        yield {"workload": WORKLOAD, **more}
    for chosen in ([], ["unknown"], [""], ["a" * 301], [ids[0]] * 2, [ids[0], "unknown"], ["x"] * 101, "text", [1]):
        yield {"workload": WORKLOAD, "ids": chosen, "limit": 1}
    wrong_workloads: Sequence[Json] = ({}, [], None, {"unknown": 1}, {"requests": 0})
    for workload in wrong_workloads:
        yield {"workload": workload}
    yield {}
    yield {"workload": {"input_tokens": 1, "cached_input_tokens": 2}}
    yield {"workload": {"output_tokens": 1, "reasoning_tokens": 2}}
