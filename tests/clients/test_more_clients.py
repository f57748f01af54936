"""Other people's clients, unmodified, against a running service: those that are large or slow, in `make prove`."""

from __future__ import annotations

import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.clients import environments, try_it_out
from tests.clients.clients import Outcomes, environment_of, run_node, run_python, started
from tests.clients.service import Answer, ask

Json = Any

pytestmark = pytest.mark.skipif(not os.environ.get("PROVE"), reason="`make prove` runs it")

# --- OpenRouter's SDK for JavaScript ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def openrouter(address: str, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return run_node("openrouter_sdk", address=address, folder=tmp_path_factory.mktemp("openrouter_sdk"))


def test_openrouters_sdk_for_javascript_lists_the_models(openrouter: Outcomes) -> None:
    listed = openrouter["list_models"]

    assert len(listed["ids"]) == len(set(listed["ids"])) == listed["total"] > 100
    assert listed["next"] is None


def test_openrouters_sdk_for_javascript_pages_to_the_end(openrouter: Outcomes) -> None:
    listed, pages = openrouter["list_models"], openrouter["page_through"]

    assert pages["ids"] == listed["ids"]
    assert set(pages["totals"]) == {listed["total"]}
    assert set(pages["sizes"][:-1]) == {50}
    assert pages["next"][-1] is None


def test_openrouters_sdk_for_javascript_reads_one_model(openrouter: Outcomes) -> None:
    assert openrouter["read_model"]["id"] == "deepseek/deepseek-r1"


def test_openrouters_sdk_for_javascript_lists_endpoints(openrouter: Outcomes) -> None:
    assert openrouter["list_endpoints"]["endpoints"]


def test_openrouters_sdk_for_javascript_counts_models_and_lists_providers(openrouter: Outcomes) -> None:
    assert openrouter["count_models"] > 100
    assert ["deepinfra", "DeepInfra"] in openrouter["list_providers"]


# --- the OpenAPI document --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(address: str) -> Json:
    return ask(address, "/catalog/schema").json


@pytest.fixture(scope="module")
def typescript(address: str, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return run_node("typescript", address=address, folder=tmp_path_factory.mktemp("typescript"))


@pytest.mark.parametrize("generator", ["openapi_typescript", "hey_api"])
def test_a_generated_typescript_client_walks_a_list_and_estimates_a_cost(
    typescript: Outcomes, address: str, generator: str
) -> None:
    used = typescript[generator]

    wanted = ask(address, "/catalog/export.json?gateway=portkey").json["data"]
    assert used["total"] == len(wanted)
    assert used["ids"] == [offer["id"] for offer in wanted]
    assert len(used["costs"]) == 3
    assert sorted(used["costs"], key=Decimal) == used["costs"]


def test_redocly_has_no_complaint(document: Json, tmp_path: Path) -> None:
    output = lint("redocly", "lint", "openapi.json", "--extends=recommended", "--format=json", at=tmp_path, of=document)

    assert Counter(problem["ruleId"] for problem in output["problems"]) == {}


def test_spectral_has_no_complaint(document: Json, tmp_path: Path) -> None:
    output = lint(
        "spectral",
        "lint",
        "openapi.json",
        "--ruleset",
        str(environments.CLIENTS / "linters" / "spectral.yaml"),
        "--format=json",
        "--quiet",
        at=tmp_path,
        of=document,
    )

    assert Counter(problem["code"] for problem in output) == {}


def lint(program: str, *options: str, at: Path, of: Json) -> Json:
    """Return what the program prints about the document; its status is not 0 if it found anything."""
    packages = environment_of("linters", environments.node)
    (at / "openapi.json").write_text(json.dumps(of))
    done = started([packages / "node_modules" / ".bin" / program, *options], folder=at, REDOCLY_TELEMETRY="off")
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


EMPTY_AT_FIRST = {"list_views", "list_popular_models"}
"""A new catalogue has no saved filter yet, and nobody has asked for a model."""


def test_try_it_out_runs_every_operation_that_needs_no_key(document: Json, address: str) -> None:
    failed = {}
    for operation in try_it_out.operations(document):
        if operation.needs_key:
            continue
        if operation.empty:
            failed[operation.id] = f"has no example for {', '.join(operation.empty)}"
            continue
        headers = {"Content_Type": "application/json"} if operation.body is not None else {}
        answer = ask(address, operation.target, method=operation.method, body=operation.sent, **headers)
        if answer.status != 200:
            failed[operation.id] = f"{answer.status}: {answer.body[:300].decode()}"
        elif operation.id not in EMPTY_AT_FIRST and finds_nothing(answer):
            failed[operation.id] = "its examples find nothing"

    assert failed == {}


def finds_nothing(answer: Answer) -> bool:
    match answer.headers["Content-Type"].partition(";")[0]:
        case "application/json":
            return answer.json in ([], {}) or (isinstance(answer.json, dict) and answer.json.get("data") in ([], {}))
        case "text/csv":
            return answer.body.count(b"\n") < 2
    return not answer.body


# --- LiteLLM and LangChain -------------------------------------------------------------------------------------------


def test_litellm_computes_costs_from_our_map(address: str, tmp_path: Path) -> None:
    found = run_python(
        "litellm",
        address=address,
        folder=tmp_path,
        LITELLM_MODEL_COST_MAP_URL=f"{address}/litellm/model_prices.json",
        MODEL_COST_MAP_MAX_SHRINK_RATIO="0",
    )

    compared = found["compare_prices"]
    assert compared["models"] == compared["known"] > 1_000
    assert compared["wrong"] == {}
    assert found["read_a_model"]["input_cost_per_token"] > 0


def test_langchain_lists_the_models(address: str, tmp_path: Path) -> None:
    assert len(run_python("langchain", address=address, folder=tmp_path)["list_models"]) > 100


# --- agents: what they request, by their public sources and documentation --------------------------------------------


def test_codex_gets_a_list_with_its_version_in_the_query(address: str) -> None:
    """Codex adds `client_version` to `models` below its provider's `base_url` (codex-api, `ModelsClient`)."""
    answer = ask(
        address,
        "/v1/models?client_version=0.171.0",
        Authorization="Bearer sk-any",
        Originator="codex_cli_rs",
        User_Agent="codex_cli_rs/0.171.0",
    )

    assert answer.status == 200
    assert answer.headers["Gatewayz-Ignored"] == "client_version"
    assert answer.json["data"]


def test_claude_code_finds_its_models_in_the_list(address: str) -> None:
    """Claude Code keeps ids with `claude`, reads `display_name` if it is present, and follows no redirect."""
    answer = ask(
        address,
        "/v1/models?limit=1000",
        Authorization="Bearer sk-any",
        Anthropic_Version="2023-06-01",
        User_Agent="claude-cli/2.1.332 (external, cli)",
    )

    assert answer.status == 200
    found = [model for model in answer.json["data"] if "claude" in model["id"].lower()]
    assert found
    assert all(isinstance(model.get("display_name", ""), str) for model in found)
