"""The front page of the curators' desk in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.browsers import NARROW, WIDE, Visitor
from tests.web.desk import Desk, log_in, serving_desk
from tests.web.test_everywhere import SERIOUS, STRICT, assert_focus_is_visible, background, brightness, keep

PAGES = {
    "desk": "/admin/",
    "desk rejected": "/admin/rejected/",
    "desk undo": "/admin/actions/2/undo/",
    "desk unknown": "/admin/sync/nope/",
}
COUNTS = {
    "Held runs": "SELECT COUNT(*) FROM catalog_syncrun WHERE outcome = 'held'",
    "Held prices": "SELECT COUNT(*) FROM catalog_pricehold WHERE state = 'open'",
    "Overrides that expire": "SELECT COUNT(*) FROM catalog_override WHERE expires_at < datetime('now', '+7 days')",
    "Ambiguous models": "SELECT COUNT(*) FROM catalog_identitycandidate",
    "Rejected rows": (
        "SELECT COUNT(*) FROM catalog_rejectedrow WHERE run_id ="
        " (SELECT MAX(id) FROM catalog_syncrun WHERE outcome = 'failed')"
    ),
    "Stale overrides": "SELECT COUNT(*) FROM catalog_override WHERE is_stale",
    "Failing gateway": "SELECT COUNT(*) FROM catalog_gateway WHERE slug = 'portkey'",
}


@pytest.fixture(scope="module")
def desk(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with serving_desk(folder, tmp_path_factory.mktemp("desk")) as found:
        yield found


def test_01_the_front_page_shows_counts_that_equal_sql_and_lead_to_as_many(person: Visitor, desk: Desk) -> None:
    page = log_in(person, "curator")

    for name, query in COUNTS.items():
        count = page.locator(".queue li").filter(has=page.get_by_text(name, exact=True)).locator(".count")
        expect(count).to_have_text(str(desk.sql(query)))
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^\d+ things wait for you$"))
    rejected = page.get_by_role("link", name="41 Rejected rows")
    rejected.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("41 rejected rows")


def test_17_a_sync_shows_that_it_waits_and_how_it_ends_without_a_reload(person: Visitor, desk: Desk) -> None:
    page = log_in(person, "operator")
    page.evaluate("document.body.dataset.same = 'page'")
    line, button = page.locator("#gateway-featherless"), page.get_by_role("button", name="Sync Featherless now")
    expect(line.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"^Last 1 run: 1 succeeded\."))

    button.focus()
    page.keyboard.press("Enter")
    expect(line).to_contain_text("Featherless: a run is requested.")
    expect(button).to_be_focused()
    assert_focus_is_visible(page)
    page.keyboard.press("Enter")
    expect(line).to_contain_text("a run waits to begin already; another run was not requested")
    desk.manage("sync", "featherless")

    expect(line).to_contain_text("The run has ended, nothing changed.")
    expect(line.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"^Last 2 runs: 2 succeeded\."))
    assert page.evaluate("document.body.dataset.same") == "page"


def test_17_a_sync_works_without_javascript(person: Visitor, desk: Desk) -> None:
    page = log_in(person, "operator", javascript=False)

    page.get_by_role("button", name="Sync Portkey now").click()

    expect(page.get_by_role("status").first).to_have_text("Portkey: a run is requested.")
    expect(page.locator("#gateway-portkey")).to_contain_text("A run waits to begin.")
    desk.manage("sync", "portkey")
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#gateway-portkey .state")).to_have_text("bundled")


def test_an_action_is_undone_from_the_front_page(person: Visitor, desk: Desk) -> None:
    page = log_in(person, "curator")
    page.get_by_role("link", name="Undo action").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^Undo action \d+$"))

    page.get_by_role("textbox", name="Reason").fill("they are not hot")
    page.get_by_role("button", name="Undo 2 changes").click()

    expect(page.get_by_role("status").first).to_contain_text("2 values went back.")
    expect(page.get_by_role("main")).to_contain_text("they are not hot")
    page.goto("/admin/")
    expect(page.locator(".done li").first).to_contain_text("they are not hot")
    assert desk.sql("SELECT COUNT(*) FROM catalog_override WHERE field = 'tags'") == 0


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_20_pages_of_the_desk_fit_and_are_easy_to_read(
    width: int, theme: Literal["light", "dark"], person: Visitor
) -> None:
    person.expected += ["404"]
    page = log_in(person, "operator" if width == WIDE else "curator", width=width, theme=theme)
    for name, path in PAGES.items():
        if "undo" in name and width == WIDE:
            continue  # it is the curator's
        page.goto(path)
        for details in page.locator("main details:not([open]) > summary").all():
            details.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert brightness(background(page)) < 64 if theme == "dark" else brightness(background(page)) > 192
        assert _hard_to_read(page) == [], path
        keep(page, f"{name} {width} {theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_login_and_the_tables_of_django_have_the_same_look(
    theme: Literal["light", "dark"], person: Visitor
) -> None:
    login = person.opens("/admin/login/", theme=theme, width=NARROW)
    assert _hard_to_read(login) == []
    assert login.evaluate("document.documentElement.scrollWidth") <= NARROW
    keep(login, f"login {theme}")

    page = log_in(person, "root", theme=theme)
    for path in ("/admin/tables/", "/admin/catalog/syncrun/", "/admin/auth/group/add/"):
        page.goto(path)
        assert (brightness(background(page)) < 64) == (theme == "dark")
        keep(page, f"admin {path.strip('/').replace('/', ' ')} {theme}")
    page.get_by_role("link", name="Waiting").click()
    expect(page).to_have_url(re.compile(r"/admin/$"))
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are logged out")


def _hard_to_read(page: Page) -> list[Any]:
    found: Any = Axe().run(page, options={"runOnly": {"type": "tag", "values": STRICT}, "preload": False}).response
    assert found["passes"], "nothing was checked"
    serious = [each for each in found["violations"] if each["impact"] in SERIOUS]
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in serious]
