"""The API keys of clients. Only the hash of a key is stored, so no key can be read here."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

PREFIX = "gwz_"
"""All keys begin with this prefix, which distinguishes them from other tokens in requests and in leaked files."""
SYNC = "sync"
SCOPES = {SYNC: "sync: start runs, and read how they went"}
LONGEST_NAME = 100
_SHOWN = len(PREFIX) + 6


def digest_of(secret: str) -> str:
    """Return the hash that is stored of a key. A key has 256 random bits, so a plain hash reveals nothing about it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


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
    scopes = models.JSONField(
        default=list, blank=True, help_text="What it allows, in addition to reading with its own limit."
    )
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
