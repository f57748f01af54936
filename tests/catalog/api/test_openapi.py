"""The OpenAPI document: every answer is held against it, and every promise it makes about parameters is tried."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import pytest
from celery import current_app
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, FormatChecker
from pytest_django.fixtures import Settings
from rest_framework.serializers import BaseSerializer, Field, ListSerializer, Serializer

from access.models import ApiKey
from catalog import registry
from catalog.api.shapes.offers import OfferSerializer
from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.models import Gateway, GatewaySetting, Revision, SavedFilter, SyncRun
from catalog.parameters import views
from catalog.pricing.meters import METERS
from catalog.records import PriceRecord
from catalog.routes import declared_endpoint
from tests.catalog.addresses import declared
from tests.catalog.api.reading import Response, problem_of, read
from tests.catalog.syncing import sync, sync_rows
from tests.factories import offer_record, per_token, publish, token_priced_record
from tests.front.web import Web
from tests.policy import blocked

Json = Any

pytestmark = pytest.mark.usefixtures("one_connection")

DOCUMENT: Json = SchemaGenerator(urlconf="catalog.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
STREAM = "/catalog/changes/stream"
OPERATIONS = {
    (path, method): operation for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
}
PARAMETERS = [
    (path, parameter)
    for (path, _), operation in OPERATIONS.items()
    if path != STREAM
    for parameter in operation.get("parameters", ())
    if parameter["in"] == "query"
]
EXAMPLE_PATHS = {
    "model_id": "deepseek-ai/DeepSeek-R1",
    "slug": "deepseek-ai/DeepSeek-R1",
    "gateway": "chutes",
    "run_id": "1",
    "provider": "DeepSeek",
}
REQUIRED = {
    (path, parameter["name"]): "deepseek-ai/DeepSeek-R1" for path, parameter in PARAMETERS if parameter.get("required")
}
"""Parameters without which an address answers nothing; all of them name models."""
WORKLOAD = {"workload": {"input_tokens": 1_000_000, "hours": 1}, "uncosted_limit": 5}

ASKED_BESIDE = {("sort", "relevance"): {"q": "deepseek"}}
"""Other parameters that a value of a parameter requires."""
OF_THE_FRONT = {"401", "403", "429"}
"""Statuses of refusals before a request reaches Django, at every address with a limit."""
OF_SYNC = {path for path in DOCUMENT["paths"] if path.startswith("/catalog/sync/")}
"""Addresses that need a key: tried apart."""

POSTED = {
    # every answer to a body that the document promises, and a body that gets it; None is one in chunks
    ("/catalog/estimate", "200"): WORKLOAD,
    ("/catalog/estimate", "400"): {"workload": {}},
    ("/catalog/estimate", "411"): None,
    ("/catalog/estimate", "413"): {"workload": {}, "filters": {"provider": "x" * 70_000}},
    ("/catalog/estimate", "415"): "a=1",
}

ALONE = {("/catalog/changes", "410"): "/catalog/changes?since_revision=0"}
"""Requests for answers that only one address has."""
NEVER_GIVEN = {("/healthz", "503"), (STREAM, "200")}
"""An answer that drf-spectacular adds to every operation, and one without an end, which Django does not give."""
PROMISED = {
    (path, status)
    for (path, method), operation in OPERATIONS.items()
    for status in operation["responses"].keys() - OF_THE_FRONT
    if method == "get" and path not in OF_SYNC
} - NEVER_GIVEN
"""Every answer to a GET that the document promises."""
ANSWERED = sorted((path, status) for path, status in PROMISED if status != "503")
UNREADY = sorted(path for path, status in PROMISED if status == "503")
"""The addresses that cannot answer before any revision was read, while the database is down."""


SAVED = "cheap-tools"
"""The saved filter of the example of `view`."""
VIEW_NAMES = f"^{views.NAME}$"


@pytest.fixture
def catalogue(catalogue: Snapshot) -> Snapshot:
    """The catalogue with an offer billed by tokens: the addresses of other services' clients show nothing else."""
    record = token_priced_record(
        "deepseek/deepseek-r1", provider_slug="deepseek", hugging_face_id="deepseek-ai/DeepSeek-R1"
    )
    SavedFilter.objects.create(name=SAVED, title="Hot", expression="tags=hot")
    publish(record, gateway="openrouter")
    following.FOLLOWER.refresh()
    return following.FOLLOWER.current()


