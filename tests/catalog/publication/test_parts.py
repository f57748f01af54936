"""What a publication decides about a part of the offers is what it would decide about all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from catalog.adapter.contract import Gateway as Adapter
from catalog.adapter.contract import Listing
from catalog.adapter.errors import UnusableRow
from catalog.curation.identity import InvalidStatement, state_identity, withdraw_statement
from catalog.identity import links as rules
from catalog.identity.offers import Offer as Facts
from catalog.models import CanonicalModel, Gateway, IdentityCandidate, IdentityLink, IdentityStatement, Offer
from catalog.providers import KnownProviders
from catalog.publication.identity import links, parts
from catalog.records import OfferRecord
from tests.catalog.gateways import captured
from tests.catalog.identity.worlds import (
    NAMES,
    SPREAD_NAMES,
    chutes,
    featherless,
    offers_called,
    openrouter,
    provider,
    worlds,
)
from tests.factories import offer_record, publish

pytestmark = pytest.mark.django_db

Json = Any


def record_of(facts: Facts) -> OfferRecord:
    return offer_record(
        facts.id,
        slug=facts.slug,
        canonical_slug=facts.canonical_slug,
        model_type=facts.model_type,
        provider_slug=facts.provider_slug,
        hugging_face_id=facts.hugging_face_id,
        host=facts.host,
    )


def identity() -> dict[str, set[tuple[Json, ...]]]:
    """Return everything that the identity rules write, without primary keys."""
    offers = Offer.objects.values_list(
        "gateway__slug",
        "model_id",
        "canonical__slug",
        "own_canonical__slug",
        "apart_from__slug",
        "variant",
        "identity_rule",
        "identity_evidence",
        "identified_in",
    )
    models = CanonicalModel.objects.values_list("slug", "born", "merged_into__slug", "redirect__slug")
    asked = IdentityCandidate.objects.values_list("model__slug", "may_be__slug", "reason", "evidence")
    # Without joins: within a transaction PostgreSQL has no statistics yet about the number of rows.
    keys = {pk: key for pk, *key in Offer.objects.values_list("pk", "gateway__slug", "model_id")}
    slugs = dict(CanonicalModel.objects.values_list("pk", "slug"))
    owned = IdentityLink.objects.exclude(offer=None, model=None).values_list("offer", "model", "name")
    linked = {(*keys.get(offer, ()), slugs.get(model), name) for offer, model, name in owned}
    return {"offers": set(offers), "models": set(models), "candidates": set(asked), "links": linked}


def as_if_all_were_decided(change: Callable[[], object]) -> dict[str, set[tuple[Json, ...]]]:
    """Return the result of a change if everything is decided again, without the stored links."""
    with transaction.atomic():
        links.forget()
        change()
        found = identity()
        transaction.set_rollback(True)
    return found


def check_publication(gateway: str, listed: Collection[OfferRecord]) -> None:
    whole = as_if_all_were_decided(lambda: publish(*listed, gateway=gateway))
    publish(*listed, gateway=gateway)
    assert identity() == whole


def check_prospect(gateway: str, listed: Iterable[OfferRecord]) -> None:
    """Check the models before the publication: the guard compares prices of the same model."""
    reported = {(gateway, record.id): parts.facts_of(gateway, record) for record in listed}
    stored = dict(Offer.objects.filter(gateway__slug=gateway).values_list("model_id", "pk"))
    published = parts.whole()
    changes = {
        key: parts.Change(pk=stored.get(key[1]), facts=facts)
        for key, facts in reported.items()
        if published.offers.get(key) != facts
    }
    gone = {key for key in published.offers if key[0] == gateway} - reported.keys()
    changes |= {key: parts.Change(pk=stored[key[1]], facts=None) for key in gone}
    expected = parts.whole(changes).resolution(revision=7).placements
    found = parts.around(changes).resolution(revision=7).placements
    assert {key: found.get(key) for key in changes} == {key: expected.get(key) for key in changes}


@given(data=st.data())
@examples(
    max_examples=examples().max_examples // 4,  # each example is a dozen publications
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_any_series_of_publications_and_statements_ends_as_if_all_were_decided(
    data: st.DataObject,
) -> None:
    offers = offers_called(data.draw(st.sampled_from([SPREAD_NAMES, NAMES])))
    with transaction.atomic():
        listed: dict[str, dict[str, OfferRecord]] = defaultdict(dict)
        for _ in range(data.draw(st.integers(1, 5))):
            state_something(data)
            came = data.draw(worlds(offers, size=6))
            for gateway in sorted({facts.gateway for facts in came}):
                gone = data.draw(st.sets(st.sampled_from(sorted(listed[gateway]) or [""]), max_size=2))
                reported = {facts.id: record_of(facts) for facts in came if facts.gateway == gateway}
                listed[gateway] = {key: one for key, one in listed[gateway].items() if key not in gone} | reported
                check_prospect(gateway, listed[gateway].values())
                check_publication(gateway, listed[gateway].values())
        transaction.set_rollback(True)


def state_something(data: st.DataObject) -> None:
    """Make a statement, or withdraw one."""
    kind = data.draw(st.sampled_from(["nothing", "tie", "split", "alias", "withdraw"]))
    statements, now = list(IdentityStatement.objects.order_by("pk")), timezone.now()
    models, offers = list(CanonicalModel.objects.order_by("slug")), list(Offer.objects.order_by("gateway", "model_id"))
    if kind == "withdraw" and statements:
        withdraw_statement(data.draw(st.sampled_from(statements)), author=None, now=timezone.now())
    elif kind in {"tie", "split", "alias"} and models:
        about: dict[str, Json] = {"model": data.draw(st.sampled_from(models))}
        if kind == "alias":
            about["spelling"] = data.draw(st.sampled_from(models)).slug
        else:
            about["offer"] = data.draw(st.sampled_from(offers))
        with suppress(InvalidStatement):
            state_identity(kind=kind, reason="seen", author=None, now=now, **about)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_one_offer_asks_the_database_as_much_among_many_as_among_few(withdrawn: bool) -> None:
    def queries(count: int) -> int:
        with transaction.atomic():
            publish(*(record_of(featherless(f"acme/heron-{number}")) for number in range(count)), gateway="featherless")
            if withdrawn:
                publish(record_of(chutes("acme/Heron-3")), record_of(chutes("acme/stork")))
            with CaptureQueriesContext(connection) as asked:
                publish(record_of(chutes("acme/stork")))
            transaction.set_rollback(True)
        return len(asked)

    Gateway.objects.ensure(["featherless", "chutes"])
    assert queries(5) == queries(1_500)


@pytest.mark.parametrize("reason", ["rules", "providers", "nothing is stored"])
def test_what_is_stored_by_other_rules_is_decided_again(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    publish(record_of(chutes("acme/heron")), record_of(chutes("acme/stork")))
    before = identity()
    Offer.objects.update(identity_rule="", canonical=None)
    if reason == "rules":
        monkeypatch.setattr(rules, "RULES", rules.RULES + 1)
    elif reason == "providers":
        monkeypatch.setattr("catalog.registry.PROVIDERS", KnownProviders([provider("acme")]))
    else:
        IdentityLink.objects.all().delete()

    publish(record_of(chutes("acme/egret")), gateway="featherless")

    assert {key: Offer.objects.get(model_id=f"acme/{key}").identity_rule for key in ("heron", "stork")} == {
        "heron": "own",
        "stork": "own",
    }
    assert identity()["links"] > before["links"]
    assert links.are_current()


def test_what_came_while_statements_could_not_be_followed_is_decided_once_they_can(caplog: Any) -> None:
    publish(record_of(chutes("acme/heron")), record_of(chutes("acme/stork")))
    for name, other in (("heron", "stork"), ("stork", "heron")):
        IdentityStatement.objects.create(
            kind="alias", spelling=f"acme/{name}", model=model(other), reason="edited by hand", made_at=timezone.now()
        )
    publish(record_of(featherless("acme/egret")), gateway="featherless")
    assert Offer.objects.get(model_id="acme/egret").canonical is None
    IdentityStatement.objects.all().delete()

    publish(record_of(openrouter("acme/rail")), gateway="openrouter")

    assert not Offer.objects.filter(canonical=None).exists()


def model(name: str) -> CanonicalModel:
    return CanonicalModel.objects.get(slug=f"acme/{name}")


@pytest.mark.skipif(
    not captured.FOLDER.is_dir(), reason="NOT RUN over real captured answers: GATEWAYZ_PAYLOADS names no folder of them"
)
def test_days_of_captured_answers_decided_in_part_end_as_decided_whole() -> None:
    hosts = [path.stem for path in sorted((captured.FOLDER / "portkey/pricing").glob(f"*-{captured.PORTKEY_DAY}.json"))]
    publish(*usable(captured.openrouter(captured.OPENROUTER_DAYS[0])), gateway="openrouter")
    half, rest = halves(usable(captured.featherless("models-2026-04-09")))
    publish(*half, gateway="featherless")
    for gateway, listing in (
        ("portkey", usable(captured.portkey(*hosts))),
        *(("openrouter", usable(captured.openrouter(day))) for day in captured.OPENROUTER_DAYS[1:]),
        *(("chutes", usable(captured.chutes(day))) for day in captured.CHUTES_DAYS[1::3]),
        ("featherless", [*half[40:], *rest[:400]]),
        ("featherless", [*half, *rest]),
    ):
        check_publication(gateway, listing)


def usable(captured_listing: tuple[Adapter, Listing]) -> list[OfferRecord]:
    adapter, listing = captured_listing
    found: dict[str, OfferRecord] = {}
    for row in listing.rows:
        with suppress(UnusableRow):
            record = adapter.record(row)
            found[record.id] = record
    return list(found.values())


def halves(records: list[OfferRecord]) -> tuple[list[OfferRecord], list[OfferRecord]]:
    return records[::2], records[1::2]
