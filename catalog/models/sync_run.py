"""The attempts to read gateways, and the rows that they could not use."""

from __future__ import annotations

from django.db import models

from catalog.models.gateway import Gateway
from catalog.normalize.text import MAX_ID
from catalog.records import Source


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    def finished(self) -> SyncRunQuerySet:
        return self.exclude(outcome__in=[SyncRun.Outcome.WAITING, SyncRun.Outcome.RUNNING])

    def waiting(self) -> SyncRunQuerySet:
        """Return the requested runs that have not begun."""
        return self.filter(outcome=SyncRun.Outcome.WAITING)

    def asking(self) -> SyncRunQuerySet:
        """Return the runs that asked the gateway, without those that only read earlier captures again."""
        return self.filter(trigger__in=SyncRun.ASKING)


class SyncRun(models.Model):
    """One attempt to read one gateway."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "requested, waits to begin"
        RUNNING = "running"
        PUBLISHED = "published"
        UNCHANGED = "unchanged"
        HELD = "held", "held: a curator must release or discard it"
        RELEASED = "released", "held, then released"
        DISCARDED = "discarded", "held, then discarded"
        OVERTAKEN = "overtaken", "held, then overtaken by a newer listing"
        FAILED = "failed"
        LOST = "lost", "lost: its process ended without a report"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        COMMAND = "command"
        REQUEST = "request", "requested by a client or in the admin"
        RELEASE = "release", "release of a held run"
        REBUILD = "rebuild", "rebuild from captures"

    ASKED_BY_PEOPLE = (Trigger.COMMAND, Trigger.REQUEST)
    ASKING = (Trigger.SCHEDULE, *ASKED_BY_PEOPLE)

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="runs")
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    source = models.CharField(max_length=10, blank=True, choices=[(source.value, source.value) for source in Source])
    lease_token = models.PositiveBigIntegerField()
    started_at = models.DateTimeField("started")
    finished_at = models.DateTimeField("finished", null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    error = models.TextField(blank=True, help_text="Why the run failed or is held, or what is unusual about it.")
    reader = models.CharField(
        max_length=60,
        blank=True,
        help_text="Versions of the adapter and of the guard's rules; with others, equal bytes are read again.",
    )
    missing_key = models.CharField(
        max_length=64,
        blank=True,
        help_text="Hash of the offers that were missing, if the run is held only because of them.",
    )
    seen = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    ignored = models.PositiveIntegerField(default=0)
    held_prices = models.PositiveIntegerField(default=0)
    confirmed_prices = models.PositiveIntegerField(
        default=0, help_text="Held prices that the gateway repeated for long enough to be believed."
    )
    is_complete = models.BooleanField(default=True, help_text="The listing had everything, by the gateway's own count.")
    revision_before = models.PositiveBigIntegerField(null=True, blank=True)
    revision_after = models.PositiveBigIntegerField(null=True, blank=True)

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["gateway", "-started_at"], name="runs_of_gateway"),
            models.Index(fields=["started_at"], condition=models.Q(outcome="held"), name="held_runs"),
        ]
        constraints = [
            # Clients that ask while a request is waiting share the same run.
            models.UniqueConstraint(fields=["gateway"], condition=models.Q(outcome="waiting"), name="one_waiting_run")
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class RejectedRow(models.Model):
    """A row of a listing that could not be used, stored with the reason."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="rejected_rows")
    position = models.PositiveIntegerField(help_text="Counted from 1, in the order of the listing.")
    model_id = models.CharField("id", max_length=MAX_ID, blank=True, help_text="As far as the row has one.")
    reason = models.TextField()
    raw = models.TextField(help_text="The row as JSON, cut where it is very long.")

    def __str__(self) -> str:
        return f"row {self.position}"
