"""The API keys of clients, and what is counted of logins. Keys and typed names are stored as hashes alone."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

PREFIX = "gwz_"
"""All keys begin with this prefix, which distinguishes them from other tokens in requests and in leaked files."""
READ, SYNC, INFER = "read", "sync", "infer"
SCOPES = {
    READ: "read: read the catalogue, with the key's own limit",
    SYNC: "sync: start runs, and read how they went",
    INFER: "infer: send requests to models, within the budgets of the key",
}
"""All scopes, with what each allows. A key may do nothing that none of its scopes allows."""
MOST_PER_MINUTE = 999_999_999
LONGEST_NAME = 100
_SHOWN = len(PREFIX) + 6


def digest_of(secret: str) -> str:
    """Return the hash that is stored of a key. A key has 256 random bits, so a plain hash reveals nothing about it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def usual_scopes() -> list[str]:
    """Return the scopes of a key unless others are chosen."""
    return [READ]


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def valid(self, *, now: datetime) -> ApiKeyQuerySet:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)

    def revoke(self, *, now: datetime) -> int:
        """Revoke the keys that are not revoked yet, and return their number."""
        return self.filter(revoked_at=None).update(revoked_at=now)

    def issue(self, **fields: Any) -> tuple[ApiKey, str]:
        """Create a key and return it with its secret, which cannot be shown again."""
        key = ApiKey(**fields)
        secret = key.renew()
        key.save()
        return key, secret


class ApiKey(models.Model):
    name = models.CharField(max_length=LONGEST_NAME, help_text="Who uses it, and for what.")
    prefix = models.CharField(
        max_length=_SHOWN, editable=False, help_text="The beginning of the key; the rest is not stored."
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=usual_scopes, blank=True, help_text="What it allows.")
    requests_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="For each serving process. Empty: API_KEY_RATE_LIMIT_PER_MINUTE; 0: no limit.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField("created", auto_now_add=True)
    expires_at = models.DateTimeField("expires", null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        db_table = "catalog_apikey"  # the name that it had before keys were an app of their own

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def renew(self) -> str:
        """Generate a secret, store its digest, and return the secret."""
        secret = PREFIX + secrets.token_urlsafe(32)
        self.prefix, self.digest = secret[:_SHOWN], digest_of(secret)
        return secret


# --- logins ----------------------------------------------------------------------------------------------------------
ADDRESS_LENGTH = 100
"""Longer than any text of `access.limits.client_of`."""
_CLOCKS_DIFFER = timedelta(minutes=1)
"""A stored time further ahead than this was stored by a wrong clock, and is ignored."""


class FailedLoginQuerySet(models.QuerySet["FailedLogin"]):
    def since(self, moment: datetime, *, now: datetime) -> FailedLoginQuerySet:
        return self.filter(failed_at__gt=moment, failed_at__lte=now + _CLOCKS_DIFFER)

    def prune(self, *, before: datetime, now: datetime) -> int:
        """Delete what `since` no longer finds, and return the number of rows."""
        return self.exclude(failed_at__gt=before, failed_at__lte=now + _CLOCKS_DIFFER).delete()[0]


class FailedLogin(models.Model):
    """One login that failed, or whose password is being checked: the row is stored before, and deleted on success."""

    account = models.CharField(max_length=64)
    """The keyed hash of the name: people type passwords into that field."""
    address = models.CharField(max_length=ADDRESS_LENGTH)
    failed_at = models.DateTimeField("failed", db_index=True)

    objects = FailedLoginQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["address", "failed_at"], name="failed_login_of_address"),
            models.Index(fields=["account", "failed_at"], name="failed_login_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.address} at {self.failed_at}"


class KnownAddress(models.Model):
    """An address from which an account logged in."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    address = models.CharField(max_length=ADDRESS_LENGTH)
    logged_in_at = models.DateTimeField("last login", db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "address"], name="one_known_address_per_user")]

    def __str__(self) -> str:
        return self.address


class HashTurnQuerySet(models.QuerySet["HashTurn"]):
    def take(self, *, now: datetime, duration: timedelta) -> str | None:
        """Return the name of the new holder, or None while another one has the turn. It ends by itself."""
        # An end further ahead than a turn lasts was stored by a wrong clock.
        free = Q(holder="") | Q(ends_at__lte=now) | Q(ends_at__gt=now + duration + _CLOCKS_DIFFER)
        if self.exclude(free).exists():
            return None  # without the write below, which would wait for other writers of SQLite
        holder, ends_at = secrets.token_hex(8), now + duration
        if not self.filter(free, pk=1).update(holder=holder, ends_at=ends_at):
            # The row is missing before the first turn; with conflicts, another process was faster.
            self.bulk_create([HashTurn(pk=1, holder=holder, ends_at=ends_at)], ignore_conflicts=True)
        return holder if self.filter(holder=holder).exists() else None

    def release(self, holder: str) -> None:
        self.filter(holder=holder).update(holder="")


class HashTurn(models.Model):
    """One row: who hashes a password at this moment, in whichever process of any host."""

    holder = models.CharField(max_length=16, blank=True)
    """Empty: the turn is free."""
    ends_at = models.DateTimeField("ends")
    """The turn of a process that was killed ends here."""

    objects = HashTurnQuerySet.as_manager()

    def __str__(self) -> str:
        return self.holder
