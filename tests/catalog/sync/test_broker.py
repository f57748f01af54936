"""A broker that accepts connections and never answers blocks no client."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from celery import current_app
from django.conf import settings

from catalog.sync import schedule


@pytest.fixture
def frozen() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_a_redis_that_never_answers_is_waited_for_within_the_time_limits(frozen: str) -> None:
    # In its own process: this process has no broker, and the limits come from its settings.
    program = """
import django; django.setup()
from celery import current_app
from kombu.exceptions import OperationalError
options = current_app.conf.broker_transport_options
assert options == {"socket_connect_timeout": 5, "socket_timeout": 5}, options
current_app.conf.broker_transport_options = dict.fromkeys(options, 0.05)  # as the settings, and a hundred times faster
current_app.conf.broker_connection_timeout = 0.05  # likewise: the client tries again for this long
try:
    current_app.send_task("catalog.dispatch_due", retry=False)
except OperationalError as error:
    print("gave up:", error)
"""
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "gatewayz.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATA_DIR": str(settings.DATA_DIR),
        "REDIS_URL": frozen,
    }

    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.stdout.startswith("gave up: "), ended.stderr
    assert "imeout" in ended.stdout


def test_four_requests_are_answered_although_the_first_message_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, released = [], Event()

    def send_at_last(name: str, **options: object) -> None:
        sent.append(name)
        released.wait(60)

    monkeypatch.setattr(schedule, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(current_app, "send_task", send_at_last)
    refused: list[schedule.NoBroker] = []

    def ask() -> None:
        with pytest.raises(schedule.NoBroker, match="the next beat will send what is due") as refusal:
            schedule.send_due()
        refused.append(refusal.value)

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    still_waiting = [thread for thread in threads if thread.is_alive()]
    released.set()
    schedule._sender.submit(lambda: None).result(30)

    assert still_waiting == []
    assert len(refused) == 4
    assert sent == ["catalog.dispatch_due"]  # and no queue of messages has built up behind it
