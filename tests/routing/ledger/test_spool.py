"""The spool survives the end of its process and a full disk, and holds nothing that clients or gateways wrote."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.ledger import files, records, spool
from routing.ledger.records import Damaged, Entry
from routing.ledger.rows import CannotRecord
from tests.routing.ledger.rows import begun, ended, open_entry, spooling, whole_entry


def read(path: Path) -> list[Entry]:
    return [entry for entry, _ in records.unpacked(path.read_bytes())]


def test_a_row_is_readable_by_others_before_begin_returns(tmp_path: Path) -> None:
    with spooling(tmp_path) as ledger:
        ledger.begin(begun())
        [path] = files.found(tmp_path)
        assert [entry["outcome"] for entry in read(path)] == [""]
        ledger.end(ended())
        assert [entry["outcome"] for entry in read(path)] == ["", "ok"]
        assert not files.is_written(path), "its process has it locked"
        assert files.process_of(path) == ledger.process
    assert files.is_written(path)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The descriptors that the disk was asked to store, in their order."""
    found: list[int] = []
    sync = os.fdatasync

    def counted(descriptor: int) -> None:
        found.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    return found


def test_durable_waits_for_the_disk_and_one_sync_serves_all_that_wait(tmp_path: Path, syncs: list[int]) -> None:
    async def hundred() -> None:
        for number in range(100):
            ledger.begin(begun(f"r{number}"))
        await asyncio.gather(*(ledger.durable() for _ in range(100)))
        assert ledger._stored == ledger._appended == 100
        await ledger.durable()

    with spooling(tmp_path) as ledger:
        asyncio.run(hundred())

    assert 1 <= len(syncs) <= 50


def test_rows_under_load_are_synced_together_and_who_waits_for_the_disk_ends_the_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, syncs: list[int]
) -> None:
    monkeypatch.setattr(spool, "GATHER_SECONDS", 3_600.0)

    async def thousand() -> None:
        ledger.begin(begun("first"))
        await ledger.durable()
        for number in range(1_000):
            ledger.begin(begun(f"r{number}"))
        await ledger.durable()

    with spooling(tmp_path) as ledger:
        asyncio.run(thousand())
        assert len(syncs) <= 3, "each wait for the disk, and what it met half done"


def test_an_idle_spool_is_synced_at_once(tmp_path: Path) -> None:
    """A timer would make every request wait for it: research, part B of the door."""

    async def one_after_the_other() -> float:
        began = time.monotonic()
        for number in range(50):
            ledger.begin(begun(f"r{number}"))
            await ledger.durable()
        return time.monotonic() - began

    with spooling(tmp_path) as ledger:
        assert asyncio.run(one_after_the_other()) < 50 * 0.1


def test_a_file_is_replaced_when_it_is_large_and_its_rows_stay_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "ROTATE_BYTES", 2_000)

    async def many() -> None:
        for number in range(40):
            ledger.begin(begun(f"r{number}"))
            await ledger.durable()
            ledger.end(ended(f"r{number}"))
            await ledger.durable()

    with spooling(tmp_path) as ledger:
        asyncio.run(many())

    found = files.found(tmp_path)
    assert len(found) > 5
    whole = [entry for path in found for entry in read(path) if entry["outcome"]]
    assert sorted(entry["request_id"] for entry in whole) == sorted(f"r{number}" for number in range(40))
    assert {entry["gateway"] for entry in whole} == {"chutes"}, "an end has the whole row"
    assert all(files.is_written(path) for path in found)


def test_a_full_disk_refuses_new_requests_and_keeps_the_ends_of_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    is_full = False

    def full(descriptor: int, data: bytes) -> int:
        if not is_full:
            return write(descriptor, data)
        if len(data) > 100:
            return write(descriptor, data[:50])  # the last bytes of the disk
        raise OSError(errno.ENOSPC, "No space left on device")

    with spooling(tmp_path) as ledger:
        ledger.begin(begun("before"))
        monkeypatch.setattr(os, "write", full)
        is_full = True
        with pytest.raises(CannotRecord):
            ledger.begin(begun("refused"))
        ledger.end(ended("before"))
        with pytest.raises(CannotRecord):
            ledger.begin(begun("refused too"))
        is_full = False
    [path] = files.found(tmp_path)

    assert [(entry["request_id"], entry["outcome"]) for entry in read(path)] == [("before", ""), ("before", "ok")]
    assert ledger.failures >= 2


def test_names_of_files_never_come_twice_and_the_folder_has_one_name(tmp_path: Path) -> None:
    assert files.process_name() != files.process_name()
    assert files.folder_id(tmp_path) == files.folder_id(tmp_path)
    assert len(files.folder_id(tmp_path)) == 32


# --- records ---------------------------------------------------------------------------------------------------------
@given(st.integers(0, 2), st.data())
def test_whatever_was_cut_off_a_file_the_records_before_are_read(whole: int, data: st.DataObject) -> None:
    entries = [whole_entry(open_entry(f"r{number}")) for number in range(whole + 1)]
    packed = list(map(records.packed, entries))
    cut = data.draw(st.integers(0, len(packed[-1]) - 1))

    found = list(records.unpacked(b"".join(packed)[: len(b"".join(packed)) - len(packed[-1]) + cut]))

    assert [entry for entry, _ in found] == entries[:-1]


@pytest.mark.parametrize("damaged", [b"\x00" * 64, b"\xff" * 64, b"\x04\x00\x00\x00\x00\x00\x00\x00null"])
def test_bytes_that_no_writing_leaves_behind_are_damaged(damaged: bytes) -> None:
    good = records.packed(open_entry())
    with pytest.raises(Damaged):
        list(records.unpacked(good + damaged))


def test_20_an_unknown_cost_is_none_and_an_answer_then_counts_as_what_was_reserved() -> None:
    before = open_entry()
    unknown = whole_entry(before, cost=None, cost_reason="unknown price")
    absorbed = whole_entry(before, cost=None, cost_reason="unknown price", is_final=False)

    assert (unknown["cost"], unknown["cost_nano"], unknown["charged_nano"]) == ("", None, 500_000_000)
    assert absorbed["charged_nano"] == 0
    assert whole_entry(before, cost=Decimal(0))["cost_nano"] == 0
    assert whole_entry(before, cost=Decimal("1E-12"))["cost_nano"] == 1, "above 0 is never 0"
    assert whole_entry(before, cost=Decimal("1E-12"))["cost"] == "0.000000000001"


def test_28_what_a_gateway_wrote_is_not_stored_as_a_finish_reason() -> None:
    canary = "canary-4711 the secret answer"
    assert whole_entry(open_entry(), finish_reason=canary)["finish_reason"] == "other"
    assert whole_entry(open_entry(), finish_reason="tool_calls")["finish_reason"] == "tool_calls"
    assert whole_entry(open_entry(), finish_reason="")["finish_reason"] == ""
