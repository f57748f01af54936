"""What the name of a model in a request means: the offers that it names, before any of them is ruled out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pyroaring import BitMap

from catalog import registry
from catalog.api.hints import resolve_address
from catalog.memory import derived
from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters import views
from catalog.parameters.offer_filters import VIEW
from catalog.pricing import variants
from catalog.reports.canonical import models_of
from catalog.reports.comparison import WITHDRAWN
from routing.choose.offers import Offer, offer_of
from routing.wire.preferences import Sort

SHORTCUTS: dict[str, Sort] = {"floor": "price", "nitro": "throughput"}
"""The words after a colon that only choose the order."""
FREE = "free"
MOST_OF_A_FILTER = 100
"""The most offers of a saved filter that one request considers, the cheapest ones."""
_MOST_REMEMBERED = 10_000
_SPECIAL = frozenset(variants.MEANINGS)
"""The words of variants that are answered otherwise, or sold on other terms, than the model itself."""


class UnknownModel(Exception):
    """No model has this name. The message names what exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """Which variants of a model are meant. Offers are checked by `why_not`."""

    names: frozenset[str] | None = None
    """Exactly these; None: every one that is answered and sold like the model itself."""
    word: str = ""
    """Those with this word; `free` also means offers whose price is known to be 0."""

    def why_not(self, offer: Offer) -> str:
        """Return why the offer is not meant; empty if it is."""
        if self.word:
            is_meant = self.word in offer.words or (self.word == FREE and offer.is_free)
            return "" if is_meant else f"it is not the variant `{self.word}` that the model names"
        if self.names is not None:
            if offer.variant in self.names:
                return ""
            wanted = " or ".join(f"`{name}`" for name in sorted(self.names))
            return f"it is {_variant(offer.variant)}, and the model names the variant {wanted}"
        if special := sorted(offer.words & _SPECIAL):
            return f"it is the variant `{special[0]}`, which runs only if the model names it"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    gateway: str
    offer_id: str
    reason: str
    """What rules it out, in one sentence."""


