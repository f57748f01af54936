"""The list of offers and the editor in a browser. The numbers are those of the statements about the desk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.web import catalogue
from tests.web.browsers import NARROW, WIDE, Visitor
from tests.web.conftest import PATIENCE_MILLISECONDS
from tests.web.desk import Desk, log_in, serving_desk
from tests.web.test_everywhere import STRICT

Json = Any
Theme = Literal["light", "dark"]

LIST = "/admin/offers/"
UNIT = "usd_per_million_tokens"
END_OVERRIDES = (
    "from datetime import timedelta; from django.utils import timezone; from catalog.curation import overrides; "
    "overrides.end_expired(now=timezone.now() + timedelta(minutes=2))"
)
"""What the task does each minute, with a clock that is two minutes ahead."""


@pytest.fixture(scope="module")
def desk(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with serving_desk(folder, tmp_path_factory.mktemp("desk")) as found:
        yield found


@pytest.fixture
def visitor(browser: Browser, desk: Desk) -> Iterator[Visitor]:
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    found = Visitor(browser, desk.address)
    yield found
    found.close()
    assert found.unexpected == []


def find(page: Page, model_id: str, *, gateway: str = "openrouter") -> None:
    """Open the editor of an offer from the list."""
    page.goto(f"{LIST}?gateway={gateway}&q={model_id.rpartition('/')[2]}")
    page.get_by_role("row").filter(has=page.get_by_text(model_id, exact=True)).get_by_role("link").first.click()
    expect(page.get_by_role("button", name="Show what changes")).to_be_visible()


def type_price(page: Page, amount: str, *, label: str = "Input", unit: str = UNIT) -> None:
    page.get_by_role("textbox", name=label, exact=True).fill(amount)
    page.get_by_label(f"Unit of {label}", exact=True).select_option(unit)


def show(page: Page, reason: str = "the invoice says so") -> None:
    page.get_by_label("Reason, required").fill(reason)
    page.get_by_role("button", name="Show what changes").click()


def document(page: Page, model_id: str) -> str:
    """Return the document of an offer as the API sends it."""
    body = page.request.get(f"/catalog/models/{model_id}?gateway=openrouter").text()
    found, end = json.JSONDecoder().raw_decode(body, begin := len('{"data":'))
    assert found["id"] == model_id
    return body[begin:end]


def test_2_and_4_a_price_is_found_previewed_saved_and_served_byte_for_byte(visitor: Visitor) -> None:
    page = log_in(visitor, "curator", LIST)
    page.get_by_role("searchbox").fill("deepseek-r1")
    page.get_by_role("button", name="Search").click()
    page.locator("[name=gateway][value=openrouter]").check()
    expect(page.get_by_role("link", name="Remove gateway: OpenRouter")).to_be_visible()
    find(page, catalogue.MOVING)

    type_price(page, "0.77")
    page.locator("[name=tags_add]").fill("hot")
    show(page)

    expect(page.get_by_role("cell", name="0.77").first).to_be_visible()
    expect(page.get_by_role("cell", name="0.00000077").first).to_be_visible()
    page.get_by_text("The whole document after it").click()
    after = page.locator("#after").inner_text()
    before = document(page, catalogue.MOVING)
    assert before != after, "a preview changes nothing"
    page.get_by_role("button", name="Save 2 changes").click()

    expect(page.get_by_text(re.compile(r"2 changes saved in revision \d+\."))).to_be_visible()
    page.goto(f"{LIST}?curated=true&q=deepseek-r1")  # it waits for the curator's own revision
    row = page.get_by_role("row").filter(has=page.get_by_text(catalogue.MOVING, exact=True))
    expect(row).to_contain_text("curated")
    expect(row).to_contain_text("0.77")
    assert document(page, catalogue.MOVING) == after


def test_3_what_makes_no_sense_is_refused_beside_its_field(visitor: Visitor) -> None:
    visitor.expected += ["400"]
    page = log_in(visitor, "curator", LIST)
    find(page, catalogue.FALLEN)
    address = page.url

    type_price(page, "0.5")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.locator("#error-reason")).to_have_text("a reason is required, as text")
    expect(page.get_by_role("textbox", name="Input", exact=True)).to_have_value("0.5")

    type_price(page, "0.5", unit="")
    show(page)
    expect(page.locator("#e-prompt")).to_contain_text("needs a unit")

    type_price(page, "1e-5")
    show(page)
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.locator("#m-prompt")).to_have_text("Please confirm this change.")

    page.goto(address)
    expect(page.get_by_text("No curator has changed this offer.")).to_be_visible()


def test_6_an_override_with_an_end_ends_by_the_task_and_is_announced(visitor: Visitor, desk: Desk) -> None:
    page = log_in(visitor, "curator", LIST)
    find(page, "deepseek/deepseek-v3.1-terminus")
    before = document(page, "deepseek/deepseek-v3.1-terminus")
    soon = datetime.now(UTC) + timedelta(seconds=65)
    page.get_by_role("textbox", name="Context, tokens").fill("12345")
    page.get_by_label("Until, UTC").fill(f"{soon:%Y-%m-%dT%H:%M}")
    show(page)
    page.get_by_role("button", name="Save 1 change").click()
    expect(page.get_by_text("Ends ")).to_be_visible()

    desk.manage("shell", "-c", END_OVERRIDES)

    page.reload()
    audit = page.get_by_role("region", name="Audit")
    expect(audit.get_by_text("expiry")).to_be_visible()
    expect(page.get_by_text("Ends ")).to_have_count(0)
    page.goto(LIST)
    expect(page.get_by_text("This list is behind")).to_have_count(0)
    changes = page.request.get("/catalog/models/deepseek/deepseek-v3.1-terminus/history?gateway=openrouter").text()
    assert '"context_length":12345' in changes
    assert _soon(lambda: document(page, "deepseek/deepseek-v3.1-terminus") == before, page)


def _soon(is_so: Any, page: Page) -> bool:
    for _ in range(100):
        if is_so():
            return True
        page.wait_for_timeout(50)
    return False


def test_11_two_curators_at_once_see_each_other_s_values_and_other_fields_merge(visitor: Visitor) -> None:
    visitor.expected += ["409"]
    anna, ben = log_in(visitor, "curator", LIST), log_in(visitor, "ben", LIST)
    for page in (anna, ben):
        find(page, "deepseek/deepseek-chat-v3-0324")
    for page, amount in ((anna, "0.31"), (ben, "0.32")):
        type_price(page, amount)
    ben.get_by_role("textbox", name="Name", exact=True).fill("Ben's name")
    show(anna, "anna's invoice")
    anna.get_by_role("button", name="Save 1 change").click()
    expect(anna.get_by_text("1 change saved")).to_be_visible()

    show(ben, "ben's invoice")

    table = ben.get_by_role("table")
    for value in ("0.32 US$ per 1M tokens", "0.31 US$ per 1M tokens"):
        expect(table.get_by_text(value)).to_be_visible()
    expect(ben.get_by_role("button", name="Leave theirs, save 1 other change")).to_be_visible()
    ben.get_by_role("button", name="Save mine over curator").click()
    expect(ben.get_by_text("2 changes saved")).to_be_visible()

    anna.locator("[name=tags_add]").fill("anna")
    show(anna, "tags")
    anna.get_by_role("button", name="Save 1 change").click()
    expect(anna.get_by_text("ben changed name and input meanwhile: both changes stand.")).to_be_visible()
    expect(anna.get_by_role("textbox", name="Input", exact=True)).to_have_value("0.32")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_20_the_pages_fit_are_readable_and_show_markup_as_text(visitor: Visitor, width: int, theme: Theme) -> None:
    page = log_in(visitor, "curator", f"{LIST}?q=gatewayz-tests", width=width, theme=theme)
    check(page, width)
    page.get_by_role("row").filter(has=page.get_by_text(catalogue.HOSTILE, exact=True)).get_by_role(
        "link"
    ).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>alert(1)</script>")
    check(page, width)
    page.get_by_text("more prices that").click()
    page.get_by_role("textbox", name="Name", exact=True).fill(catalogue.MARKUP.replace("\u202e", ""))
    type_price(page, "90")
    show(page, catalogue.MARKUP.replace("\u202e", ""))
    expect(page.get_by_role("button", name="Save 2 changes")).to_be_visible()
    check(page, width)


def test_20_without_scripts_the_list_and_the_editor_do_the_same(visitor: Visitor) -> None:
    page = log_in(visitor, "curator", f"{LIST}?q=gatewayz-tests", javascript=False)
    page.get_by_label("curated", exact=True).check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("No offer matches.")).to_be_visible()
    find(page, catalogue.TINY)
    page.get_by_label("yes, featured").check()
    show(page)
    page.get_by_role("button", name="Save 1 change").click()
    expect(page.get_by_text("1 change saved")).to_be_visible()
    page.get_by_text("clear it").click()
    show(page)
    page.get_by_role("button", name="Save 1 change").click()
    expect(page.get_by_label("yes, featured")).not_to_be_checked()


def check(page: Page, width: int) -> None:
    """Nothing is wider than the window, and axe finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page, options={"preload": False, "runOnly": {"type": "tag", "values": STRICT}})
    assert found.response["violations"] == [], found.generate_report()
