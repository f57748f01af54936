"""The page of a model: its offers, a workload's cost, how prices moved, and what a price is called."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.clients.service import ask
from tests.web import catalogue
from tests.web.browsers import Visitor
from tests.web.reading import Document, Element, read

Json = Any

MODEL = f"/models/{catalogue.MOVING_SLUG}"
WORKLOAD = {"input_tokens": 1_234_567, "output_tokens": 7_654_321, "cached_percent": 30}
PRICES = {
    "free": "free",
    "unknown": "not published",
    "dynamic": "varies",
    "hourly": "per hour",
    "held": "held",
}
"""The word on pages for each way in which a price is no figure of tokens."""


@pytest.mark.parametrize(
    "target",
    [
        "/?q=tiny+price",
        f"/models/{catalogue.TINY}",
        f"/compare?ids={catalogue.TINY},{catalogue.MOVING_SLUG}",
        "/?sort=prompt_price&price=token",
        "/",
    ],
)
def test_09_a_tiny_price_is_printed_with_all_its_digits(target: str, address: str) -> None:
    page = read(address, target)
    assert any(catalogue.TINY_PRICE in each.text.split() for each in page.all("td", "data"))


@pytest.mark.parametrize("price", PRICES)
def test_10_each_kind_of_price_has_its_own_words(price: str, address: str) -> None:
    target = "/?show=offers&q=deepseek-v3.2" if price == "held" else f"/?show=offers&price={price}"
    listed = read(address, target)
    row = next(each for each in listed.all("tr", within=("tbody",)) if PRICES[price] in words_of(listed, each))
    [link] = (each for each in listed.all("a", within=("th",)) if row in each.ancestors)
    assert found_words(words_of(listed, row)) == {PRICES[price]}

    page = read(address, link.attributes["href"])
    rows = [each for each in page.all("tr", within=("tbody",)) if any(table.has("offers") for table in each.ancestors)]
    assert any(PRICES[price] in words_of(page, each) for each in rows)


def test_11_the_copy_button_copies_the_id_and_says_so(visitor: Visitor) -> None:
    page = visitor.opens(MODEL, permissions=("clipboard-read", "clipboard-write"))
    offer_id = page.locator(".offers tbody code.id").nth(2).inner_text()
    page.get_by_role("button", name=f"Copy {offer_id}", exact=True).click()
    expect(page.locator("#said")).to_have_text(f"Copied {offer_id}")
    expect(page.locator("#said")).to_have_attribute("role", "status")
    assert page.evaluate("navigator.clipboard.readText()") == offer_id

    page.get_by_role("button", name="Copy the curl command").click()
    expect(page.locator("#said")).to_have_text("Copied the example")
    assert page.evaluate("navigator.clipboard.readText()").startswith("curl ")


def test_12_a_workload_costs_what_the_api_says_to_the_digit(visitor: Visitor, address: str) -> None:
    page = visitor.opens(MODEL)
    fill_workload(page)
    expect(page).to_have_url(f"{address}{MODEL}?{urlencode(WORKLOAD)}#offers")

    api = ask(address, f"/catalog/canonical/{catalogue.MOVING_SLUG}?{urlencode(WORKLOAD)}").json["data"]
    shown = [
        {"id": row.locator("code.id").inner_text(), "cost": cost_of(row.locator(".work data"))}
        for row in page.locator(".offers tbody tr").all()
    ]
    assert shown == [{"id": each["offer"]["id"], "cost": each["cost"]} for each in api["offers"]]
    assert len({each["cost"] for each in shown}) > 3
    assert shown[0]["id"] == api["cheapest"]["id"]
    least = page.locator(".offers tbody tr").first.locator(".work")
    expect(least).to_contain_text("least")
    assert least.locator("data").inner_text() == api["cheapest"]["cost"]


def test_13_the_chart_has_a_name_and_its_table_has_each_price_of_the_history(visitor: Visitor, address: str) -> None:
    page = visitor.opens(MODEL)
    chart = page.get_by_role("img", name="Input price, US$ per 1M tokens")
    expect(chart).to_be_visible()
    assert "OpenRouter: 1.40, then 1.05 from" in (chart.get_attribute("aria-label") or "")
    page.get_by_text("The same as a table").click()
    expect(page.locator("#prices")).to_be_visible()

    offers = ask(address, f"/catalog/canonical/{catalogue.MOVING_SLUG}").json["data"]["offers"]
    intervals = [
        (price["valid_from"], Decimal(price["amount"]))
        for each in offers
        for price in history_of(address, each["offer"])
        if price["meter"] == "input.text" and not price["conditions"]
    ]
    rows = page.locator("#prices tbody tr").all()
    drawn = [
        (row.locator("time").get_attribute("datetime"), Decimal(row.locator("data").get_attribute("value") or ""))
        for row in rows
    ]
    assert sorted(drawn) == sorted(intervals)
    assert len(drawn) >= 8
    # Each step of the price that moved is a stroke upwards or downwards.
    moves = page.locator(".chart line.a, .chart line.b, .chart line.c").evaluate_all(
        "(all) => all.filter((each) => each.getAttribute('y1') !== each.getAttribute('y2')).length"
    )
    assert moves == len(catalogue.AGO) - 1


def test_a_model_that_nobody_sells_any_more_keeps_its_page(address: str) -> None:
    moved = ask(address, f"/models/{catalogue.WITHDRAWN}")
    assert moved.status == 301
    page = read(address, moved.headers["Location"])
    assert any(each.text.startswith("No gateway sells it since ") for each in page.all("p"))
    [robots] = (each for each in page.all("meta") if each.attributes.get("name") == "robots")
    assert robots.attributes["content"] == "noindex, follow"


# --- reading a page --------------------------------------------------------------------------------------------------
def fill_workload(page: Page) -> None:
    page.get_by_label("Tokens in").fill(str(WORKLOAD["input_tokens"]))
    page.get_by_label("Tokens out").fill(str(WORKLOAD["output_tokens"]))
    page.get_by_label("Cached, %").fill(str(WORKLOAD["cached_percent"]))
    page.get_by_role("button", name="Calculate").click()


def cost_of(figure: Any) -> str | None:
    return figure.get_attribute("value") if figure.count() else None


def words_of(page: Document, row: Element) -> str:
    """Return the text of the cells of a row that say its price."""
    cells = [each for each in page.all("td") if row in each.ancestors and (each.has("num") or each.has("both"))]
    return " ".join(each.text for each in cells if not each.has("ctx") and not each.has("work"))


def found_words(text: str) -> set[str]:
    return {word for word in PRICES.values() if word in text}


def history_of(address: str, offer: Json) -> list[Json]:
    target = f"/catalog/models/{offer['id']}/history?{urlencode({'gateway': offer['source_gateway']})}"
    prices: list[Json] = ask(address, target).json["data"]["prices"]
    return prices
