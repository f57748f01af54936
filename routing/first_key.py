"""The key that `make run` makes, so that inference works for one person without a visit to the desk."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from access.models import INFER, READ, ApiKey
from catalog.curation import keys
from catalog.publication.audit import Actor
from routing.models import Period
from routing.money.setting import Wanted, set_budget

NAME = "make run"
BUDGET_USD_A_DAY = Decimal(1)


def make_first_key(*, now: datetime) -> str | None:
    """Make a key that may send requests to models for 1 USD a day, and return its secret, which is not stored.

    None, and nothing is made, if there is or was a key with that scope: a revoked one must not come back.
    """
    if any(INFER in scopes for scopes in ApiKey.objects.values_list("scopes", flat=True)):
        return None
    actor = Actor.of(None)
    with transaction.atomic():  # no key without its budget
        wanted = keys.Wanted(name=NAME, scopes=[READ, INFER])
        key, secret = keys.make(wanted, reason="Made by `make run`, because INFERENCE is on.", actor=actor, now=now)
        budget = Wanted(key=key.pk, period=Period.DAY, amount=BUDGET_USD_A_DAY)
        set_budget(budget, reason="The budget of the key of `make run`.", actor=actor, now=now)
    return secret
