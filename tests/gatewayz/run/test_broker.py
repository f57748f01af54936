from __future__ import annotations

import logging
import multiprocessing
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection, Exchange, Queue
from kombu.simple import SimpleQueue

from gatewayz.run.broker import Channel, Transport

MESSAGES_PER_SENDER = 100
# Longer than one write to a pipe or a page of a disk, so that a torn message would be noticed.
PADDING = "x" * 20_000


def connect(folder: Path) -> Connection:
    return Connection(
        transport="gatewayz.run.broker:Transport",
        transport_options={
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / "queue"),
            "control_folder": str(folder / "control"),
        },
    )


def channel_of(connection: Connection) -> Channel:
    channel = connection.default_channel
    assert isinstance(channel, Channel)
    return channel


def send_many(folder: Path, sender: int) -> int:
    with connect(folder) as connection, connection.SimpleQueue("work") as queue:
        for number in range(MESSAGES_PER_SENDER):
            queue.put({"sender": sender, "number": number, "padding": PADDING})
    return MESSAGES_PER_SENDER


def receive_until_finished(folder: Path) -> list[tuple[int, int]]:
    received: list[tuple[int, int]] = []
    with connect(folder) as connection, connection.SimpleQueue("work") as queue:
        while True:
            finished = (folder / "finished").exists()  # read before the queue, or the last message could be missed
            try:
                message = queue.get_nowait()
            except Empty:
                if finished:
                    return received
                time.sleep(0.005)
                continue
            message.ack()
            assert message.payload["padding"] == PADDING
            received.append((message.payload["sender"], message.payload["number"]))


def bind_many(folder: Path, binder: int) -> None:
    with connect(folder) as connection:
        for number in range(20):
            name = f"queue-{binder}-{number}"
            Queue(name, Exchange("shared"), routing_key=name, channel=connection.default_channel).declare()


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    # Spawned, not forked: each process has its own transport state, as worker, beat and web have.
    with ProcessPoolExecutor(max_workers=4, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[SimpleQueue]:
    with connect(tmp_path) as connection, connection.SimpleQueue("work") as simple_queue:
        yield simple_queue


def waiting_files(folder: Path) -> list[Path]:
    return sorted((folder / "queue").iterdir())


def test_processes_that_send_and_receive_at_once_lose_double_and_tear_nothing(
    tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    receivers = [processes.submit(receive_until_finished, tmp_path) for _ in range(2)]
    senders = [processes.submit(send_many, tmp_path, sender) for sender in range(2)]

    try:
        sent = sum(sender.result(timeout=60) for sender in senders)
    finally:
        (tmp_path / "finished").touch()
    received = [pair for receiver in receivers for pair in receiver.result(timeout=60)]

    assert sent == len(received) == len(set(received))
    assert waiting_files(tmp_path) == []


def test_processes_that_bind_queues_at_once_forget_none(tmp_path: Path, processes: ProcessPoolExecutor) -> None:
    for binding in [processes.submit(bind_many, tmp_path, binder) for binder in range(4)]:
        binding.result(timeout=60)

    with connect(tmp_path) as connection:
        table = channel_of(connection).get_table("shared")
    assert len(table) == len(set(table)) == 4 * 20


def test_a_half_written_message_is_never_taken(
    tmp_path: Path, queue: SimpleQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text = Path.write_text
    seen_meanwhile: list[int] = []

    def write_in_two_halves(path: Path, text: str) -> int:
        write_text(path, text[: len(text) // 2])
        with connect(tmp_path) as connection, connection.SimpleQueue("work") as reader:
            seen_meanwhile.append(reader.qsize())
            with pytest.raises(Empty):
                reader.get_nowait()
        return write_text(path, text)

    monkeypatch.setattr(Path, "write_text", write_in_two_halves)
    queue.put("whole")

    assert seen_meanwhile == [0]
    assert queue.get_nowait().payload == "whole"


@pytest.mark.parametrize("content", [b"", b'{"body": "ha', b"\xff\xfe", b"[]", b"{}"])
def test_an_unreadable_message_is_dropped_with_a_warning(
    content: bytes, tmp_path: Path, queue: SimpleQueue, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "queue" / "0-torn.work.msg").write_bytes(content)
    queue.put("after it")

    with caplog.at_level(logging.WARNING, logger="gatewayz.run.broker"):
        assert queue.get_nowait().payload == "after it"

    assert "dropped the unreadable message 0-torn.work.msg" in caplog.text
    assert not (tmp_path / "queue" / "0-torn.work.msg").exists()


def test_messages_arrive_in_the_order_in_which_they_were_sent(queue: SimpleQueue) -> None:
    for number in range(12):
        queue.put(number)

    assert [queue.get_nowait().payload for _ in range(12)] == list(range(12))


def test_a_message_that_another_process_takes_first_is_left_to_it(
    tmp_path: Path, queue: SimpleQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.put("first")
    queue.put("second")
    rename = Path.rename
    stolen: list[Path] = []

    def rename_too_late(path: Path, target: Path) -> Path:
        if not stolen:
            stolen.append(path)
            path.unlink()
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_too_late)

    assert queue.get_nowait().payload == "second"
    assert waiting_files(tmp_path) == []


def test_an_unacknowledged_message_is_returned_when_its_receiver_ends(tmp_path: Path) -> None:
    with connect(tmp_path) as connection, connection.SimpleQueue("work") as receiver:
        receiver.put("unfinished")
        receiver.get_nowait()
        assert waiting_files(tmp_path) == []

    with connect(tmp_path) as connection, connection.SimpleQueue("work") as receiver:
        assert receiver.get_nowait().payload == "unfinished"


def test_folders_are_made_with_their_parents_and_closed_to_other_users(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet" / "there"

    with connect(folder) as connection, connection.SimpleQueue("work") as queue:
        queue.put("hello")

    assert (folder / "queue").stat().st_mode & 0o777 == 0o700
    assert (folder / "control").stat().st_mode & 0o777 == 0o700


def test_the_next_connection_works_after_the_folder_was_emptied(tmp_path: Path) -> None:
    for text in ("before", "after"):
        with connect(tmp_path) as connection, connection.SimpleQueue("work") as queue:
            queue.put(text)
            assert queue.get_nowait().payload == text
        shutil.rmtree(tmp_path / "queue")
        shutil.rmtree(tmp_path / "control")


def test_a_table_emptied_by_a_power_cut_is_written_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "shared.exchange").touch()

    with caplog.at_level(logging.WARNING, logger="gatewayz.run.broker"), connect(tmp_path) as connection:
        channel = channel_of(connection)
        channel._queue_bind("shared", "key", "", "work")
        assert channel.get_table("shared") == [("key", "", "work")]

    assert "'shared' is unreadable" in caplog.text


def test_a_deleted_queue_leaves_the_table(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        channel = channel_of(connection)
        kept = Queue("kept", Exchange("shared"), routing_key="kept", channel=channel)
        dropped = Queue("dropped", Exchange("shared"), routing_key="dropped", channel=channel)
        kept.declare()
        dropped.declare()

        dropped.delete()

        assert [entry.queue for entry in channel.get_table("shared")] == ["kept"]


def test_a_task_waits_no_longer_than_half_a_second_for_the_worker_to_look() -> None:
    assert 0.1 <= Transport.polling_interval <= 0.5
