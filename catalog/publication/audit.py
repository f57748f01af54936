"""Stand-in until the real one is merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User


@dataclass(frozen=True, slots=True)
class Actor:
    name: str
    number: int | None

    @classmethod
    def of(cls, user: User | AnonymousUser) -> Actor:
        return cls(user.get_username(), user.pk)

    @classmethod
    def program(cls, name: str) -> Actor:
        return cls(name, None)


@dataclass(frozen=True, slots=True)
class Item:
    subject_kind: str
    subject_number: int | None
    subject: str
    field: str
    before: Any
    after: Any
    served_before: Any = None
    served_after: Any = None


@dataclass(frozen=True, slots=True)
class Draft:
    kind: str
    actor: Actor
    reason: str
    items: Sequence[Item]
    selection: str = ""
    undoes: Any = None
    source_sha256: str = ""


def write(draft: Draft, *, before: int, after: int, now: datetime) -> None:
    return None
