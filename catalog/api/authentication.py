"""Authorises more than reading: by a key with a scope, or by the login of a member of staff."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from access.keys import Key, WrongKey
from access.models import SYNC
from catalog.memory import following
from front.refusals import CHALLENGE


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer gwz_…` or `X-API-Key`; `request.auth` is the key. Another service's token is not a key."""

    def authenticate(self, request: Request) -> tuple[Any, Key] | None:
        try:
            sent = {"authorization": "HTTP_AUTHORIZATION", "api_key": "HTTP_X_API_KEY"}
            headers = {name: request.META.get(variable, "") for name, variable in sent.items()}
            key = following.FOLLOWER.keys.key_of(**headers)
        except WrongKey as error:
            raise AuthenticationFailed(str(error)) from error
        return None if key is None else (None, key)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class MaySync(BasePermission):
    message = "This requires a key with the scope sync, or the login of a member of staff who may start a sync."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method == "OPTIONS":
            return True  # the methods of an address are no secret, and a client that asks for them has no key yet
        if isinstance(request.auth, Key):
            return SYNC in request.auth.scopes
        user = request.user
        return isinstance(user, User) and user.is_staff and user.has_perm("catalog.desk_sync")


AUTHENTICATION = (KeyAuthentication, SessionAuthentication)
"""The key first: its challenge shows clients without credentials how to authenticate."""
