"""Sends the requests of the signals: who may send which, when, and what becomes of an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from catalog.adapter.contract import Request
from catalog.adapter.errors import BadPayload, GatewayError, RateLimited, Unreachable
from catalog.models import Offer
from catalog.records import Availability
from catalog.sync import read, single
from monitoring import evidence
from monitoring.evidence import News
from monitoring.machine import Evidence
from monitoring.models import Signal, Watched
from monitoring.signals import chutes, openrouter
from monitoring.signals.contract import Reading

logger = logging.getLogger(__name__)

CHUTES, ZDR, MODELS = "chutes.utilization", "openrouter.zdr", "openrouter.endpoints"
LONGEST_PAUSE = timedelta(hours=6)
"""The longest pause after a rate limit."""
LASTS = 3
"""Statements are valid for this many intervals."""
MODEL_LASTS = timedelta(hours=18)
"""How long the answer about one model is valid: with a request a minute, 1,000 models take 17 hours."""
DOUBT_INTERVAL = timedelta(minutes=5)


def claim(name: str, *, interval: timedelta, now: datetime) -> bool:
    """Return whether this process may send the request now. Of several that ask at once, one may."""
    signal, _ = Signal.objects.get_or_create(name=name)
    if signal.next_at is not None and signal.next_at > now and signal.next_at - now <= LONGEST_PAUSE:
        return False
    # A time that is too far ahead was stored by a wrong clock.
    return bool(Signal.objects.filter(pk=signal.pk, next_at=signal.next_at).update(next_at=now + interval))


def ask_due(*, now: datetime) -> None:
    """Send the requests that are due, one after the other. Failures are stored and never raised."""
    if may_ask(chutes.GATEWAY) and claim(CHUTES, interval=chutes.INTERVAL, now=now):
        _ask(CHUTES, chutes.GATEWAY, chutes.REQUEST, _read_chutes, lasts=LASTS * chutes.INTERVAL)
    if settings.MONITORING != "on" or not may_ask(openrouter.GATEWAY):
        return
    if claim(ZDR, interval=openrouter.ZDR_INTERVAL, now=now):
        reading = openrouter.read_zdr
        _ask(ZDR, openrouter.GATEWAY, openrouter.ZDR_REQUEST, reading, lasts=LASTS * openrouter.ZDR_INTERVAL)
    if (offer_id := next_model(now=now)) is not None and claim(MODELS, interval=openrouter.MODEL_INTERVAL, now=now):
        _ask(
            MODELS,
            openrouter.GATEWAY,
            openrouter.request_of(offer_id),
            lambda payload: openrouter.read_endpoints(payload, offer_id=offer_id),
            lasts=MODEL_LASTS,
            about=offer_id,
        )


def may_ask(gateway: str) -> bool:
    return settings.MONITORING != "off" and single.may_ask(gateway)


def next_model(*, now: datetime) -> str | None:
    """Return the offer of OpenRouter about which alone no request was sent for the longest time.

    In every other minute only offers that have strikes or a first success are considered, if there are any: otherwise
    an outage would be noticed hours late.
    """
    offers = Offer.objects.filter(gateway__slug=openrouter.GATEWAY, withdrawn_at=None)
    for prefix in openrouter.NOT_MEASURED:
        offers = offers.exclude(model_id__startswith=prefix)
    oldest_first = offers.order_by(F("watched__asked_at").asc(nulls_first=True), "model_id")
    ordered = oldest_first.values_list("model_id", flat=True)
    if now.minute % 2:
        is_doubtful = Q(watched__memory__halves__gt=0) | Q(watched__memory__ups__gt=0)
        doubtful = ordered.filter(is_doubtful, watched__asked_at__lt=now - DOUBT_INTERVAL).first()
        if doubtful is not None:
            return doubtful
    return ordered.first()


def _read_chutes(payload: Any) -> Reading:
    cold = Watched.objects.filter(offer__gateway__slug=chutes.GATEWAY, state=Availability.COLD)
    return chutes.read_utilization(payload, cold=set(cold.values_list("offer__model_id", flat=True)))


def _ask(
    name: str,
    gateway: str,
    request: Request,
    reading: Callable[[Any], Reading],
    *,
    lasts: timedelta,
    about: str | None = None,
) -> None:
    asked = [about] if about is not None else []
    try:
        body = single.fetched(gateway, request)
        found = reading(read.decoded(body))
    except Unreachable as error:
        _store_end(name, error=str(error))
        evidence.take(News(gateway=gateway, is_reached=False, asked=asked), now=timezone.now())
    except GatewayError as error:
        _store_end(name, error=str(error), error_pause=_pause(error))
        # An answer that cannot be used says nothing about offers, but the gateway was reached.
        is_reached = isinstance(error, BadPayload | RateLimited) or None
        evidence.take(News(gateway=gateway, is_reached=is_reached, asked=asked), now=timezone.now())
    else:
        evidence.take(_news(gateway, found, lasts=lasts, asked=asked, now=timezone.now()), now=timezone.now())
        _store_end(name)


def _news(gateway: str, found: Reading, *, lasts: timedelta, asked: list[str], now: datetime) -> News:
    told = {
        offer_id: [
            Evidence(
                verdict=heard.verdict,
                reason=heard.reason,
                at=now,
                lasts=lasts,
                limited_until=now + lasts if heard.is_limited else None,
            )
        ]
        for offer_id, heard in found.items()
    }
    figures: Mapping[str, Mapping[str, Any]] = {name: heard.figures for name, heard in found.items() if heard.figures}
    return News(gateway=gateway, evidence=told, figures=figures, asked=asked, is_reached=True)


def _pause(error: GatewayError) -> timedelta | None:
    """Return how long to wait before the next request, if the gateway asks for it."""
    if not isinstance(error, RateLimited):
        return None
    asked = timedelta(seconds=error.retry_after or 0)
    return min(max(asked, timedelta(minutes=15)), LONGEST_PAUSE)


def _store_end(name: str, *, error: str = "", error_pause: timedelta | None = None) -> None:
    now, signals = timezone.now(), Signal.objects.filter(name=name)
    if error and not signals.exclude(error="").exists():
        logger.warning("%s: %s", name, error)  # once, until it works again
    signals.update(ended_at=now, error=error[:300])
    if error_pause is not None:
        signals.update(next_at=now + error_pause)
