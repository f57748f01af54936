"""The tables of what is observed. All of them can be emptied: the signals fill them again.

An offer has one row with its present state, and one row for each period of a state, like prices: no rows for times at
which nothing changed. Requests of clients are added up where there are any.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from catalog.models import Offer
from catalog.records import Availability

STATES = [(state.value, state.value) for state in Availability]
TTFT_BOUNDS_MS = (100, 200, 300, 500, 750, 1_000, 1_500, 2_500, 5_000, 10_000, 30_000)
"""The upper bounds of the columns `ttft_0` to `ttft_10`; `ttft_11` has the times above the last one."""
TTFT_COLUMNS = tuple(f"ttft_{number}" for number in range(len(TTFT_BOUNDS_MS) + 1))


class Signal(models.Model):
    """A request that is sent again and again. Whoever moves `next_at` first may send it."""

    name = models.CharField(max_length=50, unique=True)
    next_at = models.DateTimeField(null=True, blank=True)
    """None: as soon as possible."""
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    """Why the last request failed; empty if it did not."""

    def __str__(self) -> str:
        return self.name


class WatchedGateway(models.Model):
    """What is believed about a gateway (`circuit.GatewayState`). Its row is locked while its offers are judged."""

    slug = models.CharField(max_length=50, unique=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    reached_at = models.DateTimeField(null=True, blank=True)
    unreachable_since = models.DateTimeField(null=True, blank=True)
    falls = models.JSONField(default=list)
    suspected_until = models.DateTimeField(null=True, blank=True)
    believed_until = models.DateTimeField(null=True, blank=True)
    is_out = models.BooleanField(default=False)
    generation = models.BigIntegerField(default=0)
    """Grows with each change of an offer of the gateway."""
    changed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.slug


class Watched(models.Model):
    """What is believed about an offer now (`machine.OfferState`), and its gateway's own figures."""

    offer = models.OneToOneField(Offer, on_delete=models.CASCADE, primary_key=True, related_name="watched")
    state = models.CharField(max_length=10, choices=STATES)
    since = models.DateTimeField()
    reason = models.CharField(max_length=60, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True, db_index=True)
    limited_until = models.DateTimeField(null=True, blank=True)
    memory = models.JSONField(default=dict)
    """What counts for and against it: strikes, successes, flips."""
    figures = models.JSONField(default=dict)
    figures_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    """When a request about this offer alone was last sent."""
    generation = models.BigIntegerField(default=0)
    """The generation of its gateway in which the row last changed."""

    class Meta:
        indexes = [models.Index(fields=["generation"], name="watched_by_generation")]

    def __str__(self) -> str:
        return f"{self.offer_id} {self.state}"


class Interval(models.Model):
    """An offer had a state in [start, end). The open one is the present state."""

    offer = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=STATES)
    start = models.DateTimeField()
    end = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["offer"], condition=Q(end__isnull=True), name="one_open_interval"),
            models.CheckConstraint(condition=Q(end__isnull=True) | Q(end__gt=F("start")), name="interval_is_forward"),
        ]
        indexes = [
            models.Index(fields=["offer", "start"], name="interval_by_offer"),
            models.Index(fields=["end"], name="interval_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.offer_id} {self.state} from {self.start}"


class Traffic(models.Model):
    """The requests of clients to an offer in one slot of time. A slot without requests has no row."""

    offer = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="+")
    slot = models.BigIntegerField()
    """The seconds since 1970 divided by the length of a slot."""
    ok = models.BigIntegerField(default=0)
    error = models.BigIntegerField(default=0)
    limited = models.BigIntegerField(default=0)
    """Refused because of a rate limit; neither `ok` nor `error`."""
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    stream_ms = models.BigIntegerField(default=0)
    """The time from the first token to the last, added up."""
    ttft_0 = models.BigIntegerField(default=0)
    ttft_1 = models.BigIntegerField(default=0)
    ttft_2 = models.BigIntegerField(default=0)
    ttft_3 = models.BigIntegerField(default=0)
    ttft_4 = models.BigIntegerField(default=0)
    ttft_5 = models.BigIntegerField(default=0)
    ttft_6 = models.BigIntegerField(default=0)
    ttft_7 = models.BigIntegerField(default=0)
    ttft_8 = models.BigIntegerField(default=0)
    ttft_9 = models.BigIntegerField(default=0)
    ttft_10 = models.BigIntegerField(default=0)
    ttft_11 = models.BigIntegerField(default=0)
    """How many answers had their first token within the bound of each column; TTFT_BOUNDS_MS has the bounds."""

    class Meta:
        abstract = True


class TrafficFiveMinutes(Traffic):
    class Meta:
        db_table = "monitoring_traffic_5m"
        constraints = [models.UniqueConstraint(fields=["slot", "offer"], name="traffic_5m_once")]

    def __str__(self) -> str:
        return f"{self.ok} of {self.offer_id} in slot {self.slot}"


class TrafficHour(Traffic):
    class Meta:
        db_table = "monitoring_traffic_hour"
        constraints = [models.UniqueConstraint(fields=["slot", "offer"], name="traffic_hour_once")]

    def __str__(self) -> str:
        return f"{self.ok} of {self.offer_id} in slot {self.slot}"


class TrafficDay(Traffic):
    class Meta:
        db_table = "monitoring_traffic_day"
        constraints = [models.UniqueConstraint(fields=["slot", "offer"], name="traffic_day_once")]

    def __str__(self) -> str:
        return f"{self.ok} of {self.offer_id} in slot {self.slot}"


class Rolled(models.Model):
    """Through which slot a table was added up into the next one, so that each slot is added once."""

    name = models.CharField(max_length=20, unique=True)
    through = models.BigIntegerField()
    """All slots below this one were added."""

    def __str__(self) -> str:
        return f"{self.name} through {self.through}"
