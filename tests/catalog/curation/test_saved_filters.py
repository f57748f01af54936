"""A saved filter is published with a revision of its own, and serves at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client

from catalog.curation import saved_filters
from catalog.curation.saved_filters import InvalidSavedFilter
from catalog.memory import following
from catalog.models import CurationAction, Revision, SavedFilter
from catalog.publication import audit
from catalog.publication.audit import Actor
from tests.catalog.api.reading import body_of, problem_of
from tests.catalog.syncing import sync_rows
from tests.factories import chutes_row

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
CURATOR = Actor("ada", 1)


def save(name: str = "hot-ones", title: str = "Hot", expression: str = "tags=hot", *, changes: str = "") -> SavedFilter:
    return saved_filters.save(name=name, title=title, expression=expression, changes=changes, actor=CURATOR, now=NOW)


def revision() -> int:
    return Revision.objects.newest().number


def test_each_change_publishes_one_revision_that_is_served_and_nothing_else_does(
    client: Client, fixtures_dir: Path
) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1", tags=["hot"]), chutes_row("a/2", tags=["new"])])
    before = revision()

    def total(name: str) -> int:
        following.FOLLOWER.refresh()
        return int(body_of(client.get(f"/catalog/models?view={name}"))["total"])

    save(expression="https://catalogue.example.org/?tags=Hot&sort=name")
    assert (revision(), total("hot-ones")) == (before + 1, 1)
    save(changes="hot-ones")
    assert revision() == before + 1
    save(expression="tags_any=hot,new", changes="hot-ones", name="both")
    assert (revision(), total("both")) == (before + 2, 2)
    assert problem_of(client.get("/catalog/models?view=hot-ones"), status=400)
    saved_filters.delete("both", actor=CURATOR, now=NOW)
    following.FOLLOWER.refresh()
    assert audit.verify().broken is None
    actions = CurationAction.objects.order_by("number").values_list("reason", "revision_before", "revision_after")
    assert list(actions) == [
        ("Saved.", before, before + 1),
        ("Changed.", before + 1, before + 2),
        ("Deleted.", before + 2, before + 3),
    ]
    assert (revision(), body_of(client.get("/catalog/views"))["total"]) == (before + 3, 0)


def test_what_cannot_be_saved_changes_nothing_and_names_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    save()
    save(name="other")
    before = revision()
    refused = {
        "the name must consist of letters, digits": {"name": "a b"},
        "the name must consist of": {"name": "x" * 51},
        "the title must not be empty": {"title": " "},
        "the title contains": {"title": "a\x00b"},
        "unknown parameter": {"expression": "tag=hot"},
        "there is a saved filter other already": {"name": "other", "changes": "hot-ones"},
        "there is no saved filter gone any more": {"changes": "gone"},
    }
    for reason, fields in refused.items():
        with pytest.raises(InvalidSavedFilter) as error:
            save(**fields)
        assert str(error.value).startswith(reason)
    monkeypatch.setattr(saved_filters, "MOST_SAVED", 2)
    with pytest.raises(InvalidSavedFilter, match="there are 2 saved filters"):
        save(name="third")

    assert (revision(), SavedFilter.objects.count()) == (before, 2)
