"""Writes which model each offer is of, as a part of the publications that bring, rename or withdraw offers.

The rules are pure (`catalog/identity`); here their facts are read and their answer is written. What is decided for one
gateway's offer can concern any other's: so it is written under the lock of the revision, and no publication writes
offers without it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

import orjson
from django.contrib.auth.models import User
from django.db import transaction

from catalog import registry
from catalog.identity.candidates import candidates
from catalog.identity.curators import StatementError
from catalog.identity.names import Namer
from catalog.identity.offers import Alias, Known, Model, OfferKey, Split, Statement, Tie
from catalog.identity.offers import Offer as Facts
from catalog.identity.resolution import Placement, Resolution, check, resolve
from catalog.models import CanonicalModel, IdentityCandidate, IdentityStatement, Offer
from catalog.publication import locks, revision
from catalog.publication.states import BATCH, batches
from catalog.records import ModelType, OfferRecord

logger = logging.getLogger(__name__)

_WRITTEN = ("canonical", "own_canonical", "variant", "identity_rule", "identity_evidence", "identified_in")


def identify(*, now: datetime, author: User | None) -> int:
    """Tell every offer its model; the revision that then holds. Raises StatementError, and changes nothing then."""
    with transaction.atomic():
        newest = locks.lock_revision()
        if not update(newest.number):
            return newest.number
        counts = {"new": 0, "changed": 0, "withdrawn": 0}
        return revision.publish_next(newest, gateway=None, author=author, now=now, counts=counts).number


def update_if_possible(newest: int) -> bool:
    """For a sync, which no statement may stop: where they contradict each other by now, all stays as it was told."""
    try:
        return update(newest)
    except StatementError:
        # Checked when they were made; a later edit of the providers' spellings can still turn two names into one.
        logger.exception("What curators said of models cannot be followed any more; offers keep the models they had")
        return False


def update(newest: int) -> bool:
    """Write what has changed since the revision `newest`, which must be locked; whether anything has.

    Raises StatementError, and writes nothing then.
    """
    offers, told = published_facts(), stored_statements()
    found = resolve(offers.values(), namer=Namer(registry.PROVIDERS), revision=newest, known=known(), statements=told)
    models = _write_models(found.models)
    moved = _moved(found.placements)
    _write_placements(moved, found.placements, models, number=newest + 1)
    return _write_candidates(offers, found, models, told) or bool(moved)


def resolution(*, revision: int, beside: Mapping[OfferKey, Facts]) -> Resolution:
    """Which model each offer would be of with those `beside`, which are not published yet, or otherwise."""
    return resolve(
        {**published_facts(), **beside}.values(),
        namer=Namer(registry.PROVIDERS),
        revision=revision,
        known=known(),
        statements=stored_statements(),
    )


def check_statement(new: Statement) -> None:
    """Raises StatementError where a curator's new statement cannot be followed, or would do harm."""
    check(
        new,
        among=stored_statements(),
        offers=published_facts().values(),
        known=known(),
        namer=Namer(registry.PROVIDERS),
    )


def facts_of(gateway: str, record: OfferRecord) -> Facts:
    return Facts.of(gateway, record)


def published_facts() -> dict[OfferKey, Facts]:
    """What the rules read of every offer that is not withdrawn."""
    rows = Offer.objects.filter(withdrawn_at=None).values_list("gateway__slug", "upstream")
    return {facts.key: facts for facts in (published_fact(slug, text) for slug, text in rows.iterator())}


def published_fact(gateway: str, upstream: str) -> Facts:
    """What the rules read of a stored record."""
    # Not records.load: that validates every field of a record, and a fifth of them is read here.
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


def known() -> Known:
    """What was decided before."""
    models = CanonicalModel.objects.values_list("slug", "born", "merged_into__slug", "redirect__slug")
    placed = Offer.objects.exclude(own_canonical=None).values_list("gateway__slug", "model_id", "own_canonical__slug")
    return Known(
        models={
            slug: Model(born=born, merged_into=merged, redirect=redirect)
            for slug, born, merged, redirect in models.iterator()
        },
        placed={(gateway, model_id): slug for gateway, model_id, slug in placed.iterator()},
    )


