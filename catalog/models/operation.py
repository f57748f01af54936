"""Figures for operators that other tables cannot give: how many runs ever ended, and when periodic tasks last ended."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F

from catalog.models.gateway import Gateway


class RunCountQuerySet(models.QuerySet["RunCount"]):
    def add(self, gateway: Gateway, outcome: str, *, count: int = 1) -> None:
        row, _ = self.get_or_create(gateway=gateway, outcome=outcome)
        self.filter(pk=row.pk).update(count=F("count") + count)


class RunCount(models.Model):
    """The runs of a gateway that ever ended with an outcome. It only grows, although old runs are deleted.

    A held run counts as held, independently of what is decided about it later.
    """

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="run_counts")
    outcome = models.CharField(max_length=10)
    count = models.PositiveBigIntegerField(default=0)

    objects = RunCountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "outcome"], name="one_count_per_outcome")]

    def __str__(self) -> str:
        return f"{self.outcome}: {self.count}"


class TaskEndQuerySet(models.QuerySet["TaskEnd"]):
    def store(self, task: str, *, now: datetime) -> None:
        self.update_or_create(task=task, defaults={"ended_at": now})


class TaskEnd(models.Model):
    """When a periodic task of the worker last ended without a failure."""

    task = models.CharField(max_length=50, unique=True)
    ended_at = models.DateTimeField("ended")

    objects = TaskEndQuerySet.as_manager()

    def __str__(self) -> str:
        return self.task
