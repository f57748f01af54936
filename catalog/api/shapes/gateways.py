"""The gateways, and the state of the service."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.shapes import fields
from catalog.records import Source


class GatewaySerializer(Serializer[object]):
    slug = fields.text("The gateway's slug, as parameters take it.")
    name = fields.text("The name as the vendor writes it.")
    note = fields.text("The `note` of answers that show only this gateway.")
    site_url = serializers.URLField(help_text="The gateway's website.")
    models = fields.count("The number of its offers that are not withdrawn.")
    source = fields.choice("Where its offers were read.", [source.value for source in Source], null=True)
    recorded_at = serializers.DateField(allow_null=True, help_text="The day of the data, if `source` is `bundled`.")
    state = fields.choice(
        "`fresh` within two intervals of the last success, then `stale`; `failing` if the last run failed; `held` if "
        "its listing was not believed and waits for a curator; `never` before the first success; `bundled` if its "
        "offers come from the bundled file, and its API has not been read since.",
        ["fresh", "stale", "held", "failing", "never", "bundled", "disabled"],
    )
    last_checked = fields.moment("When the last run ended.", null=True)
    last_success = fields.moment("When its complete listing was last read.", null=True)
    age_seconds = fields.count("The seconds since the last success.", null=True)
    next_run = fields.moment("When it will be read again; null means as soon as possible.", null=True)
    last_outcome = fields.text("How the last run ended.", null=True)
    error = fields.text("Why the last run failed or is held.", null=True)
    rejected = fields.count("Rows that the last run could not use.")
    held_prices = fields.count("Prices that wait for a decision; until then the earlier prices are served.")


class GatewayListSerializer(Serializer[object]):
    data = GatewaySerializer(many=True)
    total = fields.count("Gateways.")
    returned = fields.count("Gateways in `data`.")
    serving_revision = fields.count("The revision that this process serves.")
    published_revision = fields.count("The newest revision in the database.")


class HealthSerializer(Serializer[object]):
    status = fields.choice("Always `ok`.", ["ok"])


class ReadySerializer(Serializer[object]):
    status = fields.choice("`ok`, or `not ready` with status 503.", ["ok", "not ready"])
    problems = fields.words("What is missing.")
    serving_revision = fields.count("The revision that this process serves.", null=True)
    published_revision = fields.count("The newest revision in the database.", null=True)
