"""The parts of a serving process, put together: Django, the catalogue's routes, the front and one of its shells."""

from __future__ import annotations

import io
import os
import sys
import warnings
from importlib import import_module
from types import ModuleType

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatewayz.settings")

# Without collected files (`make run`), static files come from the packages that contain them.
warnings.filterwarnings("ignore", "No directory at", UserWarning)
django_application = get_wsgi_application()

# A wrong setting stops the server before it answers anything; management commands and workers run their own checks.
call_command("check", stdout=io.StringIO())

from access.shared_limits import SharedLimits  # noqa: E402  the apps must be loaded first
from catalog.api.metrics import SHARED_COUNTS  # noqa: E402  likewise
from catalog.memory.following import FOLLOWER  # noqa: E402  likewise
from catalog.routes import routes  # noqa: E402  likewise
from catalog.web.ahead import make_ahead  # noqa: E402  likewise
from front.asgi import AsgiShell  # noqa: E402  likewise
from front.counts import counts  # noqa: E402  likewise
from front.django import WsgiDjango  # noqa: E402  likewise
from front.front import Front  # noqa: E402  likewise
from front.pool import Pool  # noqa: E402  likewise
from front.protocol import FrontProtocol  # noqa: E402  likewise
from front.revisions import ServedRevisions  # noqa: E402  likewise
from front.streams import Revisions  # noqa: E402  likewise
from front.wsgi import WsgiShell  # noqa: E402  likewise

__all__ = ["FrontProtocol", "make_asgi", "make_wsgi"]

SWITCH_SECONDS = 0.0005
"""How long a thread that computes keeps the interpreter while the event loop waits for it; Python's default is 5 ms."""


def make_asgi() -> AsgiShell:
    """Return the application of a serving process. The catalogue is followed from the start of its event loop."""
    sys.setswitchinterval(SWITCH_SECONDS)
    pool = Pool()
    revisions = ServedRevisions(routes.revision, pool=pool)
    FOLLOWER.subscribe(revisions.changed)
    front = make_front(revisions)
    return AsgiShell(front, pool=pool, revisions=revisions, start=lambda: start(front), stop=stop)


def make_wsgi() -> WsgiShell:
    """Return the application for a WSGI server. The catalogue is followed from now on."""
    front = make_front()
    start(front)  # here and not in an AppConfig: each worker loads this after its fork, which no thread survives
    return WsgiShell(front)


def start(front: Front) -> None:
    """Load the newest revision and follow it from now on; share counts and limits with the other processes."""
    FOLLOWER.subscribe(make_ahead)
    if (usage := counting()) is not None:
        usage.start()
    if (routing := running()) is not None:
        routing.start()
    if (monitoring := watching()) is not None:
        monitoring.start()
    FOLLOWER.start()
    SHARED_COUNTS.start(settings.DATA_DIR / "counts")
    if settings.REDIS_URL:
        SharedLimits(front.limiter, settings.REDIS_URL).start()


def stop() -> None:
    """End the threads, after the last answer."""
    FOLLOWER.stop()
    if (usage := counting()) is not None:
        usage.stop()
    if (routing := running()) is not None:
        routing.stop()
    if (monitoring := watching()) is not None:
        monitoring.stop()
    SHARED_COUNTS.stop()


def counting() -> ModuleType | None:
    """Return the module that counts requests; None without that app."""
    return import_module("usage.serving") if apps.is_installed("usage") else None


def running() -> ModuleType | None:
    """Return the module that runs models; None without that app."""
    return import_module("routing.serving") if apps.is_installed("routing") else None


def watching() -> ModuleType | None:
    """Return the module that follows the availability of offers; None without that app."""
    return import_module("monitoring.serving") if apps.is_installed("monitoring") else None


def make_front(revisions: Revisions | None = None) -> Front:
    """Return the front of this process. Without `revisions` it has no streams."""
    usage, routing = counting(), running()
    return Front(
        WsgiDjango(django_application),
        counts=counts,
        routes=routes,
        keys=FOLLOWER.keys,
        revisions=revisions,
        usage=usage.TALLY if usage is not None else None,
        inference=routing.make_door() if routing is not None else None,
    )
