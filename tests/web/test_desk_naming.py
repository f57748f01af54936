"""The curators' pages of tags and makers: statements 15 and 16 of the desk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.clients.service import ROOT, ask, environment_of, free_address
from tests.web import catalogue, named, serving
from tests.web.browsers import NARROW, WIDE, Visitor
from tests.web.test_everywhere import SERIOUS, STRICT, keep

Json = Any
ONE, OTHER = "sao10k", "thedrummer"
"""Two makers of the bundled lists."""


@pytest.fixture(scope="module")
def curated(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a copy of the service that has a curator, and tags that look alike."""
    copy = tmp_path_factory.mktemp("naming")
    shutil.copytree(folder, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("counts"))
    environment = environment_of(copy, free_address(), **catalogue.VARIABLES)
    environment["DJANGO_SETTINGS_MODULE"] = "gatewayz.settings"
    subprocess.run([sys.executable, "-m", "tests.web.named"], cwd=ROOT, env=environment, check=True)
    with serving.serving(copy) as url:
        yield url


@pytest.fixture
def curator(curated: str, browser: Browser) -> Iterator[Visitor]:
    found = Visitor(browser, curated)
    yield found
    found.close()
    assert found.unexpected == []


def opened(curator: Visitor, path: str, **options: Any) -> Page:
    """Open a page of the desk as the curator."""
    page = curator.opens(f"/admin/login/?next={quote(path, safe='')}", **options)
    page.get_by_label("User name").fill(named.CURATOR)
    page.get_by_label("Password").fill(named.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return page


def ids(address: str, query: str) -> list[str]:
    """Return what the API lists."""
    return sorted(row["id"] for row in json.loads(ask(address, f"/catalog/models?limit=1000&{query}").body)["data"])


def wait_for(page: Page, address: str, query: str, count: int) -> None:
    """Wait until the API, which follows within seconds, finds this many offers."""
    for _ in range(100):
        if len(ids(address, query)) == count:
            return
        page.wait_for_timeout(100)
    assert len(ids(address, query)) == count


def undo(page: Page) -> None:
    page.get_by_role("link", name="Undo action").first.click()
    page.get_by_label("Reason, for the audit trail").fill("it was wrong")
    page.get_by_role("button", name="Undo 1 change").click()
    expect(page.get_by_role("status").first).to_contain_text("1 value went back")


def confirm(page: Page, reason: str) -> None:
    page.get_by_label("Reason").fill(reason)
    page.locator(".confirm button").click()


@pytest.mark.parametrize("javascript", [True, False])
def test_desk_15_a_typing_error_is_asked_about_and_a_merged_tag_is_served_under_its_new_name(
    curator: Visitor, javascript: bool
) -> None:
    address = curator.address
    page = opened(curator, "/admin/tags/", javascript=javascript)
    expect(page.get_by_role("region", name="Look alike")).to_contain_text("multi-modal and multimodal")
    keep(page, "desk tags")
    page.get_by_role("link", name="vision", exact=True).click()
    page.get_by_label("Other name").fill("mutlimodal")
    page.get_by_role("button", name="See what would change").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is it “multimodal”?")
    keep(page, "desk tag doubt")

    page.goto("/admin/tags/")
    page.get_by_role("link", name="Merge multi-modal into multimodal").click()
    expect(page.get_by_text("offers will change")).to_be_visible()
    expect(page.get_by_role("region", name="Changes, scrolls sideways")).to_contain_text("multi-modal")
    keep(page, "desk tag preview")
    before = json.loads(ask(address, "/catalog/models?limit=1").body)["revision"]
    confirm(page, "one spelling")

    expect(page.get_by_role("status").first).to_contain_text("2 offers changed in one revision")
    wait_for(page, address, "tags=multimodal", 7)
    assert ids(address, "tags=multi-modal") == ids(address, "tags=multimodal")
    assert json.loads(ask(address, "/catalog/models?limit=1").body)["revision"] == before + 1
    listed = curator.opens("/?tags=multi-modal")
    expect(listed.locator("main")).to_contain_text("multimodal (was multi-modal)")
    keep(page, "desk tag")

    page.goto("/admin/tag/?name=multi-modal")
    undo(page)
    wait_for(page, address, "tags=multimodal", 5)
    assert len(ids(address, "tags=multi-modal")) == 2


def test_desk_15_a_description_needs_a_reason_and_two_described_tags_are_two(curator: Visitor) -> None:
    curator.expected += ["400"]
    page = opened(curator, "/admin/tag/?name=vision")
    page.get_by_label("What it means").fill("Takes <b>pictures</b>")
    page.get_by_label("Reason").fill("  ")
    page.get_by_role("button", name="Save the description").click()
    expect(page.get_by_role("alert")).to_contain_text("a reason is required")
    page.get_by_label("Reason").fill("readers asked")
    page.get_by_role("button", name="Save the description").click()
    expect(page.locator("header .words")).to_contain_text("Takes <b>pictures</b>")


def test_desk_16_merged_makers_are_found_by_both_spellings_until_that_is_undone(curator: Visitor) -> None:
    address = curator.address
    both = {spelling: ids(address, f"provider={spelling}") for spelling in (ONE, OTHER)}
    assert all(both.values())
    page = opened(curator, f"/admin/maker/?slug={ONE}")
    keep(page, "desk maker")
    page.get_by_label("Other maker", exact=True).fill(OTHER)
    page.get_by_role("button", name="See what the merger would change").click()
    expect(page.locator(".verdict")).to_contain_text(str(len(both[ONE])))
    keep(page, "desk maker preview")
    confirm(page, "one person")

    expect(page.get_by_role("status").first).to_contain_text("changed in one revision")
    wait_for(page, address, f"provider={OTHER}", len(both[ONE]) + len(both[OTHER]))
    assert ids(address, f"provider={ONE}") == ids(address, f"provider={OTHER}") == sorted([*both[ONE], *both[OTHER]])
    makers = {row["slug"].casefold() for row in json.loads(ask(address, "/catalog/providers?limit=1000").body)["data"]}
    assert OTHER in makers
    assert ONE not in makers
    expect(page.get_by_role("region", name="Other spellings")).to_contain_text("merged by a curator")

    undo(page)
    wait_for(page, address, f"provider={OTHER}", len(both[OTHER]))
    assert ids(address, f"provider={ONE}") == both[ONE]


def test_desk_16_name_site_and_logo_are_stated_and_published(curator: Visitor) -> None:
    page = opened(curator, f"/admin/maker/?slug={OTHER}")
    page.get_by_label("Name", exact=True).fill("The Drummer & Co")
    page.get_by_label("Site", exact=True).fill("https://drummer.example")
    page.get_by_label("Logo", exact=True).select_option("qwen")
    page.get_by_label("Reason").fill("their page says so")
    page.get_by_role("button", name="Save and publish").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The Drummer & Co")
    wait_for(page, curator.address, "q=Drummer%20%26%20Co", len(ids(curator.address, f"provider={OTHER}")))
    keep(page, "desk maker changed")


PAGES = {
    "tags": "/admin/tags/",
    "tag": "/admin/tag/?name=multimodal",
    "tag preview": "/admin/tag/change/?name=multi-modal&into=multimodal",
    "tag doubt": "/admin/tag/change/?name=vision&into=mutlimodal",
    "makers": "/admin/makers/",
    "maker": "/admin/maker/?slug=deepseek-ai",
    "maker preview": f"/admin/maker/change/?slug={ONE}&into={OTHER}",
}


@pytest.mark.parametrize(("width", "theme"), [(WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")])
def test_desk_17_pages_of_names_fit_and_are_easy_to_read(curator: Visitor, width: int, theme: Any) -> None:
    page = opened(curator, "/admin/tags/", width=width, theme=theme)
    for name, path in PAGES.items():
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        found: Json = Axe().run(page, options={"runOnly": {"type": "tag", "values": STRICT}}).response
        serious = [each for each in found["violations"] if each["impact"] in SERIOUS]
        assert [(name, each["id"], each["nodes"][0]["html"]) for each in serious] == []
        keep(page, f"desk {name} {width} {theme}")
