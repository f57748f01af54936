"""The API keys that this process knows. They are read with the snapshot, so no request asks the database for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from access.models import PREFIX, ApiKey, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    id: int
    scopes: frozenset[str]
    per_minute: int | None
    """None is the setting, 0 no limit."""
    expires_at: datetime | None


class WrongKey(Exception):
    """A key of ours that does not exist, or no longer."""


class NotRead(Exception):
    """No keys could be read yet, so none can be checked."""


_held: Mapping[str, Key] | None = None
"""By the hash of their secrets: the time of a look-up reveals nothing about a secret."""


def refresh() -> None:
    """Know the keys that are valid now. Raises DatabaseError, leaving those known before."""
    global _held
    columns = ("digest", "pk", "scopes", "requests_per_minute", "expires_at")
    valid = ApiKey.objects.valid(now=timezone.now()).order_by("pk").values_list(*columns)
    _held = {
        digest: Key(id=pk, scopes=frozenset(scopes), per_minute=per_minute, expires_at=expires_at)
        for digest, pk, scopes, per_minute, expires_at in valid
    }


def key_of(environ: Mapping[str, str]) -> Key | None:
    """The key that a request carries; None where it carries none of ours. Raises WrongKey, NotRead.

    Whatever does not begin with our prefix is not ours: clients made for other services must send something.
    """
    if "HTTP_X_API_KEY" not in environ and "HTTP_AUTHORIZATION" not in environ:
        return None
    sent = {environ.get("HTTP_X_API_KEY", "").strip(), _bearer(environ.get("HTTP_AUTHORIZATION", ""))}
    ours = [secret for secret in sent if secret.startswith(PREFIX)]
    if not ours:
        return None
    if len(ours) > 1:
        raise WrongKey("Two keys were sent.")
    if _held is None:
        raise NotRead("No keys have been read yet.")
    key = _held.get(digest_of(ours[0]))
    if key is None or (key.expires_at is not None and key.expires_at <= timezone.now()):
        raise WrongKey("This key does not exist, has expired or was revoked.")
    return key


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
