"""The API keys of clients: made, changed and revoked by operators, with an action in the audit trail for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from access.models import LONGEST_NAME, MOST_PER_MINUTE, SCOPES, ApiKey
from catalog.normalize import dates, text
from catalog.publication import audit, locks
from catalog.publication.audit import Actor, Draft, Item, Kind, Subject

Json = Any


class InvalidKey(ValueError):
    """A key cannot be made or changed; nothing was changed. `problems` are the reasons by field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{field} {reason}" for field, reason in problems.items()))


class NoSuchKey(ValueError):
    """There is no key of this number that could be changed or revoked; the message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a key is to be."""

    name: str
    """Who uses it, and for what."""
    scopes: Collection[str]
    requests_per_minute: int | None = None
    """None: API_KEY_RATE_LIMIT_PER_MINUTE applies; 0: no limit."""
    expires_at: datetime | None = None


def make(wanted: Wanted, *, reason: str = "", actor: Actor, now: datetime) -> tuple[ApiKey, str]:
    """Create a key, and return it with its secret, which is not stored and cannot be shown again. Raises InvalidKey."""
    fields = _checked(wanted, now=now)
    with transaction.atomic():
        author = User.objects.filter(pk=actor.number).first() if actor.number else None
        key, secret = ApiKey.objects.issue(**fields, created_by=author)
        _audit(key, before={}, reason=reason or "Made.", actor=actor, now=now)
    return key, secret


def change(number: int, wanted: Wanted, *, reason: str = "", actor: Actor, now: datetime) -> ApiKey:
    """Change what a key may do; its secret stays. Serving processes follow within seconds. Raises InvalidKey,
    NoSuchKey."""
    with transaction.atomic():
        key = _valid(number)
        before = _shown(key)
        fields = _checked(wanted, now=now, expires_before=key.expires_at)
        for field, value in fields.items():
            setattr(key, field, value)
        if _shown(key) != before:
            key.save(update_fields=list(fields))
            _audit(key, before=before, reason=reason or "Changed.", actor=actor, now=now)
    return key


def revoke(numbers: Collection[int], *, reason: str = "", actor: Actor, now: datetime) -> list[ApiKey]:
    """Revoke keys; serving processes refuse them within seconds. Raises NoSuchKey, then none is revoked."""
    with transaction.atomic():
        keys = [_valid(number) for number in sorted(set(numbers))]
        ApiKey.objects.filter(pk__in=[key.pk for key in keys]).revoke(now=now)
        for key in keys:
            before = _shown(key)
            key.revoked_at = now
            _audit(key, before=before, reason=reason or "Revoked.", actor=actor, now=now)
    return keys


def _valid(number: int) -> ApiKey:
    """Return the key, locked. Raises NoSuchKey if it was revoked."""
    key = ApiKey.objects.select_for_update().filter(pk=number).first() if 0 < number < 2**63 else None
    if key is None:
        raise NoSuchKey(f"there is no key {number}")
    if key.revoked_at is not None:
        raise NoSuchKey(f"key {number} was revoked at {key.revoked_at:%Y-%m-%d %H:%M} UTC")
    return key


# --- checks ----------------------------------------------------------------------------------------------------------
def _checked(wanted: Wanted, *, now: datetime, expires_before: datetime | None = None) -> dict[str, Json]:
    """Return the cleaned fields. Raises InvalidKey. An end that has passed may stay as it is."""
    checks: Mapping[str, Callable[[], Json]] = {
        "name": lambda: _name(wanted.name),
        "scopes": lambda: _scopes(wanted.scopes),
        "requests_per_minute": lambda: _per_minute(wanted.requests_per_minute),
        "expires_at": lambda: _end(wanted.expires_at, now=now, before=expires_before),
    }
    fields: dict[str, Json] = {}
    problems: dict[str, str] = {}
    for field, check in checks.items():
        try:
            fields[field] = check()
        except ValueError as error:
            problems[field] = str(error)
    if problems:
        raise InvalidKey(problems)
    return fields


def _name(name: str) -> str:
    name = text.line(name, longest=LONGEST_NAME)
    if not name.isprintable():
        raise ValueError("must consist of printable characters")
    return name


def _scopes(scopes: Collection[str]) -> list[str]:
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise ValueError(f"must be any of {', '.join(SCOPES)}, not {', '.join(unknown)[:100]}")
    if not scopes:
        raise ValueError(f"must be at least one of {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in scopes]


def _per_minute(limit: int | None) -> int | None:
    if limit is not None and not 0 <= limit <= MOST_PER_MINUTE:
        raise ValueError(f"must be a whole number from 0 to {MOST_PER_MINUTE:,}")
    return limit


def _end(end: datetime | None, *, now: datetime, before: datetime | None) -> datetime | None:
    if end is not None and end <= now and end != before:
        raise ValueError("must be in the future")
    return end


# --- the audit trail -------------------------------------------------------------------------------------------------
def _shown(key: ApiKey) -> dict[str, Json]:
    """Return what the audit trail has of a key: nothing of its secret."""
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "requests_per_minute": key.requests_per_minute,
        "expires_at": dates.iso(key.expires_at) if key.expires_at else None,
        "revoked_at": dates.iso(key.revoked_at) if key.revoked_at else None,
    }


def _audit(key: ApiKey, *, before: Mapping[str, Json], reason: str, actor: Actor, now: datetime) -> None:
    newest = locks.lock_revision().number
    of_key = partial(Item, kind=Subject.KEY, number=key.pk, subject=f"{key.name} ({key.prefix}…)")
    items = [
        of_key(field=field, before=before.get(field), after=value)
        for field, value in _shown(key).items()
        if value != before.get(field)
    ]
    draft = Draft(kind=Kind.KEY, actor=actor, reason=audit.checked_reason(reason), items=items)
    audit.write(draft, before=newest, after=newest, now=now)
