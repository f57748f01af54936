"""`GET /catalog/models/{id}`: one id, slashes and all, with every offer under it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from tests.catalog.api.reading import problem_of, read
from tests.factories import offer_record, served_row, snapshot_of

Json = Any


def test_every_listed_id_is_reachable_and_shows_the_row_of_the_list(client: Client, catalogue: Snapshot) -> None:
    rows = read(client, "/catalog/models")["data"]

    for row in rows:
        detail = read(client, f"/catalog/models/{row['id']}")
        assert detail["data"] == row
        assert detail["offers"] == [row]
    assert detail.keys() == {"data", "offers", "revision", "timestamp"}


@pytest.mark.parametrize(
    "spelling", ["deepseek-ai/DeepSeek-R1", "deepseek-ai%2FDeepSeek-R1", "deepseek-ai%2fDeepSeek-R1"]
)
def test_a_slash_of_an_id_may_be_encoded(client: Client, catalogue: Snapshot, spelling: str) -> None:
    assert read(client, f"/catalog/models/{spelling}")["data"]["id"] == "deepseek-ai/DeepSeek-R1"


@pytest.mark.parametrize(
    "model_id", ["@host/maker/model", "maker/model:free", "ünïcode/模型", "a b/c+d%e?f#g", "~x/y;z=1"]
)
def test_an_id_may_have_whatever_an_address_can_encode(
    client: Client, monkeypatch: pytest.MonkeyPatch, model_id: str
) -> None:
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(served_row(offer_record(model_id))))

    assert read(client, f"/catalog/models/{quote(model_id)}")["data"]["id"] == model_id
    assert read(client, f"/catalog/models/{quote(model_id, safe='')}")["data"]["id"] == model_id


def test_an_id_of_several_gateways_shows_all_its_offers_and_the_first_as_the_model(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [served_row(offer_record("maker/same"), gateway=gateway) for gateway in ("openrouter", "chutes")]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*rows))

    anywhere = read(client, "/catalog/models/maker/same")
    at_chutes = read(client, "/catalog/models/maker/same?gateway=chutes")

    assert [offer["source_gateway"] for offer in anywhere["offers"]] == ["chutes", "openrouter"]
    assert anywhere["data"] == anywhere["offers"][0]
    assert [offer["source_gateway"] for offer in at_chutes["offers"]] == ["chutes"]


def test_an_id_that_only_another_gateway_has_is_not_found_at_this_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        following.FOLLOWER, "snapshot", snapshot_of(served_row(offer_record("maker/other"), gateway="openrouter"))
    )

    problem = problem_of(client.get("/catalog/models/maker/other?gateway=chutes"), status=404)

    assert problem["detail"] == (
        "There is no model of this id at Chutes.ai; /catalog/resolve?id=maker/other looks it up by any name."
    )
    assert read(client, "/catalog/models/maker/other")["data"]["source_gateway"] == "openrouter"


@pytest.mark.parametrize(
    "path",
    [
        "deepseek-ai/deepseek-r1",
        "deepseek-ai/DeepSeek-R1/",
        "deepseek-ai//DeepSeek-R1",
        "DeepSeek-R1",
        "/",
        "%00",
        "deepseek-ai/DeepSeek-R1%00",
        "%0A",
        "..%2F..%2Fetc%2Fpasswd",
        "%ED%A0%80",
        "%zz",
        "x" * 60_000,
        "a/" * 30_000,
    ],
    ids=lambda path: path[:30],
)
def test_an_id_that_nobody_has_is_not_found(client: Client, catalogue: Snapshot, path: str) -> None:
    problem = problem_of(client.get(f"/catalog/models/{path}"), status=404)

    assert problem["title"] == "Not found"
    assert problem["type"] == "/docs/problems/not-found"


@settings(
    deadline=None,  # the first request of a process builds the middleware
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # no request changes what is served
)
@given(path=st.binary(min_size=1, max_size=40))
@example(path=b"\xed\xa0\x80")
@example(path=b"maker/model")
@example(path=b"\x00\n\r")
def test_any_bytes_for_an_id_are_found_or_not_found(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: bytes
) -> None:
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(served_row(offer_record())))

    response = client.generic("GET", "/", PATH_INFO="/catalog/models/" + path.decode("latin-1"))

    if path.strip(b"/") != b"":
        assert response.status_code in {200, 404}
    if response.status_code != 200:
        problem_of(response, status=404)
