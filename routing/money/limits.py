"""Which budgets apply: those of the desk, and those of the settings for all keys together."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings

from routing.models import ALL_KEYS, Budget, Period
from routing.money.accounts import Limit
from routing.nano import nano_of

SETTINGS = {Period.DAY: "INFERENCE_BUDGET_USD_PER_DAY", Period.MONTH: "INFERENCE_BUDGET_USD_PER_MONTH"}
Limits = Mapping[tuple[int, str], Limit]
"""Limits by key and period."""


def read_limits() -> Limits:
    """Return the limits in force. Raise DatabaseError."""
    found = {(key, period): Limit(nano, is_hard) for key, period, nano, is_hard in _stored()}
    for period, name in SETTINGS.items():
        amount: Decimal | None = getattr(settings, name)
        if amount is not None:
            about = (ALL_KEYS, period.value)
            found[about] = _smaller(found.get(about), Limit(nano_of(amount), is_hard=True))
    return found


def _stored() -> list[tuple[int, str, int, bool]]:
    return list(Budget.objects.order_by("key", "period").values_list("key", "period", "nano", "is_hard"))


def _smaller(stored: Limit | None, given: Limit) -> Limit:
    """Return one limit for both: the desk can lower the limit of the settings, and not lift it."""
    if stored is None:
        return given
    return Limit(min(stored.nano, given.nano), is_hard=True)
