"""The editor of one offer: what is refused, shown, saved, merged and asked again, and how many queries it costs."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from catalog.curation import overrides
from catalog.curation.overrides import Order
from catalog.curation.wishes import CLEAR, Wish
from catalog.desk.roles import Role
from catalog.memory import loading
from catalog.models import CurationAction, Offer, Override, Revision
from catalog.publication.audit import Actor
from tests.catalog.desk.people import logged_in
from tests.catalog.syncing import served
from tests.factories import offer_record, per_token, publish

Json = Any

pytestmark = pytest.mark.django_db
END = f"{datetime.now(UTC).year + 2}-01-02T03:04"
MODEL = "maker/model"
PRICES = per_token(prompt="0.000001", completion="0.000002")


@pytest.fixture
def anna() -> Client:
    publish(offer_record(MODEL, prices=PRICES, tags=("popular", "test")))
    return logged_in(Role.CURATOR)


def offer() -> Offer:
    return Offer.objects.get(model_id=MODEL)


def address() -> str:
    return f"/admin/offers/{offer().pk}/"


def form(client: Client) -> dict[str, Any]:
    """Return what the form of the editor has when it is opened."""
    return fields_of(client.get(address()))


def fields_of(response: Any, form_id: str = "") -> dict[str, Any]:
    """Return the hidden and typed fields of the first form of a page that is sent to the editor."""
    text = response.content.decode()
    begin = f'<form id="{form_id}"' if form_id else f'<form[^>]*action="{address()}"'
    found = re.search(f"{begin}.*?</form>", text, re.DOTALL)
    assert found is not None, text
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", found[0]):
        kind, name, value = (re.search(rf'\b{key}="([^"]*)"', tag) for key in ("type", "name", "value"))
        if name and (kind is None or kind[1] not in {"checkbox", "radio"} or " checked" in tag):
            fields.setdefault(name[1], []).append(html.unescape(value[1]) if value else "")
    for name, options in re.findall(r'<select[^>]* name="([^"]*)".*?>(.*?)</select>', found[0], re.DOTALL):
        if chosen := re.search(r'value="([^"]*)" selected', options):
            fields[name] = [html.unescape(chosen[1])]
    return fields


def sent(client: Client, entered: dict[str, Any], button: str = "save", **more: Any) -> Any:
    return client.post(address(), {**entered, **more, button: "1"})


def by_ben(field: str, value: Json) -> None:
    ben = User.objects.filter(username="ben").first() or User.objects.create_user("ben")
    order = Order(
        wishes=[Wish(offer=offer().pk, field=field, value=value)],
        actor=Actor.of(ben),
        reason="by ben",
        is_confirmed=True,
    )
    overrides.carry_out(order, now=timezone.now())


def error_at(response: Any, name: str) -> str:
    found = re.search(rf'<p class="error" id="(?:e|error|m)-{name}">(.*?)</p>', response.content.decode())
    return html.unescape(found[1]) if found else ""


# --- refused ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("entered", "field", "reason"),
    [
        ({"prompt": "2", "prompt_unit": "usd_per_million_tokens"}, "reason", "a reason is required"),
        ({"prompt": "2", "reason": "seen"}, "prompt", "prompt needs a unit: usd_per_million_tokens or usd_per_token"),
        ({"prompt": "2,5", "prompt_unit": "usd_per_token", "reason": "seen"}, "prompt", "2,5"),
        ({"prompt": "-1", "prompt_unit": "usd_per_token", "reason": "seen"}, "prompt", "-1"),
        ({"prompt": "1", "prompt_unit": "usd_per_hour", "reason": "seen"}, "prompt", "per hour"),
        ({"tags_add": "hot", "tags_remove": "hot", "reason": "seen"}, "tags", "added and removed at once"),
        ({"context_length": "many", "reason": "seen"}, "context_length", "a whole number"),
        ({"name": "a\x00b", "reason": "seen"}, "name", "U+0000"),
        ({"name": "New", "until": "soon", "reason": "seen"}, "until", "a day and a time"),
        ({"name": "New", "until": "2001-01-01T00:00", "reason": "seen"}, "name", "the end must be in the future"),
        ({"name": "New", "reason": "a\x00b"}, "reason", "a reason is required"),
        ({"reason": "seen"}, "reason", "Nothing is changed yet."),
    ],
)
def test_3_what_makes_no_sense_is_refused_at_its_field_and_nothing_is_written(
    anna: Client, entered: dict[str, str], field: str, reason: str
) -> None:
    before = Revision.objects.newest().number

    refused = sent(anna, {**form(anna), **entered})

    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert reason in error_at(refused, field)
    assert not Override.objects.exists()
    assert (Revision.objects.newest().number, CurationAction.objects.count()) == (before, 0)


def test_3_a_tenfold_change_asks_beside_its_line_and_is_saved_only_if_it_is_meant(anna: Client) -> None:
    entered = {**form(anna), "prompt": "10", "prompt_unit": "usd_per_million_tokens", "reason": "seen"}

    asked = sent(anna, entered)

    assert asked.status_code == HTTPStatus.BAD_REQUEST
    assert "tenfold or more" in asked.content.decode()
    assert error_at(asked, "prompt") == "Please confirm this change."
    assert not Override.objects.exists()
    assert sent(anna, fields_of(asked), mean="prompt").status_code == HTTPStatus.SEE_OTHER
    assert Override.objects.get().value == {"amount": "10", "unit": "usd_per_million_tokens"}


def test_a_form_that_is_not_ours_or_of_another_offer_is_refused(anna: Client) -> None:
    publish(offer_record(MODEL, prices=PRICES), offer_record("maker/other"))
    other = Offer.objects.get(model_id="maker/other")
    entered = form(anna) | {"name": "New", "reason": "seen", "save": "1"}

    assert sent(anna, entered | {"token": "x" + entered["token"][0]}).status_code == HTTPStatus.BAD_REQUEST
    assert anna.post(f"/admin/offers/{other.pk}/", entered).status_code == HTTPStatus.BAD_REQUEST
    assert anna.get("/admin/offers/999999999/").status_code == HTTPStatus.NOT_FOUND
    assert not Override.objects.exists()


# --- saved -----------------------------------------------------------------------------------------------------------
def test_4_the_preview_shows_the_document_that_the_api_then_serves_byte_for_byte(anna: Client) -> None:
    entered = {**form(anna), "prompt": "1.50", "prompt_unit": "usd_per_million_tokens", "tags_add": "hot, <b>"}
    preview = sent(anna, {**entered, "reason": "seen"}, button="preview")
    text = preview.content.decode()
    after = html.unescape(re.search(r'<pre id="after"[^>]*>(.*?)</pre>', text, re.DOTALL)[1])  # type: ignore[index]

    assert preview.status_code == HTTPStatus.OK
    assert not Override.objects.exists(), "a preview writes nothing"
    assert "<code>pricing.prompt</code>" in text
    assert "hot, &lt;b&gt;" in text
    assert sent(anna, fields_of(preview)).status_code == HTTPStatus.SEE_OTHER

    row = loading.load().rows_of_id(MODEL)[0]
    assert row.document.decode() == after
    assert served()[MODEL]["pricing"]["prompt"] == "0.0000015"
    assert Revision.objects.newest().author == User.objects.get(username="curator")


def test_one_form_is_one_revision_and_one_action_and_clearing_restores_the_gateway(anna: Client) -> None:
    before = served()[MODEL]
    entered = {**form(anna), "name": "Better", "is_featured": "1", "input_modalities": ["image", "text"]}
    sent(anna, {**entered, "until": END, "reason": "seen"})

    assert served()[MODEL]["name"] == "Better"
    assert {each.expires_at.isoformat() for each in Override.objects.all() if each.expires_at} == {f"{END}:00+00:00"}
    action = CurationAction.objects.get()
    assert (action.count, action.actor, action.kind) == (3, "curator", "form")

    page = form(anna)
    assert (page["name"], page["input_modalities"]) == (["Better"], ["image", "text"])
    assert sent(anna, page, reason="back", input_modalities=[], name=" ").status_code == HTTPStatus.SEE_OTHER
    assert [each.field for each in Override.objects.all()] == ["is_featured"]
    sent(anna, form(anna), reason="back", do_is_featured="clear")
    assert served()[MODEL] == before
    history = anna.get(address()).content.decode()
    assert history.count("action 3") == 1
    assert "revision 4" in history


def test_an_end_stays_until_it_is_taken_away_or_set_again(anna: Client) -> None:
    sent(anna, {**form(anna), "name": "A", "until": END, "reason": "seen"})
    sent(anna, {**form(anna), "name": "B", "reason": "seen"})
    assert Override.objects.get().expires_at is not None
    sent(anna, {**form(anna), "do_name": "keep", "until": "2032-01-02T03:04", "reason": "longer"})
    assert str(Override.objects.get().expires_at).startswith("2032")
    sent(anna, {**form(anna), "do_name": "keep", "no_end": "1", "reason": "for good"})
    assert Override.objects.get().expires_at is None


@pytest.mark.parametrize(("does", "is_kept"), [("keep", True), ("clear", False)])
def test_5_a_stale_override_shows_what_moved_and_is_kept_or_given_up(anna: Client, does: str, is_kept: bool) -> None:
    sent(anna, {**form(anna), "prompt": "1.50", "prompt_unit": "usd_per_million_tokens", "reason": "seen"})
    publish(offer_record(MODEL, prices=per_token(prompt="0.0000012", completion="0.000002"), tags=("popular", "test")))

    assert "it was 1.00 when this was set" in anna.get(address()).content.decode()
    assert served()[MODEL]["pricing"]["prompt"] == "0.0000015", "a sync leaves it served"

    waiting = anna.get("/admin/overrides/stale/").content.decode()
    assert f'href="{address()}#prompt"' in waiting
    assert all(each in waiting for each in ("1 stale override", ">1.00<", ">1.20<", "1.50 US$ per 1M tokens"))

    sent(anna, form(anna), do_prompt=does, reason="looked at it")
    assert "No gateway has changed" in anna.get("/admin/overrides/stale/").content.decode()

    assert [each.is_stale for each in Override.objects.all()] == ([False] if is_kept else [])
    assert served()[MODEL]["pricing"]["prompt"] == ("0.0000015" if is_kept else "0.0000012")


def test_while_the_clock_is_wrong_a_curator_is_answered_in_words(anna: Client) -> None:
    entered = {**form(anna), "name": "New", "reason": "seen"}
    Revision.objects.update(published_at=timezone.now() + timedelta(days=1))

    refused = sent(anna, entered)

    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "Nothing was changed: the clock moved" in refused.content.decode()
    assert not Override.objects.exists()


# --- two at once -----------------------------------------------------------------------------------------------------
def test_11_the_same_field_is_a_conflict_with_three_values_and_needs_a_click(anna: Client) -> None:
    entered = {**form(anna), "prompt": "1.50", "prompt_unit": "usd_per_million_tokens", "name": "Mine", "reason": "me"}
    by_ben("prompt", {"amount": "1.70", "unit": "usd_per_million_tokens"})

    conflict = sent(anna, entered)

    assert conflict.status_code == HTTPStatus.CONFLICT
    text = conflict.content.decode()
    assert all(value in text for value in ("1.50 US$ per 1M tokens", "1.70 US$ per 1M tokens", "1.00"))
    assert "Save mine over ben" in text
    assert served()[MODEL]["pricing"]["prompt"] == "0.0000017"
    assert "Leave theirs, save 1 other change" in text

    assert sent(anna, fields_of(conflict, "mine")).status_code == HTTPStatus.SEE_OTHER
    assert served()[MODEL]["pricing"]["prompt"] == "0.0000015"
    assert served()[MODEL]["name"] == "Mine"


def test_11_after_a_conflict_the_rest_can_be_saved_alone_and_nothing_typed_is_lost(anna: Client) -> None:
    entered = {**form(anna), "prompt": "1.50", "prompt_unit": "usd_per_million_tokens", "name": "Mine", "reason": "me"}
    by_ben("prompt", {"amount": "1.70", "unit": "usd_per_million_tokens"})
    conflict = sent(anna, entered, button="preview")

    again = fields_of(sent(anna, fields_of(conflict, "mine"), button="edit"))
    assert (again["prompt"], again["name"], again["reason"]) == (["1.50"], ["Mine"], ["me"])

    sent(anna, fields_of(conflict, "rest"))
    assert served()[MODEL]["pricing"]["prompt"] == "0.0000017"
    assert served()[MODEL]["name"] == "Mine"


def test_11_a_gateway_that_moves_while_the_form_is_open_is_a_conflict_too(anna: Client) -> None:
    entered = {**form(anna), "prompt": "1.50", "prompt_unit": "usd_per_million_tokens", "reason": "me"}
    publish(offer_record(MODEL, prices=per_token(prompt="0.0000012", completion="0.000002")))

    conflict = sent(anna, entered)

    assert conflict.status_code == HTTPStatus.CONFLICT
    assert "its gateway changed it since you looked" in conflict.content.decode()
    sent(anna, fields_of(conflict, "mine"))
    assert served()[MODEL]["pricing"]["prompt"] == "0.0000015"


def test_11_different_fields_merge_and_the_page_says_so(anna: Client) -> None:
    entered = {**form(anna), "name": "Mine", "reason": "me"}
    by_ben("tags", {"add": ["hot"], "remove": []})

    preview = sent(anna, entered, button="preview")
    assert "ben changed tags meanwhile: both changes stand." in preview.content.decode()
    saved = anna.post(address(), {**fields_of(preview), "save": "1"}, follow=True)

    assert "ben changed tags meanwhile: both changes stand." in saved.content.decode()
    assert (served()[MODEL]["name"], served()[MODEL]["tags"]) == ("Mine", ["popular", "test", "hot"])


def test_11_an_override_that_is_cleared_meanwhile_is_no_reason_to_clear_or_set_the_others(anna: Client) -> None:
    by_ben("tags", {"add": ["hot"], "remove": []})
    entered = {**form(anna), "name": "Mine", "reason": "me"}
    by_ben("tags", CLEAR)

    assert sent(anna, entered).status_code == HTTPStatus.SEE_OTHER
    assert [each.field for each in Override.objects.all()] == ["name"]


# --- pages -----------------------------------------------------------------------------------------------------------
def test_a_viewer_sees_the_values_and_no_form(anna: Client) -> None:
    by_ben("name", "Better")

    page = logged_in(Role.VIEWER).get(address()).content.decode()

    assert "Better" in page
    assert "Show what changes" not in page
    assert 'name="token"' not in page


def test_every_page_of_an_offer_costs_at_most_25_queries(anna: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(25):
        by_ben("name", f"Name {number}")
    with django_assert_max_num_queries(25):
        page = anna.get(address())
    entered = {**fields_of(page), "name": "Mine", "reason": "me"}
    with django_assert_max_num_queries(25):
        assert sent(anna, entered, button="preview").status_code == HTTPStatus.OK
    by_ben("name", "His")
    with django_assert_max_num_queries(25):
        conflict: HttpResponse = sent(anna, entered)
    assert conflict.status_code == HTTPStatus.CONFLICT
