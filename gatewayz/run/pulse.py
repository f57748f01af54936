"""The worker and beat touch a file while they work, so that probes can check it.

Probes cannot use Celery's remote control, because it is off.

`DATA_DIR/worker.pulse`  every ten seconds while the worker's main loop runs and is connected to the broker
`DATA_DIR/beat.pulse`    each time beat has handed a message to the broker, so once a minute
"""

from __future__ import annotations

from typing import Any

from celery.bootsteps import StartStopStep
from celery.signals import after_task_publish, beat_init
from django.conf import settings

WORKER_PULSE_SECONDS = 10.0


def touch_pulse(name: str) -> None:
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    (settings.DATA_DIR / f"{name}.pulse").touch()


class WorkerPulse(StartStopStep):
    """A step of the consumer: Celery stops it when the broker disconnects, and starts it with the next connection."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        touch_pulse("worker")
        self._timer = parent.timer.call_repeatedly(WORKER_PULSE_SECONDS, touch_pulse, ("worker",))

    def stop(self, parent: Any) -> None:
        if self._timer is not None:
            parent.timer.cancel(self._timer)
            self._timer = None

    # A worker that must stop immediately stops in the same way.
    terminate = stop


@beat_init.connect
def watch_beat(**_: object) -> None:
    """Watch only in the process of beat, because the worker and the web server send messages too."""
    after_task_publish.connect(touch_beat_pulse)


def touch_beat_pulse(**_: object) -> None:
    touch_pulse("beat")
