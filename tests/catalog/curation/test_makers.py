"""A curator's statement about a maker takes effect in documents, filters, lists and identity, until it is restored."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from catalog import registry
from catalog.curation import makers
from catalog.curation.makers import Facts, InvalidMaker
from catalog.memory import following, loading
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.models import IdentityLink, Maker, Offer, Revision
from catalog.publication.audit import Actor
from catalog.publication.identity import links
from catalog.publication.renaming import Renamed
from tests.catalog.syncing import published, served, stored, sync_rows
from tests.factories import chutes_row, offer_record, publish

Json = Any

pytestmark = pytest.mark.django_db

WHY: Json = {"reason": "one company", "actor": Actor("ada", None)}


def merge(slug: str, into: str) -> Renamed:
    return makers.merge(slug, into=into, now=timezone.now(), **WHY)


def restore(slug: str) -> Renamed:
    return makers.restore(slug, now=timezone.now(), **WHY)


def describe(slug: str, **facts: Any) -> Renamed:
    return makers.describe(slug, Facts(**facts), now=timezone.now(), **WHY)


def shop() -> None:
    """Two makers that do not ship, each with a model of the same name, and one that ships."""
    publish(
        offer_record("acme/one", provider_slug="acme", slug="acme/one", canonical_slug="acme/one"),
        offer_record("deepseek-ai/r1", provider_slug="deepseek-ai", slug="deepseek-ai/r1"),
    )
    publish(
        offer_record("Acme-Labs/one", provider_slug="Acme-Labs", slug="Acme-Labs/one", canonical_slug="Acme-Labs/one"),
        gateway="openrouter",
    )


def of(snapshot: Snapshot, spelling: str) -> list[str]:
    return [row.id for row in Selection.of(snapshot).having_any("provider", [spelling]).rows]


def models() -> dict[str, str]:
    return dict(Offer.objects.values_list("model_id", "canonical__slug"))


def test_two_makers_that_are_merged_are_one_in_filters_lists_documents_and_identity() -> None:
    shop()
    before = loading.load()
    assert models()["acme/one"] != models()["Acme-Labs/one"]

    describe("acme", name="Acme", site_url="https://acme.example")
    done = merge("acme-labs", into="acme")

    assert (done.action.revision_before, done.action.revision_after, done.offers) == (3, 4, 1)
    document = served()["Acme-Labs/one"]
    assert document["provider_slug"] == "Acme-Labs"  # as the gateway spells it
    assert document["provider_site_url"] == "https://acme.example"
    assert document["model_logo_url"] == "/catalog/logos/acme.svg"
    assert models()["acme/one"] == models()["Acme-Labs/one"]
    snapshot = loading.caught_up(before)
    assert snapshot is not None
    assert of(snapshot, "acme") == of(snapshot, "ACME-labs") == ["Acme-Labs/one", "acme/one"]
    assert sorted(Selection.of(snapshot).counts("provider")) == ["acme", "deepseek-ai"]
    assert of(before, "acme") == ["acme/one"]


def test_restoring_a_merged_maker_serves_what_was_served_before() -> None:
    shop()
    documents, identity = published()[1], models()

    merge("acme-labs", into="acme")
    merge("acme", into="deepseek")
    assert len(set(models().values())) == 2
    restore("acme")
    restore("acme-labs")

    assert (published()[1], models()) == (documents, identity)
    assert loading.load().makers.of("acme-labs") is not None


def test_actions_on_makers_are_undone_one_by_one() -> None:
    shop()
    documents, identity = published()[1], models()
    described = describe("acme-labs", name="Acme", site_url="https://acme.example").action
    merged = merge("acme-labs", into="acme").action

    makers.undo(merged, **WHY, now=timezone.now())
    with pytest.raises(InvalidMaker, match="action 3 has undone it already"):
        makers.undo(merged, **WHY, now=timezone.now())
    makers.undo(described, **WHY, now=timezone.now())

    assert (published()[1], models()) == (documents, identity)


def test_an_alias_that_no_offer_has_yet_is_ready_for_the_next_sync() -> None:
    shop()
    describe("acme", name="Acme")
    merge("acme-inc", into="acme")

    publish(offer_record("acme-inc/two", provider_slug="Acme-Inc"), gateway="featherless")

    assert served()["acme-inc/two"]["model_logo_url"] == "/catalog/logos/acme.svg"
    assert "acme-inc/two" in of(loading.load(), "acme")


def test_name_site_and_logo_of_a_maker_that_ships_can_be_changed_and_taken_back() -> None:
    shop()
    documents = published()[1]

    done = describe("DeepSeek-AI", name="DeepSeek Inc", site_url="", icon="")
    assert done.offers == 1
    assert served()["deepseek-ai/r1"]["provider_site_url"] is None
    assert loading.load().makers.of("deepseek") == loading.load().makers.of("deepseek-ai")
    known = loading.load().makers.of("deepseek")
    assert known is not None
    assert (known.name, known.site_url, known.icon) == ("DeepSeek Inc", None, None)

    describe("deepseek")
    assert published()[1] == documents
    assert loading.load().makers == registry.PROVIDERS


def test_a_change_of_a_logo_alone_is_a_revision_too() -> None:
    shop()
    before = Revision.objects.newest().number

    describe("acme", icon="qwen")

    assert Revision.objects.newest().number == before + 1
    known = loading.load().makers.of("acme")
    assert known is not None
    assert known.icon == "qwen"


def test_a_sync_and_its_links_agree_with_the_statements(fixtures_dir: Any) -> None:
    rows = [chutes_row("acme/one", provider="acme"), chutes_row("acme-labs/two", provider="acme-labs")]
    sync_rows(fixtures_dir, rows)
    merge("acme-labs", into="acme")
    assert links.are_current()
    documents = published()[1]

    report = sync_rows(fixtures_dir, [*rows, chutes_row("acme-labs/three", provider="acme-labs")])

    assert (report.run.new, report.run.changed) == (1, 0)
    assert links.are_current()
    assert {name: published()[1][name] for name in documents} == documents
    assert served()["acme-labs/three"]["model_logo_url"] == "/catalog/logos/acme.svg"
    assert IdentityLink.objects.exists()


def test_pages_and_the_api_find_a_merged_maker_by_either_spelling(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop()
    describe("acme", name="Acme Works")
    merge("acme-labs", into="acme")
    monkeypatch.setattr(following.FOLLOWER, "snapshot", loading.load())

    one, other = (client.get("/catalog/models", {"provider": name}).json() for name in ("acme", "Acme-Labs"))
    assert one["data"] == other["data"]
    assert one["total"] if "total" in one else len(one["data"]) == 2
    listed = {row["slug"]: row for row in client.get("/catalog/providers").json()["data"]}
    assert listed["acme"]["model_count"] == 2
    assert listed["acme"]["aliases"] == ["Acme-Labs"]
    assert "acme-labs" not in {slug.casefold() for slug in listed}
    assert client.get("/makers/Acme-Labs")["Location"] == "/makers/acme"
    assert "Acme Works" in client.get("/", {"provider": "acme-labs"}).content.decode()


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda: merge("acme", into="nowhere"), "there is no maker nowhere"),
        (lambda: merge("acme", into="ACME"), "acme would in the end be merged into itself"),
        (lambda: restore("acme"), "acme is not merged into another maker"),
        (lambda: merge("a,b", into="acme"), "must not have a comma"),
        (lambda: merge(" ", into="acme"), "the spelling of a maker must not be empty"),
        (lambda: describe("nowhere", name="X"), "there is no maker nowhere"),
        (lambda: describe("acme", site_url="javascript:alert(1)"), "the site must be an address"),
        (lambda: describe("acme", site_url="https://a\x00.example"), "the site must be an address"),
        (lambda: describe("acme", icon="../../etc/passwd"), "there is no logo ../../etc/passwd"),
        (lambda: describe("acme", name="a\nb"), "the name must be a single line"),
        (
            lambda: makers.describe("acme", Facts(), reason="", actor=Actor("ada"), now=timezone.now()),
            "a reason is required",
        ),
    ],
)
def test_a_statement_that_cannot_be_applied_is_refused_and_nothing_is_written(act: Any, reason: str) -> None:
    shop()
    before = stored()

    with pytest.raises(InvalidMaker, match=reason):
        act()

    assert stored() == before


def test_a_chain_of_mergers_never_becomes_a_circle() -> None:
    shop()
    merge("acme", into="acme-labs")
    before = stored()

    with pytest.raises(InvalidMaker, match="would in the end be merged into itself"):
        merge("acme-labs", into="acme")

    assert stored() == before


def test_the_preview_counts_the_offers_whose_maker_changes_and_writes_nothing() -> None:
    shop()
    before = stored()

    found = makers.preview("acme-labs", into="acme")
    assert (found.offers, [each.offer for each in found.examples]) == (1, ["openrouter Acme-Labs/one"])
    assert stored() == before
    assert merge("acme-labs", into="acme").offers == 1
    assert makers.preview("acme-labs", into=None).offers == 1


def test_makers_are_listed_once_with_all_their_spellings() -> None:
    shop()
    merge("acme-labs", into="acme")

    rows = {row.slug: row for row in makers.listed()}

    assert rows["acme"].offers == 2
    assert rows["acme"].merged == ("Acme-Labs",)
    assert rows["acme"].is_curated
    assert (rows["deepseek-ai"].name, rows["deepseek-ai"].is_curated) == ("DeepSeek", False)
    assert Maker.objects.count() == 2
