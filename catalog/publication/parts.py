"""Reads the stored input of the identity rules: all of it, or only the part that changed offers can affect."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from django.db.models import QuerySet

from catalog import registry
from catalog.identity import links as rules
from catalog.identity.names import Namer
from catalog.identity.offers import Alias, Known, Model, OfferKey, Split, Statement, Tie
from catalog.identity.offers import Offer as Facts
from catalog.identity.resolution import Resolution, resolve
from catalog.models import CanonicalModel, IdentityStatement, Offer
from catalog.publication import links
from catalog.publication.states import BATCH, batches
from catalog.records import ModelType, OfferRecord

Json = Any

_TOLD = (
    "pk", "gateway__slug", "model_id", "withdrawn_at", "upstream",
    "canonical__slug", "own_canonical__slug", "apart_from__slug", "variant", "identity_rule", "identity_evidence",
)  # fmt: skip

_MANY = 2 * BATCH
"""Above this number of changed offers everything is resolved: a gateway is then read for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """A stored offer with the decisions about its identity so far."""

    pk: int
    facts: Facts | None
    """None while the offer is withdrawn."""
    model: str | None
    own: str | None
    apart_from: str | None
    variant: str
    rule: str
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """Offers, models and statements that nothing outside of the part can affect."""

    is_all: bool
    namer: Namer
    stored: Mapping[OfferKey, Identified]
    models: Mapping[str, CanonicalModel]
    statements: list[Statement]

    @cached_property
    def offers(self) -> dict[OfferKey, Facts]:
        """The facts of the offers that are not withdrawn."""
        return {key: offer.facts for key, offer in self.stored.items() if offer.facts}

    @cached_property
    def known(self) -> Known:
        """The earlier decisions."""
        slugs = {row.pk: row.slug for row in self.models.values()}
        return Known(
            models={
                slug: Model(
                    born=row.born,
                    merged_into=slugs.get(row.merged_into_id or 0),
                    redirect=slugs.get(row.redirect_id or 0),
                )
                for slug, row in self.models.items()
            },
            placed={key: offer.own for key, offer in self.stored.items() if offer.own},
            apart={key: offer.apart_from for key, offer in self.stored.items() if offer.apart_from},
        )

    def resolution(self, *, revision: int, beside: Mapping[OfferKey, Facts] | None = None) -> Resolution:
        """Resolve the model of each offer. `beside` adds or replaces offers with facts that are not published yet.

        Raises StatementError.
        """
        return resolve(
            {**self.offers, **(beside or {})}.values(),
            namer=self.namer,
            revision=revision,
            known=self.known,
            statements=self.statements,
        )


def whole() -> Part:
    return _part([Offer.objects.all()], [CanonicalModel.objects.all()], stored_statements(), is_all=True)


def around(changed: Collection[int], *, beside: Collection[Facts] = ()) -> Part:
    """Return the part that the offers with these primary keys can affect, by their old and their new names.

    `beside` are offers whose facts are not stored yet. The part is the whole if the links are outdated, or if the part
    would leave out little. It always contains everything that curators made statements about, so that a statement that
    was edited by hand takes effect too.
    """
    if max(len(changed), len(beside)) > _MANY or not links.are_current():
        return whole()
    statements = stored_statements()
    reach = links.Reach(_names_around(changed, beside, statements))
    return _part(
        (Offer.objects.filter(pk__in=batch) for batch in batches(sorted({*reach.offers, *changed}))),
        (CanonicalModel.objects.filter(pk__in=batch) for batch in batches(sorted(reach.models))),
        statements,
        is_all=False,
    )


def facts_of(gateway: str, record: OfferRecord) -> Facts:
    return Facts.of(gateway, record)


def published_fact(gateway: str, upstream: str) -> Facts:
    """Return the facts that the rules read from a stored record."""
    # Not records.load: that validates every field of a record, but only a fifth of them is needed here.
    told = orjson.loads(upstream)
    return Facts(
        gateway=gateway,
        id=told["id"],
        slug=told["slug"],
        canonical_slug=told["canonical_slug"],
        model_type=ModelType(told["model_type"]),
        provider_slug=told["provider_slug"],
        hugging_face_id=told["hugging_face_id"],
        host=told["host"],
    )


def stored_statements() -> list[Statement]:
    rows = IdentityStatement.objects.select_related("offer__gateway", "model").order_by("pk")
    return [statement_of(row) for row in rows]


def statement_of(row: IdentityStatement) -> Statement:
    """Convert a stored statement to the form that the rules use."""
    model = row.model.slug if row.model else None
    if row.kind == IdentityStatement.Kind.ALIAS:
        return Alias(spelling=row.spelling, model=model or "")
    assert row.offer is not None  # noqa: S101  the table holds every other kind to have one
    offer = (row.offer.gateway.slug, row.offer.model_id)
    if row.kind == IdentityStatement.Kind.TIE:
        return Tie(offer=offer, model=model or "")
    return Split(offer=offer, model=model)


def _part(
    offers: Iterable[QuerySet[Offer]],
    models: Iterable[QuerySet[CanonicalModel]],
    statements: list[Statement],
    *,
    is_all: bool,
) -> Part:
    return Part(
        is_all=is_all,
        namer=Namer(registry.PROVIDERS, registry.GATEWAYS),
        # Models are read before offers: a publication that ends in between may add models, but never removes one.
        models={row.slug: row for rows in models for row in rows},
        stored={key: offer for rows in offers for key, offer in _identified(rows)},
        statements=statements,
    )


def _identified(rows: QuerySet[Offer]) -> Iterator[tuple[OfferKey, Identified]]:
    told = rows.values_list(*_TOLD).iterator()
    for pk, gateway, model_id, withdrawn_at, upstream, model, own, apart_from, variant, rule, evidence in told:
        yield (
            (gateway, model_id),
            Identified(
                pk=pk,
                facts=None if withdrawn_at else published_fact(gateway, upstream),
                model=model,
                own=own,
                apart_from=apart_from,
                variant=variant,
                rule=rule,
                evidence=evidence,
            ),
        )


def _names_around(changed: Collection[int], beside: Iterable[Facts], statements: Iterable[Statement]) -> set[str]:
    namer = Namer(registry.PROVIDERS, registry.GATEWAYS)
    told: list[Facts] = list(beside)
    own: set[int] = set()
    for batch in batches(sorted(changed)):
        rows = Offer.objects.filter(pk__in=batch)
        for gateway, upstream, model in rows.values_list("gateway__slug", "upstream", "own_canonical"):
            told.append(published_fact(gateway, upstream))
            own |= {model} if model else set()
    spoken_of = IdentityStatement.objects.exclude(offer=None).values_list("offer", flat=True)
    found = links.names_of(offers={*changed, *spoken_of}, models=own)
    found.update(*(rules.of_offer(facts, namer, own=None) for facts in told))
    found.update(*(rules.of_statement(statement, namer) for statement in statements))
    return found
