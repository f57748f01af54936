"""How migrations change rows that were written before them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext

from catalog.history.feed import newest_changes
from catalog.history.versions import Wanted
from tests.factories import offer_record, publish

MADE = datetime(2026, 7, 1, 8, tzinfo=UTC)


REASONS = {
    "it moved more than 10-fold, from 0.02 US dollars per million tokens (input.text) to 0.335 …": "move",
    "it fell from 2.5 US dollars per hour (compute.hour) to zero": "zero",
    "4.02 US dollars … is more than 20 times what others ask for this model, 0.2 US dollars …": "siblings",
    "others ask more than 20 times 0.1 US dollars … for this model: 4": "siblings",
    "1500 US dollars per hour (compute.hour) is outside of what anyone charges": "bounds",
}


@pytest.mark.django_db(transaction=True)
def test_holds_made_before_readings_were_counted_begin_to_count() -> None:
    before, after = ("catalog", "0007_api_keys"), ("catalog", "0008_repeated_prices")
    executor = MigrationExecutor(connection)
    executor.migrate([before])
    try:
        make_holds(executor.loader.project_state([before]).apps)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    holds = executor.loader.project_state([after]).apps.get_model("catalog", "PriceHold").objects
    assert dict(holds.values_list("reason", "rule")) == REASONS
    counted = holds.values_list("first_amount", "reported_since", "readings", "resets", "first_read_at")
    assert set(counted) == {("99", MADE, 0, 0, None)}


@pytest.mark.django_db(transaction=True)
def test_what_versions_changed_is_the_same_without_the_stored_changes() -> None:
    before = ("catalog", "0011_offers_apart")
    publish(offer_record())
    publish(offer_record(name="Renamed"))
    changes = newest_changes(until=2, wanted=Wanted(), limit=9)
    assert [change.difference.kinds for change in changes] == [("described",), ("added",)]
    executor = MigrationExecutor(connection)
    executor.migrate([before])
    try:
        versions = executor.loader.project_state([before]).apps.get_model("catalog", "OfferVersion").objects
        assert list(versions.values_list("changes", flat=True)) == [[], []]
        versions.filter(from_revision=2).update(changes=[["name", "Model", "Renamed"]])
    finally:
        executor = MigrationExecutor(connection)
        with CaptureQueriesContext(connection) as statements:
            executor.migrate(executor.loader.graph.leaf_nodes())

    assert newest_changes(until=2, wanted=Wanted(), limit=9) == changes
    [statement] = [each["sql"] for each in statements if '"changes"' in each["sql"]]  # however many versions there are
    assert statement.startswith('ALTER TABLE "catalog_offerversion" DROP COLUMN "changes"')


def make_holds(apps: Any) -> None:
    gateway = apps.get_model("catalog", "Gateway").objects.create(slug="chutes")
    for number, reason in enumerate(REASONS):
        offer = apps.get_model("catalog", "Offer").objects.create(
            gateway=gateway, model_id=f"a/{number}", name="A", model_type="LLM", source="api", first_seen_at=MADE
        )
        apps.get_model("catalog", "PriceHold").objects.create(
            offer=offer, meter="compute.hour", amount="99", kept="2.5", reason=reason, made_at=MADE
        )
