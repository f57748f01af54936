"""The tables of the counts. None has an address, a user agent, a referrer or the text of a query.

Hours and days are numbers since 1970 in UTC, so windows are plain ranges and no time zone can be confused. All texts
are ids of the catalogue, names of endpoints, or `other`.

How inference joins: `routing/` stores one row for each attempt in a ledger of its own, and adds up the rows to
`InferenceDay` and `LatencyDay` in the same transaction. So these sums are exact, while `reads` may lose the last minute
of a killed process. They are here, and not in `routing/`, so that popular models can be ordered by requests, tokens or
cost without importing it. Without that app they stay empty.
"""

from __future__ import annotations

from typing import Any

from django.db import models

OTHER = "other"
"""Stands for all models beyond the bound of what a process remembers."""


class Outcome(models.TextChoices):
    PLAIN = "", "no search"
    FOUND = "found", "a search that found something"
    NOTHING = "nothing", "a search that found nothing"


class Batch(models.Model):
    """A flush that was stored. Its id is stored with its counts, so a repeated flush adds nothing."""

    id = models.UUIDField(primary_key=True)
    hour = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return str(self.id)


class Counted(models.Model):
    """What was asked for, and how often."""

    endpoint = models.CharField(max_length=60)
    """The name of the endpoint, as the OpenAPI document has it."""
    gateway = models.CharField(max_length=60)
    """The gateway that the request named; empty if none."""
    offer = models.TextField()
    """The id of the offer that the request named; empty if none."""
    model = models.TextField()
    """The slug of the model, or `gateway/id` of an offer that belongs to none; empty for lists."""
    outcome = models.CharField(max_length=7, choices=Outcome)
    asks = models.BigIntegerField()
    """The requests, of each client at most 30 an hour for one model."""
    reads = models.BigIntegerField()
    """All requests."""

    class Meta:
        abstract = True


class Hour(Counted):
    hour = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "endpoint", "gateway", "offer", "model", "outcome"], name="usage_hour_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.model} in hour {self.hour}"


class Day(Counted):
    day = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "endpoint", "gateway", "offer", "model", "outcome"], name="usage_day_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.model} on day {self.day}"


class KeyDay(models.Model):
    """What a key asked for on one day."""

    day = models.BigIntegerField()
    key = models.BigIntegerField()
    """The id of the key. No foreign key: the keys are in another database."""
    endpoint = models.CharField(max_length=60)
    model = models.TextField()
    reads = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "day", "endpoint", "model"], name="usage_key_day_once")]

    def __str__(self) -> str:
        return f"key {self.key} on day {self.day}"


class Clients(models.Model):
    """How many different addresses one process saw on one day: the number alone.

    Two processes cannot recognise each other's clients, so the highest number counts: never too many.
    """

    day = models.BigIntegerField()
    process = models.UUIDField()
    number = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "process"], name="usage_clients_once")]

    def __str__(self) -> str:
        return f"{self.number} addresses on day {self.day}"


class InferenceOf(models.Model):
    """What sums of inference are about."""

    day = models.BigIntegerField()
    """The day on which the requests began."""
    key = models.BigIntegerField()
    """The id of the key that sent the request."""
    gateway = models.CharField(max_length=60)
    offer = models.TextField()
    model = models.TextField()

    class Meta:
        abstract = True


class InferenceDay(InferenceOf):
    """Requests that were sent to models, added up from the ledger, by outcome."""

    outcome = models.CharField(max_length=12)
    """`ok`, `lost`, or the failure."""
    attempts = models.BigIntegerField()
    requests = models.BigIntegerField()
    """The attempts whose answer the client got; the others were absorbed, because another offer answered."""
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cached_input_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    audio_input_tokens = models.BigIntegerField()
    audio_output_tokens = models.BigIntegerField()
    image_output_tokens = models.BigIntegerField()
    estimated = models.BigIntegerField()
    """The attempts whose tokens are estimated."""
    cost_nano = models.BigIntegerField()
    """The known costs, in nano-dollars."""
    unpriced = models.BigIntegerField()
    """The attempts whose cost is not known. They add nothing to `cost_nano`."""
    charged_nano = models.BigIntegerField()
    """What counted against budgets: for answers without a known cost, what was reserved."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "key", "gateway", "offer", "model", "outcome"], name="usage_inference_day_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} by key {self.key} on day {self.day}"


class LatencyDay(InferenceOf):
    """How long answers took: the attempts in each bucket of a histogram. Only good ones count."""

    class Measure(models.TextChoices):
        FIRST_CONTENT = "first_content", "until the first content"
        DURATION = "duration", "until the end"

    measure = models.CharField(max_length=13, choices=Measure)
    bucket_ms = models.BigIntegerField()
    """The upper bound of the bucket in milliseconds, included."""
    number = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "key", "gateway", "offer", "model", "measure", "bucket_ms"],
                name="usage_latency_day_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} by key {self.key} on day {self.day}: {self.measure}"


class RankedDay(models.Model):
    """A day whose order of models is decided, with that order: equal for all processes, whenever they read it."""

    day = models.BigIntegerField(primary_key=True)
    scores = models.JSONField()
    """The score of each model that has one, by its slug."""

    def __str__(self) -> str:
        return f"day {self.day}"


class GatewayDay(models.Model):
    """How often an offer was used on one day, as its gateway counts it: all its clients, not ours."""

    gateway = models.CharField(max_length=60)
    day = models.BigIntegerField()
    offer = models.TextField()
    requests = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "day", "offer"], name="usage_gateway_day_once")]

    def __str__(self) -> str:
        return f"{self.gateway} {self.offer} on day {self.day}"


class GatewayAsked(models.Model):
    """When a gateway may be asked for its counts again. Whoever moves `next_at` first may ask."""

    gateway = models.CharField(max_length=60, unique=True)
    next_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.gateway


def names_of(model: type[models.Model]) -> list[str]:
    """Return the columns of a table without its id, in their order."""
    fields: Any = model._meta.concrete_fields
    return [field.column for field in fields if field.column != "id"]
