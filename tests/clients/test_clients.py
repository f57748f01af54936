"""Other people's clients, unmodified, against a running service. The slow ones are in test_more_clients.py."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.clients.clients import Outcomes, run_python
from tests.clients.service import ROOT, ask

Json = Any

# --- OpenRouter's SDK ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def openrouter(address: str, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return run_python("openrouter", address=address, folder=tmp_path_factory.mktemp("openrouter"))


def test_openrouters_sdk_lists_the_models(openrouter: Outcomes) -> None:
    listed = openrouter["list_models"]

    assert len(listed["ids"]) == len(set(listed["ids"])) == listed["total"] > 100
    assert listed["next"] is None
    assert openrouter["list_models_of_user"] == listed["ids"]


def test_openrouters_sdk_pages_to_the_end(openrouter: Outcomes) -> None:
    listed, pages = openrouter["list_models"], openrouter["page_through"]

    assert pages["ids"] == listed["ids"]
    assert set(pages["totals"]) == {listed["total"]}
    assert set(pages["sizes"][:-1]) == {50}
    assert pages["sizes"][-1] < 50
    assert all(link.startswith(("http://", "/")) for link in pages["next"][:-1])
    assert pages["next"][-1] is None


def test_openrouters_sdk_reads_one_model(openrouter: Outcomes) -> None:
    model = openrouter["read_model"]

    assert model["id"] == "deepseek/deepseek-r1"
    assert Decimal(model["prompt"]) > 0
    assert model["context_length"] > 10_000


def test_openrouters_sdk_lists_the_endpoints_of_a_model(openrouter: Outcomes) -> None:
    found = openrouter["list_endpoints"]

    assert found["id"] == "deepseek/deepseek-r1"
    assert found["endpoints"]


def test_openrouters_sdk_lists_the_endpoints_of_every_row(openrouter: Outcomes) -> None:
    assert openrouter["list_endpoints_of_many"]["refused"] == {}


def test_openrouters_sdk_counts_the_models(openrouter: Outcomes) -> None:
    assert openrouter["count_models"] > 100


def test_openrouters_sdk_counts_as_many_models_as_it_lists(openrouter: Outcomes) -> None:
    assert openrouter["count_models_of_the_list"] == openrouter["list_models"]["total"]


def test_openrouters_sdk_lists_the_providers(openrouter: Outcomes) -> None:
    assert ["deepinfra", "DeepInfra"] in openrouter["list_providers"]


def test_openrouters_sdk_gets_a_404_for_an_unknown_model(openrouter: Outcomes) -> None:
    missed = openrouter["miss_a_model"]

    assert (missed["kind"], missed["status"]) == ("NotFoundResponseError", 404)


def usd(price: str) -> Decimal:
    """Return US dollars per million tokens."""
    return Decimal(price) * 1_000_000


def average(row: Json) -> Decimal:
    return (Decimal(row["prompt"]) + Decimal(row["completion"])) / 2


FILTERS: dict[str, Callable[[Json], bool]] = {
    "q": lambda row: "deepseek" in f"{row['id']} {row['name']}".lower(),
    "context": lambda row: row["context_length"] >= 1_000_000,
    "price": lambda row: 1 <= usd(row["prompt"]) <= 3,
    "output_price": lambda row: usd(row["completion"]) <= 1,
    "authors": lambda row: row["id"].startswith(("deepseek/", "qwen/")),
    "inputs": lambda row: {"image", "text"} <= set(row["inputs"]),
    "outputs": lambda row: "image" in row["outputs"],
    "parameters": lambda row: "tools" in row["parameters"],
}
"""What holds for each row that a query of the script finds."""


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_of_openrouters_sdk_finds_what_it_names(openrouter: Outcomes, name: str) -> None:
    rows = openrouter["filter_models"][name]

    assert rows
    assert all(map(FILTERS[name], rows))


def test_openrouters_sdk_gets_a_list_in_the_order_that_it_asks_for(openrouter: Outcomes) -> None:
    found = openrouter["filter_models"]
    priced = [row for row in found["cheapest"] if average(row) >= 0]  # a router has -1: its price is dynamic

    assert all(average(first) <= average(second) for first, second in pairwise(priced))
    assert all(first["created"] >= second["created"] for first, second in pairwise(found["newest"]))
    assert all(first["context_length"] >= second["context_length"] for first, second in pairwise(found["longest"]))


# --- OpenAI's SDK ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def openai(address: str, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return run_python("openai", address=address, folder=tmp_path_factory.mktemp("openai"))


def test_openais_sdk_lists_the_models(openai: Outcomes) -> None:
    listed = openai["list_models"]

    assert len({model for model, *_ in listed}) == len(listed) > 100
    assert all(kind == "model" and created > 0 and owner for _, kind, created, owner in listed)


def test_openais_sdk_retrieves_every_id_that_resolves(openai: Outcomes) -> None:
    found = openai["retrieve_models"]

    assert found["listed"] == [[asked, asked] for asked, _ in found["listed"]]
    assert len(set(found["of_one_model"])) == 1
    assert found["unknown"] == [404, "not_found_error"]


# --- a client generated by openapi-python-client ---------------------------------------------------------------------

NOT_JSON = {"/catalog/changes.atom", "/catalog/export.ndjson"}
"""The generator leaves out the types of these answers, and keeps the operations."""


@pytest.fixture(scope="module")
def generated(address: str, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return run_python("openapi_python_client", address=address, folder=tmp_path_factory.mktemp("generated"))


def test_openapi_python_client_understands_the_document(generated: Outcomes) -> None:
    assert {path for warning in generated["generate"] for path in warning.split() if path.startswith("/")} <= NOT_JSON


def test_a_generated_client_walks_a_list(generated: Outcomes, address: str) -> None:
    walked = generated["walk_a_list"]

    wanted = ask(address, "/catalog/export.json?gateway=portkey").json["data"]
    assert walked["total"] == len(wanted)
    assert walked["ids"] == [offer["id"] for offer in wanted]
    assert walked["prices"] == [offer["pricing"]["prompt"] for offer in wanted]


def test_a_generated_client_reads_a_model_and_estimates_a_cost(generated: Outcomes) -> None:
    assert generated["read_a_model"] == "deepseek-ai/DeepSeek-R1"
    cheapest, *others = generated["estimate_a_cost"]["data"]
    assert len(others) == 2
    assert Decimal(cheapest["total"]) <= Decimal(others[0]["total"])
    assert {line["meter"] for line in cheapest["lines"]} >= {"input.text", "output.text"}


# --- data tools ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables(address: str, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    folder = tmp_path_factory.mktemp("tables")
    for name in ("export.ndjson", "export.csv"):
        (folder / name).write_bytes(ask(address, f"/catalog/{name}").body)
    shutil.copy(ROOT / "docs/api/export.md", folder)
    return run_python("tables", address=address, folder=folder)


@pytest.fixture(scope="module")
def ids(address: str) -> list[str]:
    return [offer["id"] for offer in ask(address, "/catalog/export.json").json["data"]]


def test_polars_reads_the_ndjson_with_default_options_and_loses_nothing(tables: Outcomes, ids: list[str]) -> None:
    read = tables["polars_reads_ndjson"]

    assert read["rows"] == len(ids)
    assert read["prices"] == read["wanted"]


def test_pandas_reads_the_ndjson(tables: Outcomes, ids: list[str]) -> None:
    assert sorted(tables["pandas_reads_ndjson"]["ids"]) == sorted(ids)


def test_pandas_reads_the_csv_without_mixed_types(tables: Outcomes, ids: list[str]) -> None:
    read = tables["pandas_reads_csv"]

    assert read["rows"] == len(ids)
    assert (read["warnings"], read["mixed"]) == ([], [])
    assert {name: read["types"][name] for name in ("pricing.prompt", "context_length", "created")} == {
        "pricing.prompt": "float64",
        "context_length": "float64",
        "created": "float64",
    }


@pytest.mark.parametrize("step", ["polars_reads_csv", "pandas_reads_csv"])
def test_ids_in_the_csv_are_those_of_the_catalogue(tables: Outcomes, ids: list[str], step: str) -> None:
    assert sorted(tables[step]["ids"]) == sorted(ids)


def test_duckdb_reads_both_exports(tables: Outcomes, ids: list[str]) -> None:
    read = tables["duckdb_reads_both"]

    assert read["rows"] == read["table_rows"] == len(ids)
    assert 0 < read["dear"] < len(ids)


def test_duckdb_reads_both_exports_by_id(tables: Outcomes, ids: list[str]) -> None:
    assert tables["duckdb_reads_both"]["joined"] == len(ids)


def test_the_examples_of_the_documentation_run_as_they_are_written(tables: Outcomes) -> None:
    printed = tables["examples_of_the_documentation"]

    assert len(printed) == 3
    for output in printed:
        assert "portkey" in output