def stored_statements() -> list[Statement]:
    rows = IdentityStatement.objects.select_related("offer__gateway", "model").order_by("pk")
    return [statement_of(row) for row in rows]


def statement_of(row: IdentityStatement) -> Statement:
    """A stored statement as the rules take it."""
    model = row.model.slug if row.model else None
    if row.kind == IdentityStatement.Kind.ALIAS:
        return Alias(spelling=row.spelling, model=model or "")
    assert row.offer is not None  # noqa: S101  the table holds every other kind to have one
    offer = (row.offer.gateway.slug, row.offer.model_id)
    if row.kind == IdentityStatement.Kind.TIE:
        return Tie(offer=offer, model=model or "")
    return Split(offer=offer, model=model)


def _write_models(models: Mapping[str, Model]) -> dict[str, int]:
    """Have a row for each model, leading where it leads; their primary keys by slug."""
    stored = {model.slug: model for model in CanonicalModel.objects.all()}
    new = [
        CanonicalModel(slug=slug, key=slug.casefold(), born=model.born)
        for slug, model in models.items()
        if slug not in stored
    ]
    CanonicalModel.objects.bulk_create(new, batch_size=BATCH)
    stored |= {model.slug: model for model in new}
    led = []
    for slug, model in models.items():
        row = stored[slug]
        ends = [stored[end].pk if end else None for end in (model.merged_into, model.redirect)]
        if ends != [row.merged_into_id, row.redirect_id]:
            row.merged_into_id, row.redirect_id = ends
            led.append(row)
    CanonicalModel.objects.bulk_update(led, ["merged_into", "redirect"], batch_size=BATCH)
    return {slug: row.pk for slug, row in stored.items()}


def _write_candidates(
    offers: Mapping[OfferKey, Facts], found: Resolution, models: Mapping[str, int], told: Iterable[Statement]
) -> bool:
    """Have a row for each question; whether there are others than before."""
    asked = candidates(offers.values(), found, namer=Namer(registry.PROVIDERS), statements=told)
    wanted = {(models[each.model], models[each.may_be], each.reason, each.evidence) for each in asked}
    stored = {
        (row.model_id, row.may_be_id, row.reason, row.evidence): row.pk for row in IdentityCandidate.objects.all()
    }
    for batch in batches([pk for key, pk in stored.items() if key not in wanted]):
        IdentityCandidate.objects.filter(pk__in=batch).delete()
    new = [
        IdentityCandidate(model_id=model, may_be_id=other, reason=reason, evidence=evidence)
        for model, other, reason, evidence in sorted(wanted - stored.keys())
    ]
    IdentityCandidate.objects.bulk_create(new, batch_size=BATCH)
    return wanted != stored.keys()


def _moved(placements: Mapping[OfferKey, Placement]) -> dict[int, OfferKey]:
    """The offers, by primary key, of which something else is known now."""
    rows = Offer.objects.filter(withdrawn_at=None).values_list(
        "pk",
        "gateway__slug",
        "model_id",
        "canonical__slug",
        "own_canonical__slug",
        "variant",
        "identity_rule",
        "identity_evidence",
    )
    found = {}
    for pk, gateway, model_id, *before in rows.iterator():
        now = placements[gateway, model_id]
        if before != [now.model, now.own or before[1], now.variant or "", now.rule, now.evidence]:
            found[pk] = (gateway, model_id)
    return found


def _write_placements(
    moved: Mapping[int, OfferKey], placements: Mapping[OfferKey, Placement], models: Mapping[str, int], *, number: int
) -> None:
    for offers in _in_batches(moved):
        for offer in offers:
            placement = placements[moved[offer.pk]]
            offer.canonical_id = models[placement.model]
            offer.own_canonical_id = models[placement.own] if placement.own else offer.own_canonical_id
            offer.variant = placement.variant or ""
            offer.identity_rule = placement.rule
            offer.identity_evidence = placement.evidence
            offer.identified_in = number
        Offer.objects.bulk_create(offers, update_conflicts=True, unique_fields=["id"], update_fields=_WRITTEN)


def _in_batches(pks: Collection[int]) -> Iterator[list[Offer]]:
    for batch in batches(sorted(pks)):
        yield list(Offer.objects.filter(pk__in=batch))