def formats() -> FormatChecker:
    """Those of jsonschema itself, and the two that it only checks with packages that we do not have."""
    checker = FormatChecker()
    checker.checks("date-time", raises=ValueError)(lambda text: not isinstance(text, str) or is_moment(text))
    checker.checks("uri")(lambda text: not isinstance(text, str) or bool(urlsplit(text).scheme))
    return checker


def is_moment(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None


def the_operation(path: str) -> Json:
    """Return the only operation of a path: none has both a GET and a POST."""
    [operation] = DOCUMENT["paths"][path].values()
    return operation


def complaints(path: str, response: Response) -> list[str]:
    """Return the differences between an answer and its schema in the document."""
    promised = the_operation(path)["responses"][str(response.status_code)]["content"]
    media_type = response["Content-Type"].partition(";")[0]
    schema = promised[media_type]["schema"] | {"components": DOCUMENT["components"]}
    validator = Draft202012Validator(schema, format_checker=formats())
    is_json = media_type.endswith(("/json", "+json"))
    answer = orjson.loads(response.content) if is_json else response.content.decode()
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]


def spelled(value: Json) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def query_names(path: str) -> list[str]:
    return [parameter["name"] for parameter in the_operation(path).get("parameters", ()) if parameter["in"] == "query"]


def parameters_of(path: str) -> list[tuple[str, Json]]:
    return [(parameter["name"], parameter["schema"]) for documented, parameter in PARAMETERS if documented == path]


def example_path(path: str) -> str:
    return path.format(**EXAMPLE_PATHS)


def example_address(path: str, **parameters: str) -> str:
    required = {name: example for (address, name), example in REQUIRED.items() if address == path}
    return f"{example_path(path)}?{urlencode(required | parameters)}"


def post(client: Client, path: str, body: Json) -> Response:
    if body is None:
        return client.generic("POST", path, HTTP_TRANSFER_ENCODING="chunked")
    media_type = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
    return client.post(path, body if isinstance(body, str) else orjson.dumps(body), content_type=media_type)


# --- the document ----------------------------------------------------------------------------------------------------


def test_the_document_is_openapi_3_1_and_its_schemas_are_json_schema_2020_12(client: Client) -> None:
    response = client.get("/catalog/schema")

    document = orjson.loads(response.content)
    assert response["Content-Type"] == "application/vnd.oai.openapi+json"
    assert document["openapi"] == "3.1.0"
    assert document["paths"].keys() >= DOCUMENT["paths"].keys(), "other apps add theirs"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert "nullable" not in response.content.decode()  # OpenAPI 3.0's word, which 3.1 ignores


def test_every_reference_in_the_document_leads_somewhere() -> None:
    references = set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', orjson.dumps(DOCUMENT).decode()))

    assert references <= DOCUMENT["components"]["schemas"].keys()


def parts_of(part: Json, place: str = "") -> Iterator[tuple[str, Json]]:
    """Yield each object of the document with its place."""
    if isinstance(part, dict):
        yield place, part
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, found in inner:
        yield from parts_of(found, f"{place}/{name}")


def test_no_two_values_of_an_enum_are_equal_without_case() -> None:
    """Generators make names of the values: `LLM` and `llm` would both be called `LLM`."""
    enums = {place: part["enum"] for place, part in parts_of(DOCUMENT) if isinstance(part.get("enum"), list)}

    assert len(enums) > 50
    assert {
        place for place, enum in enums.items() if len({str(value).casefold() for value in enum}) < len(enum)
    } == set()


