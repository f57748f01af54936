"""A 404 of a model names the address that looks the model up by any name."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from catalog.api.hints import RESOLVE, resolve_address
from catalog.memory import following
from catalog.parameters.kinds import LONGEST_VALUE
from tests.catalog.api.reading import problem_of, read
from tests.factories import offer_record, publish

ADDRESSES = [
    "/catalog/models/{}",
    "/catalog/models/{}/history",
    "/catalog/canonical/{}",
    "/v1/models/{}",
    "/api/v1/models/{}/endpoints",
    "/api/v1/model/{}",
]
over_all_addresses = pytest.mark.parametrize("address", ADDRESSES)


def hint_of(client: Client, address: str) -> str:
    """Return the address that the error names."""
    [found] = re.findall(r"/catalog/resolve\S+", problem_of(client.get(address), status=404)["detail"])
    return str(found)


@pytest.fixture
def gpt_4o(db: None) -> None:
    publish(offer_record("openai/gpt-4o", provider_slug="openai"), gateway="openrouter")  # not listed: without prices
    following.FOLLOWER.refresh()


# `/v1/models/{id}` answers what resolves, so its 404 never leads to a model.
@pytest.mark.parametrize("address", [address for address in ADDRESSES if not address.startswith("/v1/")])
def test_what_a_404_names_finds_the_model(client: Client, gpt_4o: None, address: str) -> None:
    hint = hint_of(client, address.format("gpt-4o"))

    assert hint == "/catalog/resolve?id=gpt-4o"
    assert read(client, hint)["data"]["canonical_model"] == "openai/gpt-4o"


@over_all_addresses
@pytest.mark.parametrize("asked", ["a b", "command-r+", "a&limit=1", "x?#%", "é/ü", "<b>'\"", "@x:y"])
def test_any_id_stays_one_parameter(client: Client, gpt_4o: None, address: str, asked: str) -> None:
    hint = hint_of(client, address.format(quote(asked, safe="/")))

    assert read(client, hint)["data"]["id"] == asked


@over_all_addresses
def test_an_id_that_is_too_long_is_not_repeated(client: Client, gpt_4o: None, address: str) -> None:
    assert hint_of(client, address.format("a" * LONGEST_VALUE)) == RESOLVE + "a" * LONGEST_VALUE
    for asked in ("a" * (LONGEST_VALUE + 1), quote("é" * 100)):
        assert hint_of(client, address.format(asked)) == RESOLVE


@given(st.text(max_size=400))
def test_an_address_has_the_whole_id_or_none(asked: str) -> None:
    address = resolve_address(asked)

    assert address.isascii()
    assert len(address) <= len(RESOLVE) + LONGEST_VALUE
    assert parse_qs(urlsplit(address).query).get("id", [""])[0] in {asked, ""}
    assert re.fullmatch(r"[A-Za-z0-9/._~?=%:@-]+", address)
