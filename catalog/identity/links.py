"""What can change together, so that after a small change only a small part is decided again.

Offers, models and statements have links. What no chain of common links joins cannot change each other: every look-up of
the rules goes through a name, and equal names have equal links. So `resolve` and `candidates` of a part that is closed
under links say of it what they would say of everything. A link is what all these names have in common: the model's name
without its maker, without separators, and without the endings of tuned models. Short names with a version have a second
one, their words in any order, for `candidates` asks about names of the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from catalog.identity.names import TUNED, Namer, in_any_order, squashed, unnumbered
from catalog.identity.offers import Alias, Offer, Statement

RULES = 3
"""To be raised with every change of a rule in this package: all is then decided anew, not only what offers bring."""

LONGEST = 100
"""Characters of a link. What was cut off would part nothing that hangs together."""


def of_offer(offer: Offer, namer: Namer, *, own: str | None) -> frozenset[str]:
    """`own` is the slug of the model that it is of by itself, if it was of one before (`Known.placed`)."""
    names = namer.names(offer)
    told = [names.key, names.spelling, names.bare, names.permanent, own]
    told += [namer.key(names.stranger)] if names.stranger else []
    told += [names.repository.key, names.repository.spelling] if names.repository else []
    told += [names.sped_up.key] if names.sped_up else []
    told += [names.dated.undated] if names.dated else []
    told += [names.worded.key] if names.worded else []
    return _links(told)


def of_model(slug: str, namer: Namer, *, merged_into: str | None) -> frozenset[str]:
    """The model that it was merged into is led where this one is, and the other way round."""
    return _links(_spellings((slug, merged_into), namer))


def of_statement(statement: Statement, namer: Namer) -> frozenset[str]:
    """Without those of its offer, which may have been withdrawn."""
    spelling = statement.spelling if isinstance(statement, Alias) else None
    return _links(_spellings((statement.model, spelling), namer))


def reached(start: Collection[str], beside: Callable[[Collection[str]], Collection[str]]) -> set[str]:
    """All links that chains lead to. `beside` gives the links of everything that has one of those."""
    found: set[str] = set()
    new = set(start)
    while new:
        found |= new
        new = set(beside(new)) - found
    return found


def _spellings(told: Iterable[str | None], namer: Namer) -> Iterator[str]:
    """Curators mean a slug or a name."""
    for text in filter(None, told):
        yield text
        yield namer.key(text)


def _links(told: Iterable[str | None]) -> frozenset[str]:
    """Of keys, slugs and bare names."""
    texts = {unnumbered(text.casefold()) for text in told if text}
    # A name may have slashes. Models that are called the same leave out what is before the last one, keys do not.
    names = {name for text in texts for name in (text.partition("/")[2] or text, text.rpartition("/")[2])}
    ordered = {in_any_order(name.rpartition("/")[2]) for name in names}
    # A hyphen is in no squashed name.
    of_words = {f"-{words}"[:LONGEST] for words in ordered if words}
    return frozenset({_untuned(squashed(name)) for name in names} | of_words)


def _untuned(name: str) -> str:
    while ending := next((word for word in TUNED if name.endswith(word)), None):
        name = name.removesuffix(ending)
    return name[:LONGEST]
