"""What a version of an offer changed: which fields, which prices, and the kinds of change. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalog.documents import reading, rendering
from catalog.normalize import text
from catalog.records import Condition, PriceRecord

Json = Any
Document = Mapping[str, Json]


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    """The gateway no longer lists it."""
    RETURNED = "returned"
    """The gateway lists it again."""
    REPRICED = "repriced"
    DESCRIBED = "described"
    AVAILABILITY = "availability"
    CHANGED = "changed"
    """Any other change."""
    RENDERED = "rendered"
    """Only our rendering changed; the facts that a gateway or a curator reported did not."""


UNREPORTED = frozenset({"canonical_model", "variant"})
"""Fields that no change reports, because an offer's model can be decided again without a new version of the offer."""
PRICED = frozenset({"pricing", "price_status", "price_basis", "price_tier", "price_per_million"})
DESCRIBING = frozenset({"name", "description"})
_OF_OTHER_KINDS = PRICED | DESCRIBING | {"withdrawn_at", "availability"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    meter: str
    conditions: tuple[Condition, ...]
    before: str | None
    """The amount as `pricing` shows it; None if there was no known price."""
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    kinds: tuple[Kind, ...]
    """At least one kind, in the order of `Kind`."""
    before: Document
    """The previous values of the fields that changed; empty for an added offer."""
    after: Document
    """The current values of the same fields; all fields for an added or a returned offer.

    Merged into the previous document, they give the current one.
    """
    prices: tuple[PriceChange, ...]


def difference(before: Document | None, after: Document, *, is_rendered: bool = False) -> Difference:
    """Return what changed in a document. `before` is None for an offer that is new itself.

    `is_rendered` means that the revision shows the same facts in another way.
    """
    if before is None:
        reported = {field: value for field, value in after.items() if field not in UNREPORTED}
        return Difference(kinds=(Kind.ADDED,), before={}, after=reported, prices=tuple(_price_changes(None, after)))
    fields = [
        field for field in (*after, *(field for field in before if field not in after)) if field not in UNREPORTED
    ]
    changed = [field for field in fields if before.get(field) != after.get(field)]
    kinds = (Kind.RENDERED,) if is_rendered else _kinds(before, after, frozenset(changed))
    # A client's copy may have dropped the removed offer, so it needs all fields again.
    shown = fields if Kind.RETURNED in kinds else changed
    return Difference(
        kinds=kinds,
        before={field: before.get(field) for field in changed},
        after={field: after.get(field) for field in shown},
        prices=tuple(_price_changes(before, after)),
    )


def _kinds(before: Document, after: Document, changed: frozenset[str]) -> tuple[Kind, ...]:
    was_gone, is_gone = (document["withdrawn_at"] is not None for document in (before, after))
    is_of_kind = {
        Kind.REMOVED: is_gone and not was_gone,
        Kind.RETURNED: was_gone and not is_gone,
        Kind.REPRICED: bool(changed & PRICED),
        Kind.DESCRIBED: "name" in changed or ("description" in changed and _is_described(before, after)),
        Kind.AVAILABILITY: "availability" in changed,
    }
    kinds = [kind for kind, is_so in is_of_kind.items() if is_so]
    return (*kinds, Kind.CHANGED) if changed - _OF_OTHER_KINDS or not kinds else tuple(kinds)


def _is_described(before: Document, after: Document) -> bool:
    """Whether the description changed. A text that was only cut short does not count, and neither does our own sentence
    with another price in it."""
    if all(map(rendering.is_own_description, (before, after))):
        return False
    return not text.is_abridged(after["description"], of=before["description"])


def _price_changes(before: Document | None, after: Document) -> Iterator[PriceChange]:
    old, new = _prices(before) if before else {}, _prices(after)
    for key in [*new, *(key for key in old if key not in new)]:
        amounts = [rendering.amount_text(prices[key]) if key in prices else None for prices in (old, new)]
        if amounts[0] != amounts[1]:
            yield PriceChange(meter=key[0], conditions=key[1], before=amounts[0], after=amounts[1])


def _prices(document: Document) -> dict[tuple[str, tuple[Condition, ...]], PriceRecord]:
    return {(price.meter, price.conditions): price for price in reading.shown_prices(document)}
