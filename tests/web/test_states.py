"""What pages say when the data is not as it should be: old, held, bundled, missing, or wrongly asked for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.clients.service import ask
from tests.web import catalogue, serving
from tests.web.browsers import Visitor
from tests.web.reading import read
from tests.web.test_everywhere import PROVE, keep

DATE = re.compile(
    r"\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}"
)


@pytest.fixture(scope="module")
def later(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A copy of the service three days later, during which no gateway was read; yields its folder and its address."""
    copy = tmp_path_factory.mktemp("later")
    shutil.copytree(folder, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("counts"))
    with serving.serving(copy, days_later=3) as url:
        yield copy, url


def test_25_bundled_lists_are_named_with_their_dates(visitor: Visitor) -> None:
    page = visitor.opens("/")
    notice = page.get_by_role("note")
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("Bundled lists: Portkey of 21 August 2026")
    keep(page, "bundled")


def test_25_a_held_price_is_explained_with_both_prices_and_the_date(visitor: Visitor) -> None:
    page = visitor.opens(f"/models/{catalogue.HELD_SLUG}")
    page.locator(".offers").get_by_role("link", name="held").first.click()
    part = page.get_by_role("region", name="held").filter(has_text="A price that we doubt")
    expect(part).to_be_in_viewport()
    expect(part).to_contain_text(re.compile(r"0\.252 is served\. The gateway publishes 12\.60 per 1M tokens since"))
    expect(part).to_contain_text(DATE)
    keep(page, "held")


def test_25_prices_that_were_not_read_lately_say_since_when(later: tuple[Path, str], browser: Browser) -> None:
    _, address = later
    visitor = Visitor(browser, address)
    for target in ("/", f"/models/{catalogue.MOVING_SLUG}"):
        page = visitor.opens(target)
        notice = page.get_by_role("note").filter(has_text="OpenRouter was last read on")
        expect(notice).to_contain_text(DATE)
        expect(notice).to_contain_text("Its prices may have moved.")
    # No other gateway is stale, and this model is not sold at OpenRouter.
    page = visitor.opens("/gateways")
    expect(page.locator(".shop", has_text="OpenRouter").locator(".state")).to_have_text("stale")
    keep(page, "stale")
    visitor.close()
    assert visitor.unexpected == []


def test_25_without_the_database_the_catalogue_is_still_read(later: tuple[Path, str], browser: Browser) -> None:
    folder, address = later
    visitor = Visitor(browser, address, expected=["503"])
    for file in folder.glob("gatewayz.sqlite3*"):
        file.write_bytes(b"this is no database any more" * 1_000)

    page = visitor.opens("/")
    expect(page.locator(".models tbody tr")).to_have_count(50)
    page = visitor.opens("/models/zai-org/GLM-4.6")
    expect(page.locator(".offers tbody tr").nth(1)).to_be_visible()
    expect(page.locator("#history")).to_have_count(0)
    page = visitor.opens("/gateways")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not ready yet.")
    expect(page.get_by_role("main")).to_contain_text("The database does not answer")
    keep(page, "database down")
    visitor.close()
    assert visitor.unexpected == []


@pytest.mark.skipif(not PROVE, reason="the service waits 15 seconds for a catalogue first: only in `make prove`")
def test_25_before_there_is_a_catalogue_pages_say_so_and_ask_again(tmp_path: Path, browser: Browser) -> None:
    with serving.serving(tmp_path, probe="/healthz") as address:
        visitor = Visitor(browser, address, expected=["503"])
        page = visitor.opens("/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Not ready yet.")
        found = ask(address, "/")
        assert (found.status, found.headers["Cache-Control"]) == (503, "no-store")
        [again] = (
            each
            for each in read(address, "/", status=503).all("meta")
            if each.attributes.get("http-equiv") == "refresh"
        )
        assert again.attributes["content"] == "5"
        keep(page, "not ready")
        visitor.close()
    assert visitor.unexpected == []


def test_25_an_unknown_model_leads_to_those_with_names_near_it(visitor: Visitor) -> None:
    visitor.expected.append("404")
    page = visitor.opens("/models/deepseek/deepsek-r1")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no model “deepseek/deepsek-r1”.")
    keep(page, "unknown model")
    page.get_by_role("main").get_by_role("link", name="deepseek-ai/DeepSeek-R1", exact=True).click()
    expect(page.get_by_role("heading", name="Where it is sold")).to_be_visible()


def test_25_a_search_that_finds_nothing_leads_out_again(visitor: Visitor) -> None:
    page = visitor.opens("/?q=gemma&gateway=chutes&price=free&model_type=VIDEO")
    expect(page.get_by_role("heading", level=2, name="No model matches")).to_be_visible()
    keep(page, "nothing found")
    ways = page.locator(".ways li")
    assert ways.count() >= 1
    for way in ways.all():
        promised = way.locator("span").inner_text()
        target = way.get_by_role("link").get_attribute("href") or ""
        status = next(
            each for each in read(visitor.address, target).all("p") if each.attributes.get("role") == "status"
        )
        assert status.text == promised != "0 models"
