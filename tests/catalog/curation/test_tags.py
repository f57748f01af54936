"""A curator's statement about a tag holds for every offer, until it is restored."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from catalog import records
from catalog.curation import overrides, tags
from catalog.curation.tags import InvalidTag
from catalog.memory import loading
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.models import Offer, Override, Revision
from catalog.publication import audit
from catalog.publication import stored as states
from catalog.publication.audit import Actor
from catalog.publication.renaming import Renamed
from catalog.publication.states import rendered
from tests.catalog.syncing import published, served, stored
from tests.factories import offer_record, publish

Json = Any

pytestmark = pytest.mark.django_db

WHY: Json = {"reason": "one spelling", "actor": Actor("ada", None)}


def merge(name: str, into: str) -> Renamed:
    return tags.merge(name, into=into, now=timezone.now(), **WHY)


def rename(name: str, to: str) -> Renamed:
    return tags.rename(name, to=to, now=timezone.now(), **WHY)


def restore(name: str) -> Renamed:
    return tags.restore(name, now=timezone.now(), **WHY)


def override(model_id: str, *, add: Json = (), remove: Json = ()) -> None:
    overrides.set_override(
        Offer.objects.get(model_id=model_id),
        field="tags",
        value={"add": list(add), "remove": list(remove)},
        is_confirmed=True,
        now=timezone.now(),
        reason="one spelling",
        author=None,
    )


def tags_of(model_id: str) -> list[str]:
    found: list[str] = served()[model_id]["tags"]
    return found


def found(snapshot: Snapshot, *wanted: str) -> list[str]:
    return [row.id for row in Selection.of(snapshot).having_all("tags", wanted).rows]


def test_a_merged_tag_is_served_as_the_other_one_everywhere_in_one_revision() -> None:
    publish(
        offer_record("a/1", tags=("hot", "Multi-Modal")),
        offer_record("a/2", tags=("multi-modal", "multimodal")),
        offer_record("a/3", tags=("hot",)),
    )

    done = merge("MULTI-MODAL", into="multimodal")

    assert (done.action.revision_before, done.action.revision_after, done.offers) == (1, 2, 2)
    assert [tags_of(f"a/{number}") for number in (1, 2, 3)] == [["hot", "multimodal"], ["multimodal"], ["hot"]]
    assert Revision.objects.newest().is_curated


def test_an_offer_that_comes_later_with_the_old_tag_gets_the_new_one() -> None:
    publish(offer_record("a/1", tags=("old",)))
    rename("old", "new")

    publish(offer_record("a/1", tags=("OLD", "hot")), offer_record("a/2", tags=("old",)))

    assert (tags_of("a/1"), tags_of("a/2")) == (["new", "hot"], ["new"])


def test_overrides_that_add_or_remove_the_old_tag_mean_the_new_one() -> None:
    publish(offer_record("a/1"), offer_record("a/2", tags=("old", "hot")))
    override("a/1", add=["old"])
    override("a/2", remove=["old"])

    rename("old", "new")
    assert (tags_of("a/1"), tags_of("a/2")) == (["new"], ["hot"])

    override("a/2", remove=["new"])
    assert tags_of("a/2") == ["hot"]
    assert Override.objects.get(offer__model_id="a/1").value == {"add": ["old"], "remove": []}  # as it was entered


def test_the_old_tag_still_finds_its_offers_in_the_next_snapshot_too() -> None:
    publish(offer_record("a/1", tags=("old", "hot")), offer_record("a/2", tags=("hot",)))
    before = loading.load()
    rename("old", "middle")
    rename("middle", "new")

    followed = loading.caught_up(before)

    assert followed is not None
    for snapshot in (followed, loading.load()):
        assert found(snapshot, "old") == found(snapshot, "middle") == found(snapshot, "new", "hot") == ["a/1"]
        assert Selection.of(snapshot).counts("tags") == {"hot": 2, "new": 1}
    assert found(before, "old") == ["a/1"]
    assert not found(before, "new")


def test_restoring_serves_byte_for_byte_what_was_served_before() -> None:
    publish(offer_record("a/1", tags=("Old", "OLD ", "new")), offer_record("a/2", tags=("old",)))
    _, before = published()

    merge("old", into="new")
    assert published()[1] != before
    restore("old")

    assert published()[1] == before
    assert Revision.objects.newest().number == 3


def test_a_chain_of_mergers_never_becomes_a_circle() -> None:
    publish(offer_record("a/1", tags=("a", "b", "c", "d")))
    merge("a", into="b")
    merge("b", into="c")
    before = stored()

    with pytest.raises(InvalidTag, match="c cannot be merged into a, which is served as c: restore a first"):
        merge("c", into="a")
    with pytest.raises(InvalidTag, match="the tag a is served as c: merge into that one"):
        merge("d", into="a")
    assert stored() == before


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda: merge("cold", into="hot"), "no offer has the tag cold"),
        (lambda: merge("hot", into="cold"), "no offer has the tag cold; to give hot a new name, rename it"),
        (lambda: rename("hot", "new"), "there is a tag new already; to serve it in place of hot, merge them"),
        (lambda: merge("hot", into="hot"), "hot cannot be merged into hot"),
        (lambda: restore("hot"), "the tag hot is served under its own name already"),
        (lambda: rename("hot", "a,b"), "must not have a comma"),
        (lambda: rename("hot", "x" * 61), "the name of a tag has 61 characters; at most 60"),
        (lambda: rename("hot", "a\x00b"), "the name of a tag"),
        (lambda: rename("hot", " "), "must not be empty"),
        (
            lambda: tags.merge("hot", into="new", reason=" ", actor=Actor("ada"), now=timezone.now()),
            "a reason is required",
        ),
        (
            lambda: tags.describe("hot", description="a\nb", now=timezone.now(), **WHY),
            "the description must be a single line",
        ),
    ],
)
def test_a_statement_that_cannot_be_applied_is_refused_and_nothing_is_written(act: Any, reason: str) -> None:
    publish(offer_record("a/1", tags=("hot", "new")))
    before = stored()

    with pytest.raises(InvalidTag, match=reason):
        act()

    assert stored() == before


def test_an_action_on_a_tag_is_undone_once_and_not_over_a_later_one() -> None:
    publish(offer_record("a/1", tags=("old", "hot", "new")))
    _, before = published()
    merged = merge("old", into="new").action
    described = tags.describe("new", description="Listed this week", now=timezone.now(), **WHY).action
    again = merge("old", into="hot").action
    assert [(item.subject, item.field, item.before, item.after) for item in again.items.all()] == [
        ("old", "merged_into", "new", "hot")
    ]

    with pytest.raises(InvalidTag, match="the merged into of old was changed since; nothing is undone"):
        tags.undo(merged, now=timezone.now(), **WHY)
    tags.undo(again, now=timezone.now(), **WHY)
    tags.undo(merged, now=timezone.now(), **WHY)
    tags.undo(described, now=timezone.now(), **WHY)

    assert published()[1] == before
    assert not any(row.description or row.merged_into for row in tags.listed())
    with pytest.raises(InvalidTag, match="action 5 has undone it already"):
        tags.undo(merged, now=timezone.now(), **WHY)
    assert audit.verify().broken is None


def test_the_preview_counts_the_offers_that_will_be_served_differently() -> None:
    publish(offer_record("a/1", tags=("old",)), offer_record("a/2", tags=("old", "new")), offer_record("a/3"))
    override("a/1", remove=["old"])

    expected = tags.preview("old", into="new")

    [example] = expected.examples
    assert (example.offer, example.before, example.after) == ("chutes a/2", "old, new", "new")
    assert expected.offers == 1  # a/1 is served without the tag in any case
    assert merge("old", into="new").offers == expected.offers
    assert tags.preview("old", into=None).offers == expected.offers


def test_tags_are_listed_with_counts_descriptions_and_mergers() -> None:
    publish(offer_record("a/1", tags=("old", "hot")), offer_record("a/2", tags=("Hot", "new")))
    merge("old", into="new")
    tags.describe("new", description="Listed within a week", now=timezone.now(), **WHY)

    rows = {row.name: row for row in tags.listed()}

    assert {name: row.offers for name, row in rows.items()} == {"hot": 2, "new": 2, "old": 0}
    assert (rows["new"].description, rows["new"].merged) == ("Listed within a week", ("old",))
    assert rows["old"].merged_into == "new"


# --- misspelled names ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mutlimodal", "multimodal"),
        ("Multi-Modal", "multimodal"),
        ("multimodel", "multimodal"),
        ("code", "coder"),
        ("7b", None),
        ("v3", None),
        ("cat", None),
        ("multimodal", None),
        ("vision", None),
    ],
)
def test_a_new_name_that_looks_like_a_tag_in_use_is_asked_about(typed: str, meant: str | None) -> None:
    publish(offer_record("a/1", tags=("multimodal", "8b", "v2", "car", "coder")))

    assert tags.lookalikes([typed]) == ({typed: meant} if meant else {})


def test_pairs_that_look_alike_are_listed_until_both_are_described() -> None:
    publish(
        offer_record("a/1", tags=("multimodal", "chat")),
        offer_record("a/2", tags=("multimodal", "multi-modal", "13b")),
        offer_record("a/3", tags=("14b",)),
    )
    assert tags.lookalike_pairs() == [("multi-modal", "multimodal")]

    for name in ("multi-modal", "multimodal"):
        tags.describe(name, description=f"What {name} means", now=timezone.now(), **WHY)

    assert tags.lookalike_pairs() == []


# --- any sequence ----------------------------------------------------------------------------------------------------
NAMES = ("a", "b", "c", "d")
OFFERS = ("x/1", "x/2")
_tags = st.lists(st.sampled_from([*NAMES, "A", "B"]), max_size=3)
_step = st.one_of(
    st.tuples(st.just("sync"), st.sampled_from(OFFERS), _tags),
    st.tuples(st.just("merge"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("restore"), st.sampled_from(NAMES), st.none()),
    st.tuples(st.just("override"), st.sampled_from(OFFERS), st.tuples(_tags, _tags)),
)


def expected(reported: list[str], entered: Json, onward: dict[str, str]) -> list[str]:
    """What is served, written in another way than the product does it."""

    def now(tag: str) -> str:
        name = tag.lower()
        while name in onward:
            name = onward[name]
        return name if tag.lower() in onward else tag

    def renamed(names: list[str]) -> list[str]:
        if not any(name.lower() in onward for name in names):
            return list(names)
        kept: list[str] = []
        for name in map(now, names):
            if name.lower() not in [other.lower() for other in kept]:
                kept.append(name)
        return kept

    tags = renamed(reported)
    if entered:
        removed = renamed(entered["remove"])
        tags = list(dict.fromkeys([tag for tag in tags if tag.lower() not in removed] + renamed(entered["add"])))
    return tags


@given(steps=st.lists(_step, max_size=8))
def test_any_sequence_serves_what_is_reported_with_all_statements_and_leaves_no_trace(steps: Any) -> None:
    with transaction.atomic():
        _follow(steps)
        transaction.set_rollback(True)


def _follow(steps: Any) -> None:
    reported = {name: ["a", "B", "c", "d"] for name in OFFERS}
    onward: dict[str, str] = {}

    def sync() -> None:
        publish(*(offer_record(name, tags=tuple(each)) for name, each in reported.items()))

    def check() -> None:
        entered = dict(Override.objects.values_list("offer__model_id", "value"))
        for name in OFFERS:
            assert tags_of(name) == expected(reported[name], entered.get(name), onward)
        offers = Offer.objects.select_related("gateway")
        again = [rendered(state, records.load(state.offer.upstream)) for state in states.states(offers)]
        assert not any(each.is_news for each in again)  # a rebuild would change nothing

    sync()
    for kind, subject, value in steps:
        with suppress(InvalidTag, overrides.InvalidOverride):
            if kind == "sync":
                reported[subject] = list(dict.fromkeys(value))
                sync()
            elif kind == "merge":
                merge(subject, into=value)
                onward[subject] = value
            elif kind == "restore":
                restore(subject)
                del onward[subject]
            else:
                override(subject, add=value[0], remove=value[1])
        check()
    for name in list(onward):
        restore(name)
        del onward[name]
    check()
