"""The statements of curators, read as a whole: which of them are consistent, and which would do harm.

StatementError → UnknownModel · UnknownOffer · AliasCycle · Contradiction · Repetition · Clash
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from catalog.identity.offers import Alias, OfferKey, Split, Statement, Tie


class StatementError(ValueError):
    """A statement that cannot be followed; its text gives the reason."""


class UnknownModel(StatementError):
    """The statement names a model that does not exist."""


class UnknownOffer(StatementError):
    """The statement is about an offer that does not exist."""


class AliasCycle(StatementError):
    """The alias leads back to itself."""


class Contradiction(StatementError):
    """Two statements cannot both be true."""


class Repetition(StatementError):
    """The same statement already exists."""


class Clash(StatementError):
    """The statement would merge two models that one seller sells side by side."""


@dataclass(frozen=True, kw_only=True)
class Statements:
    ties: Mapping[OfferKey, str]
    """The model of each tied offer."""
    alone: frozenset[OfferKey]
    never: frozenset[tuple[OfferKey, str]]
    """Pairs of an offer and a model that it does not belong to."""
    aliases: Mapping[Alias, str]
    """Each alias with the model at the end of its chain."""

    @cached_property
    def _ends(self) -> dict[str, str]:
        return {alias.spelling.casefold(): end for alias, end in self.aliases.items()}

    def end_of(self, slug: str) -> str:
        """Return the model that a slug is an alias of; most slugs are not aliases and are returned unchanged."""
        return self._ends.get(slug.casefold(), slug)


def read(statements: Iterable[Statement], *, models: Container[str], key_of: Callable[[str], str]) -> Statements:
    """Read statements as a whole. Raises StatementError if they cannot be followed together."""
    ordered = sorted(set(statements), key=repr)
    for statement in ordered:
        if statement.model is not None and statement.model not in models:
            raise UnknownModel(f"there is no model {statement.model}")
    ties: dict[OfferKey, str] = {}
    for tie in (statement for statement in ordered if isinstance(statement, Tie)):
        if ties.setdefault(tie.offer, tie.model) != tie.model:
            raise Contradiction(f"{' '.join(tie.offer)} is tied to {ties[tie.offer]} already")
    splits = [statement for statement in ordered if isinstance(statement, Split)]
    for split in splits:
        if split.offer in ties and split.model in {None, ties[split.offer]}:
            raise Contradiction(f"{' '.join(split.offer)} is tied to {ties[split.offer]}, and split from it")
    return Statements(
        ties=ties,
        alone=frozenset(split.offer for split in splits if split.model is None),
        never=frozenset((split.offer, split.model) for split in splits if split.model is not None),
        aliases=_ends([statement for statement in ordered if isinstance(statement, Alias)], key_of),
    )


def _ends(aliases: list[Alias], key_of: Callable[[str], str]) -> dict[Alias, str]:
    onward: dict[str, Alias] = {}
    for alias in aliases:
        earlier = onward.setdefault(key_of(alias.spelling), alias)
        if earlier.model != alias.model:
            raise Contradiction(f"{alias.spelling} is an alias of {earlier.model} already")
    ends = {}
    for alias in aliases:
        last, seen = alias, {key_of(alias.spelling)}
        while (name := key_of(last.model)) in onward or name in seen:
            if name in seen:
                raise AliasCycle(f"{alias.spelling} would in the end be an alias of itself")
            seen.add(name)
            last = onward[name]
        ends[alias] = last.model
    return ends
