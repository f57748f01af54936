"""What the rules know of a gateway. Its adapter declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What the ids of a gateway mean. By default, an id is a name and nothing more."""

    has_permanent_slugs: bool = False
    """`canonical_slug` never changes, and an id may be another id with a word behind a colon, `acme/big:free`."""
    ids_are_repositories: bool = False
    """Every id is a repository of Hugging Face, so two ids are two models."""
    ids_may_be_repositories: bool = False
    """An id is a repository of Hugging Face if the row names none."""
    is_run_by_hosts: bool = False
    """Hosts run its models, and give names to their own faster set-ups."""
    repository_rank: int = 1_000
    """The gateway with the lowest rank spells a repository in a new slug."""
    id_rank: int = 1_000
    """Without a repository, the gateway with the lowest rank spells the id in a new slug."""


class Gateway(Protocol):
    """What the rules read of an adapter."""

    @property
    def name(self) -> str: ...

    @property
    def traits(self) -> Traits: ...
