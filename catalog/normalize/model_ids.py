"""Ids of models and keys of providers."""

from __future__ import annotations


def short_name(offer_id: str) -> str:
    """`deepseek-ai/DeepSeek-R1` → `DeepSeek-R1`."""
    return offer_id.rsplit("/", 1)[-1]


def provider_key(spelling: str) -> str:
    """The one key of a provider however it is spelled: `Qwen` and `qwen` are one."""
    return spelling.lstrip("~@").casefold()
