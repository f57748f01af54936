"""Admin of a table that only one of the writers may write."""

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
    """Shown, searched and filtered, never edited."""

    show_full_result_count = False


class ReadOnlyInline(_NoWriting, admin.TabularInline):
    extra = 0
    can_delete = False
    show_change_link = True


def curator(request: HttpRequest) -> User:
    """Who is at work. The admin lets nobody in who is not logged in."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101  for the type checker
    return user


def pretty_changes(changes: Iterable[tuple[str, Any, Any]]) -> SafeString:
    """A line for each field that changed: before and after.

    Keys are sorted, because PostgreSQL keeps them in another order than SQLite.
    """
    lines = [
        (field, *(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() for value in (before, after)))
        for field, before, after in changes
    ]
    return format_html_join("", "<div><b>{}</b>: {} → {}</div>", lines)


def pretty_json(text: str) -> SafeString:
    """JSON as people read it."""
    shown = orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    return format_html('<pre style="margin:0;white-space:pre-wrap">{}</pre>', shown)
