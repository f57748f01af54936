"""Ids of models and keys of providers."""

from __future__ import annotations

import re

_REPOSITORY = re.compile(r"[^/\s]+/[^/\s]+")


def short_name(offer_id: str) -> str:
    """Return the last part of an id: `deepseek-ai/DeepSeek-R1` → `DeepSeek-R1`."""
    return offer_id.rsplit("/", 1)[-1]


def owner(offer_id: str) -> str | None:
    """Return the owner: `deepseek-ai/DeepSeek-R1` → `deepseek-ai`. The `~` of a moving alias (`~openai/gpt-latest`) is
    removed.

    Return None if the id has no owner.
    """
    before, slash, _ = offer_id.partition("/")
    return (before.lstrip("~").strip() or None) if slash else None


def repository(spelling: str | None) -> str | None:
    """Return the spelling if it can be a Hugging Face repository, `owner/name`. A path or a bare name cannot be one."""
    return spelling if spelling and _REPOSITORY.fullmatch(spelling) else None


def words(offer_id: str) -> frozenset[str]:
    """Return the words of an id: `meta-llama/llama-guard-4-12b` → llama, guard, 4, 12b. Only whole words count, because
    parts of words mislead (`safeguard`)."""
    return frozenset(re.split(r"[^a-z0-9.]+", short_name(offer_id).casefold()))


def provider_key(spelling: str) -> str:
    """Return the provider's one key for any spelling: `Qwen` and `qwen` have the same key."""
    return spelling.lstrip("~@").casefold()
