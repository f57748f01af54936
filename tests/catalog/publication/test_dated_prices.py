"""For every moment, the table of prices has the prices that the catalogue served then, after any sequence of steps."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from catalog import records
from catalog.curation import holds
from catalog.models import Offer, OfferVersion, Price, PriceHold, Revision
from catalog.pricing.meters import METERS
from catalog.sync import decisions
from tests.catalog.syncing import clear_price, published, say_price, served, sync_rows
from tests.factories import chutes_row, hourly, offer_record, openrouter_row, per_token, publish

Json = Any
State = PriceHold.State

TAMPERED = records.dump(offer_record("tampered/with", prices=(hourly("0.01"),)))
START = datetime(2100, 11, 22, 8, tzinfo=UTC)  # after revision 0, whose time is that of the migration
EXACT = "0.00000008333333333333334"
IDS = ("a/1", "a/2")
PRICES = ("0.000001", "0.0000015", "0.00004", EXACT, "0", "-1")
CONDITIONS = '[["prompt_tokens",">=",200001]]'


@dataclass(frozen=True)
class Listing:
    rows: tuple[tuple[str, tuple[tuple[str, str], ...], str | None], ...]
    """Id, prices by key, and the price of a large prompt."""


@dataclass(frozen=True)
class Edit:
    model_id: str
    field: str
    amount: str | None
    """US dollars per token; None clears the override."""


@dataclass(frozen=True)
class Decision:
    state: PriceHold.State


@dataclass(frozen=True)
class Rebuild:
    pass


Step = Listing | Edit | Decision | Rebuild


def listings() -> st.SearchStrategy[Listing]:
    price = st.sampled_from(PRICES)
    pricing = st.fixed_dictionaries(
        {"prompt": price, "completion": price},
        optional={
            "web_search": st.sampled_from(["0.01", "3", "0"]),
            "input_cache_read": st.sampled_from([amount for amount in PRICES if amount != "-1"]),
        },
    )
    row = st.tuples(
        st.sampled_from(IDS),
        pricing.map(lambda shown: tuple(sorted(shown.items()))),
        st.none() | st.sampled_from(["0.000002", "0.00008", "0"]),
    )
    return st.lists(row, min_size=1, max_size=2, unique_by=lambda row: row[0]).map(lambda rows: Listing(tuple(rows)))


def steps() -> st.SearchStrategy[list[tuple[int, Step]]]:
    edits = st.builds(
        Edit,
        st.sampled_from(IDS),
        st.sampled_from(["prompt", "completion", "hourly_rate"]),
        st.none() | st.sampled_from([EXACT, "0", "0.000003"]),
    )
    decided = st.sampled_from([Decision(State.RELEASED), Decision(State.DISCARDED)])
    step = listings() | listings() | edits | decided | st.just(Rebuild())
    return st.lists(st.tuples(st.sampled_from([0, 1]), step), min_size=1, max_size=8)


def rows_of(listing: Listing) -> list[dict[str, object]]:
    return [
        openrouter_row(
            model_id,
            pricing=dict(pricing)
            | ({"overrides": [{"min_prompt_tokens": 200_000, "prompt": large}]} if large is not None else {}),
        )
        for model_id, pricing, large in listing.rows
    ]


def perform(step: Step, folder: Path) -> None:
    match step:
        case Listing():
            assert sync_rows(folder, rows_of(step), slug="openrouter").run.error == ""
        case Edit(model_id, field, amount) if Offer.objects.filter(model_id=model_id).exists():
            if amount is None:
                clear_price(model_id, field=field)
            else:
                unit = "usd_per_hour" if field == "hourly_rate" else "usd_per_token"
                say_price(model_id, amount, field=field, unit=unit)
        case Decision(state):
            if hold := PriceHold.objects.deciding().order_by("-pk").first():
                holds.decide_price_hold(hold, state=state, author=None, now=timezone.now())
        case Rebuild() if Revision.objects.newest().number:
            before = published(), all_prices(), list(PriceHold.objects.order_by("pk").values())
            decisions.rebuild("openrouter")
            assert (published(), all_prices(), list(PriceHold.objects.order_by("pk").values())) == before


# --- reading the tables ----------------------------------------------------------------------------------------------

Key = tuple[str, str]


def all_prices() -> list[dict[str, object]]:
    return [dict(row) for row in Price.objects.order_by("pk").values()]


def table_at(moment: datetime) -> dict[str, dict[Key, str]]:
    """Return the amounts that are valid at a moment, by offer, and by meter and conditions."""
    found: dict[str, dict[Key, str]] = defaultdict(dict)
    for price in Price.objects.select_related("offer").filter(valid_from__lte=moment):
        if price.valid_to is None or moment < price.valid_to:
            key = price.meter, price.conditions_key
            assert key not in found[price.offer.model_id], "two prices at once"
            found[price.offer.model_id][key] = price.amount
    return dict(found)


def shown_by(document: Json) -> dict[Key, str]:
    """Return the same amounts from a document that is served to clients."""
    if document["withdrawn_at"] is not None:
        return {}
    pricing = document["pricing"]
    base = {key: value for key, value in pricing.items() if key != "overrides" and value is not None}
    if document["price_basis"] == "hourly":
        base = {key: value for key, value in base.items() if key not in {"prompt", "completion"}}  # its conversion
    shown = _by_meter(base, "[]")
    for override in pricing.get("overrides", ()):
        conditions = json.dumps(override["conditions"], separators=(",", ":"))
        shown |= _by_meter({key: value for key, value in override.items() if key != "conditions"}, conditions)
    return shown


def _by_meter(amounts: Mapping[str, str], conditions: str) -> dict[Key, str]:
    meters = {meter.pricing_key: meter.name for meter in METERS.values()}
    return {(meters[key], conditions): amount.removesuffix(".0") for key, amount in amounts.items()}


def documents_of(revision: int) -> dict[str, Json]:
    versions = OfferVersion.objects.filter(from_revision__lte=revision).exclude(to_revision__lte=revision)
    return {version.offer.model_id: json.loads(version.document) for version in versions.select_related("offer")}


def check_the_table() -> None:
    periods: dict[tuple[int, str, str], list[Price]] = defaultdict(list)
    for price in Price.objects.order_by("pk"):
        periods[price.offer_id, price.meter, price.conditions_key].append(price)
    revisions_at = Counter(Revision.objects.values_list("published_at", flat=True))
    for prices in periods.values():
        for earlier, later in pairwise(prices):
            assert earlier.valid_to is not None, "two open prices"
            assert earlier.valid_from <= earlier.valid_to <= later.valid_from
            if earlier.valid_to == later.valid_from and revisions_at[later.valid_from] == 1:
                assert (earlier.amount, earlier.origin) != (later.amount, later.origin), "closed for nothing"
        assert prices[-1].valid_to is None or prices[-1].valid_from <= prices[-1].valid_to
    moments = {revision.published_at: revision.number for revision in Revision.objects.order_by("number")}
    for moment, revision in moments.items():  # the last one of the revisions at one moment
        shown = {model_id: shown_by(document) for model_id, document in documents_of(revision).items()}
        assert table_at(moment) == {model_id: prices for model_id, prices in shown.items() if prices}


@pytest.mark.django_db
@given(history=steps())
@example(
    history=[
        (0, Listing((("a/1", (("completion", "0.000001"), ("prompt", EXACT)), "0.000002"),))),
        (1, Edit("a/1", "prompt", "0.000003")),
        (0, Listing((("a/2", (("completion", "0"), ("prompt", "0")), None),))),
        (1, Listing((("a/1", (("completion", "0.00004"), ("prompt", "0")), None),))),
        (1, Decision(State.DISCARDED)),
        (0, Edit("a/1", "prompt", None)),
        (1, Rebuild()),
    ]
)
@example(
    # billed by the hour in the end, in addition to the price of a tool
    history=[
        (0, Listing((("a/1", (("completion", "-1"), ("prompt", "-1"), ("web_search", "0.01")), None),))),
        (1, Edit("a/1", "hourly_rate", "0.000003")),
    ]
)
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_at_every_revision_the_table_holds_the_prices_that_were_served(
    history: Sequence[tuple[int, Step]], fixtures_dir: Path, credulous_of_listings: None
) -> None:
    """The catalogue can also be rebuilt at any time, even if the stored upstream records were tampered with."""
    with transaction.atomic():
        now = START
        for hours, step in history:
            now += timedelta(hours=hours)
            with time_machine.travel(now, tick=False):
                perform(step, fixtures_dir)
        check_the_table()
        Offer.objects.update(fingerprint="tampered with", upstream=TAMPERED)
        with time_machine.travel(now, tick=False):
            perform(Rebuild(), fixtures_dir)
        transaction.set_rollback(True)


@pytest.fixture
def credulous_of_listings(settings: Any) -> None:
    settings.GUARD_MISSING_PERCENT = 100


# --- single cases ----------------------------------------------------------------------------------------------------


def rows_of_table(meter: str = "compute.hour") -> list[tuple[str, str, datetime, datetime | None]]:
    prices = Price.objects.filter(meter=meter).order_by("pk")
    return list(prices.values_list("amount", "origin", "valid_from", "valid_to"))


def at(hours: int) -> time_machine.travel:
    return time_machine.travel(START + timedelta(hours=hours), tick=False)


def hour(hours: int) -> datetime:
    return START + timedelta(hours=hours)


@pytest.mark.django_db
def test_a_change_closes_one_price_and_opens_the_next_at_the_same_moment(fixtures_dir: Path) -> None:
    for hours, amount in enumerate(("2.5", "2.5", "3", "2.5")):
        with at(hours):
            sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour=amount, name=f"v{hours}")])

    assert rows_of_table() == [
        ("2.5", "upstream", hour(0), hour(2)),
        ("3", "upstream", hour(2), hour(3)),
        ("2.5", "upstream", hour(3), None),
    ]
    assert set(Price.objects.values_list("currency", "conditions_key")) == {("USD", "[]")}


@pytest.mark.django_db
def test_a_withdrawn_offer_costs_nothing_until_it_returns(fixtures_dir: Path) -> None:
    others = [chutes_row(f"b/{number}", pricing_per_hour="1") for number in range(4)]
    listed = [chutes_row("a/1"), *others]
    for hours, rows in enumerate((listed, others, listed)):
        with at(hours):
            sync_rows(fixtures_dir, rows)

    prices = Price.objects.filter(offer__model_id="a/1").order_by("pk").values_list("valid_from", "valid_to")
    assert list(prices) == [(hour(0), hour(1)), (hour(2), None)]


@pytest.mark.django_db
def test_a_curators_price_is_in_the_table_with_its_origin(fixtures_dir: Path) -> None:
    with at(0):
        sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2.5")])
    with at(1):
        say_price("a/1", "3")
    with at(2):
        sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="4")])
    with at(3):
        clear_price("a/1")

    assert rows_of_table() == [
        ("2.5", "upstream", hour(0), hour(1)),
        ("3", "curator", hour(1), hour(3)),
        ("4", "upstream", hour(3), None),
    ]


@pytest.mark.django_db
def test_a_curators_price_that_equals_the_gateways_is_his_all_the_same(fixtures_dir: Path) -> None:
    with at(0):
        sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2.5")])
    with at(1):
        say_price("a/1", "2.50")
    with at(2):
        sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="4")])

    # Since hour 2 the gateway asks 4: the served price is not the gateway's price.
    [*_, (amount, origin, _, valid_to)] = rows_of_table()
    assert (amount, origin, valid_to) == ("2.5", "curator", None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row",
    [
        openrouter_row(
            "a/1",
            pricing={"prompt": "0", "completion": "0"},
            architecture={"input_modalities": ["text"], "output_modalities": ["image", "text"]},
        ),
        openrouter_row("a/1", pricing={"prompt": "-1", "completion": "0"}),
    ],
    ids=["no evidence", "dynamic"],
)
def test_a_zero_that_is_no_evidence_of_a_free_offer_is_no_price(row: Json, fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [row], slug="openrouter")

    assert served()["a/1"]["price_status"] in {"unknown", "dynamic"}
    assert served()["a/1"]["pricing"]["completion"] is None
    assert list(Price.objects.values_list("meter", "amount")) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "amount", [EXACT, "0.00000000000000000000001", "123.12345678901234567890123", "999.9", "0", "22", "1000"]
)
def test_an_amount_is_kept_to_its_last_digit(amount: str) -> None:
    publish(offer_record("a/1", prices=(hourly(amount),)))

    assert rows_of_table()[0][0] == amount
    with connection.cursor() as cursor:
        cursor.execute("SELECT amount FROM catalog_price")
        assert cursor.fetchall() == [(amount,)]


@pytest.mark.django_db
@given(amount=st.decimals("1e-23", "1000", places=23))
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_amount_comes_back_equal_and_in_canonical_text(amount: Decimal) -> None:
    with transaction.atomic():
        publish(offer_record("a/1", prices=(hourly(str(amount)),)))

        [kept] = Price.objects.values_list("amount", flat=True)
        assert Decimal(kept) == amount
        assert kept == (
            format(amount, "f").rstrip("0").rstrip(".") if "." in format(amount, "f") else format(amount, "f")
        )
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_prices_under_conditions_have_intervals_of_their_own(fixtures_dir: Path) -> None:
    for hours, large in enumerate(("0.000002", "0.000003", None)):
        rows = rows_of(Listing((("a/1", (("completion", "0.000001"), ("prompt", "0.000001")), large),)))
        with at(hours):
            sync_rows(fixtures_dir, rows, slug="openrouter")

    conditional = Price.objects.filter(conditions_key=CONDITIONS).order_by("pk")
    assert list(conditional.values_list("amount", "valid_from", "valid_to")) == [
        ("0.000002", hour(0), hour(1)),
        ("0.000003", hour(1), hour(2)),
    ]
    assert Price.objects.filter(conditions_key="[]").count() == 2


@pytest.mark.django_db
def test_prices_of_one_moment_keep_their_order() -> None:
    with at(0):
        for amount in ("1", "2", "3"):
            publish(offer_record("a/1", prices=(hourly(amount),)))

    assert [(amount, valid_to) for amount, _, _, valid_to in rows_of_table()] == [
        ("1", hour(0)),
        ("2", hour(0)),
        ("3", None),
    ]
    assert table_at(hour(0)) == {"a/1": {("compute.hour", "[]"): "3"}}


@pytest.mark.django_db
def test_many_prices_are_written_in_as_few_statements_as_one(django_assert_max_num_queries: Any) -> None:
    def records(count: int, amount: str) -> list[Any]:
        return [
            offer_record(f"a/{number}", prices=per_token(prompt=amount, completion=amount)) for number in range(count)
        ]

    publish(*records(200, "1E-6"))

    with django_assert_max_num_queries(38):
        publish(*records(200, "2E-6"))

    assert Price.objects.open().count() == 400
    assert Price.objects.count() == 800
