"""The audit trail for people: found again by kind, person and day, read item by item, and undone."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.curation import holds, overrides, undo
from catalog.curation.overrides import Order
from catalog.curation.wishes import Wish
from catalog.desk import audit_trail
from catalog.desk.roles import Role
from catalog.memory.snapshot import Snapshot
from catalog.models import CurationAction, Offer, Override, PriceHold
from catalog.publication.audit import Actor, Kind
from tests.catalog.desk.people import logged_in
from tests.catalog.syncing import published

pytestmark = pytest.mark.django_db

MOST_QUERIES = 25
MARKUP = "<b>hot</b>"


def tag(who: str, *offers: Offer, kind: str = Kind.BULK, name: str = MARKUP) -> CurationAction:
    user = User.objects.filter(username=who).first() or User.objects.create_user(who)
    wishes = [Wish(offer=offer.pk, field="tags", value={"add": [name], "remove": []}) for offer in offers]
    order = Order(wishes=wishes, actor=Actor.of(user), reason=f"{MARKUP} for {who}", kind=kind, selection="q=<i>")
    action = overrides.carry_out(order, now=timezone.now()).action
    assert action is not None
    return action


def chutes(number: int) -> list[Offer]:
    return list(Offer.objects.filter(gateway__slug="chutes", withdrawn_at=None).order_by("pk")[:number])


def text(response: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode())))


def listed(response: Any) -> list[int]:
    return [int(number) for number in re.findall(r'href="/admin/audit/(\d+)/"><bdi>', response.content.decode())]


def test_actions_are_found_by_kind_person_and_day_and_paged(bundled: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "ROWS", 2)
    one, two, three, four = chutes(4)
    tag("anna", one), tag("ben", two, kind=Kind.FORM), tag("anna", three, kind=Kind.FORM), tag("anna", four)
    client = logged_in(Role.VIEWER)

    with CaptureQueriesContext(connection) as asked:
        first = client.get("/admin/audit/")
    assert len(asked) <= MOST_QUERIES
    assert listed(first) == [4, 3]
    assert 'href="/admin/audit/?before=3"' in first.content.decode()
    assert listed(client.get("/admin/audit/?before=3")) == [2, 1]
    assert listed(client.get("/admin/audit/?kind=form&actor=anna&days=7")) == [3]
    for nothing in ("kind=nope", "actor=%00", "actor=carl", "kind=key"):
        assert "No action matches." in text(client.get(f"/admin/audit/?{nothing}"))
    assert listed(client.get("/admin/audit/?before=x&days=99999999999")) == [4, 3]


def test_an_action_shows_its_items_reason_revision_digest_and_only_text(bundled: Snapshot) -> None:
    action = tag("anna", *chutes(60))
    client = logged_in(Role.CURATOR)

    with CaptureQueriesContext(connection) as asked:
        page = client.get(f"/admin/audit/{action.number}/")
    assert len(asked) <= MOST_QUERIES
    shown, source = text(page), page.content.decode()
    assert MARKUP not in source
    assert f"{MARKUP} for anna" in shown
    assert "q=<i>" in shown
    assert action.digest in shown
    assert f'href="/changes?before={action.revision_after + 1}"' in source
    assert "1 to 50 of 60 values" in shown
    assert f"+{MARKUP}" in shown
    assert "as the gateway reports it" in shown
    assert "51 to 60 of 60" in text(client.get(f"/admin/audit/{action.number}/?from=51"))
    assert client.get("/admin/audit/99/").status_code == client.get(f"/admin/audit/{10**20}/").status_code == 404
    front = client.get("/admin/").content.decode()
    assert f'href="/admin/audit/{action.number}/"' in front


def test_8_an_undo_leads_to_its_page_which_names_what_was_kept_and_by_whom(bundled: Snapshot) -> None:
    before = published()[1]
    offers = chutes(5)
    action = tag("curator2", *offers)
    tag("ben", offers[1], name="other")
    overrides.clear_override(offers[3], field="tags", author=None, now=timezone.now())
    changed = published()[1]
    client = logged_in(Role.CURATOR)

    page = client.get(f"/admin/audit/{action.number}/").content.decode()
    done = client.post(f"/admin/actions/{action.number}/undo/", {"reason": "by mistake"}, follow=True)

    assert f'action="/admin/actions/{action.number}/undo/"' in page
    assert done.request["PATH_INFO"] == "/admin/audit/4/"
    shown = text(done)
    assert "Action 1: 3 values went back." in shown
    assert f"{offers[1].model_id} tags changed by ben , action 2" in shown
    assert f"{offers[3].model_id} tags changed by command line , action 3" in shown
    kept = {offers[1].model_id, offers[3].model_id}
    assert published()[1] == {key: changed[key] if key in kept else document for key, document in before.items()}
    again = text(client.get(f"/admin/audit/{action.number}/"))
    assert "Undone by action 4 of curator" in again
    assert "Reason, for the audit trail" not in again


def test_who_may_undo_sees_the_button(bundled: Snapshot) -> None:
    clients = {role: logged_in(role) for role in Role}
    own, others = tag("operator", chutes(1)[0]), tag("curator", chutes(2)[1])

    def has_button(role: Role, action: CurationAction) -> bool:
        return "/undo/" in clients[role].get(f"/admin/audit/{action.number}/").content.decode()

    assert [has_button(role, own) for role in Role] == [False, True, True]
    assert [has_button(role, others) for role in Role] == [False, True, False]


def test_decisions_about_held_prices_wait_again_after_an_undo(bundled: Snapshot) -> None:
    now, offers = timezone.now(), chutes(3)
    fields = {"amount": "999", "first_amount": "999", "rule": "move", "reason": "it moved", "reported_since": now}
    kept, again, more = (
        PriceHold.objects.create(offer=offer, meter="compute.hour", made_at=now, **fields) for offer in offers
    )
    states = {kept.pk: "discarded", again.pk: "discarded", more.pk: "discarded"}
    action = holds.decide(states, actor=Actor("anna"), reason="no", now=now)
    holds.decide({kept.pk: "released"}, actor=Actor("ben"), reason="yes", now=now)

    undone = undo.undo(action, actor=Actor("anna"), reason="they wait", now=now)

    assert dict(PriceHold.objects.filter(pk__in=states).values_list("pk", "state")) == {
        kept.pk: "released",
        again.pk: "open",
        more.pk: "open",
    }
    assert [later.action.actor for later in undone.newest] == ["ben"]
    assert undone.action is not None
    assert undone.action.undoes == action
    undo.undo(undone.action, actor=Actor("anna"), reason="they were right", now=now)
    assert PriceHold.objects.get(pk=again.pk).state == "discarded"
    PriceHold.objects.filter(pk=again.pk).update(state="overtaken")
    latest = CurationAction.objects.latest("number")
    with pytest.raises(undo.NotUndoable, match="the gateway reports another price by now"):
        undo.undo(latest, actor=Actor("anna"), reason="again", now=now)
    assert not Override.objects.exists()


def test_kinds_without_an_undo_say_so_and_every_kind_with_one_is_known(bundled: Snapshot, client: Client) -> None:
    assert set(undo.OF_KIND) <= set(Kind.values)
    action = tag("anna", chutes(1)[0], kind=Kind.LOGIN)
    curator = logged_in(Role.CURATOR)
    assert "/undo/" not in curator.get(f"/admin/audit/{action.number}/").content.decode()
    with pytest.raises(undo.NotUndoable, match="logins unlocked cannot be undone here"):
        undo.undo(action, actor=Actor("anna"), reason="no", now=timezone.now())
