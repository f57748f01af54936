"""The Atom feed: a feed reader can parse it, with any text that gateways write."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from catalog.api import feed
from catalog.memory import following
from tests.catalog.api.reading import problem_of
from tests.factories import hourly, offer_record, publish

Json = Any

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script> & ]]> “q” 🙂\ufffe"


def parsed(client: Client, query: str = "", **headers: Any) -> Json:
    response = client.get(f"/catalog/changes.atom?{query}", **headers)
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/atom+xml"
    found = feedparser.parse(response.content)
    assert (found.bozo, found.version) == (0, "atom10")
    return found


@pytest.fixture
def published() -> None:
    publish(offer_record("a/b", name=HOSTILE, description=HOSTILE), offer_record("c/d é?#"))
    publish(offer_record("a/b", name="Plain", description=HOSTILE, prices=(hourly("3"),)), offer_record("c/d é?#"))
    following.FOLLOWER.refresh()


def test_a_feed_reader_reads_the_newest_changes_first(client: Client, published: None) -> None:
    found = parsed(client)

    assert [(entry.title, [tag.term for tag in entry.tags]) for entry in found.entries] == [
        ("a/b at Chutes.ai: another price, another description", ["repriced", "described"]),
        ("c/d é?# at Chutes.ai: new", ["added"]),
        ("a/b at Chutes.ai: new", ["added"]),
    ]
    assert "hourly_rate: 2.5 → 3.0 US dollars per hour" in found.entries[0].summary
    assert "&lt;script&gt;" in found.entries[2].summary
    assert "<script" not in found.entries[2].summary
    assert found.entries[1].link == ("http://localhost:8000/catalog/models/c/d%20%C3%A9%3F%23/history?gateway=chutes")
    assert found.feed.updated == found.entries[0].updated


def test_an_entry_of_a_returned_offer_shows_what_changed_and_no_other_field(client: Client) -> None:
    publish(offer_record("a/b"), offer_record("c/d"))
    publish(offer_record("c/d"))
    publish(offer_record("a/b", tags=("hot",)), offer_record("c/d"))
    following.FOLLOWER.refresh()

    summary = parsed(client, "kind=returned").entries[0].summary

    assert summary == "<ul><li>Also changed: tags, withdrawn_at</li></ul>"


def test_it_has_what_rfc_4287_asks_for(client: Client, published: None) -> None:
    root = ElementTree.fromstring(client.get("/catalog/changes.atom").content)  # noqa: S314  our own
    names = {name: f"{{http://www.w3.org/2005/Atom}}{name}" for name in ("id", "title", "updated", "entry", "link")}

    for element in (root, *root.findall(names["entry"])):
        assert all(len(element.findall(names[name])) == 1 for name in ("id", "title", "updated"))
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", element.findtext(names["id"]) or "")
        moment = element.findtext(names["updated"]) or ""
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", moment)
    ids = [entry.findtext(names["id"]) for entry in root.findall(names["entry"])]
    assert len(set(ids)) == len(ids) == 3
    links = {link.get("rel"): link.get("href") for link in root.findall(names["link"])}
    assert links["self"] == "http://localhost:8000/catalog/changes.atom"
    assert root.find("{*}author/{*}name") is not None


def test_it_is_the_same_from_whatever_host_and_whatever_a_reader_accepts(client: Client, published: None) -> None:
    answers = {
        client.get("/catalog/changes.atom", HTTP_HOST=host, HTTP_ACCEPT=accept).content
        for host in ("localhost", "127.0.0.1")
        for accept in ("*/*", "application/atom+xml", "text/html,application/rss+xml;q=0.9")
    }

    assert len(answers) == 1


def test_it_takes_the_filters_of_the_changes_and_is_bounded(client: Client, published: None) -> None:
    assert [entry.title[:3] for entry in parsed(client, "limit=1").entries] == ["a/b"]
    assert len(parsed(client, "kind=added").entries) == 2
    assert len(parsed(client, "kind=added&id=a/b").entries) == 1
    assert parsed(client, "gateway=openrouter").entries == []
    assert parsed(client).feed.id != parsed(client, "kind=added").feed.id
    problem_of(client.get("/catalog/changes.atom?kind=moved"), status=400)
    problem_of(client.get("/catalog/changes.atom?limit=1001"), status=400)


def test_a_feed_without_entries_is_the_same_each_time(client: Client) -> None:
    following.FOLLOWER.refresh()

    assert parsed(client).entries == []
    assert client.get("/catalog/changes.atom").content == client.get("/catalog/changes.atom").content


@given(text=st.text())
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_made_fit_for_xml(text: str) -> None:
    ElementTree.fromstring(f"<a>{feed._xml(text).replace('&', '&amp;').replace('<', '&lt;')}</a>")  # noqa: S314
