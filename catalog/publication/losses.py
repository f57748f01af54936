"""Which essential facts a listing no longer has: many losses at once are a mistake of the gateway or of ours. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from catalog.publication.listing import Loss
from catalog.records import OfferRecord

_FEWEST_UNCLEAR = 10
"""If a listing contradicts the prices of this many offers, that counts as a loss of the fact."""


def lost_facts(pairs: Iterable[tuple[OfferRecord, OfferRecord]]) -> Counter[str]:
    """Count the offers that lost each fact. The pairs are the records of an offer before and after."""
    lost: Counter[str] = Counter()
    unclear: Counter[str] = Counter()
    for before, after in pairs:
        contradicted = _unclear(before, after)
        lost.update(_facts(before) - _facts(after) - contradicted)
        unclear.update(contradicted)
    # A contradiction affects a few offers; a price list in a new format affects nearly all of them.
    lost.update({fact: count for fact, count in unclear.items() if count >= _FEWEST_UNCLEAR})
    return lost


def losses(lost: Mapping[str, int], *, had: Mapping[str, int]) -> list[Loss]:
    """`had` are the numbers of published offers with each fact."""
    return [Loss(fact=fact, lost=count, had=max(count, had.get(fact, 0))) for fact, count in sorted(lost.items())]


def all_facts(record: OfferRecord) -> set[str]:
    return _facts(record) | {f"price of {price.meter}" for price in record.prices if not price.conditions}


def _facts(record: OfferRecord) -> set[str]:
    """Return which of the essential facts of a catalogue the record contains."""
    has = {"price": bool(record.prices) or record.is_dynamic, "context length": record.context_length is not None}
    return {fact for fact, is_there in has.items() if is_there}


def _unclear(before: OfferRecord, after: OfferRecord) -> set[str]:
    """Return the known prices that the new row contradicts or hides."""
    contradicted = {f"price of {price.meter}" for price in after.unclear if not price.conditions}
    return all_facts(before) & (contradicted | ({"price"} - _facts(after) if contradicted else set()))
