"""What the release of a held run would change, by kind, computed once for each state of what is published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from django.db import DatabaseError

from catalog.adapter.errors import GatewayError
from catalog.desk.pages import Values
from catalog.desk.price_views import amount_view, meter_words
from catalog.documents.differences import Difference, PriceChange, difference
from catalog.models import Revision, SyncRun
from catalog.publication.clock import ClockMoved
from catalog.publication.decision import Draft
from catalog.publication.listing import NotBelieved
from catalog.sync import preview
from catalog.sync.preview import Preview
from catalog.web import figures, words

SHOWN = 50
"""The number of rows of each kind."""
SECONDS = 8.0
"""A difference that takes longer is not shown; a release may take longer."""
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of change, with the first rows of it as cells of a table."""

    name: str
    about: str
    count: int
    head: Sequence[str]
    rows: Sequence[Sequence[Values]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDifference:
    kinds: Sequence[Kind] = ()
    held: int = 0
    """The number of prices that a release would hold."""
    same: int = 0
    """The number of listed offers that would stay as they are."""
    problem: str = ""
    """Why there is no difference to show."""


def difference_of(run: SyncRun, newest: Revision) -> RunDifference:
    """Return what a release of the run would change in this revision."""
    return _computed(run.pk, run.started_at, newest.number, newest.published_at)


@lru_cache(maxsize=16)
def _computed(run: int, began: datetime, revision: int, published_at: datetime) -> RunDifference:
    held = SyncRun.objects.select_related("gateway__accepted_run").get(pk=run)
    try:
        return _of_preview(preview.preview_of(held, seconds=SECONDS, most_gone=SHOWN))
    except (preview.NoPreview, GatewayError, ClockMoved, NotBelieved, DatabaseError) as error:
        return RunDifference(problem=str(error))


@dataclass(slots=True)
class _Kinds:
    """The changed offers, sorted by what changes most about them."""

    missing: list[Draft] = field(default_factory=list)
    new: list[Draft] = field(default_factory=list)
    priced: list[tuple[Draft, PriceChange]] = field(default_factory=list)
    other: list[tuple[Draft, Difference]] = field(default_factory=list)


def _of_preview(made: Preview) -> RunDifference:
    plan, found = made.plan, _Kinds()
    news = [draft for draft in plan.drafts if draft.rendered.is_news]
    for draft in news:
        _sort(draft, found)
    count = len({draft.offer.pk for draft, _ in found.priced})
    kinds = [
        _kind("Missing", "They would be withdrawn.", found.missing, _OFFER, _offer_cells, count=len(made.gone)),
        _kind("New", "They would be listed for the first time.", found.new, _OFFER, _offer_cells),
        _kind("Changed prices", f"Of {figures.counted(count, 'offer')}.", found.priced, _PRICE, _price_cells),
        _kind("Other changes", "Of what else the API serves.", found.other, _FIELDS, _field_cells),
    ]
    return RunDifference(
        kinds=[kind for kind in kinds if kind.count],
        held=sum(len(draft.holds.new) for draft in plan.drafts),
        same=plan.listed - sum(draft.rendered.kind != "withdrawn" for draft in news),
    )


def _sort(draft: Draft, found: _Kinds) -> None:
    if draft.rendered.is_withdrawal:
        found.missing.append(draft)
    elif draft.rendered.kind == "new":
        found.new.append(draft)
    else:
        before, after = draft.rendered.state.document, draft.rendered.document
        changed = difference(orjson.loads(before) if before else None, orjson.loads(after))
        found.priced += [(draft, price) for price in changed.prices]
        if not changed.prices:
            found.other.append((draft, changed))


_OFFER = ("Offer", "Name", "Type")
_PRICE = ("Offer", "Price", "Served", "Would be served")
_FIELDS = ("Offer", "Field", "Served", "Would be served")


def _kind(
    name: str,
    about: str,
    found: Sequence[Any],
    head: Sequence[str],
    cells: Callable[[Any], list[Values]],
    *,
    count: int | None = None,
) -> Kind:
    rows = [cells(each) for each in found[:SHOWN]]
    return Kind(name=name, about=about, count=len(found) if count is None else count, head=head, rows=rows)


def _offer_cells(draft: Draft) -> list[Values]:
    return [_id(draft), {"text": draft.offer.name}, {"text": words.kind(draft.offer.model_type)}]


def _price_cells(changed: tuple[Draft, PriceChange]) -> list[Values]:
    draft, price = changed
    before, after = (Decimal(amount) if amount else None for amount in (price.before, price.after))
    moved = figures.percent_moved(before, after) if before is not None and after is not None else ""
    meter = meter_words(price.meter, orjson.dumps(price.conditions).decode())
    shown = [amount_view(price.meter, amount) for amount in (before, after)]
    return [
        _id(draft),
        {"text": meter, "note": f"US$ {shown[0]['unit']}"},
        {"text": shown[0]["text"], "right": True},
        {"text": shown[1]["text"], "right": True, "note": moved},
    ]


def _field_cells(changed: tuple[Draft, Difference]) -> list[Values]:
    draft, found = changed
    names = [*found.before]
    return [
        _id(draft),
        {"text": figures.listed([name.replace("_", " ") for name in names])},
        {"text": _short(found.before.get(name) for name in names)},
        {"text": _short(found.after.get(name) for name in names)},
    ]


def _id(draft: Draft) -> Values:
    return {"text": draft.offer.model_id, "id": True}


def _short(values: Iterable[Any]) -> str:
    text = "; ".join(_plain(value) for value in values)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