def test_every_operation_is_described_and_in_a_described_group() -> None:
    groups = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}

    assert list(dict.fromkeys(tag for operation in OPERATIONS.values() for tag in operation["tags"])) == list(groups)
    assert all(map(str.strip, groups.values()))
    for place, operation in OPERATIONS.items():
        assert len(operation["description"]) > 30, place
        assert operation["description"] != operation["summary"], place
        assert all(response["description"].strip() for response in operation["responses"].values()), place
        assert operation.get("requestBody", {"required": True})["required"], place


def test_every_variable_of_a_path_has_a_description_and_an_example() -> None:
    variables = [
        (path, parameter)
        for (path, _), operation in OPERATIONS.items()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "path"
    ]

    assert {path for path, _ in variables} == {path for path in DOCUMENT["paths"] if "{" in path}
    for path, variable in variables:
        assert len(variable["description"]) > 10, path
        assert Draft202012Validator(variable["schema"]).is_valid(variable["example"]), path


def test_every_link_of_the_descriptions_leads_to_a_page(client: Client) -> None:
    texts = [part["description"] for _, part in parts_of(DOCUMENT) if isinstance(part.get("description"), str)]
    links = {link for text in texts for link in re.findall(r"\]\((/[^)#]*)", text)}

    assert len(links) > 12
    assert {link for link in links if client.get(link).status_code != 200} == set()


@pytest.mark.parametrize("name", ["Pricing", "Offer", "Problem", "ModelList", "Provider", "Gateway"])
def test_a_schema_says_which_fields_are_always_there(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]

    optional = schema["properties"].keys() - set(schema["required"])
    keys_of_prices = {meter.pricing_key for meter in METERS.values()}
    maybe_missing = {
        "Pricing": keys_of_prices - {"prompt", "completion"} | {"overrides"},
        "Problem": {"errors"},
        "ModelList": {"facets", "facet_sizes"},
    }
    assert optional == maybe_missing.get(name, set())


# --- answers ---------------------------------------------------------------------------------------------------------


def request_for(path: str, status: str) -> str:
    """Return a request that gets an answer of this status."""
    match status:
        case "400":
            # Formats ignore unknown parameters, and refuse wrong values of the others.
            names = [parameter["name"] for parameter in OPERATIONS[path, "get"].get("parameters", ())]
            wrong = "bogus=1&bogus=2" if path.startswith(("/catalog/", "/healthz", "/readyz")) else f"{names[-1]}="
            return f"{example_path(path)}?{wrong}"
        case "404":
            return path.format(**dict.fromkeys(EXAMPLE_PATHS, "nobody/nothing"))
    return ALONE.get((path, status)) or example_address(path)


def test_every_answer_to_a_body_is_tried() -> None:
    promised = {
        (path, status)
        for (path, method), operation in OPERATIONS.items()
        for status in operation["responses"].keys() - OF_THE_FRONT
        if method == "post" and path not in OF_SYNC
    }

    assert promised == POSTED.keys() | {("/catalog/estimate", "503")}


@pytest.mark.parametrize(("path", "status"), ANSWERED)
def test_an_answer_is_as_the_document_says(client: Client, catalogue: Snapshot, path: str, status: str) -> None:
    if status == "410":
        Revision.objects.update(is_forgotten=True)

    response = client.get(request_for(path, status))

    assert str(response.status_code) == status
    assert complaints(path, response) == []


@pytest.mark.parametrize(("path", "status"), POSTED)
def test_an_answer_to_a_body_is_as_the_document_says(
    client: Client, catalogue: Snapshot, path: str, status: str
) -> None:
    response = post(client, path, POSTED[path, status])

    assert str(response.status_code) == status
    assert complaints(path, response) == []


def test_an_estimate_while_nothing_can_be_served_is_as_the_document_says(client: Client) -> None:
    response = post(client, "/catalog/estimate", WORKLOAD)

    assert response.status_code == 503
    assert complaints("/catalog/estimate", response) == []


@pytest.mark.parametrize("path", UNREADY)
def test_an_answer_while_nothing_can_be_served_is_as_the_document_says(
    client: Client, break_database: Callable[[Exception], None], path: str
) -> None:
    break_database(OperationalError("connection refused"))

    response = client.get(example_address(path))

    assert response.status_code == 503
    assert complaints(path, response) == []


