"""The tables of inference. They are in the database of the counts; no query may join them with the catalogue's.

None has a prompt, an answer, an address, a user agent or a credential. Money is a whole number of nano-dollars; the
exact cost of an attempt is stored as text next to it. The sums by day are `usage.models.InferenceDay`.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

OPEN, OK, LOST = "", "ok", "lost"
"""Outcomes of attempts besides those of `routing.wire.errors.Failure`: one that goes on, a good one, and one whose end
was never recorded."""
ALL_KEYS = 0
"""In place of a key's id: all keys together."""


class Attempt(models.Model):
    """One attempt to have a request answered by one offer: the ledger. A row is inserted once and ended once."""

    request_id = models.CharField(max_length=64)
    attempt = models.PositiveSmallIntegerField()
    """From 1."""
    process = models.CharField(max_length=120)
    """The process that sent it, as its spool files are named."""
    begun_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, db_index=True)
    day = models.BigIntegerField()
    """The day of whose budgets it was reserved, as days since 1970; the sums by day count it there."""
    key = models.BigIntegerField()
    """The id of the key. No foreign key: the keys are in another database."""
    endpoint = models.CharField(max_length=30)
    asked_model = models.TextField()
    gateway = models.CharField(max_length=60)
    offer = models.TextField()
    model = models.TextField()
    is_stream = models.BooleanField()
    revision = models.BigIntegerField()
    """The revision of the catalogue whose prices apply."""
    reserved_nano = models.BigIntegerField(null=True)
    """What was reserved for the whole request; null if its cost is not known."""
    outcome = models.CharField(max_length=12)
    is_final = models.BooleanField()
    """Whether the client got this attempt's answer. Others were absorbed: another offer answered."""
    status = models.PositiveSmallIntegerField(null=True)
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    cached_input_tokens = models.BigIntegerField(null=True)
    cache_write_tokens = models.BigIntegerField(null=True)
    reasoning_tokens = models.BigIntegerField(null=True)
    audio_input_tokens = models.BigIntegerField(null=True)
    audio_output_tokens = models.BigIntegerField(null=True)
    image_output_tokens = models.BigIntegerField(null=True)
    is_estimate = models.BooleanField()
    """Whether the tokens are estimated, because the gateway stated none."""
    upstream_cost = models.TextField()
    """What the gateway says it bills, in US dollars; empty if it says nothing."""
    cost = models.TextField()
    """US dollars, exact; empty with `cost_reason`."""
    cost_reason = models.TextField()
    cost_nano = models.BigIntegerField(null=True)
    charged_nano = models.BigIntegerField()
    """What counts against budgets: the cost, or what was reserved if an answer's cost is not known."""
    first_content_ms = models.BigIntegerField(null=True)
    duration_ms = models.BigIntegerField(null=True)
    finish_reason = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request_id", "attempt"], name="routing_attempt_once")]
        indexes = [
            models.Index(fields=["process"], condition=Q(outcome=OPEN), name="routing_open_attempts"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.attempt} of {self.request_id}"


class SpoolFile(models.Model):
    """How far a file of a spool is stored."""

    name = models.CharField(max_length=200, primary_key=True)
    offset = models.BigIntegerField()
    """The bytes whose records are stored."""
    read_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name


class Period(models.TextChoices):
    DAY = "day", "a day"
    MONTH = "month", "a month"


class Budget(models.Model):
    """What a key, or all keys together, may spend in each day or month in UTC."""

    key = models.BigIntegerField()
    """The id of a key, or ALL_KEYS."""
    period = models.CharField(max_length=5, choices=Period)
    nano = models.BigIntegerField()
    is_hard = models.BooleanField()
    """A hard budget reserves the most that a request can cost before it is sent. A soft one refuses requests once it
    is spent, so it is exceeded by what is in flight at that moment."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "period"], name="routing_budget_once"),
            models.CheckConstraint(condition=Q(nano__gte=0), name="routing_budget_not_negative"),
        ]

    def __str__(self) -> str:
        return f"budget of key {self.key} for {self.period}"


class Spending(models.Model):
    """What a key, or all keys together, spent in one period, and what processes hold of the rest.

    `spent_nano` is a sum of the ledger, written in the transaction that stores its rows.
    """

    key = models.BigIntegerField()
    period = models.CharField(max_length=5, choices=Period)
    start = models.BigIntegerField()
    """The first day, as days since 1970."""
    spent_nano = models.BigIntegerField()
    leased_nano = models.BigIntegerField()
    """The sum of `granted - ingested` of all leases."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "period", "start"], name="routing_spending_once")]

    def __str__(self) -> str:
        return f"spending of key {self.key} in the {self.period} from {self.start}"


class Lease(models.Model):
    """What one process may spend of a budget without asking again."""

    process = models.CharField(max_length=120)
    spool = models.CharField(max_length=32)
    """The id of the spool folder of the process: only where its files are can the lease be closed."""
    key = models.BigIntegerField()
    period = models.CharField(max_length=5, choices=Period)
    start = models.BigIntegerField()
    granted_nano = models.BigIntegerField()
    """Granted in total, without what was given back."""
    ingested_nano = models.BigIntegerField()
    """The part of it whose spending is in the ledger."""
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["process", "spool", "key", "period", "start"], name="routing_lease_once")
        ]

    def __str__(self) -> str:
        return f"lease of {self.process} for key {self.key}"


class IdempotencyKey(models.Model):
    """A request that a client sent with an `Idempotency-Key`: no other one with that key is sent to a gateway.

    The answer is not stored, so a repeated request is refused; it is not answered once more.
    """

    key = models.BigIntegerField()
    """The id of the client's API key. No foreign key: the keys are in another database."""
    digest = models.CharField(max_length=64)
    """SHA-256 of the header's value."""
    fingerprint = models.CharField(max_length=64)
    """SHA-256 of the address and the body."""
    request_id = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "digest"], name="routing_idempotency_once")]

    def __str__(self) -> str:
        return f"request {self.request_id}"
