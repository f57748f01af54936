"""The tables of the counts. None has an address, a user agent, a referrer or the text of a query.

Hours and days are numbers since 1970 in UTC, so windows are plain ranges and no time zone can be confused. All texts
are ids of the catalogue, names of endpoints, or `other`.

How inference joins, without a second system: a request to a model is a row of a table `event`, written before its
answer ends, with a unique id, the key, the offer, the price rows and the revision by which it is billed, its tokens and
its cost as a whole number of nano-dollars. `Hour` and `Day` get the columns `requests`, `tokens_in`, `tokens_out` and
`nano_usd`, default 0, and `KeyDay` the same: they have the same dimensions (endpoint, gateway, offer, model). A batch
then also names the last event that it contains. These columns are sums of events, made when hours are added up, and
never counted next to them: `reads` may lose the last minute of a killed process, money may not.
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
