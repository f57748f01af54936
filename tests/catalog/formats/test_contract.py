"""What holds for every format. A new one is collected by itself.

No test here may use a database: pytest-django makes each query an error, so none is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from catalog.formats.contract import ID, Format, Route
from catalog.formats.registry import FORMATS
from catalog.memory import derived, following
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from front.counts import Source
from tests.catalog.api.reading import problem_of
from tests.catalog.formats import golden
from tests.catalog.formats.offers import AWKWARD, UNCERTAIN, golden_snapshot
from tests.catalog.formats.routes import ROUTES, query_of
from tests.catalog.memory import generated
from tests.factories import snapshot_of
from tests.front.web import Web

Json = Any

pytestmark = pytest.mark.usefixtures("one_connection")
DOCUMENT: Json = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
each_format = pytest.mark.parametrize("of", FORMATS.values(), ids=FORMATS)
each_route = pytest.mark.parametrize(
    ("of", "route"), ROUTES, ids=[f"{of.slug} {route.operation_id}" for of, route in ROUTES]
)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    found = golden_snapshot()
    monkeypatch.setattr(following.FOLLOWER, "snapshot", found)
    return found


def answer(of: Format, route: Route, served: Snapshot) -> bytes | None:
    """Return what the route answers about the first id of the format; None if it takes an id and there is none."""
    ids = of.ids(served)
    if ID in route.path and not ids:
        return None
    body = of.answer(route, served, query_of(route, id=ids[0] if ID in route.path else ""))
    assert body is not None
    return body


def leaves(value: Json) -> Iterator[Json]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def is_zero(value: Json) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"0+(\.0*)?", value))
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value == 0


# --- what is shown ---------------------------------------------------------------------------------------------------


@each_format
def test_the_answers_are_those_of_the_golden_file(of: Format) -> None:
    assert golden.answers(of) == golden.read(of.slug)


@pytest.mark.parametrize("kind", UNCERTAIN)
@each_route
def test_a_price_that_is_not_certain_never_appears_as_0(of: Format, route: Route, kind: str) -> None:
    body = answer(of, route, snapshot_of(*UNCERTAIN[kind]))

    assert body is not None
    assert not any(map(is_zero, leaves(json.loads(body, parse_float=Decimal))))


@each_route
def test_the_text_of_gateways_is_shown_as_it_is(of: Format, route: Route) -> None:
    body = answer(of, route, golden_snapshot())

    assert body is not None
    texts = [text for text in leaves(json.loads(body)) if isinstance(text, str)]
    assert all(text == AWKWARD for text in texts if "Größe" in text or "ROCKET" in text)


@each_format
def test_every_id_of_the_format_is_answered_by_its_routes_and_others_are_not(of: Format) -> None:
    served = golden_snapshot()
    routes = [route for route in of.routes if ID in route.path]

    assert bool(of.ids(served)) == bool(routes)
    for route in routes:
        assert all(of.answer(route, served, query_of(route, id=model_id)) for model_id in of.ids(served))
        assert of.answer(route, served, query_of(route, id="acme/nothing")) is None


# --- equal bytes -----------------------------------------------------------------------------------------------------


@each_route
def test_the_same_snapshot_gives_the_same_bytes(of: Format, route: Route) -> None:
    first, second = golden_snapshot(), golden_snapshot()

    assert answer(of, route, first) == answer(of, route, first) == answer(of, route, second)


@each_route
@given(st.lists(generated.catalogues(), min_size=2, max_size=3))
def test_a_snapshot_that_follows_another_gives_the_bytes_of_a_new_one(
    of: Format, route: Route, changes: Sequence[Sequence[Row]]
) -> None:
    first, *others = changes
    served = snapshot_of(*first)
    answer(of, route, served)
    for rows in others:
        following = replace(served, index=served.index.with_rows(rows))
        derived.carry_on(served, following)
        served = following

        assert answer(of, route, served) == answer(of, route, replace(served))


# --- how it is served ------------------------------------------------------------------------------------------------


@each_format
def test_every_address_is_served_from_the_response_cache_and_counts_against_the_limits(
    of: Format, served: Snapshot, settings: Any
) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 1_000_000
    web = Web()
    for route, query, _ in golden.requests(of):
        for address in (address.replace(ID, query.id) for address in route.addresses):
            first, second = (web.ask(address) for _ in range(2))

            assert first.status == "200 OK"
            assert first["Content-Type"] == route.media_type
            assert first.body == of.answer(route, served, query)
            assert second.lasting == first.lasting
            assert web.asked_django == []
            assert web.counts.requests[Source.HIT, "200"] > 0
            wrong_key = web.ask(address, HTTP_X_API_KEY="gwz_unknown")
            assert wrong_key.status.startswith("503")  # keys are checked where limits hold; none has been read here


@each_route
def test_an_unknown_id_is_not_found(client: Client, served: Snapshot, of: Format, route: Route) -> None:
    for address in route.addresses:
        if ID in address:
            unknown = address.replace(ID, "acme/nothing")
            assert problem_of(client.get(f"{unknown}?bogus=1"), status=404)["detail"].startswith(
                f"{of.not_found} /catalog/resolve?id="
            )


@each_format
def test_unknown_parameters_are_ignored_and_named_and_do_not_fill_the_cache(of: Format, served: Snapshot) -> None:
    web = Web()
    asked: set[str] = set()
    for _, query, _ in golden.requests(of):
        plain, *others = (web.ask(query.path, text) for text in ("", "client_version=1", "b=&a=2&b=3"))
        unchanged = web.ask(query.path, "x=1", HTTP_IF_NONE_MATCH=str(plain["ETag"]))
        head = web.ask(query.path, "client_version=1", method="HEAD")

        assert plain["Gatewayz-Ignored"] is None
        assert [other["Gatewayz-Ignored"] for other in others] == ["client_version", "a, b"]
        assert all((other.status, other.body) == (plain.status, plain.body) for other in others)
        assert (unchanged.status, unchanged["Gatewayz-Ignored"]) == ("304 Not Modified", "x")
        assert (head.body, head["Gatewayz-Ignored"]) == (b"", "client_version")
        assert web.asked_django == []
        asked.add(query.path)
        assert web.counts.cached_answers == len(asked)


@each_format
def test_repeated_slashes_and_one_at_the_end_do_not_count(of: Format, served: Snapshot) -> None:
    web = Web()
    asked: set[str] = set()
    for _, query, _ in golden.requests(of):
        plain = web.ask(query.path)
        for spelling in (f"{query.path}/", f"/{query.path}", f"//{query.path.replace('/', '//')}//"):
            assert web.ask(spelling).lasting == plain.lasting
        assert web.asked_django == []
        asked.add(query.path)
        assert web.counts.cached_answers == len(asked)


@pytest.mark.parametrize("path", ["/catalog/gateways/bogus/", "//catalog/models", "/catalog//models", "//admin/"])
def test_other_addresses_are_as_strict_as_before(served: Snapshot, path: str) -> None:
    web = Web()

    assert web.ask(path).status.startswith("404")
    assert web.asked_django == [path]
    assert web.ask("/catalog/models", "client_version=1").status.startswith("400")


@each_route
def test_the_openapi_document_has_the_route_and_the_answer_has_its_shape(of: Format, route: Route) -> None:
    operation = DOCUMENT["paths"][route.addresses[0]]["get"]
    shape = operation["responses"]["200"]["content"][route.media_type]["schema"]
    body = answer(of, route, golden_snapshot())

    assert body is not None
    assert operation["operationId"] == route.operation_id
    validator = Draft202012Validator(shape | {"components": DOCUMENT["components"]})
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(body))] == []


def test_formats_that_share_the_name_of_a_shape_share_the_shape() -> None:
    shapes = [shape for of in FORMATS.values() for shape in of.shapes.items()]

    assert all(shape == DOCUMENT["components"]["schemas"][name] for name, shape in shapes)


# --- how it is documented --------------------------------------------------------------------------------------------


@each_format
def test_the_module_the_golden_file_and_the_page_have_the_name_of_the_format(of: Format, client: Client) -> None:
    page = client.get(f"/docs/formats/{of.slug}")

    assert type(of).__module__ == f"catalog.formats.{of.slug}"
    assert page.status_code == 200
    assert of.name in re.search(r"<h1[^>]*>(.*?)</h1>", page.content.decode())[1]  # type: ignore[index]  # a page without a heading fails


@each_route
def test_the_page_and_the_index_of_formats_name_every_address(of: Format, route: Route) -> None:
    index = (settings.DOCS_DIR / "api" / "drop-in.md").read_text("utf-8")
    page = (settings.DOCS_DIR / "formats" / f"{of.slug}.md").read_text("utf-8")

    assert f"](../formats/{of.slug}.md)" in index
    assert f"`{route.addresses[0]}`" in index
    assert route.addresses[0].replace(ID, "{id}") in page


def test_the_generated_tables_are_current() -> None:
    call_command("docs", check=True)
