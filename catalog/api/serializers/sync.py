"""The shapes of sync runs."""

from __future__ import annotations

from rest_framework.serializers import Serializer

from catalog.api.serializers import fields
from catalog.models import SyncRun
from catalog.records import Source

_Outcome = SyncRun.Outcome


class RunCountsSerializer(Serializer[object]):
    seen = fields.count("Rows of the listing.")
    new = fields.count("Offers that were not served before.")
    changed = fields.count("Offers that are served otherwise now.")
    unchanged = fields.count("Offers that are as they were.")
    withdrawn = fields.count("Offers that are listed no more.")
    rejected = fields.count("Rows that could not be used.")
    ignored = fields.count("Rows that are no offers, or say the same again.")
    held_prices = fields.count("Prices that are not believed yet.")
    confirmed_prices = fields.count("Held prices that the gateway repeated for long enough to be believed.")


class RunSerializer(Serializer[object]):
    id = fields.count("The run's number.")
    gateway = fields.text("The gateway that it reads.")
    state = fields.choice("`waiting` to begin, `running` or `ended`.", ["waiting", "running", "ended"])
    outcome = fields.choice(
        "How it ended.",
        [outcome for outcome in _Outcome if outcome not in {_Outcome.WAITING, _Outcome.RUNNING}],
        null=True,
    )
    error = fields.text("Why it failed or is held, or what is odd about it.", null=True)
    trigger = fields.choice("Who asked for it.", list(SyncRun.Trigger))
    source = fields.choice("Where it reads.", [source.value for source in Source], null=True)
    started_at = fields.moment("When it began.", null=True)
    finished_at = fields.moment("When it ended.", null=True)
    revision_before = fields.count("The revision that was published when it published.", null=True)
    revision_after = fields.count("The one that it published; the same where it changed nothing.", null=True)
    counts = RunCountsSerializer(help_text="What it found; zeros until it has ended.")


class RunAnswerSerializer(Serializer[object]):
    data = RunSerializer()
