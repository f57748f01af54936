"""The documents as pages: each kind of error leads to one, every link leads somewhere, and none can do anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from catalog.web import markdown
from catalog.web.documents import FOLDERS
from front.problems import KINDS
from tests.catalog.api.reading import problem_of

OF_A_CATALOGUE = {"/", "/compare", "/makers", "/gateways", "/changes", "/catalog/changes.atom", "/llms.txt"}
"""Addresses that need a published catalogue; these tests have none."""
DOCUMENTS = [file for folder in FOLDERS for file in sorted(settings.DOCS_DIR.glob(f"{folder}/*.md"))]
ADDRESSES = ["/docs/", *(f"/docs/{folder}/" for folder in FOLDERS)]
ADDRESSES += [f"/docs/{file.parent.name}/{file.stem}" for file in DOCUMENTS]


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        known = dict(attributes)
        self.links += [str(known[name]) for name in ("href", "src") if name in known]
        self.anchors |= {str(known["id"])} if "id" in known else set()


def page_at(client: Client, address: str) -> Page:
    response = client.get(address)
    assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8"), address
    return Page(response.content.decode())


def kinds_in_code() -> Iterator[str]:
    for file in (settings.BASE_DIR / "catalog").rglob("*.py"):
        yield from re.findall(r'kind="([a-z-]+)"', file.read_text()) if "/api/" in str(file) else ()


# --- errors ----------------------------------------------------------------------------------------------------------


def test_every_kind_of_error_has_a_page_and_every_page_a_kind() -> None:
    files = {file.stem for file in settings.DOCS_DIR.glob("problems/*.md")}

    assert files == set(KINDS)
    assert set(kinds_in_code()) <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_an_error_has_its_title_its_status_and_what_to_do(client: Client, kind: str) -> None:
    html = client.get(f"/docs/problems/{kind}").content.decode()

    assert f">{KINDS[kind].title}</h1>" in html
    assert f"<p>Status {KINDS[kind].status}. " in html
    assert "<strong>What to do.</strong>" in html


def test_the_type_of_an_error_leads_to_its_page(client: Client) -> None:
    problem = problem_of(client.get("/catalog/models?limit=0"), status=400)

    page_at(client, problem["type"])


# --- all pages -------------------------------------------------------------------------------------------------------


def test_every_link_of_every_page_leads_somewhere(client: Client) -> None:
    pages = {address: page_at(client, address) for address in ADDRESSES}

    for address, page in pages.items():
        for link in page.links:
            target = urlsplit(urljoin(address, link))
            if (
                target.scheme in {"http", "https", "data"}
                or target.path in OF_A_CATALOGUE
                or target.path.startswith("/assets/")
            ):
                continue
            answer = client.get(target.path)
            assert answer.status_code == 200, f"{address}: {link}"
            assert answer.getvalue()
            assert not target.fragment or target.fragment in pages[target.path].anchors, f"{address}: {link}"


def test_every_document_is_listed(client: Client) -> None:
    listed = set(page_at(client, "/docs/").links)

    assert {f"/docs/{file.parent.name}/{file.stem}" for file in DOCUMENTS} <= listed


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_may_load_only_what_is_ours(client: Client, address: str) -> None:
    response = client.get(address)

    policy = response["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    page = Page(response.content.decode())
    assert page.tags.isdisjoint({"style", "iframe", "img"})
    assert "style=" not in response.content.decode()
    assert response["Cache-Control"] == "public, max-age=3600"
    assert {"Set-Cookie", "Vary"}.isdisjoint(response.headers)


def test_a_page_is_made_for_a_phone_too(client: Client) -> None:
    assert b'<meta name="viewport" content="width=device-width, initial-scale=1">' in client.get("/docs/").content


@pytest.mark.parametrize("address", ["/docs/", "/docs/api/http"])
@pytest.mark.parametrize("accept", ["text/html", "application/json", "image/png", "nonsense"])
def test_a_page_has_one_format_for_all_clients(client: Client, address: str, accept: str) -> None:
    assert client.get(address, headers={"accept": accept})["Content-Type"] == "text/html; charset=utf-8"
    assert client.options(address).status_code == 200
    assert problem_of(client.post(address), status=405)["title"] == "Method not allowed"
    assert client.get(f"{address}?x=1").status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        "/docs/problems/nothing",
        "/docs/adr/0001-equal-rows-are-not-read-again",
        "/docs/problems/../operating",
        "/docs/../docs/problems/not-found",
        "/docs/problems/..%2F..%2Fmanage",
        "/docs/problems/%2e%2e/%2e%2e/README",
        "/docs//etc/passwd",
        "/docs/problems/not-found.md",
        "/docs/problems/not-found/",
        "/docs/problems/not-found%00",
        "/docs/api/..",
    ],
)
def test_no_name_becomes_a_path(client: Client, address: str) -> None:
    assert client.get(address).status_code == 404


# --- examples --------------------------------------------------------------------------------------------------------

EXAMPLE = markdown.EXAMPLE_SITE


def test_examples_call_the_public_address_of_the_service(client: Client, settings: Settings) -> None:
    before = {address: client.get(address).content.decode() for address in ADDRESSES}
    settings.PUBLIC_URL = "https://catalogue.example.org"

    after = {address: client.get(address).content.decode() for address in ADDRESSES}

    assert sum(page.count(EXAMPLE) for page in before.values()) > 40
    assert after == {address: page.replace(EXAMPLE, settings.PUBLIC_URL) for address, page in before.items()}


def test_the_host_of_a_request_never_gets_into_a_page_that_others_share(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]

    pages = {client.get("/docs/api/models", headers={"host": host}).content for host in ("localhost", "evil.example:1")}

    assert len(pages) == 1
    assert b"evil" not in pages.pop()


def test_only_code_shows_another_address_and_its_text_stays_text() -> None:
    text = f"# A\n\nSee {EXAMPLE} or `{EXAMPLE}/v1`.\n\n    curl {EXAMPLE}/a\n\n```python\nurl = '{EXAMPLE}'\n```\n"

    html = markdown.rendered(text, link=str, site="http://<b>`x").html

    assert f"See {EXAMPLE} or <code>http://&lt;b&gt;`x/v1</code>" in html
    assert "curl http://&lt;b&gt;`x/a" in html
    assert "url = 'http://&lt;b&gt;`x'" in html
    assert EXAMPLE not in html.replace(f"See {EXAMPLE}", "")


# --- Markdown --------------------------------------------------------------------------------------------------------


def test_links_between_documents_become_links_between_pages() -> None:
    links = "[a](b.md#c) [x **y**](../gone.md) [z](https://example.org)"
    text = f"# A *title*\n\n{links}\n\n<!-- parameters: x -->\n| a |\n|---|\n| b |\n"
    places = {"b.md#c": "/docs/api/b#c", "https://example.org": "https://example.org"}

    page = markdown.rendered(text, link=places.get)

    assert page.title == "A title"
    assert '<h1 id="a-title">' in page.html
    assert '<a href="/docs/api/b#c">a</a> x <strong>y</strong> <a href="https://example.org">z</a>' in page.html
    assert "<td>b</td>" in page.html
    assert "parameters" not in page.html


@given(st.text(alphabet="<>\"'&[]()!`#*_-:/ \nabjavscript=on", max_size=80))
def test_no_text_becomes_a_tag_that_does_something(text: str) -> None:
    page = Page(markdown.rendered(text, link=str).html)

    safe = {"p", "a", "em", "strong", "code", "pre", "ul", "ol", "li", "hr", "br", "blockquote", "img"}
    assert page.tags <= safe | {f"h{level}" for level in range(1, 7)}
    assert not any(link.lower().strip().startswith(("javascript:", "vbscript:", "data:")) for link in page.links)
