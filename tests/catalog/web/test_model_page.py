"""The page of a model and the comparison: they say what the API says, to the digit."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.records import UnclearPrice
from catalog.web import model_page
from tests.catalog.memory.fresh import nothing_served_yet
from tests.factories import hourly, offer_record, per_token, publish

__all__ = ["nothing_served_yet"]

MODELS = ["zai-org/GLM-4.6", "openai/gpt-oss-20b", "deepseek-ai/DeepSeek-R1", "Qwen/Qwen3-32B"]
WORKLOAD = "input_tokens=3000000&output_tokens=7&cached_percent=35"


class Tables(HTMLParser):
    """The values of all `data` elements, by the table that they are in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag == "data" and self.rows:
            self.rows[-1].append(str(dict(attributes)["value"]))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(client: Client, path: str, *, status: int = 200) -> Tables:
    answer = client.get(path)
    assert answer.status_code == status, path
    return Tables(answer.content.decode())


@pytest.mark.parametrize("slug", MODELS)
@pytest.mark.parametrize("query", ["", WORKLOAD])
def test_offers_and_costs_are_those_of_the_api_in_its_order(
    client: Client, bundled: Snapshot, slug: str, query: str
) -> None:
    api = client.get(f"/catalog/canonical/{slug}?{query}").json()["data"]
    html = client.get(f"/models/{slug}?{query}").content.decode()
    table = html[html.index('<table class="table offers"') : html.index("</table>", html.index('class="table offers"'))]

    ids = [unescape(found) for found in re.findall(r'<code class="id">(.*?)</code>', table)]
    costs = re.findall(r'class="num work[^>]*>.*?<data [^>]*value="([^"]*)"', table)
    assert ids == [offer["offer"]["id"] for offer in api["offers"]]
    assert costs == [offer["cost"] for offer in api["offers"] if offer["cost"] is not None]


@pytest.mark.parametrize("slug", MODELS)
def test_each_line_of_the_sum_adds_up_to_the_cost(client: Client, bundled: Snapshot, slug: str) -> None:
    html = client.get(f"/models/{slug}?{WORKLOAD}").content.decode()
    [table] = re.findall(r'<table class="table sum"><thead><tr><th scope="col">Line.*?</table>', html, re.DOTALL)
    *lines, total = [row for row in Tables(table).rows if row]

    assert sum(Decimal(line[-1]) for line in lines) == Decimal(total[-1])


@pytest.mark.parametrize("slug", MODELS)
def test_the_history_is_that_of_the_api(client: Client, bundled: Snapshot, slug: str) -> None:
    offers = client.get(f"/catalog/canonical/{slug}").json()["data"]["offers"]
    expected: list[str] = []  # of what is not free, which is a word
    for offer in offers:
        address = f"/catalog/models/{offer['offer']['id']}/history?gateway={offer['offer']['source_gateway']}"
        prices = client.get(address).json()["data"]["prices"]
        expected += [
            p["amount"] for p in prices if p["meter"] == "input.text" and not p["conditions"] and p["amount"] != "0"
        ]
    html = client.get(f"/models/{slug}").content.decode()
    [table] = re.findall(r'<table class="table sum" id="prices">.*?</table>', html, re.DOTALL)

    assert sorted(row[0] for row in Tables(table).rows if row) == sorted(expected)


@pytest.mark.parametrize(
    ("asked", "slug"),
    [("zai-org/glm-4.6", "zai-org/GLM-4.6"), ("z-ai/glm-4.6", "zai-org/GLM-4.6"), ("glm-4.6", "zai-org/GLM-4.6")],
)
def test_another_name_of_a_model_leads_to_its_page(client: Client, bundled: Snapshot, asked: str, slug: str) -> None:
    answer = client.get(f"/models/{asked}?cached_percent=5")

    assert (answer.status_code, answer["Location"]) == (301, f"/models/{slug}?cached_percent=5")


