"""Changes, and the values before them."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog import registry
from catalog.api.serializers import fields
from catalog.api.serializers.lists import StampSerializer
from catalog.api.serializers.offers import OfferSerializer
from catalog.documents.differences import Kind


def _conditions() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=3, max_length=3),
        help_text="Under which the price holds; none: the base price.",
    )


def _fields(help_text: str) -> serializers.DictField:
    return serializers.DictField(child=serializers.JSONField(), help_text=help_text)


class PriceChangeSerializer(Serializer[object]):
    pricing_key = fields.text("Its key in `pricing`.")
    meter = fields.text("What it counts.")
    unit = fields.text("What one of it is.")
    conditions = _conditions()
    before = fields.money("US dollars for one unit; null where no price was known.")
    after = fields.money("US dollars for one unit; null where no price is known.")


class ChangeSerializer(Serializer[object]):
    """What one revision changed of one offer."""

    revision = fields.count("The revision that changed it.")
    timestamp = fields.moment("When that was published.")
    gateway = fields.text("The gateway that sells it.")
    id = fields.text("The gateway's id of the offer.")
    kinds = serializers.ListField(
        child=serializers.ChoiceField([kind.value for kind in Kind]),
        min_length=1,
        help_text="`removed` and `returned`: the gateway ceased to list it, and lists it again. `described`: another "
        "name or description. `changed`: anything else. `rendered`: this service shows the same facts in another way.",
    )
    origin = fields.choice("Whose word it follows.", ["gateway", "curator"])
    before = _fields("The fields that changed, as they were; none of an added offer.")
    after = _fields("The same fields as they are now; of an added or returned offer all but `canonical_model`.")
    prices = PriceChangeSerializer(many=True, help_text="The prices that changed.")


class ChangeListSerializer(StampSerializer):
    data = ChangeSerializer(many=True, help_text="In the order in which they were published.")
    returned = fields.count("Changes in `data`.")
    limit = fields.count("Changes asked for.")
    gateway = fields.choice("The gateway asked for.", [*registry.GATEWAYS, "all"])
    has_more = serializers.BooleanField(help_text="Whether `next` has, or may have, something to tell already.")
    next = fields.text("Where to go on, relative to this address; there is always one.")
    complete_since = fields.count("All changes after this revision are kept; 0: all there were.")


class OfferThenSerializer(Serializer[object]):
    gateway = fields.text("The gateway that sells it.")
    offer = OfferSerializer(
        allow_null=True, help_text="The offer as it stood in this revision; its `canonical_model` is the one of today."
    )
    reason = fields.text("Why there is none.", null=True)


class DatedPriceSerializer(Serializer[object]):
    gateway = fields.text("The gateway that asks it.")
    pricing_key = fields.text("Its key in `pricing`.")
    meter = fields.text("What it counts.")
    unit = fields.text("What one of it is.")
    conditions = _conditions()
    amount = fields.money("Of one unit.")
    currency = fields.text("`USD`.")
    valid_from = fields.moment("From when on it held.")
    valid_to = fields.moment("The time from which on it held no more; null: it holds.", null=True)
    origin = fields.choice("Who reported it.", ["gateway", "curator"])
    reported_since = fields.moment(
        "When the gateway first reported the amount, where that was on an earlier day than it was served.", null=True
    )


class HistoryDataSerializer(Serializer[object]):
    id = fields.text("The id asked for.")
    offers = OfferThenSerializer(many=True, help_text="What each gateway offered under this id in this revision.")
    prices = DatedPriceSerializer(many=True, help_text="Those in force first, then the newest first.")
    prices_total = fields.count("Prices before paging.")
    changes = ChangeSerializer(many=True, help_text="The newest first.")
    changes_total = fields.count("Changes before paging.")
    complete_since = fields.count("All changes after this revision are kept; 0: all there were.")


class HistorySerializer(StampSerializer):
    data = HistoryDataSerializer()
    offset = fields.count("Prices and changes skipped.")
    limit = fields.count("Prices and changes asked for, of each.")
    next = fields.text("The next page of both, relative to this address; null on the last.", null=True)
