"""Questions: prices that are served although other sellers' prices of the model contradict them."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from catalog.curation import holds, overrides
from catalog.models import Offer, PriceHold
from catalog.pricing.meters import INPUT_TEXT
from catalog.publication.prices.questions import Kind, Served, contradicted
from catalog.records import OfferRecord
from tests.factories import offer_record, per_token, publish

ATLAS = "acme/atlas"


# --- the rule --------------------------------------------------------------------------------------------------------
def served(*amounts: str | tuple[str, str], meter: str = INPUT_TEXT) -> list[Served]:
    """Prices of one model in US dollars per million tokens, each from its own seller or from the named seller."""
    named = [amount if isinstance(amount, tuple) else (str(at), amount) for at, amount in enumerate(amounts)]
    return [
        Served(offer=at, model=1, seller=("portkey", host), meter=meter, amount=Decimal(amount).scaleb(-6))
        for at, (host, amount) in enumerate(named)
    ]


def doubted(prices: list[Served], factor: int = 8) -> list[tuple[int, Kind]]:
    return [(doubt.price.offer, doubt.kind) for doubt in contradicted(prices, factor=factor)]


@pytest.mark.parametrize(
    ("amounts", "found"),
    [
        (("8", "1", "1"), [(0, Kind.FAR_FROM_OTHERS)]),
        (("7.99", "1", "1"), []),
        (("0.125", "1", "1"), [(0, Kind.FAR_FROM_OTHERS)]),
        (("0.126", "1", "1"), []),
        # If two others differ, either may be wrong: the price must be far from both.
        (("8", "1", "1.01"), []),
        (("8", "1", "0.9"), [(0, Kind.FAR_FROM_OTHERS)]),
        # One seller is not enough, even with several offers.
        (("80", "1"), []),
        (("80", ("one", "1"), ("one", "1.1")), []),
        ((("one", "80"), ("one", "1"), ("two", "1")), []),
        # Of one seller's several offers, the one nearest to the price counts.
        (("80", ("one", "1"), ("one", "70"), ("two", "75")), [(1, Kind.FAR_FROM_OTHERS)]),
        # The median of many counts; if they split into halves, all of them are questions.
        (("80", "1", "1", "1", "70"), [(0, Kind.FAR_FROM_OTHERS), (4, Kind.FAR_FROM_OTHERS)]),
        (("80", "1", "1", "70"), [(at, Kind.FAR_FROM_OTHERS) for at in range(4)]),
        (("0", "1", "1"), [(0, Kind.FIRST_ZERO)]),
        (("0", "0", "1"), []),
    ],
)
def test_a_price_is_a_question_where_two_other_sellers_are_far_from_it(
    amounts: tuple[Any, ...], found: list[tuple[int, Kind]]
) -> None:
    assert doubted(served(*amounts)) == found


def test_another_meter_or_another_model_is_no_measure() -> None:
    one, two, three = served("80", "1", "1")
    other_model = Served(offer=3, model=2, seller=("portkey", "x"), meter=INPUT_TEXT, amount=Decimal(1))

    assert doubted([one, two, *served("1", meter="output.text"), other_model]) == []
    assert doubted([one, two, three], factor=81) == []


# --- from the tables -------------------------------------------------------------------------------------------------
def atlas(offer_id: str = ATLAS, *, prompt: str, completion: str = "2", **fields: Any) -> OfferRecord:
    """An offer of the model, with prices in US dollars per million tokens."""
    prices = per_token(prompt=f"{prompt}E-6", completion=f"{completion}E-6")
    return offer_record(offer_id, hugging_face_id=ATLAS, provider_slug="acme", prices=prices, **fields)


def asked() -> list[tuple[str, str, str, str]]:
    return [
        (question.kind.value, question.offer.gateway.slug, question.offer.model_id, question.meter)
        for question in holds.open_questions()
    ]


@pytest.fixture
def others(db: None) -> None:
    publish(atlas(prompt="1"), gateway="openrouter")
    publish(atlas(prompt="1.1"), gateway="featherless")


FAR = [("far_from_others", "chutes", ATLAS, "input.text")]


def test_a_price_is_a_question_also_when_the_others_came_later(db: None) -> None:
    publish(atlas(prompt="9"))
    assert asked() == []
    publish(atlas(prompt="1"), gateway="openrouter")
    assert asked() == []

    publish(atlas(prompt="1.1"), gateway="featherless")

    [question] = holds.open_questions()
    assert asked() == FAR
    assert (question.amount, question.amount_shown) == (
        Decimal("0.000009"),
        "9 US dollars per million tokens (input.text)",
    )
    assert question.reason == (
        "9 US dollars per million tokens (input.text) is 8 times or more what others ask for this model: "
        "1.1 US dollars per million tokens (input.text)"
    )
    assert question.offer.canonical is not None
    assert question.offer.canonical.slug == ATLAS


def test_nothing_is_held_or_stored_for_a_question_and_it_ends_with_its_reason(others: None) -> None:
    publish(atlas(prompt="9"))
    assert (asked(), PriceHold.objects.count()) == (FAR, 0)

    publish(atlas(prompt="2"))

    assert asked() == []


def test_an_offer_that_is_withdrawn_asks_nothing_and_is_no_measure(others: None) -> None:
    publish(atlas(prompt="9"))

    publish(gateway="featherless")

    assert asked() == []


@pytest.mark.parametrize(
    ("offer_id", "prompt", "completion"),
    [("acme/atlas:free", "0", "0"), ("acme/atlas:free", "9", "2"), ("acme/atlas-fast", "9", "20")],
)
def test_variants_that_are_sold_otherwise_are_not_compared(
    others: None, offer_id: str, prompt: str, completion: str
) -> None:
    publish(atlas(offer_id, prompt=prompt, completion=completion))
    Offer.objects.filter(model_id="acme/atlas-fast").update(variant="fast-fp8")

    assert asked() == []


def test_a_batch_offer_is_not_compared(others: None) -> None:
    publish(atlas(prompt="9"))
    for variant, found in (("batch", []), ("fp8", FAR), ("", FAR)):
        Offer.objects.filter(gateway__slug="chutes").update(variant=variant)
        assert asked() == found


def test_a_zero_from_the_start_is_a_question_where_others_ask_something(others: None) -> None:
    publish(atlas(prompt="0", completion="0"))

    assert asked() == [
        ("first_zero", "chutes", ATLAS, "input.text"),
        ("first_zero", "chutes", ATLAS, "output.text"),
    ]
    assert "it is served as free, and others ask 1 US dollars per million tokens" in holds.open_questions()[0].reason


def test_a_zero_that_came_after_a_price_was_believed_by_somebody_already(others: None) -> None:
    publish(atlas(prompt="1", completion="1"))

    publish(atlas(prompt="0", completion="0"))

    assert asked() == []


def test_what_a_curator_set_or_released_is_answered(others: None) -> None:
    publish(atlas(prompt="9"))
    offer = Offer.objects.get(gateway__slug="chutes")
    PriceHold.objects.create(
        offer=offer,
        meter=INPUT_TEXT,
        amount="0.000009",
        first_amount="0.000009",
        reason="it moved",
        made_at=timezone.now(),
        reported_since=timezone.now(),
        state=PriceHold.State.RELEASED,
    )
    assert asked() == []
    PriceHold.objects.update(amount="0.000008")
    assert asked() == FAR

    overrides.set_override(
        offer,
        field="prompt",
        value={"amount": "10", "unit": "usd_per_million_tokens"},
        reason="they told me",
        author=None,
        is_confirmed=True,
        now=timezone.now(),
    )

    assert asked() == []


def test_the_factor_is_a_setting(others: None, settings: Settings) -> None:
    publish(atlas(prompt="9"))
    settings.GUARD_QUESTION_FACTOR = 10

    assert asked() == []


def test_the_number_of_queries_does_not_grow_with_the_offers(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        names = {"hugging_face_id": f"acme/model-{number}", "provider_slug": "acme"}
        for gateway, prompt in (("openrouter", "1E-6"), ("featherless", "1E-6"), ("chutes", "9E-6"), ("portkey", "0")):
            prices = per_token(prompt=prompt, completion="0" if prompt == "0" else "2E-6")
            publish(offer_record(f"acme/model-{number}", prices=prices, **names), gateway=gateway, is_complete=False)

    # The served prices, the releases, the prices before a zero, and the offers.
    with django_assert_num_queries(6):
        found = holds.open_questions()

    assert len(found) == 12 * 3


# --- where they are shown --------------------------------------------------------------------------------------------
def manage(*arguments: str) -> str:
    printed = StringIO()
    call_command("holds", *arguments, stdout=printed)
    return printed.getvalue()


def test_the_command_lists_them(others: None) -> None:
    assert manage("--questions") == "There are no questions.\n"

    publish(atlas(prompt="9"))

    [line] = manage("--questions").splitlines()
    assert line.startswith("far_from_others chutes acme/atlas input.text: 9 US dollars per million tokens")
    assert manage() == "Nothing is held.\n"
    with pytest.raises(CommandError, match="only lists"):
        manage("release", "price:1", "--questions")


def test_the_desk_lists_them_for_those_who_may_see_it(client: Client, others: None) -> None:
    publish(atlas(prompt="9"))
    bob = User.objects.create_user("bob", is_staff=True)
    client.force_login(bob)
    address = reverse("desk:questions")
    assert client.get(address).status_code == 403
    bob.user_permissions.add(Permission.objects.get(codename="desk_see"))

    page = client.get(address).content.decode()

    offer = Offer.objects.get(gateway__slug="chutes")
    assert "<h1>1 question about a price</h1>" in page
    assert offer.model_id in page
    assert "9 US dollars per million tokens (input.text) is 8 times or more" in page


def test_the_desk_asks_a_stranger_to_log_in_and_shows_a_page_without_questions(client: Client, db: None) -> None:
    address = reverse("desk:questions")
    assert client.get(address).status_code == 302
    client.force_login(User.objects.create_superuser("ada"))

    assert b"Nothing waits here." in client.get(address).content
