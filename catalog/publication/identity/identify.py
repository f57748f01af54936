"""Stores the model of each offer, as a part of the publications that add, rename or withdraw offers.

The rules are pure (`catalog/identity`); this module reads their input and writes their result. A decision about one
gateway's offer can affect the offers of any other gateway. So it is written under the lock of the revision, and no
publication writes offers without that lock.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from catalog.identity import links as rules
from catalog.identity.candidates import candidates
from catalog.identity.curators import StatementError
from catalog.identity.offers import Model, OfferKey, Statement
from catalog.identity.resolution import Placement, Resolution, check
from catalog.models import CanonicalModel, IdentityCandidate, Offer
from catalog.publication import clock, locks, revision
from catalog.publication.batches import BATCH, batches
from catalog.publication.identity import links, parts
from catalog.publication.identity.parts import Identified, Part

logger = logging.getLogger(__name__)

_WRITTEN = (
    "canonical", "own_canonical", "apart_from", "variant", "identity_rule", "identity_evidence", "identified_in",
)  # fmt: skip


def identify(*, author: User | None, must_be_possible: bool) -> int:
    """Resolve the model of every offer after the curators' statements changed. Return the new revision.

    Raises ClockMoved. If the statements cannot be applied, `must_be_possible` raises StatementError and changes
    nothing; otherwise the offers keep their models. There is always a new revision, even if no offer moves: an alias
    takes effect with a revision.
    """
    with transaction.atomic():
        newest = locks.lock_revision()
        found = decide(parts.whole(), newest=newest.number)
        if found.contradiction and must_be_possible:
            raise found.contradiction
        write(found, pks={})
        counts = {"new": 0, "changed": 0, "withdrawn": 0}
        now = clock.publication_time()
        return revision.publish_next(newest, gateway=None, author=author, now=now, counts=counts).number


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The models of the offers of one part."""

    newest: int
    """The revision after which new models are named."""
    part: Part
    resolution: Resolution | None
    """None if the curators' statements contradict each other: then the offers keep their models."""
    contradiction: StatementError | None = None

    def placement(self, key: OfferKey) -> Placement | None:
        return self.resolution.placements.get(key) if self.resolution else None


def decide(part: Part, *, newest: int) -> Decided:
    """Resolve the models of a part."""
    try:
        return Decided(newest=newest, part=part, resolution=part.resolution(revision=newest))
    except StatementError as error:
        return Decided(newest=newest, part=part, resolution=None, contradiction=error)


def write(found: Decided, *, pks: Mapping[OfferKey, int]) -> bool:
    """Write the changes since the newest revision, which must be locked. Return whether anything has changed.

    `pks` are the primary keys of the offers that were not stored yet when their models were decided. A contradiction
    between statements does not stop the publication.
    """
    part, decided, number = found.part, found.resolution, found.newest + 1
    if decided is None:
        # Statements are checked when they are made. A later edit of the providers' spellings can still merge two names.
        logger.error(
            "The statements of curators contradict each other now; offers keep their models",
            exc_info=found.contradiction,
        )
        links.forget()  # the next update must be a full one, for it has to resolve the offers of this publication too
        return False
    keys = {key: offer.pk for key, offer in part.identified.items() if offer.pk is not None} | dict(pks)
    models, led = _write_models(part.models, decided.models)
    _lead_on(led, number=number)
    moved = {
        keys[key]: decided.placements[key]
        for key in part.offers
        if _is_moved(part.identified[key], decided.placements[key])
    }
    _write_placements(moved, models, number=number)
    links.write(_links(part, decided, keys, models), of_all=part.is_all)
    return _write_candidates(part, decided, models) or bool(moved) or bool(led)


def check_statement(new: Statement) -> None:
    """Raise StatementError if a curator's new statement cannot be applied, or would do harm."""
    all_of_it = parts.whole()
    check(
        new,
        among=all_of_it.statements,
        offers=all_of_it.offers.values(),
        known=all_of_it.known,
        namer=all_of_it.namer,
    )


