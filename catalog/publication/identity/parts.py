"""Reads the stored input of the identity rules: all of it, or only the part that changed offers can affect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
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
from catalog.publication import naming
from catalog.publication.batches import BATCH, batches
from catalog.publication.identity import links
from catalog.records import ModelType, OfferRecord

Json = Any

_READ = (
    "pk", "gateway__slug", "model_id", "withdrawn_at", "upstream",
    "canonical__slug", "own_canonical__slug", "apart_from__slug", "variant", "identity_rule", "identity_evidence",
)  # fmt: skip

_MANY = 2 * BATCH
"""Above this number of changed offers everything is resolved: a gateway is then read for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of the facts about an offer that is not stored yet."""

    pk: int | None
    """None for an offer that is new itself."""
    facts: Facts | None
    """None for an offer that is withdrawn."""


Changes = Mapping[OfferKey, Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """An offer with the stored decisions about its identity."""

    pk: int | None
    """None for an offer that is not stored yet."""
    facts: Facts | None
    """None while the offer is withdrawn."""
    model: str | None = None
    own: str | None = None
    apart_from: str | None = None
    variant: str = ""
    rule: str = ""
    evidence: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Offers, models and statements that nothing outside of the part can affect, with the changes of a publication."""

    is_all: bool
    namer: Namer
    identified: Mapping[OfferKey, Identified]
    models: Mapping[str, CanonicalModel]
    statements: list[Statement]

    @cached_property
    def offers(self) -> dict[OfferKey, Facts]:
        """The facts of the offers that are not withdrawn."""
        return {key: offer.facts for key, offer in self.identified.items() if offer.facts}

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
            placed={key: offer.own for key, offer in self.identified.items() if offer.own},
            apart={key: offer.apart_from for key, offer in self.identified.items() if offer.apart_from},
        )

    def resolution(self, *, revision: int) -> Resolution:
        """Resolve the model of each offer. Raises StatementError."""
        return resolve(
            self.offers.values(),
            namer=self.namer,
            revision=revision,
            known=self.known,
            statements=self.statements,
        )


def whole(changes: Changes | None = None) -> Part:
    return _part(
        [Offer.objects.all()], [CanonicalModel.objects.all()], stored_statements(), changes=changes or {}, is_all=True
    )


def around(changes: Changes) -> Part:
    """Return the part that these offers can affect, by their old and their new names.

    The part is the whole if the links are outdated, or if the part would leave out little. It always contains
    everything that curators made statements about, so that a statement that was edited by hand takes effect too.
    """
    if len(changes) > _MANY or not links.are_current():
        return whole(changes)
    statements = stored_statements()
    reach = links.Reach(_names_around(changes, statements))
    pks = {change.pk for change in changes.values() if change.pk is not None}
    return _part(
        (Offer.objects.filter(pk__in=batch) for batch in batches(sorted(reach.offers | pks))),
        (CanonicalModel.objects.filter(pk__in=batch) for batch in batches(sorted(reach.models))),
        statements,
        changes=changes,
        is_all=False,
    )


def facts_of(gateway: str, record: OfferRecord) -> Facts:
    return Facts.of(gateway, record)


def published_fact(gateway: str, upstream: str) -> Facts:
    """Return the facts that the rules read from a stored record."""
    # Not records.load: that validates every field of a record, but only a fifth of them is needed here.
    record = orjson.loads(upstream)
    return Facts(
        gateway=gateway,
        id=record["id"],
        slug=record["slug"],
        canonical_slug=record["canonical_slug"],
        model_type=ModelType(record["model_type"]),
        provider_slug=record["provider_slug"],
        hugging_face_id=record["hugging_face_id"],
        host=record["host"],
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
    changes: Changes,
    is_all: bool,
) -> Part:
    return Part(
        is_all=is_all,
        namer=Namer(naming.makers(), registry.GATEWAYS),
        # Models are read before offers: a publication that ends in between may add models, but never removes one.
        models={row.slug: row for rows in models for row in rows},
        identified=_changed({key: offer for rows in offers for key, offer in _identified(rows)}, changes),
        statements=statements,
    )


def _changed(stored: Mapping[OfferKey, Identified], changes: Changes) -> dict[OfferKey, Identified]:
    changed = {
        key: replace(stored[key], facts=change.facts) if key in stored else Identified(pk=change.pk, facts=change.facts)
        for key, change in changes.items()
    }
    return {**stored, **changed}


def _identified(rows: QuerySet[Offer]) -> Iterator[tuple[OfferKey, Identified]]:
    found = rows.values_list(*_READ).iterator()
    for pk, gateway, model_id, withdrawn_at, upstream, model, own, apart_from, variant, rule, evidence in found:
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


def _names_around(changes: Changes, statements: Iterable[Statement]) -> set[str]:
    namer = Namer(naming.makers(), registry.GATEWAYS)
    facts = [change.facts for change in changes.values() if change.facts]
    pks = {change.pk for change in changes.values() if change.pk is not None}
    own: set[int] = set()
    for batch in batches(sorted(pks)):
        rows = Offer.objects.filter(pk__in=batch)
        for gateway, upstream, model in rows.values_list("gateway__slug", "upstream", "own_canonical"):
            facts.append(published_fact(gateway, upstream))
            own |= {model} if model else set()
    concerned = IdentityStatement.objects.exclude(offer=None).values_list("offer", flat=True)
    found = links.names_of(offers={*pks, *concerned}, models=own)
    found.update(*(rules.of_offer(each, namer, own=None) for each in facts))
    found.update(*(rules.of_statement(statement, namer) for statement in statements))
    return found
