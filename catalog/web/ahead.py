"""Makes ahead what the first pages of a new revision need, so that no reader waits for it."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import QueryDict

from catalog.memory import following
from catalog.parameters.endpoints import Query
from catalog.reports.canonical import models_of
from catalog.web.front_page import read_front_page
from catalog.web.list_page import intents
from catalog.web.makers import makers_of
from catalog.web.parameters import ListFilterSet


def make_ahead(_revision: int) -> None:
    """Compute what the first page, its six questions, and the pages of makers and models are made of."""
    snapshot = following.FOLLOWER.current()
    models_of(snapshot)
    makers_of(snapshot)
    for address in ("/", *(each["href"] for each in intents(snapshot))):
        filters = ListFilterSet(QueryDict(urlsplit(address).query))
        read_front_page(snapshot, Query(path="/", filters=filters))
