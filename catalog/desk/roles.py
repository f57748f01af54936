"""The roles of the desk: which role may do what. The permissions, the groups, the docs and the tests follow this table.

`post_migrate` gives the groups what the table says, so a change of the table needs no migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection


class Role(StrEnum):
    """The name of a group. A superuser has no role and may do everything."""

    VIEWER = "viewer"
    CURATOR = "curator"
    OPERATOR = "operator"


class Action(StrEnum):
    """What a person does at the desk. The permission `catalog.desk_…` has the same name."""

    SEE = "see"
    OVERRIDE = "override"
    BULK = "bulk"
    UNDO_OWN = "undo_own"
    UNDO_OTHERS = "undo_others"
    TAGS = "tags"
    MAKERS = "makers"
    IDENTITY = "identity"
    SAVED_FILTERS = "saved_filters"
    DECIDE_PRICES = "decide_prices"
    DECIDE_RUNS = "decide_runs"
    SYNC = "sync"
    GATEWAYS = "gateways"
    UNLOCK_LOGINS = "unlock_logins"
    KEYS = "keys"
    USERS = "users"


WORDS: Mapping[Action, str] = {
    Action.SEE: "see the desk, offers, runs, tables and the audit trail",
    Action.OVERRIDE: "override and clear fields of one offer",
    Action.BULK: "change many offers at once, import CSV",
    Action.UNDO_OWN: "undo an action of one's own",
    Action.UNDO_OTHERS: "undo an action of somebody else",
    Action.TAGS: "rename, merge and describe tags",
    Action.MAKERS: "rename, describe and merge makers",
    Action.IDENTITY: "decide which model an offer is",
    Action.SAVED_FILTERS: "make, change and delete saved filters",
    Action.DECIDE_PRICES: "release and discard held prices",
    Action.DECIDE_RUNS: "release and discard held runs",
    Action.SYNC: "start a sync",
    Action.GATEWAYS: "change the settings of gateways",
    Action.UNLOCK_LOGINS: "unlock accounts after failed logins",
    Action.KEYS: "make and revoke API keys",
    Action.USERS: "manage accounts and roles",
}

_CURATING = frozenset({Role.CURATOR})
_OPERATING = frozenset({Role.OPERATOR})
ALLOWED: Mapping[Action, frozenset[Role]] = {
    Action.SEE: frozenset(Role),
    Action.OVERRIDE: _CURATING,
    Action.BULK: _CURATING,
    Action.UNDO_OWN: _CURATING | _OPERATING,
    Action.UNDO_OTHERS: _CURATING,
    Action.TAGS: _CURATING,
    Action.MAKERS: _CURATING,
    Action.IDENTITY: _CURATING,
    Action.SAVED_FILTERS: _CURATING,
    Action.DECIDE_PRICES: _CURATING | _OPERATING,
    Action.DECIDE_RUNS: _OPERATING,
    Action.SYNC: _OPERATING,
    Action.GATEWAYS: _OPERATING,
    Action.UNLOCK_LOGINS: _OPERATING,
    Action.KEYS: frozenset(),
    Action.USERS: frozenset(),
}
"""The roles that may do each action; superusers may do all."""

_READABLE = ("catalog",)
"""Apps whose tables every role may read in Django's own pages."""


def permission(action: Action) -> str:
    """Return the permission as `User.has_perm` wants it: `catalog.desk_override`."""
    return f"catalog.desk_{action}"


def may(user: AbstractBaseUser | AnonymousUser, action: Action) -> bool:
    """Whether the user may do this. Only active staff may do anything."""
    return isinstance(user, User) and user.is_active and user.is_staff and user.has_perm(permission(action))


def allowed(user: AbstractBaseUser | AnonymousUser) -> dict[str, bool]:
    """Return for each action whether the user may do it: what templates know as `may`."""
    return {action.value: may(user, action) for action in Action}


def ensure(**_: Any) -> None:
    """Create what is missing of permissions and groups, and give each group exactly what the table says.

    Permissions of other tables that somebody gave to a group stay.
    """
    if Group._meta.db_table not in connection.introspection.table_names():
        return  # while other apps migrate first
    table = ContentType.objects.get_or_create(app_label="catalog", model="revision")[0]  # a permission needs a table
    ours = {action: _permission(action, table) for action in Action}
    readable = Permission.objects.filter(content_type__app_label__in=_READABLE, codename__startswith="view_")
    for role in Role:
        group = Group.objects.get_or_create(name=role)[0]
        group.permissions.remove(*(each for action, each in ours.items() if role not in ALLOWED[action]))
        group.permissions.add(*(each for action, each in ours.items() if role in ALLOWED[action]), *readable)


def _permission(action: Action, table: ContentType) -> Permission:
    fields = {"name": f"Desk: {WORDS[action]}"}
    return Permission.objects.update_or_create(codename=f"desk_{action}", content_type=table, defaults=fields)[0]
