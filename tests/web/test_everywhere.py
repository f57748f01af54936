"""What holds for all pages: widths, themes, keyboards, other people's eyes, and browsers without scripts."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web import catalogue
from tests.web.browsers import NARROW, WIDE, Visitor
from tests.web.test_model import WORKLOAD, fill_workload

Json = Any
Theme = Literal["light", "dark"]

PROVE = bool(os.environ.get("PROVE"))
"""Set by `make prove`: each page in each width and theme."""

COMPARISON = f"/compare?ids={catalogue.MOVING_SLUG},zai-org/GLM-4.6,{catalogue.HELD_SLUG}"
PAGES = {
    "list": "/",
    "model": f"/models/{catalogue.MOVING_SLUG}",
    "comparison": COMPARISON,
    "gateways": "/gateways",
    "changes": "/changes",
    "search": "/?q=gemma&gateway=openrouter&price=token",
    "nothing found": "/?q=nothing+is+called+so&gateway=chutes",
    "held": f"/models/{catalogue.HELD_SLUG}",
    "hostile": f"/models/{catalogue.HOSTILE_SLUG}",
    "long": f"/models/{catalogue.LONG}",
    "compare": "/compare",
    "makers": "/makers",
    "maker": "/makers/deepseek-ai",
    "gateway": "/gateways/openrouter",
    "docs": "/docs/",
    "document": "/docs/api/costs",
    "wrong value": "/?gateway=nope",
    "unknown model": "/models/deepseek/deepsek-r1x",
    "unknown address": "/nothing/here",
}
MAIN = ("list", "model", "comparison")
STRICT = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SERIOUS = {"serious", "critical"}

EVERY = [(name, width, theme) for name in PAGES for width in (WIDE, NARROW) for theme in ("light", "dark")]
SAMPLE = [
    *((name, WIDE, "light") for name in ("list", "model", "comparison", "gateways", "changes")),
    *((name, NARROW, "dark") for name in ("list", "model", "comparison", "document")),
]


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", PAGES)
def test_16_and_19_pages_fit_into_the_window_and_complain_of_nothing(name: str, width: int, visitor: Visitor) -> None:
    page = opened(visitor, name, width=width)
    expect(page.get_by_role("main")).to_be_visible()
    page.mouse.wheel(0, 20_000)  # what loads only when it is seen is loaded too
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    keep(page, f"{name} {width}")


@pytest.mark.parametrize("name", MAIN)
def test_16_dark_and_forced_colours_are_readable(name: str, visitor: Visitor) -> None:
    light = opened(visitor, name)
    dark = opened(visitor, name, theme="dark")
    assert brightness(background(dark)) < 64 < 192 < brightness(background(light))
    keep(dark, f"{name} dark")

    # In forced colours only borders and text remain: what is chosen must not be shown by a background alone.
    forced = opened(visitor, name, forced=True)
    current = forced.locator(".nav [aria-current]").first
    other = forced.locator(".nav a:not([aria-current])").first
    looks = (
        "(each) => { const style = getComputedStyle(each);"
        " return [style.borderBottomColor, style.borderBottomWidth, style.color, style.textDecorationLine].join() }"
    )
    assert current.evaluate(looks) != other.evaluate(looks)
    keep(forced, f"{name} forced")


@pytest.mark.parametrize(("name", "width", "theme"), EVERY if PROVE else SAMPLE)
def test_17_nothing_is_hard_to_read_or_to_reach(name: str, width: int, theme: Theme, visitor: Visitor) -> None:
    page = opened(visitor, name, width=width, theme=theme)
    for details in page.locator("main details:not([open]) > summary").all():
        if details.is_visible():
            details.click()
    found: Json = Axe().run(page, options={"runOnly": {"type": "tag", "values": STRICT}}).response
    assert found["passes"], "nothing was checked"
    assert [
        (each["id"], [node["html"] for node in each["nodes"]][:3])
        for each in found["violations"]
        if each["impact"] in SERIOUS
    ] == []


def test_18_the_keyboard_alone_searches_filters_opens_and_compares(visitor: Visitor) -> None:
    page = visitor.opens("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    assert_focus_is_visible(page)

    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    assert_focus_is_visible(page)
    page.keyboard.type("deepseek")
    expect(page).to_have_url(re.compile(r"q=deepseek$"))

    tab_to(page, "#facets [name=gateway][value=openrouter]")
    page.keyboard.press("Space")
    expect(page.locator(".chip")).to_have_count(1)
    expect(page.locator("#facets [name=gateway][value=openrouter]")).to_be_focused()
    assert_focus_is_visible(page)

    rows = page.locator(".models tbody tr")
    for number in (0, 1):
        page.keyboard.press("j")
        expect(rows.nth(number).get_by_role("link").first).to_be_focused()
        assert_focus_is_visible(page)
        page.keyboard.press("x")
        expect(page.locator("[data-chosen]")).to_have_text(f"{number + 1} chosen")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 models")

    page.go_back()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("j")
    expect(rows.first.get_by_role("link").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Where it is sold")).to_be_visible()


def test_15_everything_works_without_javascript(visitor: Visitor) -> None:
    page = visitor.opens("/", javascript=False)
    expect(page.locator(".js").first).to_be_hidden()
    page.get_by_role("searchbox").fill("deepsek r1")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"/\?q=deepsek\+r1$"))
    expect(page.locator(".models tbody tr").first).to_contain_text("deepseek-ai/DeepSeek-R1")

    page.locator("#facets [name=gateway][value=openrouter]").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".chip")).to_have_count(1)
    page.get_by_role("columnheader", name="Input", exact=True).get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Input", exact=True)).to_have_attribute("aria-sort", "ascending")
    expect(page.locator(".chip")).to_have_count(1)
    assert "q=deepsek+r1" in page.url

    for box in page.locator(".pick input").all()[:2]:
        box.check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 models")

    page.goto(PAGES["model"])
    fill_workload(page)
    expect(page).to_have_url(re.compile(f"input_tokens={WORKLOAD['input_tokens']}"))
    page.get_by_text("The same as a table").click()
    expect(page.locator("#prices")).to_be_visible()
    page.get_by_role("link", name="Output", exact=True).click()
    expect(page.get_by_role("img", name="Output price")).to_be_visible()


@pytest.mark.parametrize("name", MAIN)
def test_15_a_narrow_page_without_javascript_has_all_controls(name: str, visitor: Visitor) -> None:
    page = opened(visitor, name, width=NARROW, javascript=False)
    if name == "list":
        expect(page.locator("#facets")).to_be_hidden()
        page.locator("summary", has_text="Filters").click()
        page.locator("#facets [name=price][value=free]").check()
        page.get_by_role("button", name="Apply").click()
        expect(page.locator(".chip")).to_have_count(1)
    else:
        expect(page.get_by_role("button", name="Calculate")).to_be_visible()


def test_19_a_script_in_a_page_would_be_blocked_and_noticed(visitor: Visitor) -> None:
    page = visitor.opens("/")
    assert visitor.faults == []
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.2:1/x.png'}))")
    expect(page.locator("img[src*='127.0.0.2']")).to_be_attached()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.ran") is None
    assert any("violation of script-src-elem by inline" in fault for fault in visitor.faults)
    assert any("violation of img-src" in fault for fault in visitor.faults)
    visitor.faults.clear()


# --- looking at a page -----------------------------------------------------------------------------------------------
def opened(visitor: Visitor, name: str, **options: Any) -> Page:
    if name in {"wrong value", "unknown model", "unknown address"}:
        visitor.expected += ["400", "404"]
    return visitor.opens(PAGES[name], **options)


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page in the folder of the reports, if there is one."""
    if folder := os.environ.get("TEST_REPORTS"):
        page.screenshot(path=Path(folder) / "pages" / f"{name.replace(' ', '-')}.png", full_page=True)


def background(page: Page) -> list[int]:
    color = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    if color == "rgba(0, 0, 0, 0)":
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in re.findall(r"\d+", color)][:3]


def brightness(color: list[int]) -> float:
    return sum(color) / len(color)


def assert_focus_is_visible(page: Page) -> None:
    style = page.evaluate(
        "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth] })()"
    )
    assert style[0] != "none", style
    assert float(style[1].removesuffix("px")) >= 1, style


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")
