"""Which model an offer is: decided in the publication that brings the offer, and by curators."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from catalog.curation import identity
from catalog.curation.identity import InvalidStatement
from catalog.identity.offers import Offer as Facts
from catalog.identity.resolution import Resolution, resolve
from catalog.models import CanonicalModel, IdentityCandidate, IdentityStatement, Offer, Revision
from catalog.publication.identity import parts
from catalog.records import OfferRecord
from catalog.sync.guard import Limits, StrictGuard
from tests.catalog.syncing import stored, sync_rows
from tests.factories import offer_record, openrouter_row, per_token, publish

pytestmark = pytest.mark.django_db

Json = Any
Placed = tuple[str, str, str]
"""The model, the variant, and the rule."""


def record(offer_id: str, **fields: Any) -> OfferRecord:
    return offer_record(offer_id, provider_slug=offer_id.partition("/")[0], **fields)


def placed() -> dict[str, Placed]:
    rows = Offer.objects.order_by("model_id").values_list(
        "gateway__slug", "model_id", "canonical__slug", "variant", "identity_rule"
    )
    return {f"{gateway} {offer_id}": (slug, variant, rule) for gateway, offer_id, slug, variant, rule in rows}


def state(kind: str, **stated: Any) -> IdentityStatement:
    return identity.state_identity(kind=kind, reason="seen", author=None, now=timezone.now(), **stated)


def offer(offer_id: str, gateway: str = "chutes") -> Offer:
    return Offer.objects.get(gateway__slug=gateway, model_id=offer_id)


def model(slug: str) -> CanonicalModel:
    return CanonicalModel.objects.get(slug=slug)


@pytest.fixture
def sold_twice() -> None:
    """One model at two gateways, at one of them also free, and another model."""
    publish(
        record("qwen/qwen3-8b", hugging_face_id="Qwen/Qwen3-8B"),
        record("qwen/qwen3-8b:free", hugging_face_id="Qwen/Qwen3-8B"),
        gateway="openrouter",
    )
    publish(record("Qwen/Qwen3-8B-TEE", hugging_face_id="Qwen/Qwen3-8B"), record("acme/heron"))


def test_offers_of_one_model_get_it_with_the_rule_and_in_the_same_revision(sold_twice: None) -> None:
    assert placed() == {
        "openrouter qwen/qwen3-8b": ("Qwen/Qwen3-8B", "", "hugging_face"),
        "openrouter qwen/qwen3-8b:free": ("Qwen/Qwen3-8B", "free", "hugging_face"),
        "chutes Qwen/Qwen3-8B-TEE": ("Qwen/Qwen3-8B", "tee", "hugging_face"),
        "chutes acme/heron": ("acme/heron", "", "own"),
    }
    assert "Qwen/Qwen3-8B" in offer("Qwen/Qwen3-8B-TEE").identity_evidence
    assert Revision.objects.newest().number == 2
    assert set(Offer.objects.filter(gateway__slug="chutes").values_list("identified_in", flat=True)) == {2}


def test_a_withdrawn_offer_keeps_its_model_and_has_it_again_when_it_returns(sold_twice: None) -> None:
    before = placed()
    publish(record("acme/heron"))
    assert placed() == before

    publish(record("Qwen/Qwen3-8B-TEE", hugging_face_id="Qwen/Qwen3-8B"), record("acme/heron"))

    assert placed() == before
    assert CanonicalModel.objects.count() == 2


def test_an_offer_with_another_name_gets_its_model_again(sold_twice: None) -> None:
    publish(
        record("Qwen/Qwen3-8B-TEE", hugging_face_id="Qwen/Qwen3-8B"),
        record("acme/heron", hugging_face_id="acme/Heron-7B"),
        record("acme/Heron-7B"),
    )

    assert placed()["chutes acme/heron"][0] == placed()["chutes acme/Heron-7B"][0]


def test_a_publication_that_brings_no_name_decides_nothing(sold_twice: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.publication.identity.parts.resolve", None)  # a call of it fails

    publish(
        record("Qwen/Qwen3-8B-TEE", hugging_face_id="Qwen/Qwen3-8B", context_length=5),
        record("acme/heron", name="Heron"),
    )


def test_a_publication_resolves_models_once(sold_twice: None, monkeypatch: pytest.MonkeyPatch) -> None:
    revisions: list[int] = []

    def counted(offers: Iterable[Facts], *, revision: int, **known: Any) -> Resolution:
        revisions.append(revision)
        return resolve(offers, revision=revision, **known)

    monkeypatch.setattr(parts, "resolve", counted)
    guard = StrictGuard(limits=Limits(missing_percent=100), seen=3, rejected=0)
    priced = {"prices": per_token(prompt="0.000001")}

    outcome = publish(
        record("acme/heron", hugging_face_id="acme/Heron-7B", **priced),
        record("acme/stork", **priced),
        record("qwen/qwen3-8b", **priced),
        guard=guard,
    )

    assert (outcome.new, outcome.changed, outcome.withdrawn) == (2, 1, 1)
    assert revisions == [2]


def test_statements_that_contradict_each_other_by_now_stop_no_sync(
    sold_twice: None, caplog: pytest.LogCaptureFixture, fixtures_dir: Path, settings: Settings
) -> None:
    settings.GUARD_MISSING_PERCENT = 100
    heron = model("acme/heron")
    for spelling, target in (("acme/egret", heron), ("acme/Egret", model("Qwen/Qwen3-8B"))):
        IdentityStatement.objects.create(
            kind="alias", spelling=spelling, model=target, reason="edited by hand", made_at=timezone.now()
        )
    before = placed()

    outcome = publish(record("acme/stork"), is_complete=False)

    assert outcome.new == 1
    assert placed() == before | {"chutes acme/stork": (None, "", "")}
    assert "contradict each other now" in caplog.text

    # It does not stop a run either, whose guard compares each price with others of the same model.
    priced = openrouter_row("acme/crane", pricing={"prompt": "0.000001", "completion": "0.000002"})
    assert sync_rows(fixtures_dir, [priced], slug="openrouter").run.error == ""
    assert Offer.objects.filter(model_id="acme/crane").exists()


# --- curators' statements --------------------------------------------------------------------------------------------


def test_a_tie_a_split_and_an_alias_hold_against_every_later_sync(sold_twice: None) -> None:
    state("tie", offer=offer("acme/heron"), model=model("Qwen/Qwen3-8B"))
    state("split", offer=offer("Qwen/Qwen3-8B-TEE"), model=model("Qwen/Qwen3-8B"))

    publish(record("Qwen/Qwen3-8B-TEE", hugging_face_id="Qwen/Qwen3-8B"), record("acme/heron", name="Heron"))
    publish(record("Qwen/Qwen3-8B-TEE", hugging_face_id="Qwen/Qwen3-8B"), record("acme/heron"), record("acme/egret"))

    assert placed()["chutes acme/heron"] == ("Qwen/Qwen3-8B", "", "curator")
    assert placed()["chutes Qwen/Qwen3-8B-TEE"][0] != "Qwen/Qwen3-8B"


def test_a_split_lasts_when_the_slug_that_it_names_moves_on() -> None:
    free = record("acme/big:free", canonical_slug="acme/big", hugging_face_id="acme/big_1")
    tied, newcomer = (record(name, hugging_face_id=name) for name in ("ACME/big-it", "ACME/big-it-2"))
    publish(free, gateway="openrouter")
    publish(record("acme/big-it", hugging_face_id="acme/big"), record("other/big"))
    publish(tied, gateway="featherless")
    publish(free, record("acme/big", canonical_slug="acme/big-it"), gateway="openrouter")
    left = Offer.objects.get(gateway__slug="openrouter", model_id="acme/big").canonical
    state("split", offer=offer("acme/big-it"), model=left)
    state("tie", offer=offer("ACME/big-it", gateway="featherless"), model=model("other/big"))
    apart = placed()

    publish(tied, newcomer, gateway="featherless")

    assert offer("acme/big-it").apart_from == left
    assert apart["chutes acme/big-it"][2] == "curator"
    assert {key: now for key, now in placed().items() if key in apart} == apart

    identity.withdraw_statement(IdentityStatement.objects.get(kind="split"), author=None, now=timezone.now())

    assert offer("acme/big-it").apart_from is None
    assert offer("acme/big-it").identity_rule == "canonical_slug"


def test_an_alias_merges_two_models_and_leaves_a_redirect(sold_twice: None) -> None:
    publish(record("acme/Heron_7B"), gateway="featherless")
    before = Revision.objects.newest().number

    statement = state("alias", spelling="acme/Heron_7B", model=model("acme/heron"))

    assert placed()["featherless acme/Heron_7B"][::2] == ("acme/heron", "curator")
    assert model("acme/Heron_7B").redirect == model("acme/heron")
    assert Revision.objects.newest().number == before + 1
    identity.withdraw_statement(statement, author=None, now=timezone.now())
    assert placed()["featherless acme/Heron_7B"][0] == "acme/Heron_7B"
    assert model("acme/Heron_7B").redirect is None


def test_statements_that_contradict_each_other_can_be_taken_back_one_by_one(sold_twice: None) -> None:
    heron, qwen = model("acme/heron"), model("Qwen/Qwen3-8B")
    rows = [
        IdentityStatement.objects.create(kind="alias", spelling=s, model=m, reason="edited", made_at=timezone.now())
        for s, m in (("acme/a", heron), ("acme/A", qwen), ("acme/b", heron), ("acme/B", qwen))
    ]
    before = placed()

    for row in rows:
        identity.withdraw_statement(row, author=None, now=timezone.now())

    assert not IdentityStatement.objects.exists()
    assert placed() == before


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"kind": "alias", "spelling": "acme/heron"}, "which model is it"),
        ({"kind": "alias", "model": "acme/heron"}, "an alias needs a spelling"),
        ({"kind": "tie", "model": "acme/heron"}, "a tie or a split an offer"),
        ({"kind": "tie", "offer": "acme/heron", "spelling": "x", "model": "acme/heron"}, "a tie or a split an offer"),
        ({"kind": "alias", "spelling": "a\nb", "model": "acme/heron"}, "must be a single line"),
        ({"kind": "alias", "spelling": "acme/heron", "model": "acme/heron"}, "an alias of itself"),
        ({"kind": "alias", "spelling": "acme/egret", "model": "acme/heron"}, "at one seller"),
        ({"kind": "tie", "offer": "acme/egret", "model": "acme/heron"}, "at one seller"),
    ],
    ids=str,
)
def test_what_cannot_be_followed_or_does_harm_is_refused_and_nothing_changes(
    sold_twice: None, stated: dict[str, Any], reason: str
) -> None:
    publish(record("acme/heron"), record("acme/egret"), record("Qwen/Qwen3-8B-TEE", hugging_face_id="Qwen/Qwen3-8B"))
    named: dict[str, Any] = {"model": model, "offer": offer}
    before = stored()

    with pytest.raises(InvalidStatement, match=reason):
        state(**{name: named[name](value) if name in named else value for name, value in stated.items()})

    assert stored() == before


@pytest.mark.parametrize("kind", ["tie", "split", "alias"])
def test_a_statement_that_exists_already_is_refused(sold_twice: None, kind: str) -> None:
    publish(record("acme/stork"), gateway="featherless")
    stated: dict[str, Any] = {"model": model("acme/heron")}
    stated |= {"spelling": "acme/stork"} if kind == "alias" else {"offer": offer("acme/stork", "featherless")}
    state(kind, **stated)
    before = stored()

    with pytest.raises(InvalidStatement, match="statement exists already"):
        state(kind, **stated)

    assert stored() == before


def test_a_cycle_of_aliases_is_refused(sold_twice: None) -> None:
    publish(record("acme/stork"), gateway="featherless")
    state("alias", spelling="acme/stork", model=model("acme/heron"))
    before = stored()

    with pytest.raises(InvalidStatement, match="an alias of itself"):
        state("alias", spelling="acme/heron", model=model("acme/stork"))

    assert stored() == before


def test_what_almost_matches_is_a_question_until_a_curator_answers_it(sold_twice: None) -> None:
    publish(record("unsloth/Qwen3-8B", hugging_face_id="unsloth/Qwen3-8B"), gateway="featherless")

    question = IdentityCandidate.objects.get()
    assert (question.model.slug, question.may_be.slug) == ("unsloth/Qwen3-8B", "Qwen/Qwen3-8B")
    assert placed()["featherless unsloth/Qwen3-8B"][0] == "unsloth/Qwen3-8B"

    state("alias", spelling=question.model.slug, model=question.may_be)

    assert not IdentityCandidate.objects.exists()
    assert placed()["featherless unsloth/Qwen3-8B"][0] == "Qwen/Qwen3-8B"
