"""The admin of tables that only one of the writers may write."""

from __future__ import annotations

from collections.abc import Iterable
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


def pretty_changes(changes: Iterable[tuple[str, Any, Any]]) -> SafeString:
    """Return one line for each changed field, with the value before and after.

    Keys are sorted, because PostgreSQL stores them in another order than SQLite.
    """
    lines = [
        (field, *(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() for value in (before, after)))
        for field, before, after in changes
    ]
    return format_html_join("", "<div><b>{}</b>: {} → {}</div>", lines)


def pretty_json(text: str) -> SafeString:
    """Format JSON for people to read."""
    shown = orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    return format_html('<pre style="margin:0;white-space:pre-wrap">{}</pre>', shown)