def test_an_unknown_model_has_a_page_with_the_nearest_names(client: Client, bundled: Snapshot) -> None:
    page = read(client, "/models/zai-org/GLM-46-nonsense", status=404)

    assert "There is no model" in page.text
    assert "zai-org/GLM-4.6" in page.text


def test_without_the_database_the_page_lacks_only_its_history(
    client: Client, bundled: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **options: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(model_page, "history_of_offers", broken)
    answer = client.get("/models/zai-org/GLM-4.6")

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert b"Where it is sold" in answer.content
    assert b"Price over time" not in answer.content


def test_a_model_that_nobody_sells_keeps_its_page(client: Client, db: None, nothing_served_yet: None) -> None:
    publish(offer_record("maker/model"), offer_record("maker/other"))
    publish(offer_record("maker/other"))
    following.FOLLOWER.refresh()
    answer = client.get("/models/maker/model")
    html = answer.content.decode()

    assert answer.status_code == 200
    assert "No gateway sells it since" in html
    assert "no longer sold" in html
    assert '<meta name="robots" content="noindex' in html


# --- every kind of price has its word --------------------------------------------------------------------------------
KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "free": ({"prices": per_token(prompt="0", completion="0"), "zero_is_free": True}, "free"),
    "unknown": ({"prices": ()}, "not published"),
    "hourly": ({"prices": (hourly("22"),)}, "22.00"),
    "dynamic": ({"prices": (), "is_dynamic": True}, "varies"),
    "tiny": ({"prices": per_token(prompt="0.0000000000375", completion="0.000000004")}, "0.0000375"),
    "unclear": ({"unclear": (UnclearPrice(meter="input.text", reason="r"),), "prices": ()}, "not published"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_price_is_said_in_words_on_list_model_and_compare(
    client: Client, db: None, nothing_served_yet: None, kind: str
) -> None:
    fields, word = KINDS[kind]
    publish(offer_record("maker/model", **fields))
    following.FOLLOWER.refresh()

    for path in ("/", "/models/maker/model", "/compare?ids=maker/model", "/?show=offers"):
        text = read(client, path).text
        assert word in text, path
        assert not re.search(r"\d[eE][-+]?\d|NaN|None|null|undefined", text), path


# --- upstream text is text -------------------------------------------------------------------------------------------
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e</script>\x01&#x2f;{{7*1911}}'


@pytest.mark.parametrize(
    "path", ["/", "/models/m/x", "/compare?ids=m/x", "/makers", "/makers/m", "/changes", "/llms.txt"]
)
def test_markup_in_upstream_fields_stays_text(client: Client, db: None, nothing_served_yet: None, path: str) -> None:
    record = offer_record(
        "m/x",
        name=HOSTILE[:120],
        description=HOSTILE + "x" * 10_000,
        provider_slug="m",
        host=HOSTILE[:60],
        quantization=HOSTILE[:60],
        hugging_face_id="a/b",
        supported_parameters=(HOSTILE[:40], "tools"),
        tags=(HOSTILE[:40],),
        prices=per_token(prompt="0.000001", completion="0.000002"),
    )
    publish(record)
    following.FOLLOWER.refresh()
    html = client.get(path).content.decode()

    assert not re.search(r"<script>|<img src=x|onerror=alert\(1\)>|13377", html)
    for href in re.findall(r'(?:href|action|src)="([^"]*)"', html):
        assert unescape(href).startswith(("/", "#", "http://", "https://")), href
    for json_ld in re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL):
        assert "<" not in json_ld


@pytest.mark.parametrize(
    "path", ["/", "/models/zai-org/GLM-4.6", "/compare", "/makers", "/gateways", "/changes", "/docs/"]
)
def test_a_page_is_the_same_for_htmx_and_has_the_headers_of_a_page(
    client: Client, bundled: Snapshot, path: str
) -> None:
    plain, by_htmx = client.get(path), client.get(path, headers={"HX-Request": "true", "HX-Request-Type": "full"})

    assert plain.content == by_htmx.content
    policy = plain["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "Set-Cookie" not in plain.headers
    assert "Vary" not in plain.headers or plain["Vary"] == "Accept-Encoding"
