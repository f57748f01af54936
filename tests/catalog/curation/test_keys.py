"""Operators make, change and revoke keys, and unlock logins; each is in the audit trail, without secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from access import logins as door
from access.keys import Keys, WrongKey
from access.models import ApiKey, FailedLogin, digest_of
from catalog.curation import keys, logins
from catalog.curation.keys import InvalidKey, NoSuchKey, Wanted
from catalog.models import CurationAction, CurationItem
from catalog.publication import audit
from catalog.publication.audit import Actor

pytestmark = pytest.mark.django_db

NOW = datetime(2100, 11, 22, 8, tzinfo=UTC)


@pytest.fixture
def operator() -> Actor:
    return Actor.of(User.objects.create(username="ada"))


def wanted(**fields: Any) -> Wanted:
    return Wanted(**{"name": "the deployment", "scopes": ["sync", "read"], **fields})


def trail() -> list[tuple[str, str, Any, Any]]:
    assert audit.verify().broken is None
    items = CurationItem.objects.select_related("action").order_by("action", "position")
    return [(item.action.reason, item.field, item.before, item.after) for item in items]


def test_a_key_is_made_changed_and_revoked_and_the_trail_has_all_of_it_but_the_secret(operator: Actor) -> None:
    key, secret = keys.make(wanted(expires_at=NOW + timedelta(days=1)), actor=operator, now=NOW)
    known = Keys()
    known.refresh()
    assert known.key_of(api_key=secret)
    keys.change(key.pk, wanted(requests_per_minute=0), actor=operator, now=NOW)
    keys.change(key.pk, wanted(requests_per_minute=0), actor=operator, now=NOW)
    keys.revoke([key.pk], reason="It leaked.", actor=operator, now=NOW)

    known.refresh()
    with pytest.raises(WrongKey):
        known.key_of(api_key=secret)
    key.refresh_from_db()
    assert (key.digest, key.scopes, key.created_by) == (digest_of(secret), ["read", "sync"], User.objects.get())
    assert trail() == [
        ("Made.", "name", None, "the deployment"),
        ("Made.", "scopes", None, ["read", "sync"]),
        ("Made.", "expires_at", None, "2100-11-23T08:00:00Z"),
        ("Changed.", "requests_per_minute", None, 0),
        ("Changed.", "expires_at", "2100-11-23T08:00:00Z", None),
        ("It leaked.", "revoked_at", None, "2100-11-22T08:00:00Z"),
    ]
    stored = str([*CurationAction.objects.values(), *CurationItem.objects.values()])
    assert secret not in stored
    assert key.digest not in stored


def test_all_that_is_wrong_with_a_key_is_named_at_once_and_nothing_is_made(operator: Actor) -> None:
    with pytest.raises(InvalidKey) as refused:
        keys.make(
            wanted(name="\x1b[2J", scopes=["admin"], requests_per_minute=-1, expires_at=NOW), actor=operator, now=NOW
        )

    assert refused.value.problems.keys() == {"name", "scopes", "requests_per_minute", "expires_at"}
    assert refused.value.problems["scopes"] == "must be any of read, sync, infer, not admin"
    with pytest.raises(InvalidKey, match="scopes must be at least one of"):
        keys.make(wanted(scopes=[]), actor=operator, now=NOW)
    assert not ApiKey.objects.exists()
    assert trail() == []


def test_of_several_keys_all_are_revoked_or_none(operator: Actor) -> None:
    first, _ = keys.make(wanted(), actor=operator, now=NOW)
    second, _ = keys.make(wanted(), actor=operator, now=NOW)
    keys.revoke([second.pk], actor=operator, now=NOW)

    for number, reason in ((second.pk, "was revoked at 2100-11-22 08:00 UTC"), (10**30, "there is no key"), (0, "no")):
        with pytest.raises(NoSuchKey, match=reason):
            keys.revoke([first.pk, number], actor=operator, now=NOW)
    first.refresh_from_db()
    assert first.revoked_at is None


def test_unlocking_is_in_the_trail_without_the_address(operator: Actor) -> None:
    account, address = door.account_of("ada"), "203.0.113.7"
    rows = [FailedLogin(account=account, address=address, failed_at=NOW) for _ in range(5)]
    FailedLogin.objects.bulk_create(rows)
    assert [lock.limit for lock in door.locked(now=NOW)] == ["pair"]

    assert logins.unlock(account=account, address=address, actor=operator, now=NOW) == 5
    assert logins.unlock(account=account, address=address, actor=operator, now=NOW) == 0

    assert door.locked(now=NOW) == []
    assert trail() == [("Unlocked.", "", 5, 0)]
    [item] = CurationItem.objects.all()
    assert item.subject == f"account {door.short(account)} from one address"
    assert address not in str([*CurationAction.objects.values(), *CurationItem.objects.values()])
