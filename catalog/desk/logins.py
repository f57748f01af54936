"""Logins that are refused at present after wrong ones, and a button for each that lets them in again."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from access import logins as door
from access.logins import Limit, Locked, account_of, short
from catalog.curation import logins
from catalog.desk.pages import DeskPage, Values
from catalog.desk.roles import Action
from catalog.normalize import text
from catalog.publication.audit import Actor
from catalog.web import figures

_WHY = {
    Limit.ADDRESS: f"{door.MOST_PER_ADDRESS} wrong logins from this address within a minute",
    Limit.PAIR: f"{door.MOST_PER_PAIR} wrong logins to this account from this address",
    Limit.ACCOUNT: f"{door.MOST_PER_ACCOUNT} wrong logins to this account within an hour",
}


class Logins(DeskPage):
    address = "logins/"
    name = "logins"
    title = "Failed logins"
    action = Action.UNLOCK_LOGINS
    changes = Action.UNLOCK_LOGINS

    def get(self, request: HttpRequest) -> HttpResponse:
        locked = door.locked(now=timezone.now())
        names = {account_of(name): name for name in User.objects.order_by("pk").values_list("username", flat=True)}
        return self.show("desk/logins.html", {"locked": [_view(each, names) for each in locked]})

    def post(self, request: HttpRequest) -> HttpResponse:
        # Empty means all: a form without both would forget everything, so it forgets nothing.
        account, address = request.POST.get("account") or None, request.POST.get("address") or None
        if (account is None and address is None) or not text.is_storable(f"{account}{address}"):
            return self.go("logins", said="Nothing was chosen.")
        count = logins.unlock(account=account, address=address, actor=Actor.of(self.user), now=timezone.now())
        said = f"Unlocked: {figures.counted(count, 'wrong login')} forgotten." if count else "It was unlocked already."
        return self.go("logins", said=said)


def _view(locked: Locked, names: dict[str, str]) -> Values:
    return {
        "account": locked.account or "",
        "address": locked.address or "",
        "who": "all accounts" if locked.account is None else names.get(locked.account, ""),
        "unknown": short(locked.account) if locked.account and locked.account not in names else "",
        "why": _WHY[locked.limit],
        "failures": f"{locked.failures:,}",
        "wait": _minutes(locked.wait_seconds),
    }


def _minutes(seconds: int) -> str:
    return figures.counted(seconds, "second") if seconds < 120 else f"{-(-seconds // 60)} minutes"