def _write_models(
    known: Mapping[str, CanonicalModel], models: Mapping[str, Model]
) -> tuple[dict[str, int], list[CanonicalModel]]:
    """Write a row with its redirect for each model. Return the primary keys by slug, and the redirected rows."""
    new = [
        CanonicalModel(slug=slug, key=slug.casefold(), born=model.born)
        for slug, model in models.items()
        if slug not in known
    ]
    CanonicalModel.objects.bulk_create(new, batch_size=BATCH)
    stored = {**known, **{model.slug: model for model in new}}
    led = []
    for slug, model in models.items():
        row = stored[slug]
        ends = [stored[end].pk if end else None for end in (model.merged_into, model.redirect)]
        if ends != [row.merged_into_id, row.redirect_id]:
            row.merged_into_id, row.redirect_id = ends
            led.append(row)
    CanonicalModel.objects.bulk_update(led, ["merged_into", "redirect"], batch_size=BATCH)
    return {slug: row.pk for slug, row in stored.items()}, led


def _lead_on(models: Iterable[CanonicalModel], *, number: int) -> None:
    """Move withdrawn offers, which are not resolved, along the redirect of their model, so that they can be found."""
    for model in models:
        if model.redirect_id is not None:
            offers = Offer.objects.filter(canonical=model, withdrawn_at__isnull=False)
            offers.update(canonical=model.redirect_id, identified_in=number)


def _links(
    part: Part, found: Resolution, keys: Mapping[OfferKey, int], models: Mapping[str, int]
) -> dict[links.Owner, frozenset[str]]:
    """Return the new links of each offer and each model. A withdrawn offer affects no other offer and has no links."""
    of_offers: dict[links.Owner, frozenset[str]] = {}
    for key, offer in part.identified.items():
        own = found.placements[key].own or offer.own if offer.facts else None
        names = rules.of_offer(offer.facts, part.namer, own=own) if offer.facts else frozenset()
        of_offers[keys[key], None] = names
    of_models: dict[links.Owner, frozenset[str]] = {
        (None, models[slug]): rules.of_model(slug, part.namer, merged_into=model.merged_into)
        for slug, model in found.models.items()
    }
    return of_offers | of_models


def _write_candidates(part: Part, found: Resolution, models: Mapping[str, int]) -> bool:
    """Store one row for each question about these models. Return whether the questions have changed."""
    asked = candidates(part.offers.values(), found, namer=part.namer, statements=part.statements)
    wanted = {(models[each.model], models[each.may_be], each.reason, each.evidence) for each in asked}
    stored = {(row.model_id, row.may_be_id, row.reason, row.evidence): row.pk for row in _asked_before(part)}
    for batch in batches([pk for key, pk in stored.items() if key not in wanted]):
        IdentityCandidate.objects.filter(pk__in=batch).delete()
    new = [
        IdentityCandidate(model_id=model, may_be_id=other, reason=reason, evidence=evidence)
        for model, other, reason, evidence in sorted(wanted - stored.keys())
    ]
    IdentityCandidate.objects.bulk_create(new, batch_size=BATCH)
    return wanted != stored.keys()


def _asked_before(part: Part) -> Iterator[IdentityCandidate]:
    if part.is_all:
        yield from IdentityCandidate.objects.all()
        return
    # Both models of a question always belong to the same part.
    for batch in batches(sorted(row.pk for row in part.models.values())):
        yield from IdentityCandidate.objects.filter(model__in=batch)


def _is_moved(offer: Identified, now: Placement) -> bool:
    before = (offer.model, offer.own, offer.apart_from, offer.variant, offer.rule, offer.evidence)
    return before != (now.model, now.own or offer.own, now.apart_from, now.variant or "", now.rule, now.evidence)


def _write_placements(moved: Mapping[int, Placement], models: Mapping[str, int], *, number: int) -> None:
    """`moved` are the new placements by the offers' primary keys."""
    for batch in batches(sorted(moved)):
        offers = list(Offer.objects.filter(pk__in=batch))
        for offer in offers:
            placement = moved[offer.pk]
            offer.canonical_id = models[placement.model]
            offer.own_canonical_id = models[placement.own] if placement.own else offer.own_canonical_id
            offer.apart_from_id = models[placement.apart_from] if placement.apart_from else None
            offer.variant = placement.variant or ""
            offer.identity_rule = placement.rule
            offer.identity_evidence = placement.evidence
            offer.identified_in = number
        Offer.objects.bulk_create(offers, update_conflicts=True, unique_fields=["id"], update_fields=_WRITTEN)
