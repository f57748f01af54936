"""The pages of the admin that hash passwords: logins are limited, and one password is hashed at a time.

By design a hash takes a good part of a second of a processor. Without limits, a handful of clients that guess passwords
would slow down all reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils import timezone

from access import logins
from access.limits import client_of
from access.logins import Attempt, Limit, Refused, short
from front.counts import counts

logger = structlog.get_logger(__name__)

WRONG = "wrong"
_REASONS = {
    Limit.ADDRESS: "There were too many wrong logins from your address.",
    Limit.PAIR: "There were too many wrong logins to this account from your address.",
    Limit.ACCOUNT: "There were too many wrong logins to this account.",
    Limit.BUSY: "Another password is being checked at this moment.",
}


class LoginForm(AdminAuthenticationForm):
    """The admin's own form. Raises Refused before it would hash a password."""

    def clean(self) -> dict[str, Any]:
        if not {"username", "password"} <= self.cleaned_data.keys():
            return super().clean()  # one of them is missing, so no password is hashed
        request = self.request
        assert request is not None  # noqa: S101  the view passes it
        with logins.attempt(self.cleaned_data["username"], _client(request), now=timezone.now()) as login:
            try:
                cleaned = super().clean()
            except ValidationError:
                _report_wrong(login)
                raise
            login.succeeded(self.get_user())
        return cleaned


def login(request: HttpRequest) -> HttpResponse:
    """Show the admin's login page, or the one for refused logins."""
    try:
        return admin.site.login(request, {"has_accounts": User.objects.filter(is_active=True, is_staff=True).exists()})
    except Refused as refused:
        return _refused(request, refused)


def change_password(request: HttpRequest) -> HttpResponse:
    """Change the own password: the old one is checked with the limits of a login.

    A session that was left open would otherwise be a place to guess it.
    """
    if request.method != "POST":
        return admin.site.password_change(request)
    user = request.user
    assert isinstance(user, User)  # noqa: S101  `admin_view` requires a login
    try:
        with logins.attempt(user.get_username(), _client(request), now=timezone.now()) as login:
            response = admin.site.password_change(request)
            if "old_password" in _errors(response):
                _report_wrong(login)
            else:
                login.succeeded(user)
            return response
    except Refused as refused:
        return _refused(request, refused)


def one_hash_at_a_time(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Decorate a view that sets a password: a POST is refused while another password is hashed."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        try:
            with logins.turn(now=timezone.now()):
                return view(request, *args, **kwargs)
        except Refused as refused:
            return _refused(request, refused)

    return answer


def _client(request: HttpRequest) -> str:
    return client_of(request.META, trusted_hops=settings.TRUSTED_PROXY_HOPS)


def _errors(response: HttpResponse) -> Mapping[str, Any]:
    """Return the errors of the form that a page shows; a redirect has none."""
    context = response.context_data if isinstance(response, TemplateResponse) else None
    return context["form"].errors if context else {}


def _report_wrong(login: Attempt) -> None:
    _report(WRONG, account=login.account, address=login.address)


def _refused(request: HttpRequest, refused: Refused) -> HttpResponse:
    _report(refused.limit, account=refused.account, address=_client(request))
    shown = {"title": "Try again later", "reason": _REASONS[refused.limit], "wait": refused.wait_seconds}
    response = render(request, "admin/login_refused.html", shown, status=HTTPStatus.TOO_MANY_REQUESTS)
    response["Retry-After"] = str(refused.wait_seconds)
    response["Cache-Control"] = "no-store"
    return response


def _report(reason: str, *, account: str | None, address: str) -> None:
    """Count a failure, and log it without the name: people type passwords into that field."""
    counts.add_failed_login(reason)
    logger.warning("login_failed", reason=str(reason), address=address, account=account and short(account))
