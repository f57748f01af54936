"""What is served is the last record under what is observed and the standing overrides, whatever happened before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from catalog import records
from catalog.curation import bulk, overrides, sheets, undo
from catalog.curation.bulk import Request
from catalog.curation.overrides import Order
from catalog.curation.sheets import Entry, Line
from catalog.curation.steps import Clear, Scale, Set, Step, Tag, checked_steps
from catalog.curation.wishes import CLEAR, Wish
from catalog.models import CurationAction, Observation, Offer, OfferVersion, Override
from catalog.publication import audit, availability, observed
from catalog.publication.audit import Actor
from catalog.publication.fields import FIELDS, HIDDEN
from catalog.publication.listeners import Statement
from catalog.publication.observed import ObservedState, Overlaid
from catalog.publication.overlay import overlay, with_observed
from catalog.publication.states import OfferState, rendered
from catalog.records import Availability
from catalog.sync import decisions
from tests.catalog.syncing import published, sync_rows
from tests.factories import chutes_row

pytestmark = pytest.mark.django_db

Json = Any
Values = Mapping[tuple[str, str], Json]
"""The standing overrides: value and end by the offer's id and the field."""
IDS = ("a/1", "a/2", "a/3", "a/4")
VALUES: Mapping[str, Sequence[Json]] = {
    "name": ["=1", "Another, name"],
    "tags": [{"add": ["hot"], "remove": ["old"]}, {"add": ["+x"], "remove": []}],
    "hourly_rate": [{"amount": "3", "unit": "usd_per_hour"}, {"amount": "2.50", "unit": "usd_per_hour"}],
    "context_length": [4096],
    "model_type": ["Embeddings"],
    HIDDEN: [True],
}
STEPS: Sequence[Step] = (
    Tag("tags", ("hot",)),
    Tag("tags", ("new",), ("hot", "old")),
    Set("model_type", "VIDEO"),
    Set(HIDDEN, True),
    Scale("hourly_rate", "1.1"),
    *(Clear(field) for field in VALUES),
)


