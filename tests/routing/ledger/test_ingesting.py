"""The spool is stored once, whatever happens. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connections
from django.db.models import Sum

from routing.ledger import files, ingesting, records, storing
from routing.ledger.ingesting import Ingester, ingest
from routing.ledger.records import Entry
from routing.models import Attempt, Lease, Period, Spending, SpoolFile
from routing.wire.tokens import Tokens
from tests.routing.ledger.rows import (
    NOON,
    PROCESS,
    TODAY,
    begun,
    ended,
    open_entry,
    spooling,
    stored,
    whole_entry,
    write_file,
)
from usage.models import InferenceDay, LatencyDay
from usage.router import alias

pytestmark = pytest.mark.django_db(databases="__all__")
LATER = NOON + timedelta(seconds=600 + 61)


def test_a_request_with_a_fallback_has_a_row_per_attempt_and_counts_once(tmp_path: Path) -> None:
    with spooling(tmp_path) as ledger:
        ledger.begin(begun(attempt=1, gateway="chutes"))
        ledger.end(ended(attempt=1, outcome="overloaded", is_final=False, status=503, tokens=None, cost=Decimal(0)))
        ledger.begin(begun(attempt=2, gateway="openrouter"))
        ledger.end(ended(attempt=2))
        ledger.begin(begun("r2"))

    report = ingest(tmp_path, now=NOON)

    assert (report.rows, report.files, report.lost) == (5 - 2, 1, 0)
    assert files.found(tmp_path) == []
    found = Attempt.objects.order_by("request_id", "attempt").values_list("attempt", "outcome", "is_final", "cost_nano")
    assert [*found] == [(1, "overloaded", False, 0), (2, "ok", True, 125_000), (1, "", False, None)]
    sums = InferenceDay.objects.order_by("gateway").values_list("gateway", "outcome", "attempts", "requests")
    assert [*sums] == [("chutes", "overloaded", 1, 0), ("openrouter", "ok", 1, 1)]
    [row] = InferenceDay.objects.filter(outcome="ok")
    assert (row.day, row.key, row.input_tokens, row.output_tokens, row.cached_input_tokens) == (TODAY, 7, 100, 20, 60)
    assert (row.cost_nano, row.charged_nano, row.unpriced, row.estimated) == (125_000, 125_000, 0, 0)
    latencies = LatencyDay.objects.order_by("measure").values_list("measure", "bucket_ms", "number")
    assert [*latencies] == [("duration", 2_000, 1), ("first_content", 300, 1)]


@pytest.mark.parametrize("microseconds", [0, 1, 999_999, 123_450])
def test_all_columns_are_stored_as_the_spool_has_them_whether_at_once_or_later(
    tmp_path: Path, microseconds: int
) -> None:
    at = NOON + timedelta(microseconds=microseconds)
    begins = [open_entry(name, at=at, asked_model="ü \"'\\ %s 漢", reserved=Decimal("0.000000001")) for name in "ab"]
    tokens = Tokens(
        input=1, output=2, cached_input=3, cache_write=4, reasoning=5, audio_input=6, audio_output=7, image_output=8
    )
    ends = [whole_entry(before, at=at + timedelta(seconds=1), tokens=tokens) for before in begins]
    write_file(tmp_path, [*begins, ends[0]])
    ingest(tmp_path, now=NOON)
    open_row = Attempt.objects.get(request_id="b")
    assert (open_row.begun_at, open_row.ended_at, open_row.outcome) == (at, None, "")
    write_file(tmp_path, [ends[1]], name=f"{PROCESS}-2")
    ingest(tmp_path, now=NOON)

    for entry in ends:
        row = Attempt.objects.filter(request_id=entry["request_id"]).values(*entry).get()
        for column in ("begun_at", "ended_at"):
            entry[column] = records.moment(entry[column])
        assert row == entry


def test_a_file_that_is_written_to_stays_and_is_continued(tmp_path: Path) -> None:
    with spooling(tmp_path) as ledger:
        ledger.begin(begun())
        assert ingest(tmp_path, now=NOON).rows == 1
        [path] = files.found(tmp_path)
        assert SpoolFile.objects.get(name=path.name).offset == path.stat().st_size
        ledger.end(ended())
        assert ingest(tmp_path, now=NOON).rows == 1
    ingest(tmp_path, now=NOON)

    assert Attempt.objects.get().outcome == "ok"
    assert not path.exists()
    assert not SpoolFile.objects.exists()


# --- 22: nothing is lost ---------------------------------------------------------------------------------------------
def test_22_a_row_without_an_end_is_lost_with_its_reservation_as_the_estimate(tmp_path: Path) -> None:
    write_file(tmp_path, [open_entry("r1"), open_entry("r2", reserved=None)], tail=b"\x99\x01")

    assert ingest(tmp_path, now=LATER - timedelta(seconds=2)).lost == 0
    assert ingest(tmp_path, now=LATER).lost == 2

    rows = Attempt.objects.order_by("request_id").values_list("outcome", "cost", "cost_nano", "charged_nano")
    assert [*rows] == [("lost", "", None, 500_000_000), ("lost", "", None, 0)]
    [day] = InferenceDay.objects.all()
    assert (day.outcome, day.attempts, day.unpriced, day.cost_nano, day.charged_nano) == ("lost", 2, 2, 0, 500_000_000)


def test_22_an_end_that_comes_after_its_row_was_taken_for_lost_replaces_the_estimate(tmp_path: Path) -> None:
    before = open_entry()
    write_file(tmp_path, [before])
    ingest(tmp_path, now=LATER)
    write_file(tmp_path, [whole_entry(before)], name=f"{PROCESS}-2")

    ingest(tmp_path, now=LATER)
    found = stored()
    Attempt.objects.all().delete()
    InferenceDay.objects.all().delete()
    LatencyDay.objects.all().delete()
    write_file(tmp_path, [before, whole_entry(before)], name=f"{PROCESS}-3")
    ingest(tmp_path, now=LATER)

    assert InferenceDay.objects.get().cost_nano == 125_000
    zeros = [row for row in found["days"] if "'lost', 0, 0," in row]
    assert {**found, "days": [row for row in found["days"] if row not in zeros]} == stored()
    assert Spending.objects.get(key=7, period=Period.DAY).spent_nano == 2 * 125_000


# --- 23: replayed ----------------------------------------------------------------------------------------------------
def some_entries(chance: random.Random, *, count: int) -> list[list[Entry]]:
    """Several files with the begins and the ends of attempts, in any order."""
    found: list[list[Entry]] = [[] for _ in range(4)]
    for number in range(count):
        before = open_entry(
            f"r{number // 2}",
            number % 2 + 1,
            key_id=chance.choice([1, 2]),
            gateway=chance.choice(["chutes", "portkey"]),
        )
        whole = whole_entry(
            before,
            outcome=chance.choice(["ok", "ok", "cut", "limited"]),
            is_final=bool(number % 2),
            cost=chance.choice([None, Decimal("0.1"), Decimal("0.0000000123")]),
            first_content_ms=chance.choice([None, 10, 10**7]),
        )
        chance.choice(found).append(before)
        if chance.random() < 0.9:
            chance.choice(found).append(whole)
    for entries in found:
        chance.shuffle(entries)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_23_replaying_files_in_any_order_changes_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    contents = some_entries(chance, count=60)
    for number, entries in enumerate(contents):
        write_file(tmp_path, entries, name=f"{PROCESS}-{number}")
    ingest(tmp_path, now=NOON)
    once, spent = stored(), sorted(Spending.objects.values_list("key", "period", "spent_nano"))

    for _ in range(3):
        chance.shuffle(contents)
        for number, entries in enumerate(contents):
            chance.shuffle(entries)
            write_file(tmp_path, entries, name=f"{PROCESS}-9{number}")
        assert ingest(tmp_path, now=NOON).rows == 0

    assert stored() == once
    assert sorted(Spending.objects.values_list("key", "period", "spent_nano")) == spent
    assert Attempt.objects.count() == 60
    assert Attempt.objects.filter(outcome="").count() == 60 - sum(
        numbers for numbers in InferenceDay.objects.values_list("attempts", flat=True)
    )


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_23_two_ingesters_at_once_store_each_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingesting, "PIECE_BYTES", 4_000)
    contents = some_entries(random.Random(5), count=200)  # noqa: S311
    for number, entries in enumerate(contents):
        write_file(tmp_path, entries, name=f"{PROCESS}-{number}")
    total = sum(1 for entries in contents for entry in entries if entry["outcome"])

    def run(_: int) -> None:
        try:
            for _ in range(2):
                ingest(tmp_path, now=NOON)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    ingest(tmp_path, now=NOON)

    assert Attempt.objects.count() == 200
    assert InferenceDay.objects.aggregate(Sum("attempts"))["attempts__sum"] == total
    assert InferenceDay.objects.aggregate(Sum("cost_nano"))["cost_nano__sum"] == sum(
        nano or 0 for nano in Attempt.objects.values_list("cost_nano", flat=True)
    )
    assert files.found(tmp_path) == []


@pytest.mark.parametrize("end", ["before", "after"])
def test_23_a_commit_that_failed_or_whose_answer_was_lost_is_repeated_without_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    store = storing.store
    torn = [end]

    def torn_store(*args: Any, **named: Any) -> int:
        if not torn:
            return store(*args, **named)
        if torn.pop() == "after":
            store(*args, **named)
        raise DatabaseError("torn")

    monkeypatch.setattr(storing, "store", torn_store)
    monkeypatch.setattr(connections[alias()], "close", lambda: None)
    before = open_entry()
    write_file(tmp_path, [before, whole_entry(before)])
    ingester = Ingester(tmp_path)

    assert not ingester.try_ingest()
    assert ingester.try_ingest()

    assert InferenceDay.objects.get().attempts == 1
    assert ingester.failures == 1


def test_processes_of_one_folder_take_turns(tmp_path: Path) -> None:
    write_file(tmp_path, [open_entry(at=datetime.now(UTC))])
    with files.alone(tmp_path) as is_alone:
        assert is_alone
        assert Ingester(tmp_path).try_ingest()
        assert not Attempt.objects.exists()
    assert Ingester(tmp_path).try_ingest()
    assert Attempt.objects.count() == 1


# --- 28 and 29 -------------------------------------------------------------------------------------------------------
def test_damaged_bytes_are_kept_for_people_and_what_is_before_them_is_stored(tmp_path: Path) -> None:
    before = open_entry()
    path = write_file(tmp_path, [before], tail=b"\x00" * 40)

    assert ingest(tmp_path, now=NOON).damaged == 1

    assert Attempt.objects.count() == 1
    assert [each.name for each in tmp_path.glob("*.damaged")] == [path.with_suffix(".damaged").name]


def test_a_file_that_cannot_be_stored_does_not_hold_up_the_others(tmp_path: Path) -> None:
    write_file(tmp_path, [open_entry("wrong") | {"begun_at": "noon"}], name="a-1-1-1")
    write_file(tmp_path, [open_entry("right")], name="b-1-1-1")

    report = ingest(tmp_path, now=NOON)

    assert (report.damaged, report.files) == (1, 1)
    assert [*Attempt.objects.values_list("request_id", flat=True)] == ["right"]


def test_rows_of_another_version_of_the_program_are_stored(tmp_path: Path) -> None:
    entry = whole_entry(open_entry()) | {"a_column_of_tomorrow": 1}
    del entry["reasoning_tokens"]
    write_file(tmp_path, [entry])

    assert ingest(tmp_path, now=NOON).rows == 1
    assert Attempt.objects.get().reasoning_tokens is None


def test_28_no_column_can_have_a_prompt_an_answer_an_address_or_a_credential() -> None:
    names = {field.name for field in Attempt._meta.fields}
    assert not {name for name in names for word in ("prompt", "content", "body", "address", "agent", "secret", "user")
                if word in name} - {"first_content_ms"}  # fmt: skip
    assert set(records.begun(begun(), process="p")) == names - {"id"}


def test_29_the_sums_by_day_equal_the_ledger(tmp_path: Path) -> None:
    for number, entries in enumerate(some_entries(random.Random(11), count=120)):  # noqa: S311
        write_file(tmp_path, entries, name=f"{PROCESS}-{number}")
    ingest(tmp_path, now=LATER)

    for column in ("cost_nano", "charged_nano", "input_tokens", "cached_input_tokens"):
        by_group = Attempt.objects.exclude(outcome="").values("key", "gateway", "outcome")
        ledger = {tuple(row.values()) for row in by_group.annotate(number=Sum(column)).order_by()}
        sums = InferenceDay.objects.values("key", "gateway", "outcome").annotate(number=Sum(column)).order_by()
        assert {(*rest, number or 0) for *rest, number in ledger} == {tuple(row.values()) for row in sums}


# --- leases ----------------------------------------------------------------------------------------------------------
def test_what_a_dead_process_held_is_given_back_when_all_that_it_spent_is_stored(tmp_path: Path) -> None:
    folder = files.folder_id(tmp_path)
    Spending.objects.create(key=7, period="day", start=TODAY, spent_nano=0, leased_nano=10**9)
    Lease.objects.create(
        process=PROCESS, spool=folder, key=7, period="day", start=TODAY, granted_nano=10**9, ingested_nano=0,
        expires_at=NOON - timedelta(seconds=1),
    )  # fmt: skip
    Lease.objects.create(
        process="elsewhere-1-1", spool="another", key=7, period="day", start=TODAY, granted_nano=0, ingested_nano=0,
        expires_at=NOON - timedelta(seconds=1),
    )  # fmt: skip
    spent, unknown = open_entry("r1"), open_entry("r2")
    write_file(tmp_path, [spent, whole_entry(spent), unknown])

    ingest(tmp_path, now=NOON)
    spending = Spending.objects.get(key=7, period="day")
    assert (spending.spent_nano, spending.spent_nano + spending.leased_nano) == (125_000, 10**9), "one goes on"

    ingest(tmp_path, now=LATER)
    spending.refresh_from_db()
    assert (spending.spent_nano, spending.leased_nano) == (125_000 + 500_000_000, 0)
    assert [*Lease.objects.values_list("process", flat=True)] == ["elsewhere-1-1"]
