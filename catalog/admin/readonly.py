"""The admin of tables that only one of the writers may write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class _NoWriting:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(_NoWriting, admin.ModelAdmin):
    """A table that is shown, searched and filtered, but never edited."""

    show_full_result_count = False


class ReadOnlyInline(_NoWriting, admin.TabularInline):
    extra = 0
    can_delete = False
    show_change_link = True


def curator(request: HttpRequest) -> User:
    """Return the curator who is logged in. The admin admits only users who are logged in."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101  for the type checker
    return user


def pretty_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> SafeString:
    """Return one line for each field that differs, with both values; `pricing.prompt` is a field of an object."""
    old, new = _flat(before), _flat(after)
    lines = [
        (field, *(orjson.dumps(fields.get(field)).decode() for fields in (old, new)))
        for field in (*old, *(field for field in new if field not in old))
        if old.get(field) != new.get(field)
    ]
    return format_html_join("", "<div><b>{}</b>: {} → {}</div>", lines)


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def pretty_json(text: str) -> SafeString:
    """Format JSON for people to read."""
    shown = orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    return format_html('<pre class="json">{}</pre>', shown)
