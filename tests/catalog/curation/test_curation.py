"""A curator's value overrides the one that gateways report, until it is cleared."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.curation import overrides, wishes
from catalog.curation.overrides import InvalidOverride, NeedsConfirmation
from catalog.models import Gateway, Offer, Override, Revision
from tests.catalog.syncing import published, served, stored, sync_rows
from tests.factories import chutes_row, hourly, offer_record, per_token, publish

Json = Any

pytestmark = pytest.mark.django_db


def say(field: str, value: Json, *, model_id: str = "a/1", reason: str = "measured", confirmed: bool = True) -> int:
    return overrides.set_override(
        Offer.objects.get(model_id=model_id),
        field=field,
        value=value,
        reason=reason,
        author=None,
        is_confirmed=confirmed,
        now=timezone.now(),
    )


def clear(field: str, *, model_id: str = "a/1") -> int:
    offer = Offer.objects.get(model_id=model_id)
    return overrides.clear_override(offer, field=field, author=None, now=timezone.now())


def tags(*, add: Json = (), remove: Json = ()) -> Json:
    return {"add": add, "remove": remove}


def per_hour(amount: object) -> Json:
    return {"amount": amount, "unit": "usd_per_hour"}


# --- which values can be set -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (tags(add=["New"]), ["hot", "Popular", "new"]),
        (tags(remove=["POPULAR"]), ["hot"]),
        (tags(add=["new", "New", " new "], remove=["hot"]), ["Popular", "new"]),
        (tags(add=["hot"]), ["hot", "Popular"]),
        (tags(remove=["hot", "popular"]), []),
    ],
)
def test_tags_are_added_and_removed_in_any_case(value: Json, shown: list[str]) -> None:
    publish(offer_record("a/1", tags=("hot", "Popular")))

    say("tags", value)

    assert served()["a/1"]["tags"] == shown


@pytest.mark.parametrize(
    ("field", "unit", "amount", "shown"),
    [
        ("hourly_rate", "usd_per_hour", "3.20", {"hourly_rate": "3.2"}),
        ("hourly_rate", "usd_per_hour", "2.5e1", {"hourly_rate": "25.0"}),
        ("prompt", "usd_per_token", "0.00000025", {"prompt": "0.00000025"}),
        ("prompt", "usd_per_million_tokens", "0.25", {"prompt": "0.00000025"}),
        ("completion", "usd_per_token", " 1e-6 ", {"completion": "0.000001"}),
        ("completion", "usd_per_million_tokens", "1", {"completion": "0.000001"}),
    ],
)
def test_a_price_is_entered_in_a_unit_that_is_named(field: str, unit: str, amount: str, shown: dict[str, str]) -> None:
    publish(offer_record("a/1", prices=(hourly("2.5"), *per_token(prompt="0.001", completion="0.002"))))

    say(field, {"amount": amount, "unit": unit})

    assert served()["a/1"]["pricing"] == {"prompt": "0.001", "completion": "0.002", "hourly_rate": "2.5"} | shown


def test_fields_are_curated_side_by_side() -> None:
    publish(offer_record("a/1", tags=("hot",)), offer_record("a/2", tags=("hot",)))
    untouched = served()["a/2"]

    say("tags", tags(remove=["hot"]))
    say("hourly_rate", per_hour("3"))
    say("hourly_rate", per_hour("4"))

    assert (served()["a/1"]["tags"], served()["a/1"]["pricing"]["hourly_rate"]) == ([], "4.0")
    assert served()["a/2"] == untouched
    assert Override.objects.count() == 2


def test_a_zero_of_a_curator_means_free() -> None:
    publish(offer_record("a/1", prices=(), zero_is_free=False), offer_record("a/2", is_dynamic=True, prices=()))
    assert served()["a/1"]["price_status"] == "unknown"

    for model_id in ("a/1", "a/2"):
        say("prompt", {"amount": "0", "unit": "usd_per_token"}, model_id=model_id)

    assert {row["price_status"] for row in served().values()} == {"free"}
    assert {row["pricing"]["prompt"] for row in served().values()} == {"0"}


def test_the_author_and_the_reason_of_an_override_are_kept() -> None:
    publish(offer_record("a/1"))
    author = User.objects.create_user("ada")
    now = timezone.now()

    number = overrides.set_override(
        Offer.objects.get(),
        field="hourly_rate",
        value=per_hour(" 3.00 "),
        reason=" by their invoice\n",
        author=author,
        is_confirmed=False,
        now=now,
    )

    override = Override.objects.get()
    assert (override.author, override.reason, override.made_at) == (author, "by their invoice", now)
    assert override.value == per_hour("3.00")
    revision = Revision.objects.get(number=number)
    assert (revision.author, revision.gateway, revision.changed) == (author, Gateway.objects.get(), 1)


# --- how long an override lasts --------------------------------------------------------------------------------------


def test_an_override_outlives_every_listing_until_it_is_cleared(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2.50", tags=["hot"])])
    say("hourly_rate", per_hour("3"))
    say("tags", tags(add=["fast"]))

    sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2.75", tags=["new"], name="renamed")])

    row = served()["a/1"]
    assert (row["pricing"]["hourly_rate"], row["tags"], row["name"]) == ("3.0", ["new", "fast"], "renamed")

    clear("hourly_rate")
    clear("tags")

    row = served()["a/1"]
    assert (row["pricing"]["hourly_rate"], row["tags"]) == ("2.75", ["new"])


def test_a_withdrawn_offer_returns_with_the_overrides_set_meanwhile(fixtures_dir: Path) -> None:
    others = [chutes_row("a/2"), chutes_row("a/3"), chutes_row("a/4")]
    sync_rows(fixtures_dir, [chutes_row("a/1"), *others])
    sync_rows(fixtures_dir, others)

    say("hourly_rate", per_hour("3"))

    assert served()["a/1"]["withdrawn_at"]
    assert Revision.objects.newest().withdrawn == 0
    sync_rows(fixtures_dir, [chutes_row("a/1"), *others])
    assert served()["a/1"]["withdrawn_at"] is None
    assert served()["a/1"]["pricing"]["hourly_rate"] == "3.0"


def test_a_change_under_an_override_is_no_news(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2")])
    say("hourly_rate", per_hour("3"))
    before = published()

    report = sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2.2")])

    assert (report.run.outcome, report.run.unchanged) == ("unchanged", 1)
    assert published() == before


def test_the_revision_grows_by_one_with_each_edit_that_changes_something() -> None:
    publish(offer_record("a/1", prices=(hourly("2.5"),)))

    numbers = [
        say("hourly_rate", per_hour("2.50")),
        say("hourly_rate", per_hour("3")),
        say("hourly_rate", per_hour("3.0")),
        say("tags", tags(remove=["never there"])),
        say("tags", tags(add=["hot"])),
        clear("prompt"),
        clear("tags"),
        clear("tags"),
        clear("hourly_rate"),
    ]

    assert numbers == [1, 2, 2, 2, 3, 3, 4, 4, 5]
    assert Revision.objects.newest().number == 5
    assert not Override.objects.exists()


# --- what is asked twice ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "doubt"),
    [
        ("2", "19.99", None),
        ("2", "20", "tenfold or more, from 2 to 20"),
        ("2", "0.2", "tenfold or more, from 2 to 0.2"),
        ("2", "0.21", None),
        ("2", "0", "from paid to zero, from 2 to 0"),
        ("0", "2", "from free to paid, from 0 to 2"),
        ("0", "0", None),
        ("2", "2.0", None),
        (None, "0", None),
        (None, "1000", None),
        ("0.00000000001", "0.0000000001", "tenfold"),
    ],
)
def test_a_change_of_tenfold_or_between_free_and_paid_is_in_doubt(
    before: str | None, after: str, doubt: str | None
) -> None:
    found = wishes.doubt_of_change(None if before is None else Decimal(before), Decimal(after))

    assert found is None if doubt is None else doubt in (found or "")
    assert "E" not in (found or "")


@given(before=st.decimals("1e-20", "1e9", places=20), after=st.decimals("1e-20", "1e9", places=20))
@example(before=Decimal(1), after=Decimal("10"))
@example(before=Decimal(1), after=Decimal("9.99999999999999999999"))
def test_doubt_does_not_depend_on_the_direction(before: Decimal, after: Decimal) -> None:
    there, back = wishes.doubt_of_change(before, after), wishes.doubt_of_change(after, before)

    assert (there is None) == (back is None) == (max(before, after) < 10 * min(before, after))


def test_what_is_in_doubt_is_done_only_when_it_is_confirmed() -> None:
    publish(offer_record("a/1", prices=(hourly("2"),)))
    before = stored()

    with pytest.raises(NeedsConfirmation, match=r"tenfold .* US dollars per hour"):
        say("hourly_rate", per_hour("20"), confirmed=False)

    assert stored() == before
    assert say("hourly_rate", per_hour("20"), confirmed=True) == 2


@pytest.mark.parametrize(
    ("amount", "doubt"), [("0.000000001", "outside of what anyone charges"), ("1001", "outside of"), ("900", None)]
)
def test_the_first_price_of_a_meter_is_held_against_what_anyone_charges(amount: str, doubt: str | None) -> None:
    publish(offer_record("a/1", prices=(hourly("2"),)))
    value = {"amount": amount, "unit": "usd_per_million_tokens"}

    if doubt is not None:
        with pytest.raises(NeedsConfirmation, match=doubt):
            say("prompt", value, confirmed=False)

    assert say("prompt", value, confirmed=doubt is not None) == 2


def test_a_new_price_is_held_against_the_one_that_is_served_now() -> None:
    publish(offer_record("a/1", prices=(hourly("2"),)))
    say("hourly_rate", per_hour("15"), confirmed=False)

    say("hourly_rate", per_hour("140"), confirmed=False)

    assert served()["a/1"]["pricing"]["hourly_rate"] == "140.0"


# --- which values are refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("hourly_rate", {"amount": "3", "unit": "usd_per_token"}, "compute.hour is priced per hour, not per token"),
        ("hourly_rate", {"amount": "3", "unit": "usd_per_million_tokens"}, "priced per hour, not per token"),
        ("prompt", per_hour("3"), "input.text is priced per token, not per hour"),
        ("completion", per_hour("3"), "output.text is priced per token, not per hour"),
        ("prompt", {"amount": "3", "unit": "usd_per_fortnight"}, "the unit must be one of usd_per_million_tokens"),
        ("prompt", {"amount": "3", "unit": None}, "the unit must be one of"),
        ("hourly_rate", per_hour("-1"), "must not be negative"),
        ("hourly_rate", per_hour("NaN"), "must be a decimal number"),
        ("hourly_rate", per_hour(""), "must be a decimal number"),
        ("hourly_rate", per_hour("three"), "must be a decimal number"),
        ("hourly_rate", per_hour("1e999"), "at most 40 digits"),
        ("hourly_rate", per_hour("9" * 5_000), "must be a decimal number"),
        ("hourly_rate", per_hour(2.5), "must be a decimal number, not float"),
        ("hourly_rate", per_hour(None), "must be a decimal number, not NoneType"),
        ("tags", tags(), "name at least one tag"),
        ("tags", tags(add=["hot"], remove=["HOT"]), "hot cannot be added and removed at once"),
        ("tags", tags(add=[" "]), "must not be empty"),
        ("tags", tags(add=["a\nb"]), "must be a single line"),
        ("tags", tags(add=["x" * 61]), "at most 60"),
        ("tags", tags(add=["a\x00"]), r"U\+0000"),
        ("tags", tags(add=[5]), "must be text"),
        ("tags", "hot", "the value of tags must be add and remove"),
        ("tags", {"add": ["a"]}, "the value of tags must be add and remove"),
        ("tags", {"add": "hot", "remove": []}, "must be lists"),
        ("prompt", None, "the value of prompt must be amount and unit"),
        ("prompt", {"amount": "3"}, "the value of prompt must be amount and unit"),
        ("prompt", {"amount": "3", "unit": ["usd_per_token"]}, "the unit must be one of"),
        ("colour", "red", "colour is not a curated field; those are name, description, model_type, tags"),
    ],
    ids=lambda part: repr(part)[:40],
)
def test_an_invalid_override_is_refused_with_its_reason_and_nothing_is_written(
    field: str, value: Json, reason: str
) -> None:
    publish(offer_record("a/1"))
    before = stored()

    with pytest.raises(InvalidOverride, match=reason):
        say(field, value)

    assert stored() == before


@pytest.mark.parametrize("reason", ["", " \n", "a\x00b", "\ud800"], ids=ascii)
def test_an_override_without_a_reason_that_can_be_read_is_refused(reason: str) -> None:
    publish(offer_record("a/1"))
    before = stored()

    with pytest.raises(InvalidOverride, match="a reason is required"):
        say("hourly_rate", per_hour("3"), reason=reason)

    assert stored() == before