@pytest.mark.parametrize("path", sorted({path for path, _ in OPERATIONS}))
def test_what_the_front_refuses_is_as_the_document_says(db: None, settings: Settings, path: str) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 1
    following.FOLLOWER.keys.refresh()
    web, method = Web(), next(iter(DOCUMENT["paths"][path]))
    _, narrow = ApiKey.objects.issue(name="another service", scopes=["infer"])
    following.FOLLOWER.keys.refresh()
    keys = ("gwz_wrong", "gwz_wrong", narrow)
    refused = [web.ask(example_address(path), method=method.upper(), HTTP_X_API_KEY=key) for key in keys]

    # Django decides about the scope sync.
    of_the_front = OF_THE_FRONT - {"403"} if path in OF_SYNC else OF_THE_FRONT
    promised = DOCUMENT["paths"][path][method]["responses"].keys() & of_the_front

    assert promised == {answer.status[:3] for answer in refused} & of_the_front
    for answer in refused if promised else ():
        response = HttpResponse(answer.body, status=int(answer.status[:3]), content_type=answer["Content-Type"])
        assert complaints(path, response) == []


def ask_while_disabled(ask: Callable[[], Response]) -> Response:
    gateway = Gateway.objects.get(slug="chutes")
    setting = GatewaySetting.objects.create(gateway=gateway, is_enabled=False)
    answer = ask()
    setting.delete()
    return answer


def test_every_answer_about_runs_is_as_the_document_says(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *args, **options: None)
    headers = {}
    for scope in ("none", "sync"):
        _, secret = ApiKey.objects.issue(name=scope, scopes=[scope])
        headers[scope] = {"x-api-key": secret}
    following.FOLLOWER.keys.refresh()

    def ask(method: str, address: str, scope: str = "sync") -> Response:
        return client.generic(method.upper(), address, headers=headers.get(scope))

    found = set()
    for path, method in (("/catalog/sync/{gateway}", "post"), ("/catalog/sync/runs/{run_id}", "get")):
        address = f"/catalog/sync/runs/{SyncRun.objects.get().pk}" if method == "get" else "/catalog/sync/chutes"
        missing = address.replace("chutes", "acme") + ("0000" if method == "get" else "")
        asked = [ask(method, address), ask(method, f"{address}?x=1"), ask(method, missing)]
        if method == "post":
            asked.append(ask_while_disabled(lambda: ask("post", "/catalog/sync/chutes")))
        for response in [*asked, ask(method, address, "none"), ask(method, address, "")]:
            found.add((path, str(response.status_code)))
            assert complaints(path, response) == []
        sync()
        assert method == "post" or complaints(path, ask(method, address)) == []

    promised = {
        (path, status) for path in OF_SYNC for op in DOCUMENT["paths"][path].values() for status in op["responses"]
    }
    assert promised - found == {(path, status) for path in OF_SYNC for status in ("429", "503")}


def test_only_operations_that_change_something_require_a_key() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]

    assert {name: scheme["type"] for name, scheme in schemes.items()} == {
        "bearer": "http",
        "header": "apiKey",
        "session": "apiKey",
    }
    for (path, _), operation in OPERATIONS.items():
        ways = {name for way in operation["security"] for name in way}
        assert ways == (set(schemes) if path in OF_SYNC else set())
    assert "X-API-Key" in DOCUMENT["info"]["description"]  # a read takes a key, and its operation does not show it


def test_the_document_would_notice_a_wrong_answer() -> None:
    wrong = HttpResponse(b'{"data": [], "total": "0", "timestamp": "yesterday"}', content_type="application/json")

    noticed = complaints("/catalog/models", wrong)

    assert len(noticed) > 8
    assert "$.total: '0' is not of type 'integer'" in noticed
    assert "$.timestamp: 'yesterday' is not a 'date-time'" in noticed


