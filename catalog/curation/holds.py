"""The curators' decisions about held prices, and the questions for curators."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from catalog.models import PriceHold
from catalog.publication import apply, locks
from catalog.publication.prices import questions, repeats


class AlreadyDecided(Exception):
    """The price hold no longer waits for a decision."""


def decide_price_hold(hold: PriceHold, *, state: str, author: User | None, now: datetime) -> int:
    """Release a held price (it is right) or discard it (the earlier price stays). Return the current revision.

    `state` is PriceHold.State.RELEASED or DISCARDED. Raises AlreadyDecided if the hold has ended in the meantime.
    """
    with transaction.atomic():
        offer = locks.lock_offer(hold.offer)
        waiting = PriceHold.objects.deciding().filter(pk=hold.pk)
        if not waiting.update(state=state, decided_at=now, decided_by=author):
            raise AlreadyDecided("the gateway has reported another price since; there is nothing to decide")
        return apply.republish_offer(offer, author=author)


def open_questions() -> list[questions.Question]:
    """Return the questions to curators about prices."""
    return questions.current(factor=settings.GUARD_QUESTION_FACTOR, rules=repeats.rules())
