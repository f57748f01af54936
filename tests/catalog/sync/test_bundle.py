"""`manage.py bundle` makes the bundled catalogues from captured answers and from the facts of other gateways."""

from __future__ import annotations

import json
import shutil
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.adapter.contract import Gateway
from catalog.registry import GATEWAYS
from catalog.sync import bundle, read
from tests.catalog.gateways.cases import FIXTURES
from tests.factories import chutes_row, openrouter_row, write_listing

Json = Any
PORTKEY = GATEWAYS["portkey"]
DAY = "2026-08-21"


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """A price file of each provider; only openai's has useful models."""
    folder = tmp_path / "answers"
    folder.mkdir()
    for provider in PORTKEY.options["providers"]:
        models = OPENAI if provider == "openai" else {f"{provider}-1": {"pricing_config": {"currency": "USD"}}}
        (folder / f"{provider}-{DAY}.json").write_text(models if isinstance(models, str) else json.dumps(models))
    return folder


OPENAI = """{
  "default": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1}}, "currency": "USD"}},
  "heron-5": {
    "description": "The words of others.",
    "pricing_config": {
      "pay_as_you_go": {
        "request_token": {"price": 2.5e-04}, "response_token": {"price": 0.0010, "note": "words"},
        "additional_units": {"cache_write_1h": {"price": "0.0005"}, "web_search": {"price": 1}, "remark": "words"}
      },
      "batch_config": {"request_token": {"price": 0.000125}},
      "calculate": {"request": {"operation": "sum"}},
      "finetune_config": {"pay_per_token": {"price": 9}},
      "currency": "USD"
    },
    "custom_pricing": {
      "context_tier_map": {"0": "short", "272000": "long"},
      "regions": {
        "default": {"execution_modes": {
          "standard": {
            "context_tiers": {"long": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0005}}}}}
          },
          "flex": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0001}}}},
          "unheard-of": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 7}}}}
        }},
        "eu": {"execution_modes": {"standard": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 8}}}}}}
      }
    }
  },
  "atlas-lte-128k": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0001}}}},
  "atlas-gt-128k": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0002}}}}
}"""

HERON = {
    "id": "@openai/heron-5",
    "type": {"primary": "chat", "supported": ["tools"]},
    "pricing_config": {
        "pay_as_you_go": {
            "request_token": {"price": 0.00025},
            "response_token": {"price": 0.001},
            "additional_units": {"cache_write_1h": {"price": "0.0005"}, "web_search": {"price": 1}},
        },
        "batch_config": {"request_token": {"price": 0.000125}},
        "currency": "USD",
    },
    "custom_pricing": {
        "context_tier_map": {"0": "short", "272000": "long"},
        "regions": {
            "default": {
                "execution_modes": {
                    "standard": {
                        "context_tiers": {
                            "long": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0005}}}}
                        }
                    },
                    "flex": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0001}}}},
                }
            }
        },
    },
    "context_length": 400000,
}


def written(fixtures_dir: Path, slug: str) -> dict[str, Json]:
    rows = json.loads((fixtures_dir / f"{slug}_catalog.json").read_text())
    return {row["id"]: row for row in rows}


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("bundle", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def openrouter(fixtures_dir: Path) -> Path:
    rows = [
        openrouter_row("openai/heron-5", context_length=400_000),
        openrouter_row("openai/heron-5:free", context_length=9),
        openrouter_row("acme/atlas", hugging_face_id="Acme/Atlas-7B", context_length=32_768),
        openrouter_row("acme/one", hugging_face_id="Acme/Twice", context_length=1),
        openrouter_row("acme/two", hugging_face_id="Acme/Twice", context_length=2),
        openrouter_row("acme/silent", hugging_face_id="Acme/Silent"),
    ]
    write_listing(fixtures_dir, rows, slug="openrouter")
    return fixtures_dir


def test_portkeys_catalogue_has_every_price_of_the_files_and_no_words(openrouter: Path, answers: Path) -> None:
    before = [{"id": "@openai/heron-5", "type": HERON["type"], "pricing_config": {"pay_as_you_go": {"old": 1}}}]
    write_listing(openrouter, [*before, {"id": "@openai/gone"}], slug="portkey")

    printed = command("portkey", "--answers", str(answers), "--on", DAY)

    found = written(openrouter, "portkey")
    assert printed == "wrote 17 rows to portkey_catalog.json\n"
    assert found["@openai/heron-5"] == HERON
    assert found["@openai/atlas"] == {
        "id": "@openai/atlas",
        "up_to": {"128000": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0001}}}}},
        "above": {"128000": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0002}}}}},
    }
    lines = (openrouter / "portkey_catalog.json").read_text().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("[", "]", 19)
    assert '"request_token": {"price": 0.00025}, "response_token": {"price": 0.0010}' in "".join(lines)


