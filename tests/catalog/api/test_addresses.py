"""Where an address ends and an id begins: slashes, escapes, endings, and the names of actions within ids."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import Resolver404, resolve
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.permissions import AllowAny
from rest_framework.test import APIRequestFactory

from catalog.api.base import CatalogViewSet, ReadView, read
from catalog.api.routing import CatalogRouter, viewsets
from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, NotFound, Query
from catalog.routes import CatalogRoutes, declared_endpoint, routes
from front.answers import Answer
from tests.catalog.addresses import READS, Address
from tests.catalog.api.reading import problem_of
from tests.catalog.api.reading import read as read_json
from tests.factories import offer_record, publish

Json = Any

IDS = [
    "a/b",
    "a/history/b",
    "a%2Fb",
    "a%252Fb",
    "history",
    "a/b.json",
    "a/b/",
    "a//b",
    "/a",
    "a/endpoints",
    "%",
    "é b",
]


@pytest.fixture
def odd_ids(db: None) -> None:
    """Offers with ids that look like other addresses."""
    publish(*(offer_record(model_id) for model_id in IDS))
    following.FOLLOWER.refresh()


@pytest.mark.parametrize("model_id", IDS)
@pytest.mark.parametrize("safe", ["/", ""], ids=["slashes", "escaped slashes"])
def test_an_id_that_looks_like_another_address_is_an_id(
    client: Client, odd_ids: None, model_id: str, safe: str
) -> None:
    address = f"/catalog/models/{quote(model_id, safe=safe)}"

    assert read_json(client, address)["data"]["id"] == model_id
    assert read_json(client, f"{address}/history")["data"]["id"] == model_id


@pytest.mark.parametrize(
    ("path", "model_id"),
    [
        ("a/b/history", "a/b"),
        ("a/history/b/history", "a/history/b"),
        ("history/history", "history"),
        ("a%2Fb%2Fhistory", "a/b"),
        ("a%252Fb/history", "a%2Fb"),
    ],
)
def test_an_address_that_ends_with_history_is_never_an_id(
    client: Client, odd_ids: None, path: str, model_id: str
) -> None:
    assert read_json(client, f"/catalog/models/{path}")["data"].keys() >= {"id", "prices", "changes"}
    assert read_json(client, f"/catalog/models/{path}")["data"]["id"] == model_id


@pytest.mark.parametrize("path", ["a/b/history/", "a/b//", "/a/b", "a/b/.json", "a%2Fb.json/", "a/b%252Fhistory"])
def test_an_ending_that_no_id_has_is_part_of_an_id_that_does_not_exist(
    client: Client, odd_ids: None, path: str
) -> None:
    problem = problem_of(client.get(f"/catalog/models/{path}"), status=404)

    assert problem["detail"].startswith("There is no model of this id at any gateway;")


@pytest.mark.parametrize("address", READS, ids=lambda address: address.route)
def test_no_address_redirects_and_only_lists_have_a_second_one_with_a_slash(odd_ids: None, address: Address) -> None:
    if "<" in address.route or address.route.endswith("/"):
        return

    status = Client().get(f"{address.route}/?{address.query(model='a/b')}").status_code

    has_two = any(other.route == f"{address.route}/" for other in READS)
    assert status == (200 if has_two else 404)


def test_every_viewset_is_routed_and_the_longer_prefixes_come_first() -> None:
    registered = [viewset for _, viewset, _ in CatalogRouter().registry if issubclass(viewset, CatalogViewSet)]

    assert set(registered) == set(viewsets())
    prefixes = [viewset.prefix for viewset in registered]
    assert prefixes.index("catalog/sync/runs") < prefixes.index("catalog/sync")


# --- what the front asks ---------------------------------------------------------------------------------------------


def spelled_paths() -> st.SearchStrategy[str]:
    """Paths as a server has them, each character a byte."""
    parts = st.sampled_from(["a", "history", "a/b", "%2F", "%252F", "\n", "\xff", "", "x.json", "x.svg", "1", ".", "é"])
    beginnings = st.sampled_from([address.route.partition("<")[0] for address in READS])
    endings = st.sampled_from(["", "/", "//", "/history", "/endpoints", ".json", ".svg", "\n"])
    return st.builds(lambda *text: "".join(text), beginnings, parts, endings)


@given(spelled_paths() | st.binary(max_size=20).map(lambda raw: "/" + raw.decode("latin-1")))
def test_the_front_and_django_see_the_same_endpoint_in_every_path(path: str) -> None:
    try:
        routed = declared_endpoint(resolve(path).func)
    except Resolver404:
        routed = None

    resource = routes.resource(path)
    is_public = routed and (routed.is_cacheable or routed.stream or routed.probe)
    assert (resource.endpoint if resource is not None else None) is (routed if is_public else None)


def answer_nothing(snapshot: Snapshot, query: Query) -> Answer:
    if query.id == "missing":
        raise NotFound("There is nothing.")
    return Answer(200, (("Content-Type", "application/json"), ("Cache-Control", "public")), query.path.encode())


class Things(CatalogViewSet):
    prefix = "things"
    list = read(answer_nothing, summary="", responses=None)


class ThingsOfOne(Things):
    permission_classes = (AllowAny,)


@pytest.mark.parametrize(("viewset", "is_cached"), [(Things, True), (ThingsOfOne, False)])
def test_what_may_depend_on_who_asks_is_never_cached_whatever_is_declared(
    viewset: type[CatalogViewSet], is_cached: bool
) -> None:
    router = CatalogRouter()
    router.registry = [("things", viewset, "things")]

    found = CatalogRoutes(router.urls)

    assert (found.resource("/things") is not None) == is_cached
    assert (found.resource("/things/") is not None) == is_cached


@pytest.mark.parametrize("model_id", ["a/b", "missing"])
def test_an_endpoint_may_have_an_address_of_its_own(odd_ids: None, model_id: str) -> None:
    view = ReadView.as_view(endpoint=Endpoint(answer=answer_nothing))

    response = view(APIRequestFactory().get("/here"), model_id=model_id)

    assert response.status_code == (404 if model_id == "missing" else 200)
    assert model_id == "missing" or response.content == b"/here"
    assert declared_endpoint(view) is view.initkwargs["endpoint"]  # type: ignore[attr-defined]  # Django puts it there
