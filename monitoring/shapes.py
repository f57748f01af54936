"""The answers, as the OpenAPI document describes them."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.shapes import fields
from catalog.records import Availability

STATES = [state.value for state in Availability]


def percent(help_text: str) -> serializers.FloatField:
    return serializers.FloatField(help_text=help_text, allow_null=True, min_value=0, max_value=100)


def share(help_text: str) -> serializers.FloatField:
    return serializers.FloatField(help_text=help_text, min_value=0, max_value=1)


WINDOWS = ("5m", "30m", "1d", "30d")


class UptimeWindowsSerializer(Serializer[object]):
    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]  # names that begin with a digit
        text = "The percentage of the known time in which it was online or cold; null if less than half is known."
        return {window: percent(text) for window in WINDOWS}


class KnownSharesSerializer(Serializer[object]):
    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]  # names that begin with a digit
        return {window: share("The share of the time in which its state was known.") for window in WINDOWS}


class SuccessWindowsSerializer(Serializer[object]):
    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]  # names that begin with a digit
        text = "The percentage of our clients' requests that succeeded; null below 20 (5m, 30m) or 100 (1d, 30d)."
        return {window: percent(text) for window in WINDOWS}


class RequestWindowsSerializer(Serializer[object]):
    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]  # names that begin with a digit
        text = "The number of our clients' requests, without those that a rate limit refused."
        return {window: fields.count(text) for window in WINDOWS}


class TtftSerializer(Serializer[object]):
    p50 = fields.count("Half of the answers had their first token within these milliseconds.", null=True)
    p90 = fields.count("Nine of ten answers had.", null=True)
    answers = fields.count("The number of answers.")


class AvailabilitySerializer(Serializer[object]):
    id = fields.text("The gateway's id of the offer.")
    source_gateway = fields.text("The gateway.")
    published_state = fields.choice("The `availability` that the catalogue shows.", STATES)
    state = fields.choice("The state that is observed now, which may not have lasted long enough to be shown.", STATES)
    since = fields.moment("Since when it has this state.", null=True)
    reason = fields.text("Why, in a few words.", null=True)
    marks = serializers.ListField(
        child=serializers.ChoiceField(["limited", "unstable"]),
        help_text="`limited`: it refuses many requests because of a rate limit. `unstable`: it changed between working "
        "and not at least four times within an hour.",
    )
    checked_at = fields.moment("The time of the newest evidence.", null=True)
    evidence = fields.choice(
        "Where the evidence comes from: the gateway says so, a request of ours, or requests of clients.",
        ["statement", "probe", "traffic"],
        null=True,
    )
    uptime = UptimeWindowsSerializer(help_text="From the times at which the state changed.")
    known_share = KnownSharesSerializer(help_text="How much of each window is known.")
    success = SuccessWindowsSerializer(help_text="From the requests of our clients.")
    requests = RequestWindowsSerializer(help_text="How many requests `success` is made of.")
    ttft_ms = TtftSerializer(help_text="The time to the first token in the last day, by the bounds of a histogram.")


class HostSerializer(Serializer[object]):
    name = serializers.CharField(required=False, help_text="The host.")
    tag = serializers.CharField(required=False, help_text="The host, as requests name it.")
    status = serializers.IntegerField(required=False, help_text="0, or negative if fewer requests are sent there.")
    uptime_last_5m = serializers.FloatField(required=False, help_text="The gateway's figure, in percent.")
    uptime_last_30m = serializers.FloatField(required=False, help_text="The gateway's figure, in percent.")
    uptime_last_1d = serializers.FloatField(required=False, help_text="The gateway's figure, in percent.")
    quantization = serializers.CharField(required=False, help_text="The number format of the weights.")
    context_length = serializers.IntegerField(required=False, help_text="In tokens.")
    pricing = serializers.DictField(
        child=fields.money("US dollars per token."), required=False, help_text="What the host asks, by key."
    )


class GatewayFiguresSerializer(Serializer[object]):
    source = fields.text("Whose figures these are. They are not checked here.")
    read_at = fields.moment("When they were read.")
    hosts = HostSerializer(many=True, required=False, help_text="OpenRouter: the hosts of the model.")
    utilization_current = serializers.FloatField(required=False, help_text="Chutes: the load now, from 0 to 1.")
    utilization_5m = serializers.FloatField(required=False, help_text="Chutes: the load over five minutes.")
    utilization_1h = serializers.FloatField(required=False, help_text="Chutes: the load over an hour.")
    rate_limit_ratio_5m = serializers.FloatField(
        required=False, help_text="Chutes: the share of requests that were refused in five minutes."
    )
    rate_limit_ratio_1h = serializers.FloatField(required=False, help_text="Chutes: the same over an hour.")
    active_instance_count = serializers.IntegerField(required=False, help_text="Chutes: instances that run.")
    total_instance_count = serializers.IntegerField(required=False, help_text="Chutes: instances, also starting ones.")


class HeldPriceCheckSerializer(Serializer[object]):
    pricing_key = fields.text("The key in `pricing`.")
    reported = fields.money("What the gateway reports.", null=False)
    served = fields.money("What is served instead.", null=True)
    verdict = fields.choice(
        "`confirmed`: a host asks the reported price. `refuted`: none of the hosts does.",
        ["confirmed", "refuted", "unknown"],
    )
    hosts_that_agree = fields.words("The hosts that ask the reported price.")
    hosts_that_differ = fields.words("The hosts that ask another one.")


class OfferAvailabilitySerializer(AvailabilitySerializer):
    gateway_figures = GatewayFiguresSerializer(allow_null=True, help_text="The gateway's own figures, if it has any.")
    held_prices = HeldPriceCheckSerializer(many=True, help_text="Prices that are not believed yet, and what hosts ask.")


class _AnswerSerializer(Serializer[object]):
    as_of = fields.moment("The moment of all figures; null before the first evidence.", null=True)
    generation = fields.count("Grows with each change of what is observed.")


class AvailabilityListSerializer(_AnswerSerializer):
    data = AvailabilitySerializer(many=True)
    returned = fields.count("Offers in `data`.")
    next_cursor = fields.text("Where the next page begins; null at the end.", null=True)


class ModelAvailabilitySerializer(_AnswerSerializer):
    id = fields.text("The id.")
    data = OfferAvailabilitySerializer(many=True)


class PeriodSerializer(Serializer[object]):
    state = fields.choice("The state.", STATES)
    until = fields.moment("Its end; null if it is the present state.", null=True)

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]  # `from` is a word of Python
        return {**super().get_fields(), "from": fields.moment("Its beginning, or that of the first day shown.")}


class ObservedDaySerializer(Serializer[object]):
    day = serializers.DateField(help_text="The day, in UTC.")
    uptime = percent("The percentage of the known time in which it was online or cold; null below half.")
    known_share = share("The share of the day in which its state was known.")
    offline_seconds = fields.count("How long it was offline.")


class OfferHistorySerializer(Serializer[object]):
    source_gateway = fields.text("The gateway.")
    periods = PeriodSerializer(many=True, help_text="Its states, the newest first.")
    days = ObservedDaySerializer(many=True, help_text="The days, the newest last.")


class AvailabilityHistorySerializer(_AnswerSerializer):
    id = fields.text("The id.")
    data = OfferHistorySerializer(many=True)
