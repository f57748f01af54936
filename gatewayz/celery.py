"""The Celery application: `celery -A gatewayz worker` and `celery -A gatewayz beat`."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import beat_init, setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

from gatewayz.run.pulse import WorkerPulse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatewayz.settings")

app = Celery("gatewayz")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.steps["consumer"].add(WorkerPulse)
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Keep the logging of settings.LOGGING: any receiver of this signal stops Celery from setting up its own."""


@beat_init.connect
def _begin(**_: object) -> None:
    """Ask for data at once: beat first ticks after a minute, and an operator who starts Gatewayz is waiting."""
    app.send_task("catalog.begin", expires=600)  # long enough for a worker that starts slowly
