"""The table of the desk's roles in the documents."""

from __future__ import annotations

from catalog.desk.roles import ALLOWED, WORDS, Role
from catalog.management.generated.parts import UnknownPart, table


def table_of_roles(name: str) -> str:
    """Return who may do what at the desk. The only part of this kind is `table`."""
    if name != "table":
        raise UnknownPart(f"there is no table of roles named {name}")
    rows = [
        (words, *("yes" if role in ALLOWED[action] else "" for role in Role), "yes") for action, words in WORDS.items()
    ]
    return table(("what", *Role, "superuser"), rows)
