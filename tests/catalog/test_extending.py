"""How many files a new endpoint, page and filter are: all are added to a copy of the product, which is then asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from tests.catalog.extended import Answered, ask, copy_of_the_product, insert

ENDPOINT = '''"""How many offers each gateway has."""

from __future__ import annotations

from rest_framework import serializers

from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import NotFound, Query
from catalog.parameters.offer_filters import NarrowingFilterSet
from front.answers import Answer


class SizesSerializer(serializers.Serializer[object]):
    sizes = serializers.DictField(child=serializers.IntegerField(help_text="Offers."))


def read_sizes(snapshot: Snapshot, query: Query) -> Answer:
    selection = query.filters.narrowed(Selection.of(snapshot))
    return answers.published(snapshot, {"sizes": selection.counts("gateway")})


def read_size(snapshot: Snapshot, query: Query) -> Answer:
    sizes = query.filters.narrowed(Selection.of(snapshot)).counts("gateway")
    if query.id not in sizes:
        raise NotFound("There is no such gateway.")
    return answers.published(snapshot, {"sizes": {query.id: sizes[query.id]}})


class Sizes(CatalogViewSet):
    prefix = "catalog/models/sizes"
    lookup_url_kwarg = "gateway"

    list = read(read_sizes, NarrowingFilterSet, summary="Offers by gateway", responses=SizesSerializer)
    retrieve = read(read_size, NarrowingFilterSet, summary="Offers of one gateway", responses=SizesSerializer)
'''


TARGETS = (
    "/catalog/models/sizes?model_type=LLM&gateway=all",
    "/catalog/models/sizes?gateway=all&model_type=llm",
    "/catalog/models/sizes/",
    "/catalog/models/sizes/chutes",
    "/catalog/models/sizes/acme",
    "/catalog/models/sizes?modle_type=LLM",
    "/tags",
    "/tags?utm_source=x",
    "/tags?x=1",
    "/admin/acme/3/",
    "/catalog/models?limit=1000",
    "/catalog/models?full_name=DeepSeek-R1",
    "/catalog/models?full_name=deepseek-r1&limit=250",
    "/catalog/stats?full_name=deepseek-r1",
    "/catalog/export.csv?full_name=deepseek-r1",
    "/catalog/models?fullname=x",
    "/catalog/schema",
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, prepared_tables: Path) -> dict[str, Answered]:
    """What a copy of the product with all extensions answers, by target."""
    copy = copy_of_the_product(tmp_path_factory.mktemp("extended"), data=prepared_tables)
    add_endpoint(copy)
    add_page(copy)
    add_page_of_the_desk(copy)
    add_filter(copy)
    return dict(zip(TARGETS, ask(copy, *TARGETS), strict=True))


# --- an endpoint -----------------------------------------------------------------------------------------------------
def add_endpoint(copy: Path) -> None:
    (copy / "catalog/api/sizes.py").write_text(ENDPOINT)


def test_a_new_endpoint_is_one_file(answers: dict[str, Answered]) -> None:
    first = answers["/catalog/models/sizes?model_type=LLM&gateway=all"]
    again = answers["/catalog/models/sizes?gateway=all&model_type=llm"]
    slash, one = answers["/catalog/models/sizes/"], answers["/catalog/models/sizes/chutes"]
    missing, wrong = answers["/catalog/models/sizes/acme"], answers["/catalog/models/sizes?modle_type=LLM"]
    schema = answers["/catalog/schema"]

    assert (first.status, first.is_from_django) == (200, False)
    assert 0 < first.json["sizes"]["chutes"] < slash.json["sizes"]["chutes"]
    assert (again.status, again.body, again.is_from_django) == (200, first.body, False)
    assert one.json["sizes"] == slash.json["sizes"]
    assert (missing.status, missing.json["detail"]) == (404, "There is no such gateway.")
    assert wrong.status == 400
    assert 'did you mean "model_type"?' in wrong.json["errors"][0]["reason"]
    documented = schema.json["paths"]["/catalog/models/sizes"]["get"]
    like = schema.json["paths"]["/catalog/stats"]["get"]
    assert (documented["operationId"], documented["summary"]) == ("read_sizes", "Offers by gateway")
    assert documented["parameters"] == like["parameters"]
    assert documented["responses"].keys() == like["responses"].keys()
    assert "Sizes" in schema.json["components"]["schemas"]


# --- a page ----------------------------------------------------------------------------------------------------------
def add_page(copy: Path) -> None:
    [page] = re.findall(
        r"## A page\n.*?```python\n(.*?)```", (settings.DOCS_DIR / "extending.md").read_text("utf-8"), re.DOTALL
    )
    (copy / "catalog/web/acme_tags.py").write_text(page)
    (copy / "catalog/web/html/acme_tags.html").write_text(
        '{% extends "base.html" %}{% block main %}{% for each in tags %}<p>{{ each.name }} {{ each.count }}</p>'
        "{% endfor %}{% endblock %}"
    )
    urls = copy / "catalog/web/urls.py"
    text = urls.read_text().replace(
        "urlpatterns = [", 'urlpatterns = [\n    path("tags", acme_tags.Tags.as_view()),', 1
    )
    urls.write_text(
        text.replace(
            "from django.urls import path\n", "from django.urls import path\nfrom catalog.web import acme_tags\n", 1
        )
    )


def test_a_new_page_is_two_files_and_an_address(answers: dict[str, Answered]) -> None:
    page_of_tags, superfluous, wrong = answers["/tags"], answers["/tags?utm_source=x"], answers["/tags?x=1"]

    assert (page_of_tags.status, page_of_tags.is_from_django) == (200, False)
    assert "<p>hot " in page_of_tags.body
    assert superfluous.status == 302
    assert (wrong.status, "unknown parameter" in wrong.body) == (400, True)


# --- a page of the desk ----------------------------------------------------------------------------------------------
def add_page_of_the_desk(copy: Path) -> None:
    [page] = re.findall(
        r"## A page of the desk\n.*?```python\n(.*?)```", (settings.DOCS_DIR / "extending.md").read_text(), re.DOTALL
    )
    (copy / "catalog/desk/acme.py").write_text(page)
    (copy / "catalog/desk/html/acme.html").write_text('{% extends "desk/base.html" %}{% block main %}{% endblock %}')


def test_a_new_page_of_the_desk_is_two_files(answers: dict[str, Answered]) -> None:
    found = answers["/admin/acme/3/"]

    assert (found.status, found.is_from_django) == (302, True), "the login, as for every page of the desk"


# --- a filter --------------------------------------------------------------------------------------------------------
def add_filter(copy: Path) -> None:
    fact = '    "full_name": lambda shown: _folded(shown["name"]),'
    label = '"Only offers with any of these full names."'
    parameter = f'    full_name = Names({label}, narrow="having_any", of="full_name", example="DeepSeek-R1")'
    insert(copy / "catalog/memory/rows.py", line=fact, below="FACETS: ")
    insert(copy / "catalog/parameters/offer_filters.py", line=parameter, below="    gateway = gateway_parameter()")


def test_a_new_filter_is_two_files(answers: dict[str, Answered]) -> None:
    everything, one = answers["/catalog/models?limit=1000"], answers["/catalog/models?full_name=DeepSeek-R1"]
    again = answers["/catalog/models?full_name=deepseek-r1&limit=250"]
    stats, table = answers["/catalog/stats?full_name=deepseek-r1"], answers["/catalog/export.csv?full_name=deepseek-r1"]
    wrong, schema = answers["/catalog/models?fullname=x"], answers["/catalog/schema"]

    expected = [row["id"] for row in everything.json["data"] if row["name"].casefold() == "deepseek-r1"]
    assert [row["id"] for row in one.json["data"]] == expected
    assert 0 < len(expected) < everything.json["total"]
    assert (again.body, again.is_from_django) == (one.body, False)
    assert stats.json["data"]["offers"] == len(expected)
    assert len(table.body.splitlines()) == 1 + len(expected)
    assert 'did you mean "full_name"?' in wrong.json["errors"][0]["reason"]
    filters = schema.json["paths"]["/catalog/estimate"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "full_name" in filters["properties"]["filters"]["properties"]
    for path in ("/catalog/models", "/catalog/stats", "/catalog/export.json"):
        assert "full_name" in {known["name"] for known in schema.json["paths"][path]["get"]["parameters"]}