def left_out(offer: Offer, reason: str) -> LeftOut:
    """`reason` is the rest of a sentence about the offer. The members of a request are spelled as they are sent."""
    sentence = reason if reason.startswith("provider.") else reason[:1].upper() + reason[1:]
    return LeftOut(gateway=offer.gateway, offer_id=offer.id, reason=f"{sentence}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    asked: str
    """What resolved: the slug of a model, `gateway/id`, or `@name` of a saved filter."""
    offers: Sequence[Offer] = ()
    able: Sequence[Offer] = ()
    """The offers that can run requests, as long as this snapshot is served."""
    refused: Sequence[LeftOut] = ()
    """The others, with what rules them out for every request by this name."""
    members: BitMap | None = None
    """The positions of the offers of a saved filter; there are no `offers` then."""
    variants: Variants | None = None
    """None: the offers themselves are named, whichever variants they are."""
    gateway: str | None = None
    """The one gateway that the name allows."""
    sort: Sort | None = None
    """The order that the name states."""


@dataclass(slots=True)
class _Remembered:
    """What was resolved in one snapshot. Names that mean nothing are not kept."""

    names: dict[str, Named] = field(default_factory=dict)
    offers: dict[tuple[str, str], Offer] = field(default_factory=dict)


_REMEMBERED: derived.Once[_Remembered] = derived.Once(lambda snapshot, last: _Remembered())


def named(snapshot: Snapshot, asked: str) -> Named:
    """Return what a model's name means. Raise UnknownModel.

    An id of an offer means its model at any gateway, in the same variant. With its gateway before it, it means that
    offer alone.
    """
    remembered = _REMEMBERED(snapshot)
    found = remembered.names.get(asked)
    if found is None:
        found = _sorted_out(_with_shortcut(snapshot, asked))
        if len(remembered.names) < _MOST_REMEMBERED:
            remembered.names[asked] = found
    return found


def _sorted_out(found: Named) -> Named:
    reasons = [(offer, _lasting_reason(offer, found.variants)) for offer in found.offers]
    return replace(
        found,
        able=[offer for offer, reason in reasons if not reason],
        refused=[left_out(offer, reason) for offer, reason in reasons if reason],
    )


def _lasting_reason(offer: Offer, wanted: Variants | None) -> str:
    if offer.row.is_withdrawn:
        return WITHDRAWN
    if not offer.is_standard:
        return "it does not answer at once: it is a batch offer, or of a mode that is not known"
    return "" if wanted is None else wanted.why_not(offer)


def offers_of(snapshot: Snapshot, rows: Iterable[Row]) -> list[Offer]:
    """Return the rows with their facts, which are read once for each snapshot."""
    known = _REMEMBERED(snapshot).offers
    found = []
    for row in rows:
        offer = known.get((row.gateway, row.id))
        if offer is None:
            offer = offer_of(row)
            if len(known) < _MOST_REMEMBERED:
                known[row.gateway, row.id] = offer
        found.append(offer)
    return found


def cheapest_of(snapshot: Snapshot, members: BitMap) -> list[Offer]:
    """Return the offers of a filter that are considered: those with the lowest price of input first."""
    rows = Selection(snapshot, members, sort="prompt_price").page(offset=0, limit=MOST_OF_A_FILTER)
    return offers_of(snapshot, rows)


def _with_shortcut(snapshot: Snapshot, asked: str) -> Named:
    split = variants.split(asked)
    if split is not None and (sort := SHORTCUTS.get(split[1])) is not None:
        return replace(_meant(snapshot, split[0]), sort=sort)
    return _meant(snapshot, asked)


def _meant(snapshot: Snapshot, asked: str) -> Named:
    if asked.startswith("@") and "/" not in asked:
        return _saved_filter(snapshot, asked[1:].casefold())
    if rows := snapshot.rows_of_id(asked):
        return _of_rows(snapshot, asked, rows)
    if (found := _of_slug(snapshot, asked)) is not None:
        return found
    if (found := _at_gateway(snapshot, asked)) is not None:
        return found
    split = variants.split(asked)
    if split is not None and split[1] in variants.MEANINGS:
        return replace(_meant(snapshot, split[0]), variants=Variants(word=split[1]))
    slug = _model(snapshot, asked)
    return Named(asked=slug, offers=offers_of(snapshot, models_of(snapshot).rows_of(slug)), variants=Variants())


def _of_slug(snapshot: Snapshot, asked: str) -> Named | None:
    slug = snapshot.redirects.get(asked.casefold(), asked)
    rows = models_of(snapshot).rows_of(slug)
    if not rows or rows[0].identity is None:
        return None
    return Named(asked=rows[0].identity.model, offers=offers_of(snapshot, rows), variants=Variants())


def _of_rows(snapshot: Snapshot, asked: str, rows: Sequence[Row]) -> Named:
    """Return what the id of these offers means."""
    slugs = sorted({row.identity.model for row in rows if row.identity is not None})
    if len(slugs) > 1:
        raise UnknownModel(f'model "{asked}" may mean {", ".join(slugs)}: name one of these')
    if not slugs:
        return Named(asked=f"{rows[0].gateway}/{rows[0].id}", offers=offers_of(snapshot, rows))
    its_variants = frozenset(row.identity.variant for row in rows if row.identity is not None)
    return Named(
        asked=slugs[0],
        offers=offers_of(snapshot, models_of(snapshot).rows_of(slugs[0])),
        variants=Variants() if "" in its_variants else Variants(names=its_variants),
    )


def _at_gateway(snapshot: Snapshot, asked: str) -> Named | None:
    """Return what a name with a gateway before it means; None if it begins with none."""
    first, _, rest = asked.partition("/")
    gateway = first.casefold()
    if gateway not in registry.GATEWAYS or not rest:
        return None
    if rows := [row for row in snapshot.rows_of_id(rest) if row.gateway == gateway]:
        return Named(asked=f"{gateway}/{rest}", offers=offers_of(snapshot, rows), gateway=gateway)
    try:
        found = _meant(snapshot, rest)
    except UnknownModel:
        return None
    offers = [offer for offer in found.offers if offer.gateway == gateway]
    return replace(found, asked=f"{gateway}/{found.asked}", offers=offers, gateway=gateway)


def _saved_filter(snapshot: Snapshot, name: str) -> Named:
    found = VIEW.sets(snapshot).get(name)
    if isinstance(found, str):
        raise UnknownModel(f'model "@{name}" {found}')
    if found is None:
        raise UnknownModel(f'model "@{name}" {views.unknown(snapshot, name)}')
    return Named(asked=f"@{name}", members=found, sort="price")


def _model(snapshot: Snapshot, asked: str) -> str:
    try:
        return models_of(snapshot).model_meant_by(asked)
    except ValueError as error:
        reason = str(error).removeprefix(f"has {asked!r}, which ")
        raise UnknownModel(f'model "{asked}" {reason}; {resolve_address(asked)} looks up any name') from None


def _variant(name: str) -> str:
    return f"the variant `{name}`" if name else "no variant"
