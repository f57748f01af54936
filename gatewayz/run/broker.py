"""The broker of `make run` when there is no Redis: each message is a file in `DATA_DIR/broker`.

kombu's own filesystem transport writes in place. A reader can therefore take half a message, and the table of an
exchange is empty for an instant. Here every write happens under a temporary name and becomes visible by a rename. A
message is taken by a rename too, which only one process can win. A message is delivered at most once: a process that
dies while it holds a message loses it. `dispatch_due` makes up for that a minute later.

    queue/<time>-<uuid>.<queue>.msg   waiting
    queue/new-<uuid>                  being written
    queue/taken-<uuid>                being read
    control/<exchange>.exchange       which queues an exchange feeds
"""

from __future__ import annotations

import fcntl
import logging
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem, virtual
from kombu.transport.filesystem import exchange_queue_t
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)

Table = list[exchange_queue_t]


class Channel(filesystem.Channel):
    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        for folder in (self.data_folder_in, self.data_folder_out, self.control_folder):
            # Any process that can write here can start tasks.
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:  # type: ignore[override]  # as below
        # Nanoseconds since 1970 have nineteen digits until 2286, so names sort by age, also after a reboot.
        name = f"{time.time_ns()}-{uuid.uuid4().hex}.{queue}.msg"
        _write_whole(Path(self.data_folder_out, name), dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        paths = Path(self.data_folder_in).iterdir()
        for path in sorted(path for path in paths if path.name.partition(".")[2] == f"{queue}.msg"):
            message = _take(path)
            if message is not None:
                return message
        raise Empty

    def get_table(self, exchange: str) -> Table:  # type: ignore[override]  # kombu's stubs contradict themselves
        try:
            return super().get_table(exchange)
        except ValueError:
            # After a power cut a renamed file can be empty. Each connection binds its queues again.
            logger.warning("the table of the exchange %r is unreadable; it is created again", exchange)
            return []

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        entry = exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change_table(exchange, lambda table: table if entry in table else [entry, *table])

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str | None, *_: Any, **__: Any) -> None:
        self._purge(queue)
        entry = exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change_table(exchange, lambda table: [other for other in table if other != entry])

    def _change_table(self, exchange: str, change: Callable[[Table], Table]) -> None:
        # The lock is a file of its own: one on the table would stay with the file that the rename replaces.
        with (self.control_folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.get_table(exchange)
            after = change(before)
            if after != before:
                _write_whole(self.control_folder / f"{exchange}.exchange", dumps(after))  # get_table checked the name


class Transport(filesystem.Transport):
    Channel = Channel
    # A task starts within half a second, at the cost of two folder listings per second.
    polling_interval = 0.5

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        # kombu remembers for the whole process which queues are bound. If the folder were emptied, no connection would
        # bind again, and every message would be lost.
        self.state = virtual.BrokerState()

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:
        # Celery checks whether it should stop only between two calls. By default, each call would wait for two seconds.
        super().drain_events(connection, timeout=timeout and min(timeout, self.polling_interval))


def _write_whole(path: Path, text: str) -> None:
    unfinished = path.with_name(f"new-{uuid.uuid4().hex}")
    unfinished.write_text(text)
    unfinished.rename(path)


def _take(waiting: Path) -> dict[str, Any] | None:
    """Remove the file of a message and return the message.

    Return None if another process was faster or the message is unreadable.
    """
    # In the same folder: the system's temporary folder may be on another disk, where a rename fails.
    taken = waiting.with_name(f"taken-{uuid.uuid4().hex}")
    try:
        waiting.rename(taken)
    except FileNotFoundError:
        return None
    content = taken.read_bytes()
    taken.unlink()
    try:
        message = loads(content.decode())
    except ValueError:
        message = None
    if isinstance(message, dict) and "properties" in message:  # kombu fails without them, and so does the worker
        return message
    logger.warning("dropped the unreadable message %s", waiting.name)
    return None
