"""Of what kind a change is, and that the document after it can be made of the one before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.documents import rendering
from catalog.documents.differences import UNREPORTED, difference
from catalog.records import ModelType, OfferRecord, PriceRecord
from tests.factories import held_price, hourly, offer_facts, offer_record, per_token

Json = Any

GONE: dict[str, Any] = {"withdrawn_at": datetime(2026, 11, 23, tzinfo=UTC)}
LONG = "A model of many words and of few faults."
RECORD = offer_record(description=LONG)


def document(record: OfferRecord = RECORD, **facts: Any) -> Json:
    shown: Json = orjson.loads(rendering.render(record, offer_facts(**facts)))
    return shown


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (None, document(), ["added"]),
        (document(), document(**GONE), ["removed"]),
        (document(**GONE), document(), ["returned"]),
        (document(**GONE), document(replace(RECORD, prices=(hourly("3"),))), ["returned", "repriced"]),
        (document(), document(replace(RECORD, prices=(hourly("3"),))), ["repriced"]),
        (document(), document(replace(RECORD, prices=())), ["repriced"]),
        (document(), document(replace(RECORD, name="Other")), ["described"]),
        (document(), document(replace(RECORD, description="Other.")), ["described"]),
        (document(), document(replace(RECORD, tags=("hot",))), ["changed"]),
        (document(), document(holds=(held_price(),)), ["changed"]),
        (document(), document(replace(RECORD, tags=("hot",), name="Other")), ["described", "changed"]),
        # A description that was cut short is the same one.
        (document(), document(replace(RECORD, description="A model of many words...")), ["changed"]),
        # Our own sentence in the description contains the price.
        (document(offer_record()), document(offer_record(prices=(hourly("3"),))), ["repriced"]),
        (document(offer_record()), document(RECORD), ["described"]),
    ],
)
def test_a_change_is_of_the_kinds_that_its_fields_say(before: Json, after: Json, kinds: list[str]) -> None:
    assert list(difference(before, after).kinds) == kinds


def test_price_changes_are_reported_by_meter_and_condition() -> None:
    big = PriceRecord(meter="input.text", amount=Decimal("2E-6"), conditions=(("prompt_tokens", ">=", 200001),))
    before = document(offer_record(prices=(*per_token(prompt="1E-6", completion="3E-6"), big)))
    after = document(
        offer_record(prices=(*per_token(prompt="1E-6"), replace(big, amount=Decimal("4E-6")), hourly("2")))
    )

    changes = [(price.meter, price.conditions, price.before, price.after) for price in difference(before, after).prices]

    assert changes == [
        ("compute.hour", (), None, "2.0"),
        ("input.text", big.conditions, "0.000002", "0.000004"),
        ("output.text", (), "0.000003", None),
    ]


def records() -> st.SearchStrategy[OfferRecord]:
    amounts = st.sampled_from(["0", "1E-7", "0.0000025"])
    return st.builds(
        offer_record,
        st.just("maker/model"),
        name=st.sampled_from(["One", "Two"]),
        description=st.none() | st.sampled_from([LONG, "A model of...", "…"]),
        model_type=st.sampled_from([ModelType.LLM, ModelType.OTHER]),
        tags=st.lists(st.sampled_from(["a", "b"]), unique=True).map(tuple),
        prices=st.one_of(
            st.just(()), amounts.map(lambda amount: per_token(prompt=amount)), amounts.map(lambda a: (hourly(a),))
        ),
        is_dynamic=st.booleans(),
        default_parameters=st.none() | st.dictionaries(st.sampled_from(["a.b", "a"]), st.none() | st.integers(0, 9)),
        context_length=st.none() | st.integers(1, 3),
    )


def test_a_returned_offer_comes_with_its_whole_document() -> None:
    gone, back = document(**GONE), document(replace(RECORD, tags=("hot",)))

    found = difference(gone, back)

    assert found.after == {field: value for field, value in back.items() if field not in UNREPORTED}
    assert found.before == {"tags": [], "withdrawn_at": gone["withdrawn_at"]}


@given(
    before=st.none() | records(),
    after=records(),
    is_withdrawn=st.booleans(),
    was_withdrawn=st.booleans(),
)
def test_what_changed_laid_over_the_document_before_is_the_document_after(
    before: OfferRecord | None, after: OfferRecord, is_withdrawn: bool, was_withdrawn: bool
) -> None:
    old = document(before, **(GONE if was_withdrawn else {})) if before else None
    new = document(after, **(GONE if is_withdrawn and before else {}))

    found = difference(old, new)

    assert {**(old or dict.fromkeys(UNREPORTED)), **found.after} == new
    assert found.kinds
    if old is not None:
        assert {**new, **found.before} == old
        assert all(old[field] != new[field] for field in found.before)
        assert found.after.keys() == (found.before.keys() if "returned" not in found.kinds else new.keys() - UNREPORTED)
        assert bool({price.meter for price in found.prices}) <= ("repriced" in found.kinds)
