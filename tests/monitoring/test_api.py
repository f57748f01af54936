"""`/catalog/availability`, its history, and the availability of one model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from catalog.memory.snapshot import Snapshot
from catalog.records import Availability
from monitoring import follow
from monitoring.follow import Follower, Key, Observed, WatchedOffer
from monitoring.machine import OfferState, Origin
from monitoring.models import TTFT_COLUMNS
from monitoring.uptime import Period
from tests.front.web import Web

Json = Any
pytestmark = [
    pytest.mark.django_db(databases="__all__"),
    pytest.mark.usefixtures("one_connection", "bundled"),
]
R1 = "deepseek-ai/DeepSeek-R1"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = 3_600


def watched(*, hours: float, then: Availability = Availability.OFFLINE, **facts: Any) -> WatchedOffer:
    """An offer that was online for so many hours until an hour ago, and has the other state since."""
    now = NOW.timestamp()
    periods = (
        Period(Availability.ONLINE, now - (1 + hours) * HOUR, now - HOUR),
        Period(then, now - HOUR, None),
    )
    state = OfferState(
        state=then, since=NOW - timedelta(hours=1), reason="503", checked_at=NOW, origin=Origin.STATEMENT
    )
    return WatchedOffer(state=state, as_of=NOW, periods=periods, **facts)


def observe(monkeypatch: pytest.MonkeyPatch, offers: dict[Key, WatchedOffer], *, generation: int = 7) -> None:
    observed = Observed(generations={"chutes": generation}, as_of=NOW if offers else None, offers=offers)
    monkeypatch.setattr(follow, "FOLLOWER", Follower(observed=observed))


def get(address: str) -> Json:
    answer = Client().get(address)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_the_figures_of_a_model_are_null_where_too_little_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    observe(monkeypatch, {("chutes", R1): watched(hours=14)})

    found = get(f"/catalog/models/{R1}/availability?gateway=chutes")

    row = found["data"][0]
    assert (row["state"], row["since"], row["reason"]) == ("offline", "2026-11-01T11:00:00Z", "503")
    assert row["uptime"] == {"5m": 0, "30m": 0, "1d": 93.33, "30d": None}
    assert row["known_share"]["1d"] == 0.625
    assert row["success"] == dict.fromkeys(("5m", "30m", "1d", "30d"))
    assert (row["published_state"], row["gateway_figures"], row["held_prices"]) == ("unknown", None, [])
    assert (found["as_of"], found["generation"]) == ("2026-11-01T12:00:00Z", 7)


def test_an_offer_that_is_not_observed_is_unknown_and_never_100(monkeypatch: pytest.MonkeyPatch) -> None:
    observe(monkeypatch, {})

    row = get(f"/catalog/models/{R1}/availability")["data"][0]

    assert (row["state"], row["uptime"]["30d"], row["known_share"]["1d"]) == ("unknown", None, 0)


def test_requests_of_clients_have_a_figure_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = {
        "5m": {"ok": 18, "error": 2},
        "1d": {"ok": 90, "error": 9, "limited": 500, TTFT_COLUMNS[3]: 60, TTFT_COLUMNS[11]: 10},
    }
    observe(monkeypatch, {("chutes", R1): watched(hours=1, sums=sums)})

    row = get(f"/catalog/models/{R1}/availability?gateway=chutes")["data"][0]

    assert row["success"] == {"5m": 90, "30m": None, "1d": None, "30d": None}, "99 requests are too few"
    assert row["requests"] == {"5m": 20, "30m": 0, "1d": 99, "30d": 0}
    assert row["ttft_ms"] == {"p50": 500, "p90": None, "answers": 70}


HOSTS = [
    {"name": "Acme", "tag": "acme/fp8", "status": 0, "uptime_last_1d": 99.5, "pricing": {"prompt": "0.000004"}},
    {"name": "Other", "tag": "other", "status": -2, "pricing": {"prompt": "0.000001"}},
]


def test_the_gateways_own_figures_are_shown_as_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    at = NOW - timedelta(minutes=9)
    observe(monkeypatch, {("chutes", R1): watched(hours=1, figures={"hosts": HOSTS}, figures_at=at)})

    found = get(f"/catalog/models/{R1}/availability?gateway=chutes")["data"][0]["gateway_figures"]

    assert found == {"source": "Chutes.ai", "read_at": "2026-11-01T11:51:00Z", "hosts": HOSTS}


@pytest.mark.parametrize(
    ("reported", "verdict"), [("0.000004", "confirmed"), ("0.000009", "refuted"), ("0.000001", "confirmed")]
)
def test_prices_of_hosts_confirm_or_refute_a_held_price(reported: str, verdict: str) -> None:
    from monitoring import figures

    hold = {"conditions": [], "pricing_key": "prompt", "reported": reported, "served": "0.000001"}

    [found] = figures.held_prices({"holds": [hold]}, watched(hours=1, figures={"hosts": HOSTS}))

    assert found["verdict"] == verdict
    assert len(found["hosts_that_agree"] + found["hosts_that_differ"]) == 2
    assert figures.held_prices({"holds": [hold]}, None)[0]["verdict"] == "unknown"


def test_the_list_is_paged_filtered_and_complete(monkeypatch: pytest.MonkeyPatch, bundled: Snapshot) -> None:
    observe(monkeypatch, {("chutes", R1): watched(hours=1)})

    assert [row["id"] for row in get("/catalog/availability?state=offline")["data"]] == [R1]
    seen: list[Key] = []
    cursor: str | None = "start"
    while cursor is not None:
        page = get(f"/catalog/availability?limit=900&cursor={cursor}")
        seen += [(row["id"], row["source_gateway"]) for row in page["data"]]
        cursor = page["next_cursor"]
    assert seen == [(row.id, row.gateway) for row in bundled.rows if not row.is_withdrawn]
    of_gateway = get("/catalog/availability/?gateway=chutes&limit=1000")["data"]
    assert {row["source_gateway"] for row in of_gateway} == {"chutes"}


def test_the_history_has_periods_and_days(monkeypatch: pytest.MonkeyPatch) -> None:
    observe(monkeypatch, {("chutes", R1): watched(hours=40)})

    found = get(f"/catalog/availability/history?id={R1}&gateway=chutes&days=2")["data"][0]

    assert found["periods"] == [
        {"state": "offline", "from": "2026-11-01T11:00:00Z", "until": None},
        {"state": "online", "from": "2026-10-31T00:00:00Z", "until": "2026-11-01T11:00:00Z"},
    ]
    assert [(day["day"], day["uptime"], day["offline_seconds"]) for day in found["days"]] == [
        ("2026-10-31", 100, 0),
        ("2026-11-01", 91.67, HOUR),
    ]


def test_answers_may_be_kept_for_fifteen_seconds_and_have_an_etag(monkeypatch: pytest.MonkeyPatch) -> None:
    observe(monkeypatch, {("chutes", R1): watched(hours=1)})
    address = f"/catalog/models/{R1}/availability"

    first = Web().ask(address)
    etag = first["ETag"] or ""
    assert first.status == "200 OK"
    assert first["Cache-Control"] == "public, max-age=15"
    assert Web().ask(address, HTTP_IF_NONE_MATCH=etag).status.startswith("304")
    observe(monkeypatch, {("chutes", R1): watched(hours=1)}, generation=8)
    assert Web().ask(address, HTTP_IF_NONE_MATCH=etag).status == "200 OK"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/catalog/models/no/model/availability", 404),
        ("/catalog/availability/history", 400),
        ("/catalog/availability/history?id=no/model", 404),
        ("/catalog/availability?state=broken", 400),
        ("/catalog/availability?limit=0", 400),
        ("/catalog/availability?cursor=x", 400),
    ],
)
def test_wrong_requests_are_explained(monkeypatch: pytest.MonkeyPatch, address: str, status: int) -> None:
    observe(monkeypatch, {})

    answer = Client().get(address)

    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_process_that_has_read_nothing_yet_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "FOLLOWER", Follower())

    assert Client().get("/catalog/availability").status_code == 503


DOCUMENT: Json = SchemaGenerator(urlconf="monitoring.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly


def test_the_answers_are_as_the_openapi_document_says(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"hosts": HOSTS, "utilization_current": 0.5, "active_instance_count": 2}
    observe(monkeypatch, {("chutes", R1): watched(hours=1, figures=figures, figures_at=NOW)})
    answers = {
        "/catalog/availability": get("/catalog/availability?limit=3"),
        "/catalog/availability/history": get(f"/catalog/availability/history?id={R1}"),
        "/catalog/models/{model_id}/availability": get(f"/catalog/models/{R1}/availability"),
    }

    assert answers.keys() == DOCUMENT["paths"].keys()
    for path, answer in answers.items():
        operation = DOCUMENT["paths"][path]["get"]
        shape = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(shape | {"components": DOCUMENT["components"]}).validate(answer)
        assert all(parameter["description"] for parameter in operation["parameters"])
