"""Ids of models and keys of providers."""

from __future__ import annotations

import re

_REPOSITORY = re.compile(r"[^/\s]+/[^/\s]+")


def short_name(offer_id: str) -> str:
    """`deepseek-ai/DeepSeek-R1` → `DeepSeek-R1`."""
    return offer_id.rsplit("/", 1)[-1]


def owner(offer_id: str) -> str | None:
    """`deepseek-ai/DeepSeek-R1` → `deepseek-ai`; without the mark of a moving alias (`~openai/gpt-latest`).

    None where the id has no owner.
    """
    before, slash, _ = offer_id.partition("/")
    return (before.lstrip("~").strip() or None) if slash else None


def repository(spelling: str | None) -> str | None:
    """The spelling if it can be a repository's at Hugging Face, `owner/name`; a path or a bare name cannot."""
    return spelling if spelling and _REPOSITORY.fullmatch(spelling) else None


def words(offer_id: str) -> frozenset[str]:
    """`meta-llama/llama-guard-4-12b` → llama, guard, 4, 12b: whole words, for parts of words mislead (`safeguard`)."""
    return frozenset(re.split(r"[^a-z0-9.]+", short_name(offer_id).casefold()))


def provider_key(spelling: str) -> str:
    """The one key of a provider however it is spelled: `Qwen` and `qwen` are one."""
    return spelling.lstrip("~@").casefold()