def test_all_bundled_offers_of_all_gateways_are_as_the_document_says(client: Client, catalogues: Snapshot) -> None:
    for gateway in registry.GATEWAYS:
        answer = client.get(f"/catalog/models?gateway={gateway}&limit=1000")

        assert complaints("/catalog/models", answer) == []
        rows = orjson.loads(answer.content)["data"]
        assert rows
        for row in (rows[0], rows[-1]):
            assert complaints("/catalog/models/{model_id}", client.get(f"/catalog/models/{row['id']}")) == []


def test_all_bundled_models_are_as_the_document_says_in_the_shapes_of_other_services(
    client: Client, catalogues: Snapshot
) -> None:
    for path in ("/api/v1/models", "/api/v1/providers", "/litellm/model_prices.json"):
        answer = client.get(path)

        assert len(answer.content) > 2_000
        assert complaints(path, answer) == []


def test_a_held_gateway_is_as_the_document_says(client: Client, catalogue: Snapshot, fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, b"[]")

    answer = client.get("/catalog/gateways")

    assert {gateway["state"] for gateway in orjson.loads(answer.content)["data"]} == {"never", "held"}
    assert complaints("/catalog/gateways", answer) == []


def test_an_offer_of_which_little_is_known_and_one_priced_by_token_are_as_the_document_says(
    client: Client, db: None
) -> None:
    unknown = offer_record(
        "unknown", provider_slug=None, prices=(), input_modalities=None, output_modalities=None, zero_is_free=False
    )
    publish(unknown, offer_record("dynamic", prices=(), is_dynamic=True), offer_record(prices=per_token(prompt="1E-9")))
    following.FOLLOWER.refresh()

    assert complaints("/catalog/models", client.get("/catalog/models")) == []


def test_differences_that_not_everybody_tells_are_as_the_document_says(client: Client, catalogue: Snapshot) -> None:
    for gateway, length, words in (
        ("openrouter", 8_000, ("seed",)),
        ("portkey", 4_000, ()),
        ("featherless", None, None),
    ):
        told = {"context_length": length, "supported_parameters": words, "prices": per_token(prompt="1E-6")}
        publish(offer_record("acme/heron", provider_slug="acme", **told), gateway=gateway, is_complete=False)
    following.FOLLOWER.refresh()
    compared = f"acme/heron,{EXAMPLE_PATHS['slug']},Qwen/Qwen3-32B"
    for path, address in (
        ("/catalog/canonical/{slug}", "/catalog/canonical/acme/heron"),
        ("/catalog/compare", f"/catalog/compare?ids={compared}"),
    ):
        answer = client.get(address)

        differences = orjson.loads(answer.content)["data"]["differences"].values()
        assert {type(value) for values in differences for value in values} >= {type(None), int, list}
        assert complaints(path, answer) == []


def fields_and_values(
    serializer: Field[Any, Any, Any, Any], answer: Json, where: str
) -> Iterator[tuple[str, set[str], set[str]]]:
    """Yield for each object of an answer: its path, the fields that its serializer allows, and those it has."""
    if isinstance(serializer, ListSerializer) and serializer.child is not None:
        for place in answer:
            yield from fields_and_values(serializer.child, place, f"{where}[]")
    elif isinstance(serializer, Serializer) and answer is not None:
        optional = {name for name, field in serializer.fields.items() if not field.required}
        yield where, set(serializer.fields), set(answer) | optional
        for name, field in serializer.fields.items():
            if isinstance(field, BaseSerializer) and name in answer:
                yield from fields_and_values(field, answer[name], f"{where}.{name}")


def test_a_row_has_exactly_the_fields_of_its_serializer_at_every_depth(client: Client, catalogues: Snapshot) -> None:
    dearer = PriceRecord(meter="input.text", amount=Decimal("1E-5"), conditions=(("prompt_tokens", ">=", 200001),))
    publish(offer_record("tiered", prices=(*per_token(prompt="1E-6"), dearer)), is_complete=False)
    following.FOLLOWER.refresh()
    of_gateway = [read(client, f"/catalog/models?gateway={slug}&limit=1000")["data"] for slug in registry.GATEWAYS]
    rows = [row for listed in of_gateway for row in listed]

    compared = list(fields_and_values(OfferSerializer(many=True), rows, "data"))

    counts = Counter(where for where, _, _ in compared)
    assert {row["source_gateway"] for row in rows} == set(registry.GATEWAYS)
    everywhere = {"data[]", "data[].pricing", "data[].architecture", "data[].top_provider"}
    assert set(counts) == {*everywhere, "data[].price_per_million", "data[].pricing.overrides[]", "data[].holds[]"}
    assert {counts[where] for where in everywhere} == {len(rows)}
    assert [(where, has ^ may) for where, may, has in compared if may != has] == []


