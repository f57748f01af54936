"""The queues of the desk on the bundled catalogues: what they show, and decisions about models."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog.desk import questions
from catalog.desk.roles import Role
from catalog.memory.snapshot import Snapshot
from catalog.models import (
    CanonicalModel,
    CurationAction,
    IdentityCandidate,
    IdentityStatement,
    Offer,
    PriceHold,
    Revision,
    SyncRun,
)
from catalog.publication.identity import identify
from tests.catalog.desk.opened import heading, opened, superuser
from tests.catalog.desk.people import logged_in
from tests.factories import chutes_rows

pytestmark = pytest.mark.django_db

MARKUP = "<b onclick=alert(1)>moved</b>"
ROWS = chutes_rows(10)
State = PriceHold.State
Outcome = SyncRun.Outcome


def test_each_price_shows_what_is_reported_served_and_asked_by_others_and_why(bundled: Snapshot) -> None:
    offers = _sold_by_three()
    own, others = offers[0], offers[1:]
    hold = _hold(own, amount="0.001", rule="siblings", reason=MARKUP, readings=2)

    page = opened(logged_in(Role.VIEWER), "/admin/queues/prices/")

    assert heading(page) == f"{PriceHold.objects.waiting().count()} held prices"
    assert own.model_id in page
    assert "1,000.00" in page, "per 1M tokens"
    assert "GUARD_SIBLING_FACTOR" in page
    assert "2 readings of 3 over 96 h" in page
    assert "&lt;b onclick" in page
    assert MARKUP not in page
    assert page.count('<li><b class="amount">') >= 1, others
    assert f"hold-{hold.pk}" not in page, "a viewer decides nothing"


def test_questions_show_the_price_that_is_served_and_a_hold_can_be_decided_again(
    bundled: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "_last", None)  # a decision in the past does not make it outdated
    offer = _sold_by_three()[0]
    read = timezone.now()
    hold = _hold(offer, amount="0.001", state=State.DISCARDED, decided_at=read - timedelta(days=40), last_read_at=read)
    client = logged_in(Role.CURATOR)

    page = opened(client, "/admin/queues/questions/")
    assert "still reported" in page.lower()
    client.post("/admin/queues/questions/", {f"hold-{hold.pk}": "released", f"seen-{hold.pk}": "discarded"})

    assert PriceHold.objects.get(pk=hold.pk).state == State.RELEASED


def test_a_long_queue_has_pages(bundled: Snapshot) -> None:
    PriceHold.objects.all().delete()
    for offer in Offer.objects.order_by("pk")[:60]:
        _hold(offer, meter="request", amount="1")
    client = logged_in(Role.VIEWER)

    first, second = (opened(client, f"/admin/queues/prices/?page={number}") for number in (1, 2))

    assert first.count('class="hold"') == 50
    assert second.count('class="hold"') == 10
    assert "51 to 60 of 60" in second


def test_runs_are_filtered_and_paged(bundled: Snapshot) -> None:
    run = SyncRun.objects.filter(gateway__slug="chutes").latest("pk")
    fields: dict[str, Any] = {"gateway": run.gateway, "trigger": "schedule", "lease_token": 0}
    began = timezone.now()
    SyncRun.objects.bulk_create(
        SyncRun(outcome="failed" if n % 2 else "unchanged", started_at=began, error=MARKUP, **fields)
        for n in range(120)
    )
    client = logged_in(Role.VIEWER)

    page = opened(client, "/admin/runs/?gateway=chutes&outcome=failed")
    older = re.search(r'href="(\?[^"]+)" rel="next"', page)
    assert older is not None
    last = opened(client, "/admin/runs/" + older[1].replace("&amp;", "&"))

    assert page.count("<tr>") == 50 + 1
    assert last.count("<tr>") == 10 + 1
    assert MARKUP not in page
    assert opened(client, "/admin/runs/?gateway=nope&outcome=nope&before=x").count("<tr>") == 50 + 1
    assert "There is no run 999" in opened(client, "/admin/runs/999999/", 404)
    opened(client, f"/admin/runs/{'9' * 30}/", 404)


# --- models ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def pair(bundled: Snapshot) -> IdentityCandidate:
    """Two models that may be one, which the rules ask about."""
    identify.identify(author=None, must_be_possible=False)
    found = IdentityCandidate.objects.select_related("model", "may_be").order_by("model__slug")
    return next(each for each in found if Offer.objects.filter(canonical=each.model).count() == 1)


def test_14_models_are_one_by_a_click_and_two_again_when_that_is_withdrawn(pair: IdentityCandidate) -> None:
    client, offer = logged_in(Role.CURATOR), Offer.objects.get(canonical=pair.model)
    page = opened(client, "/admin/queues/models/")
    assert pair.evidence.replace("'", "&#x27;") in page

    answer = client.post("/admin/queues/models/", {"pair": pair.pk, "one": "1", "reason": "the same card"})
    assert answer.status_code == 303
    assert Offer.objects.get(pk=offer.pk).canonical == pair.may_be
    statement = IdentityStatement.objects.get()
    listed = opened(client, "/admin/queues/models/statements/")
    assert "the same card" in listed
    client.post("/admin/queues/models/statements/", {"withdraw": statement.pk})

    assert Offer.objects.get(pk=offer.pk).canonical == pair.model
    assert list(CurationAction.objects.order_by("pk").values_list("kind", "actor")) == [("identity", "curator")] * 2


def test_14_a_split_of_the_offer_restores_its_model(pair: IdentityCandidate) -> None:
    client, offer = logged_in(Role.CURATOR), Offer.objects.get(canonical=pair.model)
    tie = {"kind": "tie", "gateway": offer.gateway.slug, "id": offer.model_id, "model": pair.may_be.slug}
    client.post("/admin/queues/models/statements/", tie | {"reason": "the same card"})
    assert Offer.objects.get(pk=offer.pk).canonical == pair.may_be

    split = tie | {"kind": "split", "reason": "it is not"}
    refused = client.post("/admin/queues/models/statements/", split)
    assert refused.status_code == 400
    assert "split from it" in refused.content.decode()
    client.post("/admin/queues/models/statements/", {"withdraw": IdentityStatement.objects.get().pk})
    client.post("/admin/queues/models/statements/", split)

    assert Offer.objects.get(pk=offer.pk).canonical == pair.model
    assert IdentityStatement.objects.get().kind == "split"


def test_14_two_models_stay_two_and_are_not_asked_about_again(pair: IdentityCandidate) -> None:
    offer = Offer.objects.get(canonical=pair.model)

    logged_in(Role.CURATOR).post("/admin/queues/models/", {"pair": pair.pk, "two": "1", "reason": "other weights"})

    assert Offer.objects.get(pk=offer.pk).canonical == pair.model
    assert not IdentityCandidate.objects.filter(model=pair.model, may_be=pair.may_be).exists()
    assert IdentityStatement.objects.get().kind == "split"


def test_14_a_question_that_is_answered_already_is_a_page_that_says_by_whom(pair: IdentityCandidate) -> None:
    sent = {"pair": pair.pk, "one": "1", "reason": "the same card"}
    logged_in(Role.CURATOR).post("/admin/queues/models/", sent)
    before = Revision.objects.newest().number

    answer = superuser().post("/admin/queues/models/", sent)
    gone = superuser("other").post("/admin/queues/models/statements/", {"withdraw": "999999"})

    assert (answer.status_code, gone.status_code) == (409, 409)
    assert "curator decided last" in answer.content.decode()
    assert "the same card" in answer.content.decode()
    assert Revision.objects.newest().number == before


@pytest.mark.parametrize(
    ("entered", "said"),
    [
        ({"kind": "x"}, "Choose what you state."),
        ({"kind": "tie", "gateway": "chutes", "id": "nope", "model": "m"}, "Chutes has no offer with the id nope."),
        ({"kind": "alias", "spelling": "a/b", "model": "nope/nope"}, "There is no model nope/nope."),
        ({"kind": "alias", "spelling": "a/b"}, "Which model is it?"),
        ({"kind": "alias", "spelling": "a/b", "model": "a\0"}, "The model cannot contain NUL."),
        ({"kind": "split", "gateway": "chutes", "id": "{id}", "reason": ""}, "A reason is required"),
    ],
)
def test_what_cannot_be_stated_is_refused_in_words(bundled: Snapshot, entered: dict[str, str], said: str) -> None:
    offer = Offer.objects.filter(gateway__slug="chutes").order_by("pk")[0]
    sent = {"reason": "seen"} | {name: value.format(id=offer.model_id) for name, value in entered.items()}

    answer = logged_in(Role.CURATOR).post("/admin/queues/models/statements/", sent)

    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not IdentityStatement.objects.exists()


def test_a_pair_without_a_reason_says_so_at_the_pair(pair: IdentityCandidate) -> None:
    answer = logged_in(Role.CURATOR).post("/admin/queues/models/", {"pair": pair.pk, "one": "1"})

    assert answer.status_code == 400
    assert f'id="error-{pair.pk}">A reason is required.' in answer.content.decode()


def _sold_by_three() -> list[Offer]:
    """Return offers of one model with a price for input, of which two are comparable with the first."""
    for model in CanonicalModel.objects.order_by("pk").iterator():
        offers = Offer.objects.filter(canonical=model, variant="", prices__meter="input.text").distinct()
        if len(found := list(offers.select_related("gateway").order_by("pk")[:3])) == 3:
            return found
    raise AssertionError("no model is sold by three")


def _hold(offer: Offer, **fields: Any) -> PriceHold:
    now = timezone.now()
    given: dict[str, Any] = {
        "meter": "input.text", "first_amount": "1", "kept": "", "rule": "move", "reason": "it moved",
        "made_at": now, "reported_since": now,
    }  # fmt: skip
    return PriceHold.objects.create(offer=offer, **given | fields)
