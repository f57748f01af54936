"""After any sequence of listings and edits the tables match a model in a few lines of plain Python."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from catalog.curation import overrides
from catalog.models import Offer, OfferVersion, Revision
from tests.catalog.syncing import published, sync_rows
from tests.factories import chutes_row

IDS = ("a/1", "a/2", "A/2", "b/1")
# None of these prices is doubted after another one; test_price_holds.py covers prices that are doubted.
PRICES = ("1.25", "2.50", "4")
OVERRIDES = ("0", *PRICES, "4000")


@dataclass(frozen=True)
class Listing:
    prices: dict[str, str]
    """The prices of the valid rows."""
    bad: frozenset[str]
    """The ids of the invalid rows."""
    has_unnamed: bool
    """Whether there is another invalid row, without an id."""


@dataclass(frozen=True)
class Edit:
    model_id: str
    amount: str | None
    """The curator's price; None clears the override."""


@dataclass(frozen=True)
class View:
    """The fields of a served offer that these tests change."""

    price: Decimal
    is_withdrawn: bool
    is_stale: bool = False


@dataclass(frozen=True)
class Known:
    upstream: Decimal
    is_withdrawn: bool = False
    overridden: Decimal | None = None
    is_stale: bool = False

    @property
    def view(self) -> View:
        return View(self.upstream if self.overridden is None else self.overridden, self.is_withdrawn, self.is_stale)


@dataclass
class Expected:
    revision: int = 0
    known: dict[str, Known] = field(default_factory=dict)
    history: dict[str, list[tuple[int, View]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, listing: Listing) -> Counter[str]:
        if not rows_of(listing):
            return Counter()  # an empty listing is held
        after = dict(self.known)
        for model_id, price in listing.prices.items():
            known = self.known.get(model_id) or Known(Decimal(price))
            after[model_id] = replace(known, upstream=Decimal(price), is_withdrawn=False, is_stale=False)
        for model_id in listing.bad & self.known.keys():
            after[model_id] = replace(after[model_id], is_stale=not after[model_id].is_withdrawn)
        if not listing.has_unnamed:
            for model_id in self.known.keys() - listing.prices.keys() - listing.bad:
                after[model_id] = replace(after[model_id], is_withdrawn=True, is_stale=False)
        return self._publish(after)

    def edit(self, edit: Edit) -> None:
        overridden = None if edit.amount is None else Decimal(edit.amount)
        self._publish(self.known | {edit.model_id: replace(self.known[edit.model_id], overridden=overridden)})

    def _publish(self, after: dict[str, Known]) -> Counter[str]:
        news = [key for key in after if key not in self.known or after[key].view != self.known[key].view]
        # That a row becomes invalid, or valid again, is not a change that the gateway listed.
        listed = [key for key in news if key not in self.known or not _is_mark(self.known[key], after[key])]
        counts = Counter(
            "new" if key not in self.known else "withdrawn" if after[key].is_withdrawn else "changed" for key in listed
        )
        self.known = after
        self.revision += bool(news)
        for key in news:
            self.history[key].append((self.revision, after[key].view))
        return counts


def _is_mark(before: Known, after: Known) -> bool:
    return replace(before, is_stale=after.is_stale) == after


def listings() -> st.SearchStrategy[Listing]:
    prices = st.dictionaries(st.sampled_from(IDS), st.sampled_from(PRICES))
    return st.builds(
        lambda prices, bad, has_unnamed: Listing(prices, bad - prices.keys(), has_unnamed),
        prices,
        st.frozensets(st.sampled_from(IDS), max_size=2),
        st.sampled_from([False, False, False, True]),
    )


def edits() -> st.SearchStrategy[Edit]:
    return st.builds(Edit, st.sampled_from(IDS), st.none() | st.sampled_from(OVERRIDES))


def rows_of(listing: Listing) -> list[object]:
    good = [chutes_row(key, pricing_per_hour=price) for key, price in listing.prices.items()]
    bad = [chutes_row(key, type="Teleportation") for key in sorted(listing.bad)]
    return [*good, *bad, *([{}] if listing.has_unnamed else [])]


def perform(edit: Edit) -> None:
    offer = Offer.objects.get(model_id=edit.model_id)
    if edit.amount is None:
        overrides.clear_override(offer, field="hourly_rate", author=None, now=timezone.now())
        return
    value = {"amount": edit.amount, "unit": "usd_per_hour"}
    overrides.set_override(
        offer, field="hourly_rate", value=value, reason="why", author=None, is_confirmed=True, now=timezone.now()
    )


def view_of(document: str) -> View:
    row = json.loads(document)
    is_withdrawn, is_stale = (row[name] is not None for name in ("withdrawn_at", "stale_since"))
    return View(Decimal(row["pricing"]["hourly_rate"]), is_withdrawn, is_stale)


def versions() -> dict[str, list[tuple[int, int | None, View]]]:
    found = defaultdict(list)
    for version in OfferVersion.objects.select_related("offer").order_by("from_revision"):
        found[version.offer.model_id].append((version.from_revision, version.to_revision, view_of(version.document)))
    return found


def tiles(history: list[tuple[int, View]]) -> list[tuple[int, int | None, View]]:
    ends: list[int | None] = [start for start, _ in history[1:]]
    return [(start, end, view) for (start, view), end in zip(history, [*ends, None], strict=True)]


@pytest.mark.django_db
@given(steps=st.lists(listings() | edits(), min_size=1, max_size=8))
@examples(max_examples=min(60, examples().max_examples), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_listings_and_edits_gives_the_history_that_plain_python_gives(
    steps: list[Listing | Edit], fixtures_dir: Path, credulous: None
) -> None:
    expected = Expected()
    with transaction.atomic():
        for step in steps:
            if isinstance(step, Listing):
                run = sync_rows(fixtures_dir, rows_of(step)).run
                counts = expected.take(step)
                assert (run.new, run.changed, run.withdrawn) == (counts["new"], counts["changed"], counts["withdrawn"])
            elif step.model_id in expected.known:
                perform(step)
                expected.edit(step)

        assert Revision.objects.newest().number == expected.revision
        assert versions() == {model_id: tiles(history) for model_id, history in expected.history.items()}
        transaction.set_rollback(True)


@pytest.mark.django_db
@given(listing=listings(), edit=edits())
@examples(max_examples=min(20, examples().max_examples), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_publishing_equal_content_again_never_moves_the_revision(
    listing: Listing, edit: Edit, fixtures_dir: Path, credulous: None
) -> None:
    with transaction.atomic():
        sync_rows(fixtures_dir, rows_of(listing))
        if edit.model_id in listing.prices:
            perform(edit)
        before = published()

        sync_rows(fixtures_dir, reversed(rows_of(listing)))
        if edit.model_id in listing.prices:
            perform(edit)

        assert published() == before
        transaction.set_rollback(True)
