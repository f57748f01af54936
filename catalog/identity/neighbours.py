"""What can change together, so that after a small change only a small part is decided again.

Offers, models and aliases have links, which are keys. What no chain of common links joins cannot change each other: so
`resolve` of a part that is closed under links says of its offers what `resolve` of everything would. The links of an
offer follow from its facts and from the model that it has, so they can be stored and looked up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from catalog.identity.groups import reach
from catalog.identity.names import Namer, slug_stem
from catalog.identity.offers import Known, Offer, OfferKey, Split, Statement, Tie


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is to be decided again, in the arguments of `resolve`."""

    offers: list[Offer]
    known: Known
    statements: list[Statement]


def links_of_model(slug: str, namer: Namer) -> frozenset[str]:
    return frozenset({slug_stem(slug), namer.key(slug)})


def links_of_offer(offer: Offer, namer: Namer, *, known: Known) -> frozenset[str]:
    model = known.placed.get(offer.key)
    return namer.names(offer).links | (links_of_model(model, namer) if model else frozenset())


def links_of_statement(
    statement: Statement, namer: Namer, *, links: Mapping[OfferKey, Collection[str]]
) -> frozenset[str]:
    """`links` of the offers, for what is said of one."""
    found = links_of_model(statement.model, namer) if statement.model else frozenset()
    if isinstance(statement, Tie | Split):
        return found | frozenset(links.get(statement.offer, ()))
    return found | links_of_model(statement.spelling, namer)


def around(
    changed: Iterable[str],
    *,
    offers: Iterable[Offer],
    links: Mapping[OfferKey, Collection[str]],
    known: Known,
    statements: Iterable[Statement],
    namer: Namer,
) -> Part:
    """The part that the changed links reach: those of offers that came, that went, and before and after of others,
    and those of statements that were made or taken back. `links` are those of all `offers`.
    """
    told = [(statement, links_of_statement(statement, namer, links=links)) for statement in statements]
    redirects = [
        links_of_model(slug, namer) | links_of_model(model.redirect, namer)
        for slug, model in known.models.items()
        if model.redirect
    ]
    reached = _reached(changed, [*links.values(), *(linked for _, linked in told), *redirects])
    return Part(
        offers=[offer for offer in offers if not reached.isdisjoint(links[offer.key])],
        known=Known(
            models={
                slug: model
                for slug, model in known.models.items()
                if not reached.isdisjoint(links_of_model(slug, namer))
            },
            placed=known.placed,
        ),
        statements=[statement for statement, linked in told if not reached.isdisjoint(linked)],
    )


def _reached(start: Iterable[str], items: Iterable[Collection[str]]) -> set[str]:
    by_link: dict[str, list[Collection[str]]] = defaultdict(list)
    for item in items:
        for link in item:
            by_link[link].append(item)
    return reach(start, lambda link: {other for item in by_link.get(link, ()) for other in item})
