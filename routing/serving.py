"""The routing of this serving process, put together from the settings."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from django.conf import settings

from routing import bookkeeping
from routing.api.process import PROCESS
from routing.choose.health import Observed
from routing.door import Door, Switches
from routing.parts import Deadlines, Parts
from routing.relay import Relay
from routing.slots import Slots
from routing.upstream.client import Client
from routing.upstream.credentials import Credentials
from routing.upstream.registry import DIALECTS

HEALTH = Observed(clock=time.monotonic)
IS_ON = settings.INFERENCE == "on"


def make_door() -> Door:
    """Return the application that answers the addresses of inference."""
    switches = Switches(
        is_on=IS_ON,
        key_settings=[f"{slug.upper()}_INFERENCE_KEYS" for slug in settings.INFERENCE_KEYS],
        origins=frozenset(settings.INFERENCE_ORIGINS),
    )
    PROCESS.health, PROCESS.runnable = HEALTH, DIALECTS.keys()
    PROCESS.subscriptions = [slug for slug, dialect in DIALECTS.items() if dialect.is_subscription]
    return Door(Relay(_parts()), switches)


def start() -> None:
    """Open the books, unless nothing is run here. Call it after the fork."""
    if IS_ON:
        bookkeeping.start()


def stop() -> None:
    if IS_ON:
        bookkeeping.stop()


def _parts() -> Parts:
    stated = settings.INFERENCE_SLOTS
    defaults = {slug: dialect.most_at_once for slug, dialect in DIALECTS.items()}
    limits = {slug: default if stated.get(slug) is None else stated[slug] for slug, default in defaults.items()}
    return Parts(
        client=Client(connect_seconds=settings.INFERENCE_CONNECT_SECONDS),
        ledger=bookkeeping.LEDGER,
        budgets=bookkeeping.BUDGETS,
        health=HEALTH,
        slots=Slots(
            limits,
            processes=settings.SERVING_PROCESSES,
            most_seconds=settings.INFERENCE_TOTAL_SECONDS,
            redis_url=settings.REDIS_URL,
            folder=settings.DATA_DIR / "slots",
        ),
        credentials=Credentials(settings.INFERENCE_KEYS, clock=time.monotonic),
        dialects=DIALECTS,
        bases=settings.INFERENCE_BASES,
        deadlines=Deadlines(
            first_content=settings.INFERENCE_FIRST_CONTENT_SECONDS,
            unary=settings.INFERENCE_UNARY_SECONDS,
            idle=settings.INFERENCE_IDLE_SECONDS,
            total=settings.INFERENCE_TOTAL_SECONDS,
        ),
        is_strict=settings.INFERENCE_DURABILITY == "strict",
        own_headers={"User-Agent": settings.USER_AGENT, "HTTP-Referer": settings.PUBLIC_URL, "X-Title": "Gatewayz"},
        now=lambda: datetime.now(UTC),
        clock=time.monotonic,
    )
