"""What programs read of the pages: headers, weights, robots, the sitemap, and every page in it."""

from __future__ import annotations

import gzip
import os
import random
import re
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from xml.etree import ElementTree

import pytest

from tests.clients.service import Answer, ask
from tests.web import catalogue
from tests.web.reading import Document, read

PROVE = bool(os.environ.get("PROVE"))
"""Set by `make prove`: every link is followed, and not a sample of them."""

COMPARISON = f"/compare?ids={catalogue.MOVING_SLUG},zai-org/GLM-4.6"
MODEL = f"/models/{catalogue.MOVING_SLUG}"
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}
WORDS_OF_PROGRAMS = re.compile(r"\d[eE][-+]?\d|\b(?:NaN|None|null|undefined|Infinity|Decimal)\b")
"""What a figure must never be."""


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/", 200),
        (MODEL, 200),
        (COMPARISON, 200),
        ("/makers", 200),
        ("/gateways", 200),
        ("/changes", 200),
        ("/docs/api/costs", 200),
        ("/?gateway=nope", 400),
        ("/models/nobody/nothing", 404),
    ],
)
def test_20_each_page_has_the_headers_that_protect_readers(target: str, status: int, address: str) -> None:
    found = ask(address, target)
    assert found.status == status
    assert set(found.headers["Content-Security-Policy"].split("; ")) == POLICY
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert found.headers["X-Frame-Options"] == "DENY"
    assert found.headers["Referrer-Policy"]
    assert found.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Set-Cookie" not in found.headers
    assert "Cookie" not in found.headers.get("Vary", "")
    assert found.headers["Cache-Control"].startswith("public" if status == 200 else "no-store")
    inline = [each for each in Document(found.body.decode()).all("script") if "src" not in each.attributes]
    assert {each.attributes["type"] for each in inline} <= {"application/ld+json"}


