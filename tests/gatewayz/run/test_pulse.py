from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from celery.signals import after_task_publish, beat_init
from pytest_django.fixtures import Settings

from gatewayz.celery import app
from gatewayz.run.pulse import WorkerPulse, touch_beat_pulse, touch_pulse


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "not" / "made" / "yet"
    return tmp_path / "not" / "made" / "yet"


@pytest.fixture
def beat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mock]:
    """Records what beat has sent by the time it has started."""
    send = Mock()
    monkeypatch.setattr(app, "send_task", send)
    beat_init.send(sender=None)
    yield send
    after_task_publish.disconnect(touch_beat_pulse)


def consumer() -> SimpleNamespace:
    return SimpleNamespace(timer=Mock())


def test_beat_asks_for_what_is_due_as_soon_as_it_starts(beat: Mock) -> None:
    beat.assert_called_once_with("catalog.begin", expires=600)


def test_every_worker_has_a_pulse() -> None:
    assert WorkerPulse in app.steps["consumer"]


def test_a_worker_that_is_connected_has_a_pulse_at_once_and_every_ten_seconds(data_dir: Path) -> None:
    parent = consumer()

    WorkerPulse(parent).start(parent)

    assert (data_dir / "worker.pulse").is_file()
    parent.timer.call_repeatedly.assert_called_once_with(10.0, touch_pulse, ("worker",))


def test_a_worker_that_loses_the_broker_loses_its_pulse() -> None:
    parent = consumer()
    pulse = WorkerPulse(parent)
    pulse.start(parent)

    pulse.stop(parent)

    parent.timer.cancel.assert_called_once_with(parent.timer.call_repeatedly.return_value)


def test_a_worker_that_never_connected_can_be_stopped() -> None:
    parent = consumer()

    WorkerPulse(parent).stop(parent)

    assert not parent.timer.mock_calls


@pytest.mark.usefixtures("beat")
def test_a_message_of_beat_is_its_pulse(data_dir: Path) -> None:
    after_task_publish.send(sender="catalog.dispatch_due")

    assert (data_dir / "beat.pulse").is_file()


def test_a_message_of_another_process_is_no_pulse_of_beat(data_dir: Path) -> None:
    after_task_publish.send(sender="catalog.sync_gateway")

    assert not (data_dir / "beat.pulse").exists()
