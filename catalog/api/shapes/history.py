"""Changes, and the values before them."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog import registry
from catalog.api.shapes import fields
from catalog.api.shapes.lists import StampSerializer
from catalog.api.shapes.offers import OfferSerializer
from catalog.documents.differences import Kind


def _conditions() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=3, max_length=3),
        help_text="The conditions under which the price applies; empty for the base price.",
    )


def _fields(help_text: str) -> serializers.DictField:
    return serializers.DictField(child=serializers.JSONField(), help_text=help_text)


class PriceChangeSerializer(Serializer[object]):
    pricing_key = fields.text("Its key in `pricing`.")
    meter = fields.text("What the price counts.")
    unit = fields.text("The unit of the meter.")
    conditions = _conditions()
    before = fields.money("US dollars per unit; null if no price was known.")
    after = fields.money("US dollars per unit; null if no price is known.")


class ChangeSerializer(Serializer[object]):
    """What one revision changed of one offer."""

    revision = fields.count("The revision that changed it.")
    timestamp = fields.moment("When the revision was published.")
    gateway = fields.text("The gateway that sells it.")
    id = fields.text("The gateway's id of the offer.")
    kinds = serializers.ListField(
        child=serializers.ChoiceField([kind.value for kind in Kind]),
        min_length=1,
        help_text="`removed`: the gateway no longer lists it. `returned`: the gateway lists it again. `described`: "
        "another name or description. `availability`: whether it can be called now. `changed`: any other field. "
        "`rendered`: this service shows the same facts in another way.",
    )
    origin = fields.choice("Who caused the change.", ["gateway", "curator"])
    before = _fields("The changed fields before the change; empty for an added offer.")
    after = _fields(
        "The changed fields after the change; for an added or returned offer, all fields but `canonical_model`."
    )
    prices = PriceChangeSerializer(many=True, help_text="The prices that changed.")


class ChangeListSerializer(StampSerializer):
    data = ChangeSerializer(many=True, help_text="The changes in the order of their publication.")
    returned = fields.count("Changes in `data`.")
    limit = fields.count("The requested number of changes.")
    gateway = fields.choice("The requested gateway.", [*registry.GATEWAYS, "all"])
    has_more = serializers.BooleanField(help_text="Whether `next` has, or may have, more changes already.")
    next = fields.text("The address of the next changes, relative to this address; never null.")
    complete_since = fields.count("All changes after this revision are kept; 0 means all changes ever.")


class OfferThenSerializer(Serializer[object]):
    gateway = fields.text("The gateway that sells it.")
    offer = OfferSerializer(
        allow_null=True, help_text="The offer in this revision; its `canonical_model` is the current one."
    )
    reason = fields.text("Why there is no offer.", null=True)


class DatedPriceSerializer(Serializer[object]):
    gateway = fields.text("The gateway that charges it.")
    pricing_key = fields.text("Its key in `pricing`.")
    meter = fields.text("What the price counts.")
    unit = fields.text("The unit of the meter.")
    conditions = _conditions()
    amount = fields.money("The price per unit.")
    currency = fields.text("Always `USD`.")
    valid_from = fields.moment("The time from which the price applies.")
    valid_to = fields.moment("The time from which the price no longer applies; null if it applies now.", null=True)
    origin = fields.choice("Who set the price.", ["gateway", "curator"])
    reported_since = fields.moment(
        "When the gateway first reported the amount, if that was on an earlier day than `valid_from`.", null=True
    )


class HistoryDataSerializer(Serializer[object]):
    id = fields.text("The requested id.")
    offers = OfferThenSerializer(many=True, help_text="The offer of each gateway under this id in this revision.")
    prices = DatedPriceSerializer(many=True, help_text="The prices in force, then the earlier ones, newest first.")
    prices_total = fields.count("The number of prices on all pages.")
    changes = ChangeSerializer(many=True, help_text="The changes, newest first.")
    changes_total = fields.count("The number of changes on all pages.")
    complete_since = fields.count("All changes after this revision are kept; 0 means all changes ever.")


class HistorySerializer(StampSerializer):
    data = HistoryDataSerializer()
    offset = fields.count("The number of prices that were skipped, and of changes.")
    limit = fields.count("The requested number of prices, and of changes.")
    next = fields.text(
        "The next page of prices and changes, relative to this address; null on the last page.", null=True
    )