class World:
    """The service, and what it should serve by what was done to it."""

    def __init__(self, data: st.DataObject, folder: Path) -> None:
        self._data, self._folder = data, folder
        self.now = timezone.now()
        self.rows: dict[str, Json] = {}
        """What the gateway reported last of each offer."""
        self.standing: dict[tuple[str, str], Json] = {}
        self.settled: dict[str, Availability] = {}
        """What was observed last of each offer."""
        self.before: dict[int, tuple[Values, Values]] = {}
        """The standing overrides before and after each action."""
        self.sync()

    def _draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self._data.draw(strategy)

    # --- what happens -------------------------------------------------------------------------------------------------
    def sync(self) -> None:
        listed = self._draw(st.sets(st.sampled_from(IDS), min_size=3))
        if not self.rows:
            listed = set(IDS)
        for model_id in sorted(listed):
            self.rows[model_id] = chutes_row(
                model_id,
                name=self._draw(st.sampled_from(["Model", "Renamed"])),
                tags=self._draw(st.sampled_from([[], ["old"], ["Hot"]])),
                pricing_per_hour=self._draw(st.sampled_from(["2", "2.5"])),
            )
        report = sync_rows(self._folder, [self.rows[model_id] for model_id in sorted(listed)])
        assert not report.has_failed
        if report.run.revision_after != report.run.revision_before:
            assert observed.gateways_unserved() == frozenset()

    def rebuild(self) -> None:
        before = published()
        assert not decisions.rebuild("chutes").has_failed
        assert published() == before

    def override(self) -> None:
        field = self._draw(st.sampled_from([*VALUES]))
        value, end = self._draw(st.sampled_from(VALUES[field])), self._end()
        self._order([(self._id(), field, value, end)])

    def clear(self) -> None:
        keys = self._draw(st.sets(st.tuples(st.sampled_from(IDS), st.sampled_from([*VALUES])), min_size=1, max_size=4))
        self._order([(*key, CLEAR, None) for key in sorted(keys)])

    def expire(self) -> None:
        self.now += timedelta(minutes=self._draw(st.integers(1, 90)))
        ended = {key for key, (_, end) in self.standing.items() if end is not None and end <= self.now}
        done = overrides.end_expired(now=self.now)
        after = {key: value for key, value in self.standing.items() if key not in ended}
        self._note(done.action if done else None, after)

    def bulk(self) -> None:
        step = self._draw(st.sampled_from(STEPS))
        chosen = self._draw(st.sets(st.sampled_from(IDS), min_size=1))
        request = Request(offers=[_key(model_id) for model_id in sorted(chosen)], steps=checked_steps([step]))
        served = self.served()
        done = self._carry_out(request)
        for problem in bulk.planned(request, now=self.now).refused:
            assert isinstance(step, Tag | Scale | Set)
            assert problem.subject.split()[1] in chosen
        expected = dict(self.standing)
        for change in done.decision.changes if done else ():
            key = change.offer.model_id, change.wish.field
            assert key[0] in chosen
            assert key[1] == step.field
            expected.pop(key, None)
            if not change.is_cleared:
                expected[key] = change.value, None
        self._note(done.action if done else None, expected)
        if isinstance(step, Tag) and done:
            for change in done.decision.changes:
                tags = {tag.lower() for tag in self.served()[change.offer.model_id].tags}
                others = {tag.lower() for tag in served[change.offer.model_id].tags} - {*step.add, *step.remove}
                assert tags == others | set(step.add)

    def csv(self) -> None:
        entries = [
            Entry(gateway="chutes", id=model_id, field=field, value=value, expires_at=end)
            for (model_id, field), (value, end) in self.standing.items()
        ]
        field = self._draw(st.sampled_from([*VALUES]))
        model_id, value = self._id(), self._draw(st.sampled_from([None, *VALUES[field]]))
        is_changed = self._draw(st.booleans())
        if is_changed:
            entries = [entry for entry in entries if (entry.id, entry.field) != (model_id, field)]
            entries.append(Entry(gateway="chutes", id=model_id, field=field, value=value))
        if not entries:
            return
        sheet = sheets.read("".join(sheets.write(entries)).encode())
        assert sheet.bad == []
        done = self._carry_out(
            Request(offers=[_key(line.id) for line in sheet.lines], wishes=[_wish(line) for line in sheet.lines])
        )
        after = dict(self.standing)
        if is_changed:
            after.pop((model_id, field), None)
            if value is not None:
                after[model_id, field] = FIELDS[field].checked(value), None
        else:
            assert done is None, "an export that is imported again changes nothing"
        self._note(done.action if done else None, after)

    def undo(self) -> None:
        actions = [number for number in self.before if not CurationAction.objects.filter(undoes=number).exists()]
        if not actions:
            return
        action = CurationAction.objects.get(number=self._draw(st.sampled_from(actions)))
        undone = undo.undo(action, actor=Actor("anna"), reason="by mistake", now=self.now)
        was, then = self.before[action.number]
        kept = {(item.subject.split()[1], item.field) for item in undone.kept}
        after = dict(self.standing)
        for key in {*was, *then} - kept:
            if was.get(key) != then.get(key):
                after.pop(key, None)
                if key in was:
                    value, end = was[key]
                    after[key] = value, end if end is None or end > self.now else None
        for key in kept:
            assert any(
                number > action.number and before.get(key) != later.get(key)
                for number, (before, later) in self.before.items()
            )
        self._note(undone.action, after)

    def observe(self) -> None:
        states = self._draw(st.dictionaries(st.sampled_from(IDS), st.sampled_from(Availability), min_size=1))
        observed.observe(
            {("chutes", key): ObservedState(availability=state, since=self.now) for key, state in states.items()}
        )
        self.settled |= states

    def publish_observed(self) -> None:
        before = OfferVersion.objects.count()
        done = availability.publish_observed(at_once={"chutes"})
        assert OfferVersion.objects.count() - before == done.offers
        assert observed.gateways_unserved() == frozenset()

    # --- what must hold -----------------------------------------------------------------------------------------------
    def check(self) -> None:
        stored = {
            (row.offer.model_id, row.field): (row.value, row.expires_at)
            for row in Override.objects.select_related("offer")
        }
        assert stored == self.standing
        seen = {row.offer.model_id: row for row in Observation.objects.select_related("offer")}
        assert {key: row.availability for key, row in seen.items()} == self.settled
        for version in OfferVersion.objects.current().select_related("offer__gateway"):
            offer, upstream = version.offer, records.load(version.offer.upstream)
            row = self.rows[offer.model_id]
            assert (upstream.name, [*upstream.tags]) == (row["name"], row["tags"])
            standing = {field: value for (key, field), (value, _) in self.standing.items() if key == offer.model_id}
            served = Availability(seen[offer.model_id].served) if offer.model_id in seen else None
            made = {row.field: row.made_at for row in Override.objects.filter(offer=offer)}
            state = OfferState(
                offer=offer,
                observed=Overlaid(served, served) if served else None,
                overrides={
                    field: Override(offer=offer, field=field, value=value, made_at=made[field])
                    for field, value in standing.items()
                },
            )
            found = rendered(state, upstream)
            assert found.record == overlay(with_observed(upstream, served), standing)
            assert version.document == found.document

    def served(self) -> Mapping[str, records.OfferRecord]:
        found = {}
        for offer in Offer.objects.all():
            standing = {field: value for (key, field), (value, _) in self.standing.items() if key == offer.model_id}
            found[offer.model_id] = overlay(records.load(offer.upstream), standing)
        return found

    # --- steps --------------------------------------------------------------------------------------------------------
    def _id(self) -> str:
        return str(self._draw(st.sampled_from(IDS)))

    def _end(self) -> datetime | None:
        minutes = self._draw(st.none() | st.integers(1, 60))
        return None if minutes is None else self.now + timedelta(minutes=minutes)

    def _order(self, wanted: Sequence[tuple[str, str, Json, datetime | None]]) -> None:
        wishes = [Wish(offer=_key(key), field=field, value=value, expires_at=end) for key, field, value, end in wanted]
        order = Order(wishes=wishes, actor=Actor("anna"), reason="asked for", is_confirmed=True)
        done = overrides.carry_out(order, now=self.now)
        after = dict(self.standing)
        for key, field, value, end in wanted:
            after.pop((key, field), None)
            if value is not CLEAR:
                after[key, field] = FIELDS[field].checked(value), end
        self._note(done.action, after)

    def _carry_out(self, request: Request) -> overrides.Done | None:
        """Do what a preview has shown. Return None if that is nothing."""
        plan = bulk.planned(request, now=self.now)
        if not plan.wishes:
            return None
        done = bulk.carry_out(
            request, prints=plan.prints, actor=Actor("anna"), reason="asked for", is_confirmed=True, now=self.now
        )
        assert done.action is not None
        assert done.action.revision_after <= done.action.revision_before + 1
        return done

    def _note(self, action: CurationAction | None, after: Values) -> None:
        if action is not None:
            self.before[action.number] = dict(self.standing), dict(after)
        self.standing = dict(after)


def _key(model_id: str) -> int:
    return Offer.objects.get(model_id=model_id).pk


def _wish(line: Line) -> Wish:
    value = CLEAR if line.value is None else line.value
    return Wish(offer=_key(line.id), field=line.field, value=value, expires_at=line.expires_at)


EVENTS: Sequence[Callable[[World], None]] = (
    World.sync,
    World.rebuild,
    World.override,
    World.override,
    World.clear,
    World.expire,
    World.bulk,
    World.bulk,
    World.csv,
    World.undo,
    World.observe,
    World.observe,
    World.publish_observed,
)


@given(data=st.data())
@examples(
    max_examples=examples().max_examples // 4,  # each example is a dozen publications
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_any_sequence_serves_the_last_record_under_the_standing_overrides(
    data: st.DataObject, statements: list[Statement], fixtures_dir: Path
) -> None:
    with transaction.atomic():
        world = World(data, fixtures_dir)
        for event in data.draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=8)):
            event(world)
            world.check()
        assert audit.verify().broken is None
        transaction.set_rollback(True)
