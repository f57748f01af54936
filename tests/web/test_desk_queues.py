"""The queues of the desk in a browser: prices by keyboard, held runs, models that may be one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.clients.service import ROOT, ask
from tests.web.browsers import NARROW, WIDE, Visitor
from tests.web.desk import Desk, log_in, serving_desk
from tests.web.test_desk import _hard_to_read
from tests.web.test_everywhere import assert_focus_is_visible, background, brightness, keep

REVISION = "SELECT MAX(number) FROM catalog_revision"
WAITING = "SELECT COUNT(*) FROM catalog_pricehold WHERE state = 'open'"
HELD_RUN = "SELECT MAX(id) FROM catalog_syncrun WHERE outcome = 'held' AND seen > 0"
DECIDED = "SELECT COUNT(*) FROM catalog_curationitem WHERE subject_kind = 'run' AND field = 'outcome'"
PAGES = {
    "queues": "/admin/queues/",
    "held prices": "/admin/queues/prices/",
    "questions": "/admin/queues/questions/",
    "decided prices": "/admin/queues/prices/decided/",
    "held runs": "/admin/queues/runs/",
    "held run": "/admin/runs/{run}/",
    "runs": "/admin/runs/",
    "ambiguous": "/admin/queues/models/",
    "statements": "/admin/queues/models/statements/?offer=1",
}


@pytest.fixture(scope="module")
def desk(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with serving_desk(folder, tmp_path_factory.mktemp("queues")) as found:
        environment = found.environment | {"DJANGO_SETTINGS_MODULE": "gatewayz.settings"}
        command = [sys.executable, "-m", "tests.web.queues"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        yield found


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_20_the_queues_fit_and_are_easy_to_read(
    width: int, theme: Literal["light", "dark"], person: Visitor, desk: Desk
) -> None:
    page = log_in(person, "root", width=width, theme=theme)
    for name, path in PAGES.items():
        page.goto(path.format(run=desk.sql(HELD_RUN)))
        _open_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert brightness(background(page)) < 64 if theme == "dark" else brightness(background(page)) > 192
        page.evaluate("scrollTo(0, document.body.scrollHeight)")  # where the bar that decides covers nothing
        assert _hard_to_read(page) == [], path
        keep(page, f"desk {name} {width} {theme}")


def test_20_names_with_markup_are_text(person: Visitor, desk: Desk) -> None:
    page = log_in(person, "viewer", f"/admin/runs/{desk.sql(HELD_RUN)}/")
    _open_all(page)
    expect(page.get_by_text("<script>alert(1)").first).to_be_visible()

    page.goto("/admin/queues/prices/")
    expect(page.get_by_role("heading", level=2).get_by_text("<script>alert(1)")).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(0)  # a viewer decides nothing


def test_13_held_prices_are_decided_by_keyboard_in_one_revision(person: Visitor, desk: Desk) -> None:
    waiting, before = desk.sql(WAITING), desk.sql(REVISION)
    assert waiting >= 14
    page = log_in(person, "curator", "/admin/queues/prices/")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{waiting} held prices")
    button = page.locator("[data-decide]")

    page.keyboard.press("j")
    expect(page.locator("#row-1")).to_be_focused()
    assert_focus_is_visible(page)
    page.keyboard.press("r")
    for key in "jrjdjdk":
        page.keyboard.press(key)
    expect(page.locator("#row-3")).to_be_focused()
    expect(button).to_have_text("Release 2 and discard 2")
    page.keyboard.press("d")  # the same key again takes the mark off
    expect(button).to_have_text("Release 2 and discard 1")
    page.keyboard.press("d")
    for number in range(5, 15):
        page.locator(f"#row-{number}").get_by_role("radio", name="Release").check()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("the invoices say so: j k r d")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_have_text(
        f"14 held prices decided in revision {before + 1}: 12 released and 2 discarded."
    )
    assert desk.sql(REVISION) == before + 1
    assert desk.sql(WAITING) == waiting - 14
    assert desk.sql("SELECT count FROM catalog_curationaction ORDER BY number DESC LIMIT 1") == 14


def test_13_held_prices_are_decided_without_javascript(person: Visitor, desk: Desk) -> None:
    waiting = desk.sql(WAITING)
    page = log_in(person, "operator", "/admin/queues/prices/", javascript=False)

    page.get_by_role("radio", name="Discard").first.check()
    page.get_by_role("button", name="Decide the marked prices").click()

    expect(page.get_by_role("status").first).to_contain_text("1 held price decided in revision")
    assert desk.sql(WAITING) == waiting - 1


def test_13_a_price_that_somebody_else_decided_is_named(person: Visitor, desk: Desk) -> None:
    person.expected += ["409"]
    page, other = (log_in(person, name, "/admin/queues/prices/") for name in ("curator", "operator"))
    for each in (page, other):
        each.locator("#row-1").get_by_role("radio", name="Release").check()
    page.locator("#row-2").get_by_role("radio", name="Discard").check()
    other.get_by_role("button", name="Release 1").click()
    expect(other.get_by_role("status").first).to_contain_text("1 held price decided")

    page.get_by_role("button", name="Release 1 and discard 1").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("1 price was decided in the meantime.")
    expect(page.get_by_text("by operator")).to_be_visible()
    page.get_by_role("button", name="Decide the other 1").click()
    expect(page.get_by_role("status").first).to_contain_text("1 held price decided in revision")


def test_12_a_held_run_shows_its_difference_and_is_released_with_a_reason_once(person: Visitor, desk: Desk) -> None:
    person.expected += ["409"]
    run, before = desk.sql(HELD_RUN), desk.sql(REVISION)
    late = log_in(person, "root", f"/admin/runs/{run}/")
    page = log_in(person, "operator", "/admin/queues/runs/")
    page.locator(f"[aria-labelledby=run-{run}]").get_by_role("link", name="Look at what would change").click()
    for kind in ("Missing", "New", "Changed prices", "Other changes"):
        expect(page.locator("summary", has_text=re.compile(rf"^{kind}: \d+\."))).to_be_visible()
    expect(page.get_by_text("GUARD_MISSING_PERCENT")).to_be_visible()
    decided = desk.sql(DECIDED)

    page.get_by_label("Reason").fill("they closed these models")
    page.get_by_role("button", name="Release and publish").click()
    said = f"Run {run} of OpenRouter is released, in revision {before + 1}."
    expect(page.get_by_role("status").first).to_have_text(said)
    page.goto(f"/admin/runs/{run}/")
    expect(page.get_by_text("operator released it on")).to_be_visible()

    late.get_by_label("Reason").fill("I say so too")
    late.get_by_role("button", name="Discard this run").click()
    expect(late.get_by_role("heading", level=1)).to_have_text(f"Run {run} of OpenRouter was decided in the meantime.")
    expect(late.get_by_text("they closed these models")).to_be_visible()
    assert desk.sql(REVISION) == before + 1
    assert desk.sql(DECIDED) == decided + 1


def test_12_a_held_run_is_discarded_with_a_reason(person: Visitor, desk: Desk) -> None:
    before = desk.sql(REVISION)
    page = log_in(person, "operator", "/admin/queues/runs/")
    page.get_by_role("link", name="Look at what would change").first.click()
    page.get_by_label("Reason").fill("an outage")
    page.get_by_role("button", name="Discard this run").click()

    expect(page.get_by_role("status").first).to_contain_text("is discarded. The next run is judged again.")
    assert desk.sql(REVISION) == before


def test_14_two_models_become_one_and_two_again(person: Visitor, desk: Desk) -> None:
    page = log_in(person, "curator", "/admin/queues/models/")
    pair = page.locator("main .band").first
    one, other = pair.get_by_role("heading", level=3).all_inner_texts()
    offer = pair.locator(".both-models section").first.locator(".id").first.inner_text()
    assert _canonical(desk, offer) == {one}

    pair.get_by_label("Reason").fill("the same card")
    pair.get_by_role("button", name=f"{one} and {other} are one model").click()
    expect(page.get_by_role("status").first).to_have_text(f"{one} is {other} from now on.")
    assert _canonical(desk, offer) == {other}

    page.goto("/admin/queues/models/statements/")
    page.get_by_role("button", name=f"Withdraw: {one} means {other}").click()
    expect(page.get_by_role("status").first).to_contain_text("The rules decide again.")
    assert _canonical(desk, offer) == {one}


def test_14_an_offer_is_split_from_its_model(person: Visitor, desk: Desk) -> None:
    page = log_in(person, "curator", "/admin/queues/models/")
    sold_by_two = page.locator(".both-models section").filter(has=page.locator("li:nth-child(2)"))
    row = sold_by_two.first.locator("li").first
    offer = row.locator(".id").inner_text()
    row.get_by_role("link", name="State").click()
    expect(page.get_by_label("Id of the offer")).to_have_value(offer)
    before = _canonical(desk, offer)

    page.get_by_label("Reason").fill("other weights")
    page.get_by_role("button", name="State and publish").click()
    expect(page.get_by_role("status").first).to_contain_text("Stated and published:")
    assert not _canonical(desk, offer) >= before
    page.get_by_role("button", name="Withdraw").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Withdrawn")
    assert _canonical(desk, offer) == before


def test_runs_are_filtered(person: Visitor, desk: Desk) -> None:
    page = log_in(person, "viewer", "/admin/runs/")
    page.get_by_label("Gateway", exact=True).select_option("portkey")
    page.get_by_label("Outcome").select_option("failed")
    page.get_by_role("button", name="Show").click()

    expect(page).to_have_url(re.compile("gateway=portkey&outcome=failed"))
    failed = desk.sql("SELECT COUNT(*) FROM catalog_syncrun WHERE outcome = 'failed'")
    expect(page.locator("tbody tr")).to_have_count(failed)
    page.get_by_role("link", name="Remove outcome: failed").click()
    expect(page).to_have_url(re.compile(r"\?gateway=portkey$"))


def _open_all(page: Page) -> None:
    closed = page.locator("main details:not([open]) > summary")
    while closed.count():
        closed.first.click()


def _canonical(desk: Desk, offer: str) -> set[str]:
    """Return the models of the offers with this id, as the API serves them in the newest revision."""
    wanted = f"q={quote(offer, safe='')}&limit=100&min_revision={desk.sql(REVISION)}"
    found: Any = ask(desk.address, f"/catalog/models?{wanted}").json
    return {each["canonical_model"] for each in found["data"] if each["id"] == offer}
