"""The first page: the list of models, its search, its filters and its order."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.clients.service import ask
from tests.web import catalogue
from tests.web.browsers import Visitor
from tests.web.reading import Document, Element, read

SEARCH = "Search models, makers and ids"


def test_01_the_first_screen_has_the_sentence_six_ways_in_and_the_table(visitor: Visitor, address: str) -> None:
    page = visitor.opens("/")
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    expect(page.get_by_text(re.compile(r"[\d,]+ models in [\d,]+ offers at 4 gateways"))).to_be_in_viewport()
    expect(page.locator(".intent")).to_have_count(6)
    for intent in page.locator(".intent").all():
        expect(intent).to_be_in_viewport()
    expect(rows_of(page).nth(2)).to_be_in_viewport()

    rows = list(rows_in(read(address, "/")))
    assert len(rows) >= 20
    assert any("DeepSeek" in row.text for row in rows)


def test_02_typing_finds_despite_mistakes_and_makes_one_entry_in_the_history(visitor: Visitor) -> None:
    page = visitor.opens("/")
    entries = page.evaluate("history.length")
    field = page.get_by_label(SEARCH)

    field.press_sequentially("deepsek r1", delay=30)

    expect(rows_of(page).first).to_contain_text("deepseek-ai/DeepSeek-R1")
    expect(page).to_have_url(re.compile(r"/\?q=deepsek\+r1$"))
    expect(field).to_be_focused()
    expect(field).to_have_value("deepsek r1")
    expect(page).to_have_title(re.compile("matching “deepsek r1”"))
    field.press("Tab")
    assert page.evaluate("history.length") == entries + 1
    page.go_back()
    expect(page).to_have_url(re.compile(r"/$"))
    expect(field).to_have_value("")
    expect(rows_of(page)).to_have_count(50)


def test_03_the_address_says_everything_that_was_chosen(visitor: Visitor) -> None:
    page = visitor.opens("/")
    choose(page, "gateway", "openrouter", chips=1)
    choose(page, "model_type", "LLM", chips=2)
    choose(page, "price", "free", chips=3)
    chosen = shown(page)
    assert chosen["chips"] == ["gateway OpenRouter", "kind chat", "price free"]
    assert chosen["clear"] == "clear 3"

    page.reload()
    assert shown(page) == chosen
    assert shown(visitor.opens(page.url)) == chosen


def test_03_a_filter_keeps_the_focus_and_asks_once(visitor: Visitor) -> None:
    page = visitor.opens("/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.resource_type == "fetch" else None)
    box = page.locator("#facets [name=gateway][value=chutes]")

    box.focus()
    page.keyboard.press("Space")

    expect(page.locator(".chip")).to_have_count(1)
    expect(box).to_be_focused()
    assert [urlsplit(url).query for url in asked] == ["gateway=chutes"]


def test_04_back_leads_to_the_same_list_at_the_same_place(visitor: Visitor) -> None:
    page = visitor.opens("/?context_length_min=32768")
    chosen = (("gateway", "openrouter"), ("model_type", "LLM"), ("price", "token"))
    for number, (name, value) in enumerate(chosen, 2):
        choose(page, name, value, chips=number)
    link = rows_of(page).nth(30).get_by_role("link")
    link.scroll_into_view_if_needed()
    before, place = shown(page), page.evaluate("scrollY")
    assert place > 500

    link.click()
    expect(page.get_by_role("heading", name="Where it is sold")).to_be_visible()
    page.go_back()

    expect(page.locator(".chip")).to_have_count(4)
    assert shown(page) == before
    assert abs(page.evaluate("scrollY") - place) <= 100
    for boxes in (2, 1, 0):
        page.go_back()
        expect(page.locator(".chip")).to_have_count(boxes + 1)
        expect(page.locator("#facets input:checked")).to_have_count(boxes)
    assert urlsplit(page.url).query == "context_length_min=32768"
    # What acts on the page still does, although its parts were replaced.
    page.get_by_role("button", name="Theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_05_parameters_without_a_meaning_are_redirected_away(address: str) -> None:
    found = ask(address, "/?q=&gateway=&fbclid=x")
    assert (found.status, found.headers["Location"]) == (302, "/")
    found = ask(address, "/?utm_source=x&gateway=chutes&page=")
    assert (found.status, found.headers["Location"]) == (302, "/?gateway=chutes")


def test_05_a_wrong_value_is_answered_by_a_page_that_names_the_field(address: str) -> None:
    found = ask(address, "/?gateway=nope&price=free", Accept="application/json")
    assert found.status == 400
    assert found.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Document(found.body.decode())
    [field] = [each for each in page.all("input") if each.attributes["name"] == "gateway"]
    assert (field.attributes["value"], field.attributes["aria-invalid"]) == ("nope", "true")
    assert any(each.text.startswith("gateway must be ") for each in page.all("p"))
    [kept] = [each for each in page.all("input") if each.attributes.get("type") == "hidden"]
    assert (kept.attributes["name"], kept.attributes["value"]) == ("price", "free")


@pytest.mark.parametrize(
    "target",
    ["/", "/?q=gemma&gateway=openrouter", f"/models/{catalogue.MOVING_SLUG}", "/compare", "/makers", "/changes"],
)
def test_06_htmx_and_browsers_get_the_same_bytes(target: str, address: str) -> None:
    whole = ask(address, target)
    assert whole.status == 200
    assert ask(address, target, HX_Request="true", HX_Request_Type="full").body == whole.body
    assert "HX-Request" not in whole.headers.get("Vary", "")


def test_07_each_count_is_the_number_of_rows_that_it_leads_to(address: str) -> None:
    chance = random.Random(7)  # noqa: S311  a sample, no secret
    bases: list[dict[str, str]] = [
        {},
        {"q": "llama"},
        {"model_type": "LLM"},
        {"gateway": "portkey"},
        {"price": "token"},
    ]
    facets = [(base, *facet) for base in bases for facet in facets_of(address, {**base, "show": "offers"})]
    assert len(facets) > 100
    for base, name, value, count in chance.sample(facets, 30):
        led = {**base, name: value}
        assert total_of(address, {**led, "show": "offers"}) == count, (base, name, value)
        if name != "price" and "price" not in base:  # the API has other parameters for it
            api = ask(address, f"/catalog/models?{urlencode({**led, 'limit': 1})}").json
            assert api["total"] == count, (base, name, value)

    models = [(base, *facet) for base in bases for facet in facets_of(address, base)]
    for base, name, value, count in chance.sample(models, 30):
        assert total_of(address, {**base, name: value}) == count, (base, name, value)


@pytest.mark.parametrize("sort", ["prompt_price", "-prompt_price"])
def test_08_prices_are_in_order_and_unknown_ones_last_in_both_directions(sort: str, address: str) -> None:
    found: list[Decimal | None] = []
    for number in range(1, 100):
        page = read(address, f"/?{urlencode({'sort': sort, 'page': number})}")
        if not (rows := list(rows_in(page))):
            break
        found += [input_price(page, row) for row in rows]

    assert len(found) == total_of(address, {}) > 1_000
    known = [price for price in found if price is not None]
    assert None in found
    assert None not in found[: len(known)]
    assert known == sorted(known, reverse=sort.startswith("-"))
    assert known[0] != known[-1]


def test_08_headings_sort_by_keyboard_and_say_how(visitor: Visitor) -> None:
    page = visitor.opens("/?gateway=openrouter")
    heading = page.get_by_role("columnheader", name="Input", exact=True)
    expect(heading).not_to_have_attribute("aria-sort", re.compile("."))

    for order, sort in (("ascending", "prompt_price"), ("descending", "-prompt_price")):
        page.get_by_role("link", name="Context", exact=True).focus()
        page.keyboard.press("Tab")
        expect(heading.get_by_role("link")).to_be_focused()
        page.keyboard.press("Enter")
        expect(heading).to_have_attribute("aria-sort", order)
        assert dict(parse_qsl(urlsplit(page.url).query)) == {"gateway": "openrouter", "sort": sort}


# --- reading a list --------------------------------------------------------------------------------------------------
def rows_of(page: Page) -> Any:
    return page.locator(".models tbody tr")


def rows_in(page: Document) -> Iterator[Element]:
    """Yield the rows of the list, without those of other tables."""
    for row in page.all("tr", within=("tbody",)):
        if any(table.has("models") for table in row.ancestors):
            yield row


def choose(page: Page, name: str, value: str, *, chips: int) -> None:
    """Choose a filter, and wait until so many are chosen."""
    page.locator(f"#facets [name={name}][value={value}]").check()
    expect(page.locator(".chip")).to_have_count(chips)


def shown(page: Page) -> dict[str, Any]:
    """Return what a reader sees of a list."""
    return {
        "chips": [" ".join(text.split()) for text in page.locator(".chip").all_inner_texts()],
        "status": page.locator("#results [role=status]").inner_text(),
        "clear": page.locator("#clear").inner_text(),
        "facets": page.locator(".facet").all_inner_texts(),
        "checked": page.locator("#facets input:checked").evaluate_all("(all) => all.map((each) => each.value)"),
        "rows": rows_of(page).all_inner_texts(),
    }


def facets_of(address: str, asked: dict[str, str]) -> Iterator[tuple[str, str, int]]:
    """Yield the parameter, the value and the count of each facet, except those of parameters that are given."""
    page = read(address, f"/?{urlencode(asked)}")
    for label in page.all("label"):
        if label.has("facet"):
            [field] = (each for each in page.all("input") if label in each.ancestors)
            if field.attributes["name"] not in asked:
                count = re.fullmatch(r".*?([\d,]+)", label.text)
                assert count, label.text
                yield field.attributes["name"], field.attributes["value"], whole_number(count[1])


def total_of(address: str, asked: dict[str, str]) -> int:
    page = read(address, f"/?{urlencode(asked)}")
    status = next(each for each in page.all("p") if each.attributes.get("role") == "status")
    return whole_number(status.text.split()[0])


def whole_number(text: str) -> int:
    return int(text.replace(",", ""))


def input_price(page: Document, row: Element) -> Decimal | None:
    """Return the input price in a row of the list, per token; None if it is unknown."""
    cell = next((each for each in page.all("td") if row in each.ancestors and each.has("in")), None)
    if cell is None:
        return None
    figure = next((each for each in page.all("data") if cell in each.ancestors), None)
    if figure is None:
        return Decimal(0) if "free" in cell.text else None
    return Decimal(figure.attributes["value"])
