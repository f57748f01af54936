"""A 404 is a page for browsers and a problem for all other clients."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from catalog.formats.registry import BEGINNINGS
from catalog.memory import following
from tests.catalog.api.reading import problem_of
from tests.catalog.memory.fresh import nothing_served_yet
from tests.factories import offer_record, publish

__all__ = ["nothing_served_yet"]

BROWSERS = {
    "Chrome": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Firefox": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "JSON at last": "text/html, */*;q=0.9, application/json;q=0.5",
}
CLIENTS = {
    "curl": "*/*",
    "openai": "application/json",
    "axios": "application/json, text/plain, */*",
    "a picture of a page": "image/avif,image/webp,image/*,*/*;q=0.8",
    "a style of a page": "text/css,*/*;q=0.1",
    "both alike": "text/html, application/json",
    "JSON first": "application/json, text/html;q=0.9",
    "no quality": "text/html;q=nan, */*",
    "no HTML": "text/html;q=0, */*",
}
MISSING = [
    "/nowhere",
    "/catalog/modelss",
    "/catalog/models/maker/nothing",
    "/catalog/canonical/maker/nothing",
    "/catalog/providers/nothing",
    "/static/nothing",
    "/metrics",
]


@pytest.fixture(autouse=True)
def catalogue(db: None, nothing_served_yet: None) -> None:
    publish(offer_record())
    following.FOLLOWER.refresh()


@pytest.mark.parametrize("accept", BROWSERS.values(), ids=BROWSERS)
@pytest.mark.parametrize("address", MISSING)
def test_a_browser_gets_a_page(client: Client, address: str, accept: str) -> None:
    problem = problem_of(client.get(address), status=404)

    response = client.get(address, headers={"accept": accept})

    html = response.content.decode()
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert response["Content-Length"] == str(len(response.content))
    assert (response["Vary"], response["Cache-Control"]) == ("Accept", "no-store")
    assert ">There is nothing at this address.</h1>" in html
    assert f"<code>{problem['instance']}</code>" in html
    assert all(text in html for text in re.split(r"/\S+", problem["detail"]))


@pytest.mark.parametrize("accept", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize("address", MISSING)
def test_any_other_client_gets_the_problem(client: Client, address: str, accept: str) -> None:
    without_accept, response = client.get(address), client.get(address, headers={"accept": accept})

    if response.status_code == 406:  # a view of JSON refuses what it cannot answer
        return
    assert problem_of(response, status=404) | {"request_id": ""} == without_accept.json() | {"request_id": ""}
    assert response["Vary"] == without_accept["Vary"] == "Accept"


@pytest.mark.parametrize("accept", [*BROWSERS.values(), *CLIENTS.values()])
@pytest.mark.parametrize(
    "address", ["/docs/problems/nothing", "/gateways/nothing", "/makers/nothing", "/models/nothing"]
)
def test_a_page_that_is_not_there_is_a_page_for_every_client(client: Client, address: str, accept: str) -> None:
    response = client.get(address, headers={"accept": accept})

    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Vary" not in response.headers


@pytest.mark.parametrize("below", BEGINNINGS)
@pytest.mark.parametrize("accept", [*BROWSERS.values(), "*/*"])
def test_addresses_of_clients_have_no_pages(client: Client, below: str, accept: str) -> None:
    response = client.get(f"{below}nothing", headers={"accept": accept})

    assert problem_of(response, status=404)["title"] == "Not found"
    assert "Vary" not in response.headers


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("get", "/catalog/models?limit=0", 400),
        ("post", "/catalog/models", 405),
        ("post", "/nowhere", 404),
        ("get", "/catalog/models", 200),
    ],
)
def test_other_answers_have_one_form(client: Client, method: str, address: str, status: int) -> None:
    response = getattr(client, method)(address, headers={"accept": BROWSERS["Chrome"]})

    assert response.status_code == status
    assert response["Content-Type"] in {"application/json", "application/problem+json"}
    assert "Vary" not in response.headers


def test_a_head_has_the_headers_of_the_page(client: Client) -> None:
    get, head = (getattr(client, method)("/nowhere", headers={"accept": "text/html"}) for method in ("get", "head"))

    assert dict(head.items()) == dict(get.items())
    assert head.content == b""


def test_the_page_runs_nothing_and_shows_text_as_text(client: Client) -> None:
    response = client.get("/<script>alert(1)</script>/'\"", headers={"accept": "text/html"})

    html = response.content.decode()
    assert response["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in response["Content-Security-Policy"]
    assert not re.search("<(script>|style|iframe|img)|style=| on[a-z]+=", html)
    assert "%3Cscript%3E" in html


def test_the_page_has_the_face_of_the_others(client: Client) -> None:
    page, other = (
        client.get(address, headers={"accept": "text/html"}).content.decode() for address in ("/nowhere", "/gateways")
    )

    for part in (r'<link rel="stylesheet" href="[^"]+">', r'<a class="brand".*?</a>', '<meta name="viewport"'):
        assert re.findall(part, page) == re.findall(part, other)
        assert re.search(part, page)


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("/catalog/models/@x/y%2Bz%20%26", "/catalog/resolve?id=@x/y%2Bz%20%26"),
        ("/catalog/canonical/x/y.", "/catalog/resolve?id=x/y."),
    ],
)
def test_addresses_in_the_reason_are_links(client: Client, address: str, link: str) -> None:
    html = client.get(address, headers={"accept": "text/html, */*;q=0.8"}).content.decode()

    assert f'<a href="{link}">{link}</a> ' in html
    assert client.get(link, headers={"accept": "text/html, */*;q=0.8"}).status_code == 200


# --- the short addresses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/catalog", "/catalog/"])
def test_the_short_addresses_lead_to_the_page_of_the_api(client: Client, address: str) -> None:
    response = client.get(address)

    assert (response.status_code, response["Location"]) == (302, "/catalog/docs")
    assert response["Cache-Control"] == "public, max-age=3600"
    assert client.get(response["Location"])["Content-Type"].startswith("text/html")
