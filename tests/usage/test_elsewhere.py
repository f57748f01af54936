"""What Chutes counts itself, against an upstream on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.upstream import Upstream, html
from tests.usage.stored import QWEN, R1, V3, store
from usage import elsewhere, ranking, tasks
from usage.models import GatewayDay

Json = Any
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("one_connection", "bundled")]
USAGE, NAMES = "/invocations/usage", "/chutes/utilization"


def counted(chute_id: str, *, ago: int, count: Json, **fields: Json) -> Json:
    """A row of Chutes' usage, so many days before today."""
    day = date(1970, 1, 1) + timedelta(days=ranking.present_day() - ago)
    return {"chute_id": chute_id, "date": day.isoformat(), "usd_amount": 1.25, "invocation_count": count} | fields


@pytest.fixture
def upstream(settings: Settings) -> Iterator[Upstream]:
    settings.MONITORING = "on"
    with Upstream() as upstream:
        settings.GATEWAY_BASES = {**settings.GATEWAY_BASES, "chutes": {"api": upstream.base, "llm": upstream.base}}
        names = {"one": R1, "two": R1, "three": QWEN, "four": "[private chute]", "five": "not/in-the-catalogue"}
        upstream.serve(NAMES, [{"chute_id": chute_id, "name": name} for chute_id, name in names.items()])
        upstream.serve(
            USAGE,
            [
                counted("one", ago=1, count=1_234),
                counted("two", ago=1, count=1),
                counted("three", ago=2, count=90_000),
                counted("three", ago=9, count=5),
                counted("one", ago=-2, count=7),
                counted("four", ago=1, count=10**6),
                counted("five", ago=1, count=10**6),
                counted("one", ago=3, count="many"),
                counted("one", ago=3, count=-1),
                counted("one", ago=3, count=5, date=None),
                *(None, "text", {}),
            ],
        )
        yield upstream


def popular(query: str) -> Json:
    answer = Client().get(f"/catalog/popular?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_23_a_gateways_own_counts_name_their_source_and_are_never_added_to_ours(upstream: Upstream) -> None:
    store({R1: 40, V3: 60}, ago=1)
    tasks.ask_gateways()

    found = popular("by=gateway")

    assert [(row["canonical_model"], row["requests"], row["asks"]) for row in found["data"]] == [
        (QWEN, 90_000, None),
        (R1, 1_235, None),
    ]
    assert (found["source"], found["unit"], found["ranked_days"]) == ("chutes", "requests", 2)
    assert [row["canonical_model"] for row in popular("by=gateway&window=1d")["data"]] == [R1]
    assert popular("by=gateway&gateway=openrouter")["data"] == []
    ours = popular("")
    assert [(row["canonical_model"], row["asks"], row["requests"]) for row in ours["data"]] == [
        (V3, 60, None),
        (R1, 40, None),
    ]
    assert ours["source"] == "gatewayz"


def test_chutes_is_asked_once_a_day_and_only_if_the_operator_wants_it(upstream: Upstream, settings: Settings) -> None:
    now = datetime(2026, 11, 1, 12, tzinfo=UTC)
    settings.MONITORING = "basic"
    elsewhere.ask_due(now=now)
    assert upstream.seen == []

    settings.MONITORING = "on"
    for hours in (0, 1, 23, 24):
        elsewhere.ask_due(now=now + timedelta(hours=hours))

    assert [seen.path for seen in upstream.seen] == [NAMES, USAGE] * 2
    assert all("authorization" not in seen.headers for seen in upstream.seen)


def test_a_broken_answer_is_asked_for_again_later_and_keeps_what_is_stored(upstream: Upstream) -> None:
    now = datetime.now(UTC)
    elsewhere.ask_due(now=now)
    before = list(GatewayDay.objects.order_by("pk").values())
    upstream.breaks(USAGE, html())

    for hours in (24, 25, 31):
        elsewhere.ask_due(now=now + timedelta(hours=hours))

    assert len(upstream.seen) == 2 + 4
    assert list(GatewayDay.objects.order_by("pk").values()) == before


def test_figures_that_are_corrected_replace_those_before(upstream: Upstream) -> None:
    now = datetime.now(UTC)
    elsewhere.ask_due(now=now)
    upstream.serve(USAGE, [counted("one", ago=1, count=2_000)])
    elsewhere.ask_due(now=now + timedelta(hours=24))

    assert [row["requests"] for row in popular("by=gateway&window=1d")["data"]] == [2_000]


def test_a_gateway_publishes_no_trend() -> None:
    answer = Client().get("/catalog/popular?by=gateway&order=trending")

    assert answer.status_code == 400
    assert "order" in answer.json()["detail"]
