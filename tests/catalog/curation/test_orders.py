"""Many values in one order: one revision, one action, all or nothing; undone, ended, and written down for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from catalog.curation import overrides, undo
from catalog.curation.overrides import Conflict, Done, InvalidOverride, NeedsConfirmation, Order
from catalog.curation.wishes import CLEAR, Wish
from catalog.models import CurationAction, CurationItem, Offer, Override, Revision, append_only
from catalog.publication import audit
from catalog.publication.audit import Actor
from tests.catalog.syncing import served, stored, sync_rows
from tests.factories import chutes_row, hourly, offer_record, per_token, publish

Json = Any

pytestmark = pytest.mark.django_db
ANNA = Actor("anna")


def wish(model_id: str, field: str, value: Json, **more: Any) -> Wish:
    return Wish(offer=Offer.objects.get(model_id=model_id).pk, field=field, value=value, **more)


def order(*wishes: Wish, **more: Any) -> Order:
    usual: Json = {"wishes": wishes, "actor": ANNA, "reason": "asked for", "is_confirmed": True}
    return Order(**usual | more)


def carry_out(*wishes: Wish, **more: Any) -> Done:
    return overrides.carry_out(order(*wishes, **more), now=timezone.now())


def tagged(*models: str, tag: str = "hot") -> Sequence[Wish]:
    return [wish(model, "tags", {"add": [tag], "remove": []}) for model in models]


def documents() -> dict[str, str]:
    return {row.offer.model_id: row.document for row in _versions()}


def _versions() -> Any:
    from catalog.models import OfferVersion

    return OfferVersion.objects.current().select_related("offer")


# --- every field -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("name", " Better ", {"name": "Better"}),
        ("description", "One line.\r\nAnother.", {"description": "One line.\nAnother."}),
        ("model_type", "text-to-speech", {"model_type": "Text to Speech"}),
        ("context_length", "128,000", {"context_length": 128_000}),
        ("is_featured", True, {"is_featured": True}),
        ("is_hidden", "yes", {"is_hidden": True}),
        ("request", {"amount": "0.01", "unit": "usd_per_request"}, {}),
        ("input_modalities", ["Image", "text"], {}),
    ],
)
def test_each_curated_field_is_served_and_cleared_byte_for_byte(field: str, value: Json, shown: Json) -> None:
    publish(offer_record("a/1", prices=(*per_token(prompt="0.000001", completion="0.000002"), hourly("2"))))
    before = documents()

    carry_out(wish("a/1", field, value))

    row = served()["a/1"]
    assert {name: row[name] for name in shown} == shown
    assert documents() != before
    if field == "is_hidden":
        assert row["withdrawn_at"] is not None
    if field == "request":
        assert row["pricing"]["request"] == "0.01"
    if field == "input_modalities":
        assert row["architecture"]["input_modalities"] == ["text", "image"]
    carry_out(wish("a/1", field, CLEAR))
    assert documents() == before


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "", "must not be empty"),
        ("name", "a\x00b", r"U\+0000"),
        ("description", " ", "must not be empty"),
        ("model_type", "Robot", "must be one of LLM, "),
        ("context_length", "-1", "must be a whole number"),
        ("context_length", 0, "must be between 1 and"),
        ("context_length", True, "must be a whole number"),
        ("context_length", "9" * 40, "must be a whole number"),
        ("input_modalities", ["smell"], "smell: input_modalities can be audio"),
        ("input_modalities", [], "must be a list of words"),
        ("is_hidden", False, "clear it to take it back"),
        ("request", {"amount": "1", "unit": "usd_per_image"}, "priced per request, not per image"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_reason(field: str, value: Json, reason: str) -> None:
    publish(offer_record("a/1"))
    before = stored()

    with pytest.raises(InvalidOverride, match=reason):
        carry_out(wish("a/1", field, value))

    assert stored() == before


# --- all or nothing --------------------------------------------------------------------------------------------------
def test_an_order_is_one_revision_and_one_action_with_an_item_for_each_value() -> None:
    publish(offer_record("a/1"), offer_record("a/2"), offer_record("a/3", tags=("hot",)))
    carry_out(*tagged("a/2"))
    number = Revision.objects.newest().number

    done = carry_out(*tagged("a/1", "a/2", "a/3"), wish("a/1", "name", "One"), selection="q=a")

    assert (done.revision, Revision.objects.newest().number) == (number + 1, number + 1)
    assert [same.offer for same in done.decision.same] == [Offer.objects.get(model_id="a/2").pk]
    action = CurationAction.objects.get(number=2)
    assert (action.actor, action.reason, action.selection, action.count) == ("anna", "asked for", "q=a", 3)
    assert (action.revision_before, action.revision_after) == (number, number + 1)
    items = {(item.subject.split()[1], item.field): item for item in action.items.all()}
    assert items["a/1", "name"].served_before == offer_record("a/1").name
    assert items["a/1", "name"].served_after == "One"
    assert (items["a/1", "tags"].before, items["a/1", "tags"].served_after) == (None, ["hot"])
    assert set(Override.objects.values_list("version", flat=True)) == {1, 2}


def test_one_bad_wish_refuses_all_of_them_and_names_the_offer() -> None:
    publish(offer_record("a/1"), offer_record("a/2", prices=(hourly("2"),)))
    before = stored()

    with pytest.raises(InvalidOverride, match="chutes a/2: must not be empty"):
        carry_out(*tagged("a/1"), wish("a/2", "name", ""))
    with pytest.raises(InvalidOverride, match="there is no such offer"):
        carry_out(*tagged("a/1"), Wish(offer=10**9, field="name", value="x"))
    dear = {"amount": "90", "unit": "usd_per_hour"}
    with pytest.raises(NeedsConfirmation, match=r"chutes a/2: .*tenfold"):
        carry_out(*tagged("a/1"), wish("a/2", "hourly_rate", dear), is_confirmed=False)

    assert stored() == before
    assert not CurationAction.objects.exists()


def test_what_changed_since_the_curator_looked_is_a_conflict_and_other_fields_are_not(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1", name="old")])
    offer = Offer.objects.get(model_id="a/1")
    seen = {(offer.pk, "name"): (0, "old"), (offer.pk, "tags"): (0, [])}
    User.objects.create_user("ben")
    ben = Actor.of(User.objects.get())
    carry_out(*tagged("a/1"), actor=ben)

    carry_out(wish("a/1", "name", "mine"), expected=seen)  # another field
    with pytest.raises(Conflict, match="ben changed it since you looked") as error:
        carry_out(*tagged("a/1", tag="cold"), expected=seen)
    conflict = error.value.decision.conflicts[0]
    assert (conflict.theirs, conflict.author) == ({"add": ["hot"], "remove": []}, "ben")

    sync_rows(fixtures_dir, [chutes_row("a/1", name="newer")])
    with pytest.raises(Conflict, match="its gateway changed it"):
        carry_out(wish("a/1", "name", "again"), expected={(offer.pk, "name"): (2, "old")})
    assert served()["a/1"]["name"] == "mine"


# --- stale, ended, undone --------------------------------------------------------------------------------------------
def test_an_override_is_stale_while_its_gateway_reports_something_else_than_when_it_was_set(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2", tags=["hot"])])
    carry_out(wish("a/1", "hourly_rate", {"amount": "3", "unit": "usd_per_hour"}), *tagged("a/1", tag="new"))

    def stale() -> set[str]:
        return set(Override.objects.stale().values_list("field", flat=True))

    sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2.5", tags=["hot", "loud"])])
    assert stale() == {"hourly_rate"}
    assert served()["a/1"]["pricing"]["hourly_rate"] == "3.0"
    sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2", tags=["new"])])
    assert stale() == {"tags"}

    done = carry_out(*tagged("a/1", tag="new"))  # kept
    assert done.action is not None
    assert stale() == set()


def test_an_override_with_an_end_is_cleared_by_the_task_and_written_down() -> None:
    publish(offer_record("a/1"), offer_record("a/2"))
    before, now = documents(), timezone.now()
    carry_out(*(wish(model, "name", "Sale", expires_at=now + timedelta(minutes=1)) for model in ("a/1", "a/2")))
    assert overrides.end_expired(now=now) is None

    done = overrides.end_expired(now=now + timedelta(minutes=2))

    assert done is not None
    assert done.action is not None
    assert (done.action.actor, done.action.kind, done.action.count) == ("expiry", "expiry", 2)
    assert done.action.revision_after == done.action.revision_before + 1
    assert documents() == before
    with pytest.raises(InvalidOverride, match="must be in the future"):
        carry_out(wish("a/1", "name", "Sale", expires_at=now - timedelta(minutes=1)))


def test_an_undo_restores_every_byte_and_keeps_what_was_changed_since() -> None:
    publish(*(offer_record(f"a/{number}") for number in range(4)))
    carry_out(wish("a/0", "is_hidden", True), wish("a/1", "name", "First", expires_at=timezone.now() + timedelta(1)))
    before = documents()
    first = Override.objects.get(field="name")
    done = carry_out(
        *tagged("a/0", "a/1", "a/2", "a/3"), wish("a/0", "is_hidden", CLEAR), wish("a/1", "name", "Second")
    )
    assert done.action is not None
    carry_out(*tagged("a/3", tag="cold"), actor=Actor("ben"))
    changed = documents()["a/3"]

    undone = undo.undo(done.action, actor=ANNA, reason="a mistake", now=timezone.now())

    assert [(item.subject, item.action.actor) for item in undone.newest] == [("chutes a/3", "ben")]
    assert documents() == before | {"a/3": changed}
    again = Override.objects.get(field="name")
    assert (again.value, again.made_at, again.expires_at) == (first.value, first.made_at, first.expires_at)
    with pytest.raises(undo.NotUndoable, match="has undone it already"):
        undo.undo(done.action, actor=ANNA, reason="again", now=timezone.now())
    of_undo = undone.action
    assert of_undo is not None
    assert of_undo.undoes == done.action
    undo.undo(of_undo, actor=ANNA, reason="it was right", now=timezone.now())
    assert served()["a/0"]["is_hidden"] is False
    assert served()["a/1"]["name"] == "Second"


# --- the audit trail -------------------------------------------------------------------------------------------------
def test_statement_19_no_row_of_the_audit_trail_can_be_changed_or_deleted() -> None:
    publish(offer_record("a/1"))
    done = carry_out(*tagged("a/1"))
    assert done.action is not None
    table = CurationAction._meta.db_table

    def refuse(act: Any) -> None:
        with pytest.raises(DatabaseError, match=append_only.MESSAGE), transaction.atomic():
            act()

    refuse(lambda: CurationAction.objects.update(reason="another"))
    refuse(lambda: CurationItem.objects.update(after=None))
    refuse(lambda: CurationItem.objects.all().delete())
    refuse(lambda: CurationAction.objects.all()._raw_delete(connection.alias))
    refuse(done.action.save)
    if connection.vendor == "postgresql":
        connection.check_constraints()  # with checks that are pending, it refuses for another reason
        refuse(lambda: connection.cursor().execute(f"TRUNCATE {table} CASCADE"))
    assert append_only.missing() == []
    assert audit.verify().broken is None


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (lambda: CurationAction.objects.filter(number=2).update(reason="another"), "action 2, or one of its items"),
        (lambda: CurationItem.objects.filter(action=2).update(after=None), "action 2, or one of its items"),
        (lambda: CurationItem.objects.filter(action=2).delete(), "action 2, or one of its items"),
        (lambda: (CurationItem.objects.filter(action=2).delete(), CurationAction.objects.filter(number=2).delete()),
         "action 2 is missing"),
        (lambda: CurationAction.objects.filter(number=3).update(previous="0"), "action 3 does not follow action 2"),
    ],
)  # fmt: skip
def test_a_row_that_its_owner_changed_is_found_by_its_digest(act: Any, problem: str) -> None:
    publish(offer_record("a/1"), offer_record("a/2"), offer_record("a/3"))
    for model in ("a/1", "a/2", "a/3"):
        carry_out(*tagged(model))
    assert audit.verify().actions == 3

    with append_only.lifted():
        act()

    found = audit.verify()
    assert problem in (found.broken or "")
    assert found.actions in {1, 2}


def test_an_account_can_be_deleted_and_its_name_stays() -> None:
    publish(offer_record("a/1"))
    user = User.objects.create_user("anna")
    carry_out(*tagged("a/1"), actor=Actor.of(user))
    number = user.pk

    user.delete()

    action = CurationAction.objects.get()
    assert (action.actor, action.actor_number) == ("anna", number)
    assert audit.verify().broken is None
    assert isinstance(action.made_at, datetime)
