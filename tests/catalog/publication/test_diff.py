from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.publication import diff
from catalog.publication.diff import Stored
from catalog.publication.prices import plausible
from catalog.records import Source
from tests.factories import hourly, offer_record

IDS = st.sampled_from("abcde")
PRINTS = st.sampled_from(["1", "2"])


@given(
    stored=st.dictionaries(IDS, st.builds(Stored, fingerprint=PRINTS, is_withdrawn=st.booleans())),
    listed=st.dictionaries(IDS, PRINTS),
    present=st.frozensets(IDS),
    is_complete=st.booleans(),
)
def test_every_offer_is_in_exactly_one_group(
    stored: dict[str, Stored], listed: dict[str, str], present: frozenset[str], is_complete: bool
) -> None:
    groups = diff.groups(stored, listed, present=present, is_complete=is_complete)

    assert sorted([*groups.new, *groups.differing, *groups.unchanged]) == sorted(listed)
    assert groups.new == listed.keys() - stored.keys()
    assert all((stored[key].fingerprint, stored[key].is_withdrawn) == (listed[key], False) for key in groups.unchanged)
    assert groups.missing.isdisjoint(listed.keys() | present)
    assert not any(stored[key].is_withdrawn for key in groups.missing)
    gone = {key for key in stored if not stored[key].is_withdrawn} - listed.keys() - present
    assert groups.missing == (gone if is_complete else set())


@pytest.mark.parametrize(
    ("record", "source", "recorded_on"),
    [
        (offer_record(name="other"), Source.BUNDLED, date(2026, 1, 1)),
        (offer_record(prices=(hourly("2.6"),)), Source.BUNDLED, date(2026, 1, 1)),
        (offer_record(), Source.API, date(2026, 1, 1)),
        (offer_record(), Source.BUNDLED, date(2026, 1, 2)),
        (offer_record(), Source.BUNDLED, None),
    ],
)
def test_other_content_has_another_fingerprint(record: Any, source: Source, recorded_on: date | None) -> None:
    usual = diff.fingerprint(offer_record(), source=Source.BUNDLED, recorded_on=date(2026, 1, 1))

    assert diff.fingerprint(record, source=source, recorded_on=recorded_on) != usual


def test_new_rules_of_the_guard_give_every_record_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    record = replace(offer_record())
    before = diff.fingerprint(record, source=Source.API, recorded_on=None)

    monkeypatch.setattr(plausible, "RULES", plausible.RULES + 1)

    assert diff.fingerprint(record, source=Source.API, recorded_on=None) != before
