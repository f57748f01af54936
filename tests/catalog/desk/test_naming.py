"""The pages of tags and makers: what they ask for, what they refuse, and what they cost."""

from __future__ import annotations

import html

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.curation import tags
from catalog.desk.roles import Role
from catalog.models import CurationAction, Revision
from catalog.publication.audit import Actor
from tests.catalog.desk.people import logged_in
from tests.catalog.syncing import served
from tests.factories import offer_record, publish

pytestmark = pytest.mark.django_db

MOST_QUERIES = 25
MARKUP = "<b>\"'&"


@pytest.fixture
def curator() -> Client:
    publish(
        offer_record("a/1", tags=("old", MARKUP), provider_slug="acme"),
        offer_record("a/2", tags=("old",), provider_slug="acme-labs"),
        offer_record("a/3", tags=("new",), provider_slug=MARKUP),
    )
    return logged_in(Role.CURATOR)


def change(client: Client, **form: str) -> int:
    return client.post("/admin/tag/change/", {"name": "old", "into": "new", "reason": "one name"} | form).status_code


def test_a_confirmed_merger_is_one_revision_by_the_curator(curator: Client) -> None:
    before = Revision.objects.newest().number

    assert change(curator, expected="2") == 303

    action = CurationAction.objects.get()
    assert (action.actor, action.actor_number) == ("curator", User.objects.get(username="curator").pk)
    assert Revision.objects.newest().number == before + 1
    assert served()["a/2"]["tags"] == ["new"]


def test_a_preview_that_is_no_longer_right_is_shown_again_and_nothing_is_changed(curator: Client) -> None:
    assert change(curator, expected="1") == 409
    assert change(curator, expected="") == 409
    assert change(curator, expected="2", reason=" ") == 400
    assert change(curator, expected="2", into="old") == 400
    assert not CurationAction.objects.exists()


def test_a_name_that_looks_like_a_tag_is_asked_about_before_it_is_taken(curator: Client) -> None:
    publish(offer_record("a/1", tags=("vision", "multimodal")))
    asked = {"name": "vision", "into": "multimodel"}

    assert "Is it “<bdi>multimodal</bdi>”?" in curator.get("/admin/tag/change/", asked).content.decode()
    page = curator.get("/admin/tag/change/", {**asked, "as_typed": "1"}).content.decode()
    assert "Rename vision to multimodel" in page


def test_the_history_of_a_name_leads_to_the_undo_of_those_who_may(curator: Client) -> None:
    tags.merge("old", into="new", reason="x", actor=Actor("bob", 99), now=timezone.now())
    undo = "/admin/actions/1/undo/"

    assert undo not in logged_in(Role.OPERATOR).get("/admin/tag/", {"name": "old"}).content.decode()
    assert f'href="{undo}"' in curator.get("/admin/tag/", {"name": "old"}).content.decode()
    assert curator.post(undo, {"reason": "wrong"}).status_code == 303
    assert served()["a/2"]["tags"] == ["old"]
    assert undo not in curator.get("/admin/tag/", {"name": "old"}).content.decode()
    assert curator.post(undo, {"reason": "wrong"}).status_code == 409


def test_facts_of_a_maker_are_stated_only_where_they_differ_from_what_ships(curator: Client) -> None:
    publish(offer_record("a/9", provider_slug="deepseek"))
    form = {"slug": "deepseek-ai", "name": "DeepSeek", "site_url": "https://www.deepseek.com", "icon": "deepseek"}

    same = curator.post("/admin/maker/", {**form, "reason": "x"})
    other = curator.post("/admin/maker/", {**form, "icon": "", "reason": "x"})

    assert (same.status_code, other.status_code) == (400, 303)
    [item] = CurationAction.objects.get().items.all()
    assert (item.field, item.before, item.after) == ("icon", None, "")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/admin/tags/", {}),
        ("/admin/tag/", {"name": MARKUP}),
        ("/admin/tag/change/", {"name": MARKUP, "into": "new"}),
        ("/admin/makers/", {"q": "<b"}),
        ("/admin/maker/", {"slug": MARKUP}),
        ("/admin/maker/change/", {"slug": MARKUP, "into": "acme"}),
    ],
)
def test_pages_show_markup_as_text_and_need_few_queries(curator: Client, path: str, query: dict[str, str]) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = curator.get(path, query)

    assert page.status_code == 200
    assert MARKUP not in page.content.decode()
    assert MARKUP in html.unescape(page.content.decode())
    assert len(queries) <= MOST_QUERIES
