"""What pages say of offers: every kind of price in its words, and what gateways write as text."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from catalog.memory import following
from catalog.records import UnclearPrice
from tests.catalog.memory.fresh import nothing_served_yet
from tests.catalog.web.reading import read
from tests.factories import hourly, offer_record, per_token, publish

__all__ = ["nothing_served_yet"]


def test_a_model_that_nobody_sells_keeps_its_page(client: Client, db: None, nothing_served_yet: None) -> None:
    publish(offer_record("maker/model"), offer_record("maker/other"))
    publish(offer_record("maker/other"))
    following.FOLLOWER.refresh()
    answer = client.get("/models/maker/model")
    html = answer.content.decode()

    assert answer.status_code == 200
    assert "No gateway sells it since" in html
    assert "no longer sold" in html
    assert '<meta name="robots" content="noindex' in html


# --- every kind of price has its word --------------------------------------------------------------------------------
KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "free": ({"prices": per_token(prompt="0", completion="0"), "zero_is_free": True}, "free"),
    "unknown": ({"prices": ()}, "not published"),
    "hourly": ({"prices": (hourly("22"),)}, "22.00"),
    "dynamic": ({"prices": (), "is_dynamic": True}, "varies"),
    "tiny": ({"prices": per_token(prompt="0.0000000000375", completion="0.000000004")}, "0.0000375"),
    "unclear": ({"unclear": (UnclearPrice(meter="input.text", reason="r"),), "prices": ()}, "not published"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_price_is_said_in_words_on_list_model_and_compare(
    client: Client, db: None, nothing_served_yet: None, kind: str
) -> None:
    fields, word = KINDS[kind]
    publish(offer_record("maker/model", **fields))
    following.FOLLOWER.refresh()

    for path in ("/", "/models/maker/model", "/compare?ids=maker/model", "/?show=offers"):
        text = read(client, path).text
        assert word in text, path
        assert not re.search(r"\d[eE][-+]?\d|NaN|None|null|undefined", text), path


# --- upstream text is text -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model_id", ["m/a+b", "m/a&ids=x", "m/a%20b", "m/a#b", "m/a?b"])
def test_every_link_of_a_model_with_signs_in_its_id_leads_to_that_model(
    client: Client, db: None, nothing_served_yet: None, model_id: str
) -> None:
    publish(offer_record(model_id))
    following.FOLLOWER.refresh()
    [path] = set(re.findall(r'href="(/models/[^"]+)"', client.get("/").content.decode()))

    html = unescape(client.get(unescape(path)).content.decode())

    links = re.findall(r'href="(/(?:compare\?|catalog/(?:canonical|models|changes)[/.])[^"]+)"', html)
    assert len(links) >= 4
    for link in links:
        answer = client.get(link)
        assert answer.status_code == 200, link
        expected = path.removeprefix("/models/") if link.startswith("/compare") else model_id
        assert expected in unescape(answer.content.decode()), link


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e</script>\x01&#x2f;{{7*1911}}'


@pytest.mark.parametrize(
    "path", ["/", "/models/m/x", "/compare?ids=m/x", "/makers", "/makers/m", "/changes", "/llms.txt"]
)
def test_markup_in_upstream_fields_stays_text(client: Client, db: None, nothing_served_yet: None, path: str) -> None:
    record = offer_record(
        "m/x",
        name=HOSTILE[:120],
        description=HOSTILE + "x" * 10_000,
        provider_slug="m",
        host=HOSTILE[:60],
        quantization=HOSTILE[:60],
        hugging_face_id="a/b",
        supported_parameters=(HOSTILE[:40], "tools"),
        tags=(HOSTILE[:40],),
        prices=per_token(prompt="0.000001", completion="0.000002"),
    )
    publish(record)
    following.FOLLOWER.refresh()
    html = client.get(path).content.decode()

    assert not re.search(r"<script>|<img src=x|onerror=alert\(1\)>|13377", html)
    for href in re.findall(r'(?:href|action|src)="([^"]*)"', html):
        assert unescape(href).startswith(("/", "#", "http://", "https://")), href
    for json_ld in re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL):
        assert "<" not in json_ld