# --- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_the_documented_parameters_are_the_declared_ones(path: str) -> None:
    [method] = DOCUMENT["paths"][path]
    endpoint = declared_endpoint(resolve(example_path(path)).func, method=method)

    assert endpoint is not None
    assert sorted(query_names(path)) == sorted(endpoint.filterset.parameters())


def test_every_declared_endpoint_is_in_the_document_once() -> None:
    named = Counter(operation["operationId"] for operation in OPERATIONS.values())

    assert set(named.values()) == {1}
    assert {address.endpoint.name for address in declared()} - {""} <= named.keys()


def allowed_values(schema: Json) -> Iterator[str]:
    """Values at the limits of what a parameter's schema allows."""
    if "anyOf" in schema:
        for form in schema["anyOf"]:
            yield from allowed_values(form)
    elif schema["type"] == "array":
        yield from allowed_values(schema["items"])
    elif "format" in schema:
        yield {"date": "0001-01-01", "date-time": "1999-12-31T23:59:59.5-12:00"}[schema["format"]]
    elif "minLength" in schema:
        yield from ("x" * schema["minLength"], "x" * schema["maxLength"])
    elif "pattern" in schema:
        # A saved filter must exist; a cursor comes from an answer, or is `start`.
        texts = (SAVED,) if schema["pattern"] == VIEW_NAMES else ("0", "9" * 9 + "." + "9" * 24, "start")
        yield from (text for text in texts if re.fullmatch(schema["pattern"], text))
    elif schema["type"] == "boolean":
        yield from ("true", "false")
    elif "enum" in schema:
        yield from schema["enum"]
    elif schema["type"] == "integer":
        yield from {str(schema["minimum"]), str(schema.get("maximum", schema["minimum"]))}


def forbidden_values(schema: Json) -> Iterator[str]:
    """Values just beyond what a parameter's schema allows."""
    if "anyOf" in schema:
        yield from forbidden_values(schema["anyOf"][-1])
    elif schema["type"] == "array":
        yield from forbidden_values(schema["items"])
    elif schema["type"] == "boolean":
        yield from ("yes", "1", "")
    elif "format" in schema:
        yield from ("", "x", "yesterday", "2026-02-30")
    elif "minLength" in schema:
        yield from ("", " ", "x\x00", "x" * (schema["maxLength"] + 1))
    elif schema.get("pattern") == VIEW_NAMES:
        yield from ("", "-hot", "hot-", "a b", "x" * 51)
    elif "pattern" in schema:
        yield from ("", "-1", "1e3", "9" * 10, "0." + "9" * 25, "startx")
    elif "enum" in schema:
        yield from (f"{schema['enum'][0]}s", "")
    elif schema["type"] == "integer":
        yield from (str(schema["minimum"] - 1), str(schema.get("maximum", 10**15) + 1), "x")


def test_what_the_schema_of_a_parameter_forbids_is_what_is_tried() -> None:
    for path, parameter in PARAMETERS:
        items = parameter["schema"].get("items", parameter["schema"])
        validator = Draft202012Validator(items, format_checker=formats())
        if items.get("type") == "string":
            assert all(map(validator.is_valid, allowed_values(items))), (path, parameter["name"])
            assert not any(map(validator.is_valid, forbidden_values(items))), (path, parameter["name"])


