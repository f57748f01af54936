"""What gateways publish about their own state, and what is made of broken answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.adapter.errors import BadPayload
from monitoring.machine import Verdict
from monitoring.signals import chutes, openrouter
from monitoring.signals.contract import Reading
from tests.monitoring.answers import chute, endpoints, host

Json = Any
WITHOUT = "left out"


def without(row: Json, **fields: Json) -> Json:
    return {key: value for key, value in (row | fields).items() if value != WITHOUT}


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, Verdict.UP),
        ({"active_instance_count": 0}, Verdict.COLD),
        ({"active_instance_count": 0, "total_instance_count": 0, "update_in_progress": True}, Verdict.COLD),
        ({"active_instance_count": 0, "total_instance_count": 0}, Verdict.NOTHING),
        ({"active_instance_count": WITHOUT}, Verdict.NOTHING),
        ({"active_instance_count": "4"}, Verdict.NOTHING),
        ({"active_instance_count": -1}, Verdict.NOTHING),
        ({"active_instance_count": True}, Verdict.NOTHING),
    ],
)
def test_instances_decide_whether_a_deployment_runs(fields: Json, verdict: Verdict) -> None:
    found = chutes.read_utilization([without(chute(), **fields)])

    assert found["maker/model"].verdict is verdict


def test_a_deployment_without_an_instance_is_cold_only_if_it_was_listed_so() -> None:
    rows = [chute(name, active_instance_count=0, total_instance_count=0) for name in ("a/b", "c/d")]

    found = chutes.read_utilization(rows, cold={"a/b"})

    assert {name: heard.verdict for name, heard in found.items()} == {"a/b": Verdict.COLD, "c/d": Verdict.NOTHING}


def test_private_deployments_are_ignored_and_of_equal_names_the_running_one_counts() -> None:
    rows = [
        chute("[private chute]"),
        chute("a/b", active_instance_count=0),
        chute("a/b", active_instance_count=2),
        chute("a/b", active_instance_count=0),
        *({"name": 5}, None, "text", {}, chute("two\nlines"), without(chute(), name=WITHOUT)),
    ]

    found = chutes.read_utilization(rows)

    assert list(found) == ["a/b"]
    assert (found["a/b"].verdict, found["a/b"].figures["active_instance_count"]) == (Verdict.UP, 2)


@pytest.mark.parametrize(("ratio", "is_limited"), [(0.5, False), (Decimal("0.51"), True), (1.5, False), (None, False)])
def test_a_deployment_that_refuses_most_requests_is_limited(ratio: Json, is_limited: bool) -> None:
    assert chutes.read_utilization([chute(rate_limit_ratio_5m=ratio)])["maker/model"].is_limited == is_limited


def verdict_of(*hosts: Json) -> Verdict:
    return openrouter.read_endpoints(endpoints(*hosts), offer_id="maker/model")["maker/model"].verdict


@pytest.mark.parametrize(
    ("hosts", "verdict"),
    [
        ([host()], Verdict.UP),
        ([host(uptime_last_5m=12, uptime_last_30m=99), host(status=-2)], Verdict.NOTHING),
        ([host(uptime_last_5m=12), host(uptime_last_5m=80)], Verdict.UP),
        ([host(uptime_last_5m=12), host(uptime_last_30m=79.9)], Verdict.DOWN),
        ([host(uptime_last_5m=None, uptime_last_30m=None)], Verdict.UP),
        ([without(host(), uptime_last_5m=WITHOUT, uptime_last_30m=WITHOUT, uptime_last_1d=WITHOUT)], Verdict.NOTHING),
        ([without(host(), status=WITHOUT)], Verdict.NOTHING),
        ([host(status="0")], Verdict.NOTHING),
        ([], Verdict.MISSING),
    ],
)
def test_the_best_host_decides(hosts: list[Json], verdict: Verdict) -> None:
    assert verdict_of(*hosts) is verdict


def test_the_figures_of_hosts_are_kept_as_they_are() -> None:
    odd = host(
        quantization="unknown", status=-5, uptime_last_30m=None, pricing={"prompt": "free", "completion": "1E-6"}
    )

    found = openrouter.read_endpoints(endpoints(host(), odd, "text"), offer_id="maker/model")["maker/model"]

    assert found.reason == "1 of 2 hosts"
    assert found.figures["hosts"] == [
        {
            "name": "Acme",
            "tag": "acme",
            "status": 0,
            "uptime_last_30m": 99.2,
            "uptime_last_1d": 99.9,
            "quantization": "fp8",
            "context_length": 131072,
            "pricing": {"prompt": "0.00000015", "completion": "0.0000015"},
        },
        {
            "name": "Acme",
            "tag": "acme",
            "status": -5,
            "uptime_last_1d": 99.9,
            "context_length": 131072,
            "pricing": {"completion": "0.000001"},
        },
    ]


def test_an_answer_about_another_model_is_refused() -> None:
    with pytest.raises(BadPayload, match="another model"):
        openrouter.read_endpoints(endpoints(host()), offer_id="maker/model:free")


@pytest.mark.parametrize("offer_id", ["~maker/model-latest", "openrouter/auto"])
def test_aliases_and_routers_without_hosts_are_not_missing(offer_id: str) -> None:
    assert openrouter.read_endpoints(endpoints(model=offer_id), offer_id=offer_id) == {}


def test_hosts_without_data_retention_show_only_what_works() -> None:
    rows = [
        host(model_id="a/up"),
        host(model_id="a/up", uptime_last_5m=0),
        host(model_id="a/down", uptime_last_5m=0),
        host(model_id="~a/latest"),
        host(model_id=None),
        *(None, "text"),
    ]

    found = openrouter.read_zdr({"data": rows})

    assert {name: heard.verdict for name, heard in found.items()} == {"a/up": Verdict.UP}
    assert found["a/up"].figures == {}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6) | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "endpoints", "id", "name", "status", "pricing", "uptime_last_5m", "prompt"])
            | st.sampled_from([*chute()]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(st.one_of(ANYTHING, st.lists(ANYTHING.map(lambda value: {"name": "a/b", "active_instance_count": value}))))
def test_no_answer_can_break_a_reader(payload: Json) -> None:
    read: list[Reading] = []
    for reader in (
        chutes.read_utilization,
        openrouter.read_zdr,
        lambda payload: openrouter.read_endpoints(payload, offer_id="a/b"),
        lambda payload: openrouter.read_endpoints(endpoints(payload, model="a/b"), offer_id="a/b"),
    ):
        try:
            read.append(reader(payload))
        except BadPayload:
            continue
    for heard in (heard for reading in read for heard in reading.values()):
        assert heard.verdict in Verdict


def test_11_no_request_starts_instances() -> None:
    asked = [chutes.REQUEST, openrouter.ZDR_REQUEST, openrouter.request_of("maker/model")]

    assert not any("warmup" in request.path for request in asked)
