"""The API keys of clients, in the memory of a serving process: no request queries the database for one."""

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
    """None: the default of the settings applies. 0: no limit."""
    expires_at: datetime | None


class WrongKey(Exception):
    """The request has a key with our prefix that does not exist, has expired or was revoked."""


class NotRead(Exception):
    """No keys have been read yet, so none can be checked."""


class Keys:
    """The valid keys, as last read from the database."""

    def __init__(self) -> None:
        self._by_digest: Mapping[str, Key] | None = None
        # Looked up by the hash of the secret, so the time of a look-up reveals nothing about a secret.

    def refresh(self) -> None:
        """Read the keys that are valid now. Raise DatabaseError, and keep the old ones, if they cannot be read."""
        columns = ("digest", "pk", "scopes", "requests_per_minute", "expires_at")
        valid = ApiKey.objects.valid(now=timezone.now()).order_by("pk").values_list(*columns)
        self._by_digest = {
            digest: Key(id=pk, scopes=frozenset(scopes), per_minute=per_minute, expires_at=expires_at)
            for digest, pk, scopes, per_minute, expires_at in valid
        }

    def key_of(self, *, authorization: str = "", api_key: str = "") -> Key | None:
        """Return the key of a request, by two of its headers; None if it has none of ours. Raise WrongKey or NotRead.

        A token without our prefix is not ours: clients that were made for other services have to send something.
        """
        sent = {api_key.strip(), _bearer(authorization)}
        ours = [secret for secret in sent if secret.startswith(PREFIX)]
        if not ours:
            return None
        if len(ours) > 1:
            raise WrongKey("Two keys were sent.")
        if self._by_digest is None:
            raise NotRead("No keys have been read yet.")
        key = self._by_digest.get(digest_of(ours[0]))
        if key is None or (key.expires_at is not None and key.expires_at <= timezone.now()):
            raise WrongKey("This key does not exist, has expired or was revoked.")
        return key


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
