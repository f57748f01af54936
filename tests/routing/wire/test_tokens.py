"""Tokens are read in every dialect. Numbers are those of the acceptance list."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from routing.wire.tokens import Tokens, estimate_tokens, read_tokens

Json = Any


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(
            {
                "prompt_tokens": 1_000,
                "completion_tokens": 300,
                "total_tokens": 1_300,
                "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 100},
                "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 50},
            },
            Tokens(input=900, output=250, cached_input=400, reasoning=200, audio_input=100, audio_output=50),
            id="OpenAI",
        ),
        pytest.param(
            {
                "prompt_tokens": 1_000,
                "completion_tokens": 1_300,
                "total_tokens": 2_300,
                "cost": 0.00014,
                "cost_details": {"upstream_inference_cost": 0.00013},
                "prompt_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 500, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 5, "image_tokens": 1_290},
            },
            Tokens(
                input=1_000,
                output=10,
                cached_input=400,
                cache_write=500,
                reasoning=5,
                image_output=1_290,
                upstream_cost=Decimal("0.00014"),
            ),
            id="OpenRouter",
        ),
        pytest.param(
            {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16, "prompt_tokens_details": None},
            Tokens(input=7, output=9),
            id="vLLM, Chutes",
        ),
        pytest.param(
            {"prompt_tokens": 8, "total_tokens": 8},
            Tokens(input=8, output=0),
            id="embeddings",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 9,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
            },
            Tokens(input=100, output=9, cached_input=64),
            id="DeepSeek",
        ),
        pytest.param(
            {
                "input_tokens": 50,
                "output_tokens": 9,
                "cache_read_input_tokens": 2_000,
                "cache_creation_input_tokens": 300,
                "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
            },
            Tokens(input=2_350, output=9, cached_input=2_000, cache_write=100, cache_write_1h=200),
            id="Anthropic: caches in addition to the input",
        ),
        pytest.param(
            {
                "prompt_tokens": 50,
                "completion_tokens": 9,
                "total_tokens": 2_359,
                "cache_read_input_tokens": 2_000,
                "cache_creation_input_tokens": 300,
            },
            Tokens(input=2_350, output=9, cached_input=2_000, cache_write=300),
            id="Anthropic's caches in addition to OpenAI's names, by the total",
        ),
        pytest.param(
            {"prompt_tokens": 2_350, "completion_tokens": 9, "total_tokens": 2_359, "cache_read_input_tokens": 2_000},
            Tokens(input=2_350, output=9, cached_input=2_000),
            id="Anthropic's caches within OpenAI's names, by the total",
        ),
        pytest.param(
            {"input_tokens": 100, "output_tokens": 9, "input_tokens_details": {"cached_tokens": 64}},
            Tokens(input=100, output=9, cached_input=64),
            id="OpenAI's responses",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 115,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            Tokens(input=10, output=105, reasoning=100),
            id="reasoning in addition to the output, by the total",
        ),
    ],
)
def test_19_tokens_are_read_in_each_dialect(usage: Json, expected: Tokens) -> None:
    assert read_tokens(usage) == expected


def test_19_caches_that_exceed_the_input_are_kept_as_stated() -> None:
    found = read_tokens({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}})

    assert found == Tokens(input=5, output=1, cached_input=9), "the bill has the reason"


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": 5},
        {"completion_tokens": 5},
        {"prompt_tokens": 5.0, "completion_tokens": 1},
        {"prompt_tokens": "5", "completion_tokens": 1, "total_tokens": 6},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 9, "total_tokens": 5},
    ],
)
def test_21_what_is_no_whole_count_is_not_stated(usage: Json) -> None:
    assert read_tokens(usage) is None


def test_21_an_explicit_zero_is_a_count() -> None:
    zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "cost": 0}

    assert read_tokens(zeros) == Tokens(input=0, output=0, upstream_cost=Decimal(0))


@pytest.mark.parametrize("cost", [None, "", "much", True, -1, float("nan"), {"total": 1}])
def test_a_cost_that_is_no_amount_is_not_stated(cost: Json) -> None:
    found = read_tokens({"prompt_tokens": 1, "completion_tokens": 1, "cost": cost})

    assert found == Tokens(input=1, output=1)


def test_21_missing_usage_is_estimated_and_marked() -> None:
    assert estimate_tokens(input_bytes=9, output_characters=1) == Tokens(input=3, output=1, is_estimate=True)
    assert estimate_tokens(input_bytes=0, output_characters=0) == Tokens(input=0, output=0, is_estimate=True)
