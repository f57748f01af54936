"""The views of the list of offers: the usual ones, and those that a person keeps in the session, until the logout.

A name for a list that everybody can use is a saved filter, which has a page of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.sessions.backends.base import SessionBase
from django.http import QueryDict

from catalog.desk.offers_filters import DeskFilterSet
from catalog.normalize import text
from catalog.parameters.filterset import InvalidParameters

USUAL = (
    ("Curated", "curated=true"),
    ("Gateway moved", "stale=true"),
    ("Ending soon", "ending=true"),
    ("Hidden", "status=hidden"),
    ("Withdrawn", "status=withdrawn"),
    ("No price", "price=unknown&status=active"),
)
"""Views that everybody has: names and query strings."""
KEY = "desk_views"
MOST_VIEWS = 12
LONGEST_NAME = 40
LONGEST_QUERY = 2_000


def views(session: SessionBase) -> list[tuple[str, str]]:
    """Return name and query of the views that a person keeps, in the order in which they were made."""
    kept: Mapping[str, str] = session.get(KEY, {})
    return list(kept.items())


def canonical(query: str) -> str:
    """Return the query string as the list writes it; empty if it is invalid."""
    try:
        return DeskFilterSet(QueryDict(query[:LONGEST_QUERY])).query
    except InvalidParameters:
        return ""


def change(session: SessionBase, sent: Mapping[str, str]) -> str:
    """Keep the view `name` of the list `query`, or forget the view of that list (`forget`). Return what was done."""
    kept: dict[str, str] = dict(session.get(KEY, {}))
    query = canonical(sent.get("query", ""))
    if "forget" in sent:
        kept = {name: other for name, other in kept.items() if other != query}
        session[KEY] = kept
        return "The view was forgotten."
    try:
        name = text.line(sent.get("name", ""), longest=LONGEST_NAME)
    except ValueError as error:
        return f"The view was not kept: its name {error}."
    if not query:
        return "The view was not kept: choose a filter first."
    if len(kept) >= MOST_VIEWS and name not in kept:
        return f"The view was not kept: at most {MOST_VIEWS} views are possible."
    session[KEY] = kept | {name: query}
    return f"The view “{name}” is kept until you log out."
