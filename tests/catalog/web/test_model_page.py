"""The page of a model and the comparison: they say what the API says, to the digit."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from pytest_django.fixtures import Settings

from catalog.memory.snapshot import Snapshot
from catalog.web import model_history
from tests.catalog.web.reading import Tables, read

MODELS = ["zai-org/GLM-4.6", "openai/gpt-oss-20b", "deepseek-ai/DeepSeek-R1", "Qwen/Qwen3-32B"]
WORKLOAD = "input_tokens=3000000&output_tokens=7&cached_percent=35"


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

    monkeypatch.setattr(model_history, "history_of_offers", broken)
    answer = client.get("/models/zai-org/GLM-4.6")

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert b"Where it is sold" in answer.content
    assert b"Price over time" not in answer.content


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


@pytest.mark.parametrize("slug", MODELS)
def test_a_service_that_runs_models_is_the_first_place_to_call(
    client: Client, bundled: Snapshot, settings: Settings, slug: str
) -> None:
    places, html = call_of(client, f"/models/{slug}")
    assert "Gatewayz" not in places

    settings.INFERENCE_URL = "https://models.example.org/v1"
    own_places, own = call_of(client, f"/models/{slug}")
    _, other = call_of(client, f"/models/{slug}?call=chutes")

    assert own_places == ["Gatewayz", *places]
    assert "curl https://models.example.org/v1/chat/completions" in own
    assert f'"model": "{slug}"' in own
    assert 'os.environ["GATEWAYZ_API_KEY"]' in own
    assert "<dt>Its scope</dt><dd>infer</dd>" in own
    assert "models.example.org" not in html + other
    assert "<dd>infer</dd>" not in html + other


def call_of(client: Client, address: str) -> tuple[list[str], str]:
    """Return the names of the places where the model can be called, and what the page shows of the chosen one."""
    html = unescape(client.get(address).content.decode())
    [shown] = re.findall(r'<section class="band" aria-labelledby="calling".*?</section>', html, re.DOTALL)
    [switch] = re.findall(r'aria-label="Gateway">(.*?)</div>', shown)
    return re.findall(r"<a [^>]*>(.*?)</a>", switch), shown
