"""The ledger is billed again. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from catalog.memory import loading
from catalog.pricing import meters
from catalog.records import PriceRecord
from routing.ledger import storing
from routing.models import Attempt
from routing.money.audit import tariff_then
from routing.money.costs import cost_of
from routing.wire.tokens import Tokens
from tests.factories import hourly, publish, token_priced_record
from tests.routing.ledger.rows import open_entry, whole_entry
from usage.models import InferenceDay
from usage.router import alias

pytestmark = pytest.mark.django_db(databases="__all__")
FIRST = 100_000 if os.environ.get("PROVE") else 60
AT_NIGHT = (("utc_window", "during", "16:30-00:30"),)
LISTED = (
    PriceRecord(meter=meters.INPUT_TEXT, amount=Decimal("7E-7")),
    PriceRecord(meter=meters.INPUT_TEXT, amount=Decimal("9E-7"), conditions=(("prompt_tokens", ">=", 20_000),)),
    PriceRecord(meter=meters.INPUT_TEXT_CACHE_READ, amount=Decimal("7.3E-8")),
    PriceRecord(meter=meters.OUTPUT_TEXT, amount=Decimal("2.5E-6")),
    PriceRecord(meter=meters.OUTPUT_TEXT, amount=Decimal("1E-6"), conditions=AT_NIGHT),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_tariff_of_another_test() -> Iterator[None]:
    tariff_then.cache_clear()
    yield
    tariff_then.cache_clear()


def send(count: int) -> None:
    """Requests to what is published now, billed as a serving process bills them."""
    snapshot = loading.load()
    [row] = snapshot.rows_of_id("maker/model")
    chance = random.Random(count)  # noqa: S311
    entries: list[dict[str, Any]] = []
    for number in range(count):
        size = chance.choice([10, 50_000])
        tokens = Tokens(
            input=chance.randrange(size), output=chance.randrange(size), cached_input=chance.choice([0, 3, 10**6])
        )
        at = datetime(2026, 11, 29, tzinfo=UTC) + timedelta(seconds=chance.randrange(86_400))
        cost = cost_of(row, tokens, at=at)
        entry = open_entry(
            f"r{snapshot.revision}-{number}", gateway="chutes", offer_id=row.id, at=at, revision=snapshot.revision
        )
        entries.append(whole_entry(entry, tokens=tokens, cost=cost.amount, cost_reason=cost.reason))
    with transaction.atomic(using=alias()), connections[alias()].cursor() as cursor:
        storing.write(cursor, entries)


def audited(**options: Any) -> str:
    out = StringIO()
    call_command("audit_costs", stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def test_18_each_row_equals_its_bill_at_the_prices_valid_at_its_start_after_they_changed() -> None:
    publish(token_priced_record(prices=LISTED))
    send(FIRST)
    publish(token_priced_record(prices=(*LISTED[1:], PriceRecord(meter=meters.INPUT_TEXT, amount=Decimal("1E-6")))))
    send(61)
    publish(token_priced_record(prices=(hourly("2.5"),)))
    send(5)

    assert audited() == f"{FIRST + 66:,} rows, 0 differences, 0 rows of a time that is not kept\n"
    assert Attempt.objects.exclude(cost="").count() > 60
    assert set(Attempt.objects.filter(cost="").values_list("cost_reason", flat=True)) >= {"billed by the hour"}


def test_18_a_row_or_a_sum_that_was_changed_is_found() -> None:
    publish(token_priced_record(prices=LISTED))
    send(20)
    row = Attempt.objects.exclude(cost="").first()
    assert row is not None
    Attempt.objects.filter(pk=row.pk).update(cost="0.123")
    with pytest.raises(CommandError):
        audited(days=10_000)
    Attempt.objects.filter(pk=row.pk).update(cost=row.cost)
    Attempt.objects.exclude(pk=row.pk).update(day=row.day + 1)
    InferenceDay.objects.update(day=row.day + 1)

    with pytest.raises(CommandError):
        audited()


def test_a_row_of_a_revision_that_is_not_kept_is_counted_apart() -> None:
    publish(token_priced_record(prices=LISTED))
    send(3)
    Attempt.objects.update(revision=10_000)

    assert audited() == "3 rows, 0 differences, 3 rows of a time that is not kept\n"
