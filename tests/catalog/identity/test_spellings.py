"""Ids of Amazon Bedrock, and names with other separators or another ending: what they may mean, and what is certain."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import registry
from catalog.identity.spellings import Spellings, bedrock_readings

# --- Amazon Bedrock --------------------------------------------------------------------------------------------------


def readings(asked: str) -> list[tuple[str, bool]]:
    return [(found.spelling, found.is_sure) for found in bedrock_readings(asked, providers=registry.PROVIDERS)]


SONNET = "anthropic/claude-sonnet-4-5-20250929"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", [(f"{SONNET}-v1", True), (SONNET, True)]),
        ("EU.Anthropic.claude-sonnet-4-5-20250929-V1:0", [(f"{SONNET}-V1".replace("a", "A", 1), True)]),
        ("anthropic.claude-opus-4-6-v1", [("anthropic/claude-opus-4-6-v1", True), ("anthropic/claude-opus-4-6", True)]),
        ("anthropic.claude-v2:1", [("anthropic/claude-v2", True), ("anthropic/claude", False)]),
        (
            "apac.anthropic.claude-3-5-sonnet-20241022-v2:0",
            [("anthropic/claude-3-5-sonnet-20241022-v2", True), ("anthropic/claude-3-5-sonnet-20241022", True)],
        ),
        ("amazon.nova-lite-v1:0:24k", [("amazon/nova-lite-v1", True), ("amazon/nova-lite", True)]),
        ("openai.gpt-oss-120b-1:0", [("openai/gpt-oss-120b", True)]),
        ("us-gov.meta.llama3-1-70b-instruct", [("meta/llama3-1-70b-instruct", True)]),
        ("ai21.jamba-1.5-large", [("ai21/jamba-1.5-large", True)]),
        # These are no ids of Bedrock.
        ("gpt-4.1", []),
        ("us.gpt-4o", []),
        ("mars.anthropic.claude", []),
        ("anthropic/claude.3", []),
        ("anthropic.", []),
        (".anthropic.claude", []),
        ("anthropic.claude-v1:0:", []),
        ("", []),
    ],
)
def test_an_id_of_bedrock_is_read_as_provider_and_name(asked: str, found: list[tuple[str, bool]]) -> None:
    assert readings(asked)[: len(found) or None] == found


def test_the_evidence_names_the_parts_of_the_id() -> None:
    exact, shorter = bedrock_readings("us.amazon.nova-lite-v1:0:24k", providers=registry.PROVIDERS)

    parts = "region `us`, provider `amazon`, version `{}`, context `:24k`"
    assert exact.evidence == f"it is an id of Amazon Bedrock ({parts.format(':0')}); read in this way"
    assert shorter.evidence == f"it is an id of Amazon Bedrock ({parts.format('-v1:0')}); read in this way"


@given(st.text(alphabet="us.anthropic-v1:0k/ é", max_size=60))
def test_any_text_is_read_without_an_error(asked: str) -> None:
    for spelling, _ in readings(asked):
        assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9][a-z0-9.-]*", spelling)


# --- separators ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "asked", "is_sure"),
    [
        ("openai/gpt-4o", "gpt4o", True),
        ("openai/gpt-4o", "openai/gpt4o", True),
        ("openai/gpt-4o", "acme/gpt4o", False),
        ("gpt-4o", "acme/gpt4o", False),
        ("anthropic/claude-3-5-sonnet", "claude35sonnet", True),
        ("openai/gpt-3-5-turbo-16k", "gpt35turbo16k", True),
        ("openai/gpt-3-5-turbo", "gpt-35-turbo", True),
        ("meta/llama-3-1-70b", "llama3-1-70b", True),
        ("meta/llama-3-1-70b", "llama31-70b", True),
        ("meta/llama3-1-70b", "llama-3-1-70b", True),
        # A number before a size may have been split or joined.
        ("meta/llama-3-1-70b", "llama3170b", False),
        ("google/gemma-2-7b", "gemma27b", False),
        ("google/gemma-27b", "gemma-2-7b", False),
        ("openai/gpt-41", "gpt-4-1", False),
        ("acme/mix-2-8x7b", "mix28x7b", False),
        ("acme/mix-8x7b", "mix8x7b", True),
    ],
)
def test_a_name_is_found_by_other_separators(name: str, asked: str, is_sure: bool) -> None:
    found = Spellings(["acme/other", name]).respelled(asked)

    assert found is not None
    assert (list(found.keys), found.is_sure) == ([name], is_sure)


@pytest.mark.parametrize("asked", ["gpt4", "gpt-4o-mini", "command-r", "big-2", "", "-", "acme/"])
def test_other_letters_or_digits_are_another_name(asked: str) -> None:
    assert Spellings(["openai/gpt-4o", "cohere/command-r+", "acme/big~2"]).respelled(asked) is None


def test_of_several_names_those_of_the_provider_are_meant() -> None:
    spellings = Spellings(["acme/big-bird", "bert/bigbird", "big-bird"])

    own, of_any = spellings.respelled("acme/b-igbird"), spellings.respelled("b-igbird")

    assert own is not None
    assert of_any is not None
    assert list(own.keys) == ["acme/big-bird"]
    assert list(of_any.keys) == ["acme/big-bird", "bert/bigbird", "big-bird"]
    assert spellings.differing_in_separators("acme/big-bird") == ["bert/bigbird"]


words = st.sampled_from(["llama", "gpt", "o", "4o", "3", "1", "70b", "2", "7b", "turbo", "+", "2024-08-06", "instruct"])
names = st.lists(words, min_size=1, max_size=5).map("-".join)
keys = st.builds(lambda provider, name: f"{provider}{name}", st.sampled_from(["", "acme/", "openai/", "@host/"]), names)


@given(st.data(), st.lists(keys, min_size=1, max_size=8, unique=True))
def test_a_name_without_some_separators_never_surely_means_another(data: st.DataObject, known: list[str]) -> None:
    key = data.draw(st.sampled_from(known))
    provider, slash, name = key.rpartition("/")
    kept = data.draw(st.lists(st.booleans(), min_size=name.count("-"), max_size=name.count("-")))
    parts = name.split("-")
    shorter = parts[0] + "".join(f"{'-' if keep else ''}{part}" for keep, part in zip(kept, parts[1:], strict=True))
    asked = data.draw(st.sampled_from([shorter, f"{provider}{slash}{shorter}"]))

    found = Spellings(known).respelled(asked)

    assert found is not None
    assert key in found.keys
    if not re.search(r"[0-9]+[bkmtx](?![a-z])", shorter):
        assert found.is_sure  # only a size is doubted


# --- endings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ("claude35sonnet", ["anthropic/claude-3-5-sonnet-20240620", "anthropic/claude-3-5-sonnet-20241022"]),
        (
            "claude-3-5-sonnet-20230101",
            ["anthropic/claude-3-5-sonnet-20240620", "anthropic/claude-3-5-sonnet-20241022"],
        ),
        ("llama3170b", ["meta/llama-3-1-70b-instruct"]),
        ("llama-3-1-70b-it", ["meta/llama-3-1-70b-instruct"]),
        ("gpt-4o-2024-01-01", ["openai/gpt-4o"]),
        ("acme/gpt4o", ["openai/gpt-4o"]),
        ("llama-3-1-8b", []),
        ("instruct", []),
    ],
)
def test_a_name_is_a_candidate_by_another_date_or_word_at_its_end(asked: str, keys: list[str]) -> None:
    dated = [f"anthropic/claude-3-5-sonnet-{date}" for date in (20240620, 20241022)]
    spellings = Spellings([*dated, "meta/llama-3-1-70b-instruct", "openai/gpt-4o", "acme/other"])

    assert sorted(spellings.of_same_stem(asked)) == keys
