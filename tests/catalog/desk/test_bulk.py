"""Many offers at once, and CSV files: chosen, looked at, confirmed as it was seen, or refused with names."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.keys import Keys
from catalog.curation import bulk, overrides
from catalog.curation.overrides import Order
from catalog.curation.sheets import COLUMNS
from catalog.curation.wishes import Wish
from catalog.desk.roles import Role
from catalog.memory import following, loading
from catalog.memory.following import Follower
from catalog.memory.snapshot import Snapshot
from catalog.models import CurationAction, Offer, Override, Revision
from catalog.publication.audit import Actor
from tests.catalog.desk.people import logged_in
from tests.catalog.syncing import published, served, stored
from tests.factories import offer_record, publish

pytestmark = pytest.mark.django_db

Json = Any
MOST_QUERIES = 25
HEADER = ",".join(COLUMNS)
NOTHING_WRITTEN = ("Session", "User.last_login")


@pytest.fixture
def curator(bundled: Snapshot) -> Client:
    return logged_in(Role.CURATOR)


def chutes(number: int = 5) -> list[Offer]:
    return list(Offer.objects.filter(gateway__slug="chutes", withdrawn_at=None).order_by("pk")[:number])


def priced() -> Offer:
    """Return an offer with one price for each token of input."""
    return Offer.objects.get(gateway__slug="openrouter", model_id="deepseek/deepseek-r1")


def choose(client: Client, offers: list[Offer]) -> str:
    """Choose the offers and return the address of the page that asks what is to change."""
    found = client.post("/admin/bulk/", {"offer": [offer.pk for offer in offers]})
    assert found.status_code == 303
    return str(found["Location"])


def say(client: Client, offers: list[Offer], **said: Any) -> Any:
    """Choose, say what, and return the preview."""
    found = client.post(choose(client, offers), {"reason": "the team asks", **said}, follow=True)
    assert found.status_code == 200, errors(found)
    return found


def text(response: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode())))


def errors(response: Any) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'class="error[^>]*>([^<]*)<', response.content.decode())]


def counts(response: Any) -> list[str]:
    return re.findall(r"<dd[^>]*>([\d,]+)</dd>", response.content.decode())[:3]


def confirm(client: Client, preview: Any, **more: Any) -> Any:
    return client.post(address_of(preview), {"token": token_of(preview), **more}, follow=True)


def address_of(preview: Any) -> str:
    return str(preview.request["PATH_INFO"])


def token_of(preview: Any) -> str:
    found = re.search(r'name="token" value="([^"]+)"', preview.content.decode())
    assert found
    return found[1]


def override(offer: Offer, field: str, value: Json, *, author: str = "ben", **more: Any) -> CurationAction:
    user = User.objects.filter(username=author).first() or User.objects.create_user(author)
    wish = Wish(offer=offer.pk, field=field, value=value, **more)
    order = Order(wishes=[wish], actor=Actor.of(user), reason="other", is_confirmed=True)
    action = overrides.carry_out(order, now=timezone.now()).action
    assert action is not None
    return action


# --- the way through -------------------------------------------------------------------------------------------------
def test_7_all_that_match_are_tagged_in_one_revision_after_a_preview(curator: Client) -> None:
    found = Offer.objects.filter(gateway__slug="chutes", withdrawn_at=None)
    has_it = found.order_by("pk")[3]
    override(has_it, "tags", {"add": ["bulk"], "remove": []})
    number, total = Revision.objects.newest().number, found.count()

    say_page = curator.post("/admin/bulk/", {"all": "1", "query": "gateway=chutes"}, follow=True)
    said = {"add": "bulk", "reason": "the <i>team</i> asks", "until": "7"}
    preview = curator.post(address_of(say_page), said, follow=True)

    assert f"You chose all {total} offers that match gateway “chutes”." in text(say_page)
    assert counts(preview) == [str(total - 1), "1", "0"]
    assert "Add the tag “bulk”." in text(preview)
    assert f"Change {total - 1} offers" in text(preview)
    assert Override.objects.count() == 1, "a preview writes nothing"
    done = confirm(curator, preview)
    action = CurationAction.objects.latest("number")
    assert done.request["PATH_INFO"] == f"/admin/audit/{action.number}/"
    assert f"{total - 1} offers changed in revision {number + 1}." in text(done)
    assert (Revision.objects.newest().number, action.kind, action.count) == (number + 1, "bulk", total - 1)
    assert (action.actor, action.reason, action.selection) == ("curator", "the <i>team</i> asks", "gateway=chutes")
    assert "the &lt;i&gt;team&lt;/i&gt; asks" in done.content.decode()
    assert {"bulk"} <= set(served()[found[0].model_id]["tags"])
    again = confirm(curator, preview)
    assert "changed already" in text(again)
    assert Revision.objects.newest().number == number + 1


def test_each_step_can_be_said_and_is_served(curator: Client) -> None:
    offer = priced()
    price = served()[offer.model_id]["pricing"]["prompt"]
    override(offer, "name", "Another")
    said = {
        "add": "Hot, new",
        "model_type": "Embeddings",
        "is_hidden": "yes",
        "is_featured": "yes",
        "price": "completion",
        "amount": "0.0625",
        "unit": "usd_per_million_tokens",
        "scaled": "prompt",
        "factor": "1.5",
        "clear": ["name"],
    }

    preview = say(curator, [offer], **said)
    confirm(curator, preview, sure="1")

    row = served()[offer.model_id]
    assert {"hot", "new"} <= set(row["tags"])
    assert (row["model_type"], row["is_hidden"], row["is_featured"]) == ("Embeddings", True, True)
    assert row["pricing"]["completion"] == "0.0000000625"
    assert float(row["pricing"]["prompt"]) == pytest.approx(float(price) * 1.5, rel=1e-12)
    assert row["name"] != "Another"
    confirm(curator, say(curator, [offer], remove="hot", is_hidden="no", is_featured="no", clear="model_type"))
    row = served()[offer.model_id]
    assert "hot" not in row["tags"]
    assert (row["is_hidden"], row["is_featured"], row["withdrawn_at"]) == (False, False, None)
    assert Override.objects.get(field="tags").value == {"add": ["new"], "remove": []}, "nothing without effect is left"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "Say at least one thing that is to change."),
        ({"add": "hot", "reason": " "}, "A reason is required, as text."),
        ({"add": "a\x00b"}, "contains the character U"),
        ({"add": "hot", "remove": "Hot"}, "Hot cannot be added and removed at once."),
        ({"price": "prompt", "amount": "1"}, "A unit is required."),
        ({"amount": "1"}, "Choose the price that is to be set."),
        ({"price": "prompt", "amount": "1e", "unit": "usd_per_token"}, "Must be a decimal number"),
        ({"price": "prompt", "amount": "1", "unit": "usd_per_hour"}, "per token, not per hour"),
        ({"price": "nope", "amount": "1", "unit": "usd_per_hour"}, "Nope is not a curated field"),
        ({"scaled": "prompt", "factor": "0"}, "must be above zero; to make a price free, set it to 0"),
        ({"scaled": "prompt", "factor": "-1"}, "must be above zero"),
        ({"scaled": "prompt", "factor": "1"}, "The factor 1 changes nothing."),
        ({"scaled": "prompt", "factor": "1e-30"}, "The factor must be between 0.000001 and 1,000,000"),
        ({"scaled": "prompt", "factor": "ten"}, "The factor must be a decimal number"),
        ({"scaled": "name", "factor": "2"}, "Name is not a price."),
        ({"scaled": "prompt", "factor": "2", "clear": "prompt"}, "would be changed in two ways at once"),
        ({"clear": "nope"}, "Nope is not a curated field"),
        ({"add": "hot", "until": "soon"}, "Choose one of these."),
        ({"model_type": "Robot"}, "Must be one of LLM"),
    ],
)
def test_3_what_makes_no_sense_is_refused_at_its_field(curator: Client, said: Json, reason: str) -> None:
    address = choose(curator, chutes(1))
    before = stored(leaving_out=NOTHING_WRITTEN)

    refused = curator.post(address, {"reason": "asked for", **said})

    assert refused.status_code == 400
    assert any(re.search(reason.replace("(", r"\("), error) for error in errors(refused)), errors(refused)
    assert stored(leaving_out=NOTHING_WRITTEN) == before


def test_offers_that_cannot_be_changed_are_refused_with_names_and_stay(curator: Client) -> None:
    has_price, (unpriced, gone, ending) = priced(), chutes(3)
    Offer.objects.filter(pk=gone.pk).update(withdrawn_at=timezone.now())
    override(ending, "tags", {"add": ["sale"], "remove": []}, expires_at=timezone.now() + timedelta(days=1))

    preview = say(curator, [has_price, unpriced, gone], scaled="prompt", factor="2")
    assert counts(preview) == ["1", "0", "2"]
    assert f"{unpriced.model_id} input: it has no price for prompt" in text(preview)
    assert f"{gone.model_id} input: its gateway withdrew it on" in text(preview)
    confirm(curator, preview)
    assert [each.offer for each in Override.objects.filter(field="prompt")] == [has_price]
    absurd = say(curator, [has_price], scaled="prompt", factor="1000000")
    assert "outside of what anyone charges" in text(absurd)
    inexact = say(curator, [has_price], scaled="prompt", factor="1.0000000000000000001")
    assert counts(inexact)[0] == "1", "an exact result is not refused"
    tagged = say(curator, [ending], add="hot")
    assert "its tags have an override until" in text(tagged)
    assert "and one override has one end" in text(tagged)


def test_a_tenfold_change_needs_a_tick(curator: Client) -> None:
    offer = priced()
    preview = say(curator, [offer], scaled="prompt", factor="20")
    before = stored(leaving_out=NOTHING_WRITTEN)

    without = confirm(curator, preview)

    assert "20 \u00d7 as much" in text(preview)
    assert "I mean it: 1 price that changes tenfold" in text(preview)
    assert without.status_code == 400
    assert "Tick this if it is meant" in text(without)
    assert stored(leaving_out=NOTHING_WRITTEN) == before
    assert confirm(curator, without, sure="1").status_code == 200
    assert CurationAction.objects.get().count == 1


# --- what happens meanwhile ------------------------------------------------------------------------------------------
def test_9_what_moved_since_the_preview_is_named_and_nothing_is_done(curator: Client) -> None:
    stays, withdrawn, changed, cleared, same = chutes(5)
    override(cleared, "tags", {"add": ["old"], "remove": []})
    override(same, "tags", {"add": ["hot"], "remove": []})
    preview = say(curator, [stays, withdrawn, changed, cleared, same], add="hot")
    Offer.objects.filter(pk=withdrawn.pk).update(withdrawn_at=timezone.now())
    override(changed, "tags", {"add": ["<b>ben's</b>"], "remove": []})
    override(changed, "name", "Another field")
    for offer in (cleared, same):
        overrides.clear_override(offer, field="tags", author=None, now=timezone.now())
    before = published(), Override.objects.count()

    refused = confirm(curator, preview)

    assert refused.status_code == 409
    assert "4 offers changed since the preview." in text(refused)
    for offer, why in ((withdrawn, "its gateway withdrew it"), (changed, "tags: ben changed it")):
        assert f"{offer.model_id} {why}" in text(refused)
    for offer in (cleared, same):
        assert f"{offer.model_id} tags: command line changed it" in text(refused)
    assert stays.model_id not in text(refused)
    assert (published(), Override.objects.count()) == before
    again = curator.post(address_of(preview), {"again": "1"}, follow=True)
    assert counts(again) == ["4", "0", "1"]
    assert confirm(curator, preview).status_code == 409, "the token is of the preview before"
    assert confirm(curator, again).status_code == 200
    assert CurationAction.objects.latest("number").count == 4


def test_a_preview_is_good_for_15_minutes_for_one_person_and_for_what_it_shows(curator: Client) -> None:
    offers = chutes(2)
    preview, other = say(curator, offers, add="hot"), say(curator, offers, add="cold")
    root = Client()
    root.force_login(User.objects.create_superuser("root"))

    assert curator.post(address_of(preview), {"token": "forged"}).status_code == 409
    assert curator.post(address_of(preview), {"token": token_of(other)}).status_code == 409
    assert confirm(root, preview).status_code == 404
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        late = confirm(curator, preview)
    assert late.status_code == 409
    assert "good for 15 minutes" in text(late)
    assert not CurationAction.objects.exists()
    assert curator.get("/admin/bulk/nothing%00/preview/").status_code == 404


def test_selections_that_are_none_or_too_large_are_refused(curator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No offer is chosen" in text(curator.post("/admin/bulk/", {"all": "1", "query": "q=nothingiscalledso"}))
    assert curator.post("/admin/bulk/", {"offer": ["1", "x"]}).status_code == 400
    assert "unknown parameter" in text(curator.post("/admin/bulk/", {"all": "1", "query": "nope=1"}))
    monkeypatch.setattr(bulk, "MOST_OFFERS", 1_000)
    everything = curator.post("/admin/bulk/", {"all": "1", "query": ""})
    assert everything.status_code == 400
    assert "At most 5,000 offers" in text(everything)


def test_5000_offers_are_one_action_and_a_page_asks_at_most_25_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(*(offer_record(f"a/{number}", tags=("many",)) for number in range(5_000)))
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys(), snapshot=loading.load()))
    curator = logged_in(Role.CURATOR)
    say_page = curator.post("/admin/bulk/", {"all": "1", "query": "tags=many"}, follow=True)
    preview = curator.post(address_of(say_page), {"add": "all", "reason": "asked for"}, follow=True)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        curator.get(address_of(preview))
    done = confirm(curator, preview)

    assert counts(preview)[0] == "5,000"
    assert len(token_of(preview)) < 1_000
    assert len(asked) <= MOST_QUERIES
    assert CurationAction.objects.get().count == 5_000
    with CaptureQueriesContext(connection) as asked:
        curator.get(address_of(done))
    assert len(asked) <= MOST_QUERIES


# --- CSV -------------------------------------------------------------------------------------------------------------
def upload(client: Client, content: str | bytes, *, reason: str = "from a file") -> Any:
    body = content if isinstance(content, bytes) else content.encode()
    file = SimpleUploadedFile("values.csv", body, content_type="text/csv")
    return client.post("/admin/csv/", {"file": file, "reason": reason}, follow=True)


def test_10_an_export_imported_again_changes_nothing(curator: Client) -> None:
    plain, stale, ending, priced = chutes(4)
    override(plain, "tags", {"add": ["=cmd()", "+1", "a,b"], "remove": ["-x"]})
    override(plain, "name", "'=1")
    override(stale, "description", 'two\nlines; "quoted"')
    Override.objects.filter(offer=stale).update(is_stale=True)
    override(ending, "is_hidden", True, expires_at=timezone.now() + timedelta(days=3))
    override(priced, "hourly_rate", {"amount": "2.50", "unit": "usd_per_hour"})
    before = stored(leaving_out=NOTHING_WRITTEN)

    export = curator.get("/admin/csv/overrides.csv")
    preview = upload(curator, export.content)

    assert export["Content-Disposition"].startswith('attachment; filename="gatewayz-overrides-')
    rows = list(csv.reader(io.StringIO(export.content.decode("utf-8-sig"), newline="")))
    assert rows[0] == [*COLUMNS, "upstream"]
    assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row)
    assert counts(preview) == ["0", "4", "0"]
    assert "Nothing would change" in text(preview)
    assert stored(leaving_out=NOTHING_WRITTEN) == before


def test_10_a_file_is_carried_out_as_a_whole_with_the_reason_of_each_line(curator: Client) -> None:
    one, two = chutes(2)
    override(two, "name", "To be cleared")
    rows = [
        f"chutes,{one.model_id},tags,'=cmd(),,,",
        f"chutes,{one.model_id},name,Better,,its own reason,2099-01-01",
        f"chutes,{two.model_id},name,,clear,,",
    ]
    rows[0] = rows[0].replace("'=cmd()", "'+=cmd()")
    rows[1] = rows[1].replace("2099-01-01", f"{timezone.now() + timedelta(days=2):%Y-%m-%d}")

    preview = upload(curator, "\n".join([HEADER, *rows]))
    changes = curator.get(address_of(preview).replace("preview/", "changes.csv")).content
    done = confirm(curator, preview)

    assert counts(preview) == ["2", "0", "0"]
    assert "=cmd()" in served()[one.model_id]["tags"]
    assert {row.reason for row in Override.objects.filter(offer=one)} == {"from a file", "its own reason"}
    assert not Override.objects.filter(offer=two).exists()
    action = CurationAction.objects.latest("number")
    assert (action.kind, action.count, action.reason, len(action.source_sha256)) == ("csv", 3, "from a file", 64)
    assert action.source_sha256 in text(done)
    assert counts(upload(curator, changes)) == ["0", "2", "0"], "the preview's file says the same"


def test_10_bad_rows_are_named_by_line_and_nothing_is_written(curator: Client) -> None:
    offer = chutes(1)[0]
    rows = [f"chutes,{offer.model_id},name,Good,,,", *(["chutes,no/such,name,x,,,"] * 1), "", *([""] * 12)]
    rows += [f"chutes,{offer.model_id},prompt,1,,,", f"chutes,{offer.model_id},tags,+hot,,,2020-01-01"]
    before = stored(leaving_out=NOTHING_WRITTEN)

    refused = upload(curator, "\n".join([HEADER, *rows]))
    past = upload(curator, "\n".join([HEADER, *rows[:1], *rows[-1:]]))

    assert refused.status_code == past.status_code == 400
    assert "2 lines cannot be used" in text(refused)
    assert "line 3 there is no offer no/such at the gateway chutes" in text(refused)
    assert "line 17 prompt needs a unit: usd_per_million_tokens or usd_per_token" in text(refused)
    assert "line 3 tags: the end must be in the future" in text(past)
    assert "unknown: <b>colour</b>" in errors(upload(curator, f"{HEADER},<b>colour</b>\n"))[0]
    assert "A reason is required" in text(upload(curator, HEADER, reason=" "))
    assert curator.post("/admin/csv/", {"reason": "x"}).status_code == 400
    assert stored(leaving_out=NOTHING_WRITTEN) == before