@pytest.mark.parametrize(
    "target",
    [
        f"/models/{catalogue.HOSTILE_SLUG}",
        "/?q=gatewayz-tests",
        "/?q=gatewayz-tests&show=offers",
        f"/compare?ids={catalogue.HOSTILE_SLUG}",
        "/makers/gatewayz-tests",
        "/changes?show=added&gateway=openrouter",
        "/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(2)%3E",
        "/?gateway=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/models/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/compare?ids=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    ],
)
def test_21_markup_of_others_is_text(target: str, address: str) -> None:
    page = Document(ask(address, target).body.decode())
    texts = " ".join(each.text for each in page.all("bdi", "h1", "code", "h2", "input", "p"))
    values = " ".join(each.attributes.get("value", "") for each in page.all("input"))
    assert "<script>" in texts + values or "<b>" in texts
    assert not any(name.startswith("on") for each in page.elements for name in each.attributes)
    assert not any(each.attributes.get("src") == "x" for each in page.all("img"))
    for script in page.all("script"):
        assert script.attributes.get("src", "").startswith("/assets/") or "</" not in script.text
    for link in page.all("a", "link", "form"):
        goal = link.attributes.get("href", link.attributes.get("action", ""))
        assert re.match(r"https?://|[/?#]|\Z", goal), goal


@pytest.mark.parametrize(
    ("target", "most"),
    [("/", 14_000), (MODEL, 12_000)],
)
def test_23_a_page_stays_light(target: str, most: int, address: str) -> None:
    found = ask(address, target, Accept_Encoding="gzip")
    assert found.headers["Content-Encoding"] == "gzip"
    assert len(found.body) <= most

    page = Document(gzip.decompress(found.body).decode())
    styles = [each.attributes["href"] for each in page.all("link") if each.attributes["rel"] == "stylesheet"]
    scripts = [each for each in page.all("script") if "src" in each.attributes]
    blocking = [each.attributes["src"] for each in scripts if "defer" not in each.attributes]
    assert 1 + len(styles) + len(blocking) <= 3
    assert weight(address, styles) <= 6_144
    assert weight(address, [each.attributes["src"] for each in scripts]) <= 16_000


def test_24_robots_sitemap_and_llms_txt_lead_to_pages_that_exist(crawled: list[Crawled], address: str) -> None:
    robots = ask(address, "/robots.txt").body.decode()
    [sitemap] = re.findall(r"^Sitemap: (\S+)$", robots, re.MULTILINE)
    assert urlsplit(sitemap).path == "/sitemap.xml"
    assert "Disallow: /admin/\n" in robots
    assert len(crawled) > 1_000
    assert not any(urlsplit(each.target).query for each in crawled)

    llms = ask(address, "/llms.txt").body.decode()
    for url in re.findall(r"\]\((\S+)\)", llms):
        assert patiently(address, path_of(url)).status == 200, url


def test_24_titles_and_canonical_links_name_one_page_each(crawled: list[Crawled]) -> None:
    models = [each for each in crawled if each.target.startswith("/models/")]
    assert len(models) > 500
    titles: dict[str, str] = {}
    for each in models:
        title = each.page.one("title").text
        assert titles.setdefault(title, each.target) == each.target, title
    for each in crawled:
        links = {(link.attributes["rel"], link.attributes.get("type", "")): link for link in each.page.all("link")}
        assert ("canonical", "") in links, each.target
        assert unquote(path_of(links["canonical", ""].attributes["href"])) == unquote(each.target)
        assert path_of(links["alternate", "application/atom+xml"].attributes["href"]) == "/catalog/changes.atom"
        named = [meta for meta in each.page.all("meta") if meta.attributes.get("name") == "description"]
        assert all(20 <= len(meta.attributes["content"]) <= 300 for meta in named), each.target
        assert len(named) == 1
        assert len(list(each.page.all("h1"))) == 1, each.target


def test_24_the_image_for_links_is_as_large_as_it_says(address: str) -> None:
    page = read(address, "/")
    facts = {
        each.attributes.get("property", ""): each.attributes["content"]
        for each in page.all("meta")
        if "content" in each.attributes
    }
    found = ask(address, path_of(facts["og:image"]))
    assert found.headers["Content-Type"] == "image/png"
    assert struct.unpack(">II", found.body[16:24]) == (1200, 630)
    assert (facts["og:image:width"], facts["og:image:height"]) == ("1200", "630")


def test_09_no_page_shows_what_a_program_says_instead_of_a_figure(crawled: list[Crawled]) -> None:
    figures = 0
    for each in crawled:
        for cell in each.page.all("td", "dd", "data"):
            if cell.ancestors and any(table.has("prose") for table in cell.ancestors):
                continue  # the documents show JSON
            assert not WORDS_OF_PROGRAMS.search(cell.text), (each.target, cell.text)
        for amount in each.page.all("data"):
            figures += 1
            is_zero = amount.text == "free" or Decimal(amount.text.replace(",", "")) == 0
            assert is_zero == (Decimal(amount.attributes["value"]) == 0), (each.target, amount)
    assert figures > 5_000


def test_24_each_link_leads_somewhere(crawled: list[Crawled], address: str) -> None:
    known = {each.target for each in crawled}
    links: dict[str, str] = {}
    for each in crawled:
        for link in each.page.all("a", "link"):
            goal = urldefrag(urljoin(each.target, link.attributes.get("href", ""))).url
            if (
                goal.startswith("/")
                and goal not in known
                and not goal.startswith(("/admin/", "/catalog/changes/stream"))
            ):
                links.setdefault(goal, each.target)
    targets = sorted(links)
    assert len(targets) > 1_000
    chosen = targets if PROVE else random.Random(300).sample(targets, 300)  # noqa: S311  a sample, no secret
    broken = [
        (found.target, found.answer.status, links[found.target])
        for found in fetched(address, chosen)
        if found.answer.status >= 400
    ]
    assert broken == []


def test_24_each_part_that_a_link_names_exists_on_the_page(crawled: list[Crawled]) -> None:
    for each in crawled:
        names = {element.attributes["id"] for element in each.page.elements if "id" in element.attributes}
        assert sum("id" in element.attributes for element in each.page.elements) == len(names), each.target
        for link in each.page.all("a"):
            goal, part = urldefrag(link.attributes.get("href", ""))
            if part and (not goal or goal == each.target):
                assert part in names, (each.target, part)


# --- asking many pages -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Fetched:
    target: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Crawled:
    target: str
    page: Document


@pytest.fixture(scope="module")
def crawled(address: str) -> list[Crawled]:
    """Every page of the sitemap, each of which must answer."""
    sitemap = ElementTree.fromstring(ask(address, "/sitemap.xml").body)  # noqa: S314  our own service wrote it
    assert sitemap.tag == "{http://www.sitemaps.org/schemas/sitemap/0.9}urlset"
    targets = [path_of(each.text or "") for each in sitemap.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert len(targets) == len(set(targets))
    found = list(fetched(address, targets))
    assert [(each.target, each.answer.status) for each in found if each.answer.status != 200] == []
    return [Crawled(each.target, Document(each.answer.body.decode())) for each in found]


def fetched(address: str, targets: list[str]) -> Iterator[Fetched]:
    with ThreadPoolExecutor(2) as threads:
        yield from threads.map(lambda target: Fetched(target, patiently(address, target)), targets)


def patiently(address: str, target: str) -> Answer:
    """Ask again if the service is too busy, as it asks its clients to do."""
    for _ in range(5):
        found = ask(address, target)
        if found.status != 503 or "Retry-After" not in found.headers:
            break
    return found


def path_of(url: str) -> str:
    """Return an address of the service without its host, which is not the one that the tests ask."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def weight(address: str, targets: list[str]) -> int:
    return sum(len(ask(address, target, Accept_Encoding="gzip").body) for target in targets)
