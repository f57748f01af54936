"""The last actions on the front page, and the page that undoes one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from catalog.curation import overrides
from catalog.curation.overrides import Order
from catalog.curation.wishes import Wish
from catalog.desk.roles import Role
from catalog.memory.snapshot import Snapshot
from catalog.models import CurationAction, Offer, Override
from catalog.publication.audit import Actor
from tests.catalog.desk.people import logged_in, person

pytestmark = pytest.mark.django_db

TAG = "<b>hot</b>"


def _tag(user: User, number: int = 2) -> CurationAction:
    offers = Offer.objects.filter(gateway__slug="chutes").order_by("pk")[:number]
    wishes = [Wish(offer=offer.pk, field="tags", value={"add": [TAG], "remove": []}) for offer in offers]
    order = Order(wishes=wishes, actor=Actor.of(user), reason="the <i>team</i> asks", kind=CurationAction.Kind.BULK)
    action = overrides.carry_out(order, now=timezone.now()).action
    assert action is not None
    return action


def test_a_curator_undoes_the_own_action_with_a_reason_and_it_is_shown(bundled: Snapshot) -> None:
    curator = logged_in(Role.CURATOR)
    action = _tag(User.objects.get(username="curator"))
    address = f"/admin/actions/{action.number}/undo/"

    front, page = curator.get("/admin/").content.decode(), curator.get(address).content.decode()
    without = curator.post(address)
    done = curator.post(address, {"reason": "by mistake"}, follow=True).content.decode()

    assert f'href="{address}"' in front
    assert "changed 2 values" in front
    assert "+&lt;b&gt;hot&lt;/b&gt;" in page
    assert without.status_code == 400
    assert "A reason is required." in without.content.decode()
    assert "2 values went back" in done
    assert f'href="{address}"' not in done
    assert f"Undid action {action.number}" in done
    assert not Override.objects.exists()
    assert CurationAction.objects.latest("number").actor == "curator"


def test_what_was_changed_since_is_kept_and_named(bundled: Snapshot) -> None:
    action = _tag(person(Role.OPERATOR))
    changed = Override.objects.order_by("pk")[0].offer
    overrides.clear_override(changed, field="tags", author=None, now=timezone.now())

    done = logged_in(Role.CURATOR).post(f"/admin/actions/{action.number}/undo/", {"reason": "no"}, follow=True)

    assert "1 value went back" in done.content.decode()
    assert "Kept, because they were changed since: chutes" in done.content.decode()
    assert "by command line" in done.content.decode()


def test_only_some_may_undo_the_action_of_somebody_else(bundled: Snapshot) -> None:
    action = _tag(User.objects.create_superuser("root"))
    address = f"/admin/actions/{action.number}/undo/"
    may = {role: logged_in(role) for role in Role}

    shown = {role: f'href="{address}"' in client.get("/admin/").content.decode() for role, client in may.items()}
    answered = {role: _status(client, address) for role, client in may.items()}

    assert shown == {Role.VIEWER: False, Role.CURATOR: True, Role.OPERATOR: False}
    assert answered == {Role.VIEWER: (403, 403), Role.CURATOR: (200, 400), Role.OPERATOR: (403, 403)}


def test_an_action_is_undone_once(bundled: Snapshot) -> None:
    curator = logged_in(Role.CURATOR)
    address = f"/admin/actions/{_tag(User.objects.get(username='curator')).number}/undo/"
    curator.post(address, {"reason": "by mistake"})

    again = curator.post(address, {"reason": "by mistake"})

    assert again.status_code == 409
    assert "has undone it already" in again.content.decode()
    assert curator.get("/admin/actions/99/undo/").status_code == 404


def _status(client: Client, address: str) -> tuple[int, int]:
    return client.get(address).status_code, client.post(address).status_code