def test_the_rows_cost_what_the_answers_cost(openrouter: Path, answers: Path) -> None:
    rows = bundle.answered_rows(PORTKEY, folder=answers, on=date.fromisoformat(DAY), before=[])
    listed = read.decoded((answers / f"openai-{DAY}.json").read_bytes())["heron-5"]

    [heron] = [row for row in rows if row["id"] == "@openai/heron-5"]
    before, after = PORTKEY.record(heron), PORTKEY.record({"id": "@openai/heron-5"} | listed)
    assert before == after
    assert len(before.prices) == 7


def test_a_context_is_that_of_the_same_repository_or_of_the_same_maker_and_model(openrouter: Path) -> None:
    ids = [
        "Acme/Atlas-7B",
        "acme/atlas-7b",
        "acme/atlas",
        "acme/Atlas-7B-Instruct",
        "Acme/Twice",
        "Acme/Silent",
        "Atlas-7B",
    ]
    write_listing(openrouter, [chutes_row(model_id, context_length=5) for model_id in ids])

    command("chutes")

    contexts = {key: row.get("context_length") for key, row in written(openrouter, "chutes").items()}
    assert contexts == dict.fromkeys(ids) | dict.fromkeys(ids[:3], 32_768)


def test_a_missing_answer_leaves_the_catalogue_as_it_was(openrouter: Path, answers: Path) -> None:
    write_listing(openrouter, [{"id": "@openai/heron-5"}], slug="portkey")
    before = (openrouter / "portkey_catalog.json").read_text()
    (answers / f"openai-{DAY}.json").unlink()

    with pytest.raises(CommandError, match="answers lacks answers of Portkey"):
        command("portkey", "--answers", str(answers), "--on", DAY)
    with pytest.raises(CommandError, match="--answers and --on must be given together"):
        command("portkey", "--answers", str(answers))

    assert (openrouter / "portkey_catalog.json").read_text() == before


def test_another_day_has_to_be_the_one_that_the_adapter_names(openrouter: Path, answers: Path) -> None:
    for path in answers.iterdir():
        path.rename(path.with_name(path.name.replace(DAY, "2026-09-01")))

    printed = command("portkey", "--answers", str(answers), "--on", "2026-09-01")

    assert printed.endswith("Set bundled_on of Portkey to 2026-09-01.\n")


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
def test_the_bundled_catalogues_are_what_the_command_writes(gateway: Gateway, tmp_path: Path) -> None:
    for path in FIXTURES.glob("*_catalog.json"):
        shutil.copy(path, tmp_path)

    rows = bundle.bundled_rows(gateway, fixtures=tmp_path)

    text = bundle.text_of(bundle.with_contexts(gateway, rows, fixtures=tmp_path))
    assert text == bundle.path_of(gateway, fixtures=FIXTURES).read_text(encoding="utf-8")


def test_so_many_bundled_rows_have_a_context_and_none_has_the_words_of_others() -> None:
    rows = {slug: bundle.bundled_rows(GATEWAYS[slug], fixtures=FIXTURES) for slug in GATEWAYS}

    counts = {slug: sum("context_length" in row for row in found) for slug, found in rows.items()}
    assert counts.items() >= {"openrouter": 357, "portkey": 308, "featherless": 250, "chutes": 31}.items()
    assert not any("description" in row for found in rows.values() for row in found)
