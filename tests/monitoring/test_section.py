"""The section of the model's page."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from access.keys import Keys
from catalog.memory import following, loading
from catalog.memory.following import Follower
from catalog.memory.snapshot import Snapshot
from catalog.memory.watching import Watch
from catalog.records import Availability
from monitoring import section, uptime
from monitoring.follow import WatchedOffer, watch_of
from monitoring.machine import OfferState
from monitoring.signals import openrouter
from monitoring.uptime import DAY, Period
from tests.factories import publish, token_priced_record
from tests.monitoring.answers import endpoints, host

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection")]
R1 = "deepseek-ai/DeepSeek-R1"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HISTORY = (
    (Availability.ONLINE, 40, 20.02),
    (Availability.OFFLINE, 20.02, 20),
    (Availability.COLD, 20, 3),
    (Availability.OFFLINE, 3, None),
)


def watched(**facts: Any) -> WatchedOffer:
    """An offer with HISTORY, in days before NOW."""
    now = NOW.timestamp()
    periods = tuple(
        Period(state, now - start * DAY, None if end is None else now - end * DAY) for state, start, end in HISTORY
    )
    state = OfferState(state=Availability.OFFLINE, since=NOW - timedelta(days=3), reason="503")
    return WatchedOffer(state=state, as_of=NOW, periods=periods, **facts)


def page(monkeypatch: pytest.MonkeyPatch, snapshot: Snapshot, offer: WatchedOffer | None, key: str = "chutes") -> str:
    watches: dict[tuple[str, str], Watch] = {} if offer is None else {(key, R1): watch_of(offer)}
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys(), snapshot=snapshot.with_watches(watches)))
    answer = Client().get(f"/models/{R1}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_strip_has_a_bar_for_each_day_and_words_say_the_same(
    monkeypatch: pytest.MonkeyPatch, bundled: Snapshot
) -> None:
    html = page(monkeypatch, bundled, watched())

    assert '<h2 id="avail">Availability</h2>' in html
    assert html.count('class="uptime"') == 1
    assert "Offline since 29 October 2026, 12:00 UTC (503)." in html
    assert "It could be used 89.93% of the last 30 days" in html
    assert "Offline on 5 days; its state is known on 41 days of 90." in html
    assert "29 min" in html


def test_a_page_without_observations_has_no_section(monkeypatch: pytest.MonkeyPatch, bundled: Snapshot) -> None:
    assert 'id="avail"' not in page(monkeypatch, bundled, None)


def test_bars_differ_in_height_and_kind() -> None:
    found = uptime.days(watched().periods, now=NOW.timestamp(), count=section.DAYS)

    drawn = {path["kind"]: path["path"].count("M") for path in section.strip(found)}

    assert sum(drawn.values()) == 90
    assert (drawn["unknown"], drawn["none"]) == (49, 3)


@pytest.mark.parametrize(("percent", "words"), [(None, "not known"), (100, "100%"), (99.999, "99.99%"), (0.0, "0.00%")])
def test_a_hundred_per_cent_is_nothing_less(percent: float | None, words: str) -> None:
    assert section._percent(percent) == words


def test_the_gateways_own_figures_are_under_its_name(monkeypatch: pytest.MonkeyPatch, bundled: Snapshot) -> None:
    hosts = endpoints(host("acme"), host("evil<b>", status=-2, pricing={}), model=R1)
    figures = openrouter.read_endpoints(hosts, offer_id=R1)[R1].figures
    html = page(monkeypatch, bundled, watched(figures=figures, figures_at=NOW))

    assert "<h3>What Chutes says</h3>" in html
    assert "evil<b>" not in html.lower()
    assert "fewer requests (-2)" in html
    assert "99.2%" in html
    load = {"active_instance_count": 2, "total_instance_count": 4, "utilization_5m": 0.384, "rate_limit_ratio_5m": 0.6}
    html = page(monkeypatch, bundled, replace(watched(), figures=load, figures_at=NOW))
    assert "2 of 4 instances run, their load over five minutes is 38%, 60% of the requests were refused." in html


def test_lists_are_filtered_by_what_is_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(
        token_priced_record("maker/up", name="Runs", availability=Availability.ONLINE),
        token_priced_record("maker/down", name="Rests", availability=Availability.OFFLINE),
    )
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys(), snapshot=loading.load()))

    every, down = (Client().get(address).content.decode() for address in ("/", "/?availability=offline"))

    assert re.findall(r'name="availability" value="(\w+)"', every) == ["online", "offline"]
    assert ("Runs" in down, "Rests" in down) == (False, True)
    assert re.findall(r'name="availability" value="(\w+)" checked', down) == ["offline"]
    kept = Client().get("/?availability=unknown").content.decode()
    assert re.findall(r'name="availability" value="(\w+)" checked', kept) == ["unknown"], "it stays in the form"


def test_the_format_of_openrouter_has_the_uptime_of_a_day_where_it_is_known(
    monkeypatch: pytest.MonkeyPatch, bundled: Snapshot
) -> None:
    row = next(row for row in bundled.rows if row.gateway == "openrouter" and b'"token"' in row.document)
    watches = {(row.gateway, row.id): Watch(uptime_1d=99.31)}
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys(), snapshot=bundled.with_watches(watches)))

    found = Client().get(f"/api/v1/models/{row.id}/endpoints").json()["data"]["endpoints"]

    ours = [each for each in found if (each["source_gateway"], each["model_id"]) == (row.gateway, row.id)]
    assert [(each["uptime_last_1d"], each["uptime_last_5m"]) for each in ours] == [(99.31, None)]
    assert all(each["uptime_last_1d"] is None for each in found if each not in ours)
