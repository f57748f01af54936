"""What can change together, so that after a small change only a small part is decided again.

Offers, models and statements have links. Things that no chain of common links joins cannot change each other: every
look-up of the rules uses a name, and equal names have equal links. So `resolve` and `candidates` give the same result
for a part that is closed under links as they would for everything. A link is the common part of all these names: the
model's name without its provider, without separators, and without the endings of tuned models. Short names with a
version have a second link, their words in any order, because `candidates` compares names of the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from catalog.identity.names import TUNED, Namer, in_any_order, squashed, unnumbered
from catalog.identity.offers import Alias, Offer, Statement

RULES = 3
"""Increase it with every change of a rule in this package. Everything is then decided again, not only what offers
change."""

LONGEST = 100
"""The maximum number of characters of a link. Cutting the rest off never separates things that belong together."""


def of_offer(offer: Offer, namer: Namer, *, own: str | None) -> frozenset[str]:
    """Return the links of an offer. `own` is the slug of the offer's own model, if it had one before
    (`Known.placed`)."""
    names = namer.names(offer)
    texts = [names.key, names.spelling, names.bare, names.permanent, own]
    texts += [namer.key(names.stranger)] if names.stranger else []
    texts += [names.repository.key, names.repository.spelling] if names.repository else []
    texts += [names.sped_up.key] if names.sped_up else []
    texts += [names.dated.undated] if names.dated else []
    texts += [names.worded.key] if names.worded else []
    return _links(texts)


def of_model(slug: str, namer: Namer, *, merged_into: str | None) -> frozenset[str]:
    """Return the links of a model. They include those of the model that it was merged into, so that both lead to the
    same place."""
    return _links(_spellings((slug, merged_into), namer))


def of_statement(statement: Statement, namer: Namer) -> frozenset[str]:
    """Return the links of a statement, without those of its offer, which may have been withdrawn."""
    spelling = statement.spelling if isinstance(statement, Alias) else None
    return _links(_spellings((statement.model, spelling), namer))


def reached(start: Collection[str], linked_to: Callable[[Collection[str]], Collection[str]]) -> set[str]:
    """Return all links that chains lead to. `linked_to` returns the links of everything that has one of the given
    links."""
    found: set[str] = set()
    new = set(start)
    while new:
        found |= new
        new = set(linked_to(new)) - found
    return found


def _spellings(texts: Iterable[str | None], namer: Namer) -> Iterator[str]:
    """Yield each text both as a slug and as a name, because a curator may mean either."""
    for text in filter(None, texts):
        yield text
        yield namer.key(text)


def _links(spellings: Iterable[str | None]) -> frozenset[str]:
    """Return the links of keys, slugs and bare names."""
    texts = {unnumbered(text.casefold()) for text in spellings if text}
    # A name may have slashes. Comparisons of bare names ignore what is before the last slash; comparisons of keys do
    # not.
    names = {name for text in texts for name in (text.partition("/")[2] or text, text.rpartition("/")[2])}
    ordered = {in_any_order(name.rpartition("/")[2]) for name in names}
    # The hyphen marks links of words: no squashed name contains one.
    of_words = {f"-{words}"[:LONGEST] for words in ordered if words}
    return frozenset({_untuned(squashed(name)) for name in names} | of_words)


def _untuned(name: str) -> str:
    while ending := next((word for word in TUNED if name.endswith(word)), None):
        name = name.removesuffix(ending)
    return name[:LONGEST]
