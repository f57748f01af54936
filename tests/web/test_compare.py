"""Comparing models: choosing them on the list, what they cost, and where they differ."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from tests.clients.service import ask
from tests.web import catalogue
from tests.web.browsers import Visitor
from tests.web.reading import read

THREE = f"{catalogue.MOVING_SLUG},zai-org/GLM-4.6,{catalogue.HELD_SLUG}"
WORKLOAD = {"requests": 321, "input_tokens": 12_345, "output_tokens": 678, "cached_percent": 25}


def test_14_five_models_are_chosen_and_a_sixth_is_refused_with_words(visitor: Visitor) -> None:
    page = visitor.opens("/")
    boxes = page.locator(".pick input")
    expect(page.locator(".tray")).to_be_hidden()
    for number in range(5):
        boxes.nth(number).check()
        expect(page.locator("[data-chosen]")).to_have_text(f"{number + 1} chosen")
    expect(page.locator("#said")).to_have_text("5 chosen, no more can be compared")
    expect(boxes.nth(5)).to_be_disabled()
    chosen = [boxes.nth(number).get_attribute("value") for number in range(5)]
    expect(page.locator(".tray")).to_be_in_viewport()

    page.get_by_role("button", name="Compare 5 models").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 5 models")
    links = page.locator(".versus thead th > a:not(.copy)")
    assert [link.get_attribute("href") for link in links.all()] == [f"/models/{slug}" for slug in chosen]
    expect(page.locator(".versus .cost small.least")).to_have_text("least")

    # The service refuses a sixth too, in words.
    visitor.expected.append("400")
    page.get_by_label("Add a model").fill(catalogue.HELD_SLUG)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("5 models are compared at most")
    expect(page.locator(".versus thead th > a:not(.copy)")).to_have_count(5)


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_14_the_workload_and_only_what_differs_are_in_the_address(
    visitor: Visitor, address: str, *, javascript: bool
) -> None:
    page = visitor.opens(f"/compare?ids={THREE}", javascript=javascript)
    all_lines = page.locator(".versus tbody tr").count()
    for label, name in (
        ("Requests a month", "requests"),
        ("Tokens in, each", "input_tokens"),
        ("Tokens out, each", "output_tokens"),
        ("Cached, %", "cached_percent"),
    ):
        page.get_by_label(label).fill(str(WORKLOAD[name]))
    page.get_by_role("button", name="Calculate").click()
    expect(page).to_have_url(re.compile("requests=321"))

    asked = {
        "ids": THREE,
        "input_tokens": WORKLOAD["requests"] * WORKLOAD["input_tokens"],
        "output_tokens": WORKLOAD["requests"] * WORKLOAD["output_tokens"],
        "cached_percent": WORKLOAD["cached_percent"],
        "requests": WORKLOAD["requests"],
    }
    api = ask(address, f"/catalog/compare?{urlencode(asked)}").json["data"]["models"]
    figures = page.locator(".versus .cost data").all()
    assert [figure.get_attribute("value") for figure in figures] == [model["cost"]["least"] for model in api]
    assert figures[0].inner_text().replace(",", "") == api[0]["cost"]["least"]

    page.get_by_label("Only what differs").check()
    if not javascript:
        page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("differences=true"))
    given = parse_qs(urlsplit(page.url).query)
    assert {name: given[name] for name in WORKLOAD} == {name: [str(value)] for name, value in WORKLOAD.items()}
    assert given["ids"] == [THREE]
    expect(page.locator(".versus tbody th small")).to_have_count(0)
    assert 0 < page.locator(".versus tbody tr").count() < all_lines


def test_14_a_slug_means_its_own_model_although_another_one_has_the_name_too(address: str) -> None:
    slug = "google/gemini-2.5-pro-preview-03-25"
    resolved = ask(address, f"/catalog/resolve?id={slug}").json["data"]
    assert len(resolved["candidates"]) > 1
    page = read(address, f"/compare?ids={slug}")
    assert f"/models/{slug}" in [each.attributes["href"] for each in page.all("a", within=("thead",))]


def test_14_a_name_that_means_nothing_is_answered_with_names_near_it(visitor: Visitor) -> None:
    visitor.expected.append("400")
    page = visitor.opens(f"/compare?ids={catalogue.MOVING_SLUG}&add=GLM 4.6x")
    expect(page.get_by_role("alert")).to_contain_text("“GLM 4.6x” is the name of no model")
    expect(page.get_by_label("Add a model")).to_have_value("GLM 4.6x")
    expect(page.locator(".versus thead th > a:not(.copy)")).to_have_count(1)
