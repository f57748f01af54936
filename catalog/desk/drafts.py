"""What a person is about to do, kept by the server between the pages of a longer task.

A draft can have thousands of offers, which is too much for a form. It is kept where sessions are, as one of its own,
so it ends by itself, works with several servers, and needs no table. Only the person who began it can read it.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from importlib import import_module
from typing import Any

import orjson
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.core import signing
from django.http import Http404

Json = Any

LASTS = timedelta(hours=3)
GOOD_FOR = timedelta(minutes=15)
"""How long a preview may be confirmed."""
_NAME = "draft"
_SALT = "catalog.desk.drafts"


def begin(user: User, content: Json) -> str:
    """Keep a new draft, and return its key. Drafts and sessions that have ended are deleted."""
    store = _store()
    store.clear_expired()
    store[_NAME] = {**content, "user": user.pk}
    store.set_expiry(LASTS)
    store.create()
    assert store.session_key is not None  # noqa: S101  `create` has made it
    return store.session_key


def read(user: User, key: str) -> Json:
    """Raises Http404 if there is no such draft of this person."""
    content = _store(key).get(_NAME) if key.isascii() and key.isalnum() else None
    if not isinstance(content, dict) or content.get("user") != user.pk:
        raise Http404("There is no such selection, or it has ended. Choose the offers again.")
    return content


def keep(user: User, key: str, **changes: Json) -> None:
    """Keep a draft with other values of these parts."""
    store = _store(key)
    store[_NAME] = {**read(user, key), **changes}
    store.set_expiry(LASTS)
    store.save()


def _store(key: str | None = None) -> SessionBase:
    found: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(session_key=key)
    return found


# --- what was seen ---------------------------------------------------------------------------------------------------
def token(key: str, seen: Json) -> str:
    """Return a signed text with which a person confirms exactly what a page has shown."""
    return signing.dumps({"draft": key, "seen": _digest(seen)}, salt=_SALT)


def is_confirmed(text: str, key: str, seen: Json) -> bool:
    """Whether the text was made within the last 15 minutes, for this draft, and for what it has now."""
    try:
        found = signing.loads(text, salt=_SALT, max_age=GOOD_FOR)
    except signing.BadSignature:
        return False
    return bool(found == {"draft": key, "seen": _digest(seen)})


def _digest(seen: Json) -> str:
    return hashlib.sha256(orjson.dumps(seen, option=orjson.OPT_SORT_KEYS)).hexdigest()
