"""Logins to the admin: one password is hashed at a time, and few wrong ones are accepted from one address.

By design a hash takes a good part of a second, and each one occupies one of the few threads of the web server. Without
limits, a handful of clients that guess passwords would stop all reads. All serving processes of a machine share both.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from access.limits import client_of
from catalog.admin.wrong_logins import Busy, WrongLogins, turn
from front.counts import counts

logger = logging.getLogger(__name__)

MOST_WRONG_PER_MINUTE = 10
"""The limit of wrong logins for one address."""
_BUSY_SECONDS = 2


def login(request: HttpRequest) -> HttpResponse:
    """Check the limits before the admin's own login page: a login that is refused here costs no hash."""
    if request.method != "POST":
        return admin.site.login(request)
    client = client_of(request.META, trusted_hops=settings.TRUSTED_PROXY_HOPS)
    try:
        with turn(settings.DATA_DIR / "logins.json") as wrong:
            return _checked(request, client, wrong)
    except Busy:
        logger.warning("A login from %s was refused: another one is being checked", client)
        return _refused(request, "Another login is being checked at this moment.", wait=_BUSY_SECONDS)


def _checked(request: HttpRequest, client: str, wrong: WrongLogins) -> HttpResponse:
    if (used := wrong.of(client)) >= MOST_WRONG_PER_MINUTE:
        logger.warning("A login from %s was refused: %d wrong ones within a minute", client, used)
        return _refused(request, "There were too many wrong logins from your address.", wait=wrong.seconds_left)
    response = admin.site.login(request)
    if response.status_code != HTTPStatus.FOUND:  # a correct login redirects
        wrong.count(client)
        counts.add_failed_login("wrong")
        logger.warning("A wrong login from %s", client)  # without the name: people type passwords into that field
    return response


def _refused(request: HttpRequest, reason: str, *, wait: int) -> HttpResponse:
    counts.add_failed_login("refused")
    context = admin.site.each_context(request) | {"is_nav_sidebar_enabled": False}
    shown = {**context, "title": "Log in later", "reason": reason, "wait": wait}
    response = render(request, "admin/login_refused.html", shown, status=HTTPStatus.TOO_MANY_REQUESTS)
    response["Retry-After"] = str(wait)
    response["Cache-Control"] = "no-store"
    return response
