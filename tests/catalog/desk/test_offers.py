"""The list of offers: what it finds, what curators did to it, how it is kept, and how it is handed to bulk changes."""

from __future__ import annotations

import html
import re
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from access.keys import Keys
from catalog.curation import overrides
from catalog.curation.overrides import Order
from catalog.curation.wishes import Wish
from catalog.desk import offers_found
from catalog.desk.offers import OffersPage
from catalog.desk.roles import Role
from catalog.memory import following, loading
from catalog.memory.following import Follower
from catalog.memory.snapshot import Snapshot
from catalog.models import Offer, Override
from catalog.publication.audit import Actor
from tests.catalog.desk.people import logged_in, person
from tests.factories import offer_record, per_token, publish

Json = Any

pytestmark = pytest.mark.django_db
LIST = "/admin/offers/"
MODELS = ("maker/plain", "maker/hidden", "maker/curated", "other/stale", "other/ending")


@pytest.fixture
def curated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five offers, four of them with an override of another kind."""
    publish(*(_record(model_id) for model_id in MODELS))
    _set("maker/hidden", "is_hidden", value=True)
    _set("maker/curated", "tags", value={"add": ["hot"], "remove": []})
    _set("other/stale", "name", value="Ours")
    _set("other/ending", "context_length", value=5, expires_at=timezone.now() + timedelta(days=2))
    publish(*(_record(model_id, moved=model_id == "other/stale") for model_id in MODELS))
    serve(monkeypatch)


def _record(model_id: str, *, moved: bool = False) -> Any:
    name = f"Model {model_id}" + (" moved" if moved else "")
    return offer_record(model_id, name=name, prices=per_token(prompt="0.000001", completion="0.000002"))


def serve(monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    snapshot = loading.load()
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys(), snapshot=snapshot))
    return snapshot


def _set(model_id: str, field: str, *, author: User | None = None, **more: Any) -> None:
    wish = Wish(offer=Offer.objects.get(model_id=model_id).pk, field=field, **more)
    order = Order(wishes=[wish], actor=Actor.of(author), reason="seen", is_confirmed=True)
    overrides.carry_out(order, now=timezone.now())


def ids(page: Any) -> list[str]:
    assert page.status_code == 200, page.content
    return sorted(re.findall(r'<span class="sub"><code class="id">([^<]*)</code>', page.content.decode()))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", MODELS),
        ("status=active", ("maker/plain", "maker/curated", "other/stale", "other/ending")),
        ("status=hidden", ("maker/hidden",)),
        ("status=withdrawn", ("maker/hidden",)),
        ("curated=true", MODELS[1:]),
        ("curated=false", MODELS[:1]),
        ("curated=false&status=hidden", ()),
        ("stale=true", ("other/stale",)),
        ("ending=true", ("other/ending",)),
        ("field=tags,name", ("maker/curated", "other/stale")),
        ("field=tags&stale=true", ()),
        ("q=hidden", ("maker/hidden",)),
        ("q=other&curated=true", ("other/stale", "other/ending")),
        ("tags=hot", ("maker/curated",)),
        ("context_length_max=5", ("other/ending",)),
        ("price=token&gateway=chutes", MODELS),
    ],
)
def test_2_offers_are_found_by_what_is_served_and_by_what_curators_did(
    curated: None, query: str, found: tuple[str, ...]
) -> None:
    assert ids(logged_in(Role.VIEWER).get(f"{LIST}?{query}")) == sorted(found)
    keys = offers_found.keys_of(query)
    assert sorted(Offer.objects.filter(pk__in=keys).values_list("model_id", flat=True)) == sorted(found)


def test_a_row_says_what_is_special_about_it_and_leads_to_the_editor(curated: None) -> None:
    page = logged_in(Role.VIEWER).get(LIST).content.decode()

    for word in (">hidden<", ">curated<", ">curated, gateway moved<", ">ends soon<"):
        assert word in page
    assert f'href="/admin/offers/{Offer.objects.get(model_id="maker/plain").pk}/"' in page
    assert "US$ per 1M tokens" in page


def test_what_makes_no_sense_is_refused_in_words_and_empty_fields_are_dropped(curated: None) -> None:
    client = logged_in(Role.VIEWER)

    assert client.get(f"{LIST}?q=&status=all").headers["Location"] == f"{LIST}?status=all"
    for query in ("statu=all", "field=nonsense", "status=gone", "page=0", "q=%00", "choose=some", "show=models"):
        refused = client.get(f"{LIST}?{query}")
        assert refused.status_code == 400
        assert "This list cannot be shown." in refused.content.decode()
    assert "There is no such page." in client.get(f"{LIST}?page=2").content.decode()
    assert "No offer matches." in client.get(f"{LIST}?q=nothing-like-it").content.decode()


def test_the_list_waits_for_the_curator_s_own_revision_and_says_if_it_is_behind(
    curated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = person(Role.CURATOR)
    client = Client()
    client.force_login(anna)
    _set("maker/plain", "name", value="Anna's", author=anna)
    monkeypatch.setattr(offers_found, "PATIENCE_SECONDS", 0)

    behind = client.get(LIST).content.decode()
    served = loading.load()
    waited: list[float] = []

    def arrive(seconds: float) -> None:
        waited.append(seconds)
        monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys(), snapshot=served))

    monkeypatch.setattr(offers_found, "PATIENCE_SECONDS", 60)
    monkeypatch.setattr(time, "sleep", arrive)
    page = client.get(LIST).content.decode()

    assert "This list is behind." in behind
    assert len(waited) == 1
    assert "This list is behind." not in page
    assert "Anna&#x27;s" in page


def test_views_are_kept_for_one_person_and_forgotten(curated: None) -> None:
    client = logged_in(Role.VIEWER)
    query = "curated=true&tags=hot"

    assert "Keep as a view" in client.get(f"{LIST}?{query}").content.decode()
    client.post(LIST, {"name": "Hot <b>ones</b>", "query": query})
    page = client.get(f"{LIST}?{query}").content.decode()

    assert "Hot &lt;b&gt;ones&lt;/b&gt;" in page
    assert "Forget this view" in page
    assert f'href="{LIST}?{query.replace("&", "&amp;")}"' in page
    client.post(LIST, {"forget": "1", "query": query})
    assert "Hot" not in client.get(f"{LIST}?{query}").content.decode().replace("hot", "")
    for name, asked in (("", query), ("a\x00b", query), ("Name", "nonsense=1"), ("x" * 41, query)):
        assert "was not kept" in client.post(LIST, {"name": name, "query": asked}, follow=True).content.decode()


def test_7_all_that_match_are_chosen_in_a_second_step_and_handed_over_as_a_query(
    curated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = OffersPage.way
    monkeypatch.setattr(
        OffersPage, "way", lambda page, item, **query: "/bulk/" if item.page == "bulk" else usual(page, item, **query)
    )
    monkeypatch.setattr("catalog.web.listing.PAGE_ROWS", 3)
    curator = logged_in(Role.CURATOR)
    query = "price=token"

    some = curator.get(f"{LIST}?{query}").content.decode()
    every = curator.get(f"{LIST}?choose=all&{query}").content.decode()

    assert some.count('name="offer"') == 3
    assert "Choose all 5 offers that match" in some
    assert 'name="all"' not in some
    assert "All 5 offers that match are chosen." in every
    assert ">Change 5 offers<" in every
    assert '<input type="hidden" name="all" value="1"><input type="hidden" name="query" value="price=token">' in every
    assert 'name="offer"' not in logged_in(Role.VIEWER).get(LIST).content.decode()


def test_the_list_costs_at_most_25_queries_however_many_offers_are_curated(
    curated: None, django_assert_max_num_queries: Any
) -> None:
    client = logged_in(Role.CURATOR)
    for query in ("", "curated=true&stale=true", "status=hidden", "curated=false"):
        with django_assert_max_num_queries(25):
            client.get(f"{LIST}?{query}")
    assert Override.objects.count() == 4


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("tags=hot", "tags=hot"),
        ("q=hot&status=active&sort=-name", "q=hot"),
        ("price=token", "price=token"),
        ("sort=-name", ""),
        ("moved=fell", ""),
        ("tags=hot&curated=false", ""),
        ("tags=hot&status=hidden", ""),
    ],
)
def test_a_list_becomes_a_saved_filter_unless_it_asks_what_only_the_desk_knows(
    curated: None, query: str, kept: str
) -> None:
    curator = logged_in(Role.CURATOR)
    way = f"/admin/views/new/?{urlencode({'expression': kept})}"

    page = curator.get(f"{LIST}?{query}").content.decode()

    assert (f'href="{way}"' in page) == bool(kept)
    assert ("Save this list as a filter" in page) == bool(kept)
    if kept:
        assert html.escape(kept) in curator.get(way).content.decode()
        assert "Save this list" not in logged_in(Role.VIEWER).get(f"{LIST}?{query}").content.decode()
