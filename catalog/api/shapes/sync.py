"""The shapes of sync runs."""

from __future__ import annotations

from rest_framework.serializers import Serializer

from catalog.api.shapes import fields
from catalog.models import SyncRun
from catalog.records import Source

_Outcome = SyncRun.Outcome


class RunCountsSerializer(Serializer[object]):
    seen = fields.count("Rows of the listing.")
    new = fields.count("Offers that were not served before.")
    changed = fields.count("Offers that are served with changes.")
    unchanged = fields.count("Offers without a change.")
    withdrawn = fields.count("Offers that are no longer listed.")
    rejected = fields.count("Rows that could not be used.")
    ignored = fields.count("Rows that are not offers, or that repeat one.")
    held_prices = fields.count("Prices that are not believed yet.")
    confirmed_prices = fields.count("Held prices that the gateway repeated for long enough to be believed.")


class RunSerializer(Serializer[object]):
    id = fields.count("The run's number.")
    gateway = fields.text("The gateway that the run reads.")
    state = fields.choice("`waiting` to begin, `running` or `ended`.", ["waiting", "running", "ended"])
    outcome = fields.choice(
        "How the run ended.",
        [outcome for outcome in _Outcome if outcome not in {_Outcome.WAITING, _Outcome.RUNNING}],
        null=True,
    )
    error = fields.text("Why the run failed or is held, or what is unusual about it.", null=True)
    trigger = fields.choice("What started the run.", list(SyncRun.Trigger))
    source = fields.choice(
        "Whether the run reads the API or the bundled catalogue.", [source.value for source in Source], null=True
    )
    started_at = fields.moment("When the run began.", null=True)
    finished_at = fields.moment("When the run ended.", null=True)
    revision_before = fields.count("The revision before the run published.", null=True)
    revision_after = fields.count(
        "The revision after the run published; the same revision if it changed nothing.", null=True
    )
    counts = RunCountsSerializer(help_text="What the run found; zeros until it has ended.")


class RunAnswerSerializer(Serializer[object]):
    data = RunSerializer()