def test_the_parameters_without_which_an_address_refuses_are_documented_as_required(
    client: Client, catalogue: Snapshot
) -> None:
    refused = set()
    for path in {path for path, _ in PARAMETERS}:
        answer = client.get(example_path(path))
        if answer.status_code != 200:
            refused |= {(path, error["parameter"]) for error in problem_of(answer, status=400)["errors"]}

    required = {(path, parameter["name"]) for path, parameter in PARAMETERS if parameter.get("required")}
    assert required == refused == {("/catalog/compare", "ids"), ("/catalog/resolve", "id")}


@pytest.mark.parametrize("path", sorted({path for path, _ in PARAMETERS}))
def test_what_a_documented_parameter_allows_is_taken_and_nothing_beyond(
    client: Client, catalogue: Snapshot, path: str
) -> None:
    for name, schema in parameters_of(path):
        # What names a model is not made up.
        allowed = [REQUIRED[path, name]] if (path, name) in REQUIRED else allowed_values(schema)
        for value in allowed:
            asked = {name: value} | ASKED_BESIDE.get((name, value), {})
            status = client.get(example_address(path, **asked)).status_code
            # Not every gateway sells the model of the example.
            is_elsewhere = "{" in path and name == "gateway" and value not in {"all", "chutes"}
            assert status == 200 or (status == 404 and is_elsewhere), (name, value)
        for value in forbidden_values(schema):
            problem_of(client.get(example_address(path, **{name: value})), status=400)


def example_of(parameter: Json) -> list[str]:
    """Return the example that is filled in, or the one of the description."""
    if "example" in parameter:
        value = parameter["example"]
        assert Draft202012Validator(parameter["schema"]).is_valid(value)
        return [",".join(value) if isinstance(value, list) else spelled(value)]
    return re.findall(r"Example: `([^`]+)`\.$", parameter["description"])


def test_only_required_and_harmless_parameters_have_an_example_that_is_filled_in() -> None:
    filled = {(path, parameter["name"]) for path, parameter in PARAMETERS if "example" in parameter}

    assert {place for place in filled if place[1] != "limit"} == REQUIRED.keys()


def test_every_parameter_has_an_example_that_finds_something(client: Client, catalogues: Snapshot) -> None:
    SavedFilter.objects.create(name=SAVED, title="Hot", expression="tags=hot")
    publish(offer_record("example", tags=("hot",)), is_complete=False)
    following.FOLLOWER.refresh()
    for path, parameter in PARAMETERS:
        [text] = example_of(parameter)
        response = client.get(example_address(path, **{parameter["name"]: text}))

        assert response.status_code == 200, (path, parameter["name"])
        if response["Content-Type"] == "application/json":
            assert orjson.loads(response.content).get("total") != 0, (path, parameter["name"])


@pytest.mark.parametrize(
    "query", ["fields=id,pricing", "facets=provider,tags", "cursor=start&limit=2", "limit=2&sort=-created"]
)
def test_what_parameters_make_of_a_list_is_as_the_document_says(
    client: Client, catalogue: Snapshot, query: str
) -> None:
    assert complaints("/catalog/models", client.get(f"/catalog/models?{query}")) == []


@pytest.mark.parametrize("path", sorted({path for path, _ in PARAMETERS}))
def test_a_documented_default_changes_nothing_and_every_parameter_is_explained(
    client: Client, catalogue: Snapshot, path: str
) -> None:
    without = client.get(example_address(path)).content
    for parameter in (parameter for documented, parameter in PARAMETERS if documented == path):
        assert len(parameter["description"]) > 10
        if (default := parameter["schema"].get("default")) is not None:
            assert client.get(example_address(path, **{parameter["name"]: str(default)})).content == without


# --- the body of an estimate -----------------------------------------------------------------------------------------

BODY = DOCUMENT["paths"]["/catalog/estimate"]["post"]["requestBody"]["content"]["application/json"]
WHOLE = re.compile(r"The part of `(\w+)`")
LIMITED_BY = {"prompt_tokens": "input_tokens"}


def typed(schema: Json, text: str) -> Json:
    """Return the text as a JSON value of the schema's type, if it is one."""
    kinds = {part.get("type") for part in schema.get("anyOf", [schema])}
    is_number = "integer" in kinds and re.fullmatch("-?[0-9]+", text)
    return int(text) if is_number else text == "true" if kinds == {"boolean"} and text in {"true", "false"} else text


def workloads_at_borders() -> Iterator[Json]:
    largest = 10**18 - 1
    values = (0, 1, largest, largest + 1, -1, "0.5", str(largest), f"{largest}0", "0." + "9" * 17, "0." + "9" * 18)
    for name, schema in BODY["schema"]["properties"]["workload"]["properties"].items():
        whole = WHOLE.match(schema["description"])
        if name == "at":
            yield from ({name: text, "input_tokens": 1} for text in ("00:00", "23:59", "24:00", "23:60", "7:00", ""))
        elif name == "execution_mode":
            yield from ({name: text, "input_tokens": 1} for text in (*schema["enum"], "slow", ""))
        else:
            other = whole[1] if whole else LIMITED_BY.get(name, "pages")
            yield from ({name: value, other: max(1, int(float(value)))} for value in values if value != largest + 1)
            yield from ({name: value, other: 1} for value in (largest + 1, "one", "", True, [1]))


def bodies_at_borders() -> Iterator[Json]:
    """Yield bodies at each limit of the schema and just beyond it."""
    yield from ({}, {"workload": {}}, {"workload": {"bogus": 1}}, {**WORKLOAD, "bogus": 1}, {**WORKLOAD, "ids": []})
    yield from ({"workload": workload} for workload in workloads_at_borders())
    for name, schema in BODY["schema"]["properties"]["filters"]["properties"].items():
        for text in (*allowed_values(schema), *forbidden_values(schema)):
            yield {**WORKLOAD, "filters": {name: typed(schema, text)}}
    for name, schema in BODY["schema"]["properties"].items():
        if schema.get("type") == "integer":
            for text in (*allowed_values(schema), *forbidden_values(schema)):
                yield {**WORKLOAD, name: typed(schema, text)}


def test_the_schema_of_the_body_allows_what_is_taken_and_nothing_beyond(client: Client, catalogue: Snapshot) -> None:
    validator = Draft202012Validator(BODY["schema"], format_checker=formats())
    tried: Counter[bool] = Counter()
    wrong = []
    for body in bodies_at_borders():
        is_allowed, status = validator.is_valid(body), post(client, "/catalog/estimate", body).status_code
        tried[is_allowed] += 1
        if is_allowed != (status == 200):
            wrong.append((status, body))

    assert min(tried.values()) > 100
    assert wrong == []


@pytest.mark.parametrize("name", BODY["examples"])
def test_the_example_of_the_body_is_valid_and_finds_offers(client: Client, catalogues: Snapshot, name: str) -> None:
    body = BODY["examples"][name]["value"]

    response = post(client, "/catalog/estimate", body)

    assert Draft202012Validator(BODY["schema"]).is_valid(body)
    assert response.status_code == 200
    assert orjson.loads(response.content)["data"]


# --- the page --------------------------------------------------------------------------------------------------------


class Assets(HTMLParser):
    """The addresses that a page loads by itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if name in {"src", "href"} and value]


def test_the_page_of_the_document_loads_everything_from_us(client: Client) -> None:
    response = client.get("/catalog/docs")

    page = response.content.decode()
    assets = Assets(page).found
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert not re.search(r"(?i)https?:|[\"'(=]\s*//", page)
    assert len(assets) >= 4
    for asset in assets:
        answer = client.get(asset)
        assert (asset, answer.status_code) == (asset, 200)
        assert answer.getvalue()


def test_the_page_needs_nothing_that_its_policy_blocks(client: Client) -> None:
    response = client.get("/catalog/docs")

    assert blocked(response) == []
    assert "connect-src 'self'; " in response["Content-Security-Policy"]
    assert b'"validatorUrl": null' in response.content


def test_the_page_shows_our_document(client: Client) -> None:
    assert b'url: "/catalog/schema"' in client.get("/catalog/docs").content


def test_the_front_door_leads_to_the_page(client: Client) -> None:
    response = client.get("/catalog")

    assert (response.status_code, response["Location"]) == (302, "/catalog/docs")
