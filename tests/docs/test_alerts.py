"""The alert rules name only metrics, labels and values that `/metrics` exports."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from catalog import tasks
from catalog.memory import following
from catalog.models import Offer, PriceHold, SyncRun, TaskEnd
from catalog.models.freshness import state_of
from front.counts import Counts, Source
from gatewayz.run.pulse import touch_pulse
from tests.catalog.bundled import publish_chutes
from tests.catalog.scraping import TOKEN, fresh_metrics

__all__ = ["fresh_metrics"]

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((settings.DOCS_DIR / "operations/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
HOUR, NOW = timedelta(hours=1), datetime(2100, 11, 22, 8, tzinfo=UTC)
OF_PROMETHEUS = {"up": {"job", "instance"}}
"""Metrics that Prometheus adds itself."""
SELECTOR = re.compile(r"\b(up|gatewayz_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|=)\s*"([^"]*)"')
VALUES = {"state": "failing stale", "outcome": "failed lost", "status": "500 503"}
"""Values of labels that the metrics have only while something is wrong."""


@pytest.fixture
def families(db: None, settings: Settings, tmp_path: Path, fresh_metrics: Counts) -> list[Metric]:
    """What an installation exports in which everything that is counted has happened."""
    settings.DATA_DIR = tmp_path
    publish_chutes()
    following.FOLLOWER.refresh()
    run, now = SyncRun.objects.latest("pk"), timezone.now()
    SyncRun.objects.create(gateway=run.gateway, lease_token=9, trigger="release", outcome="held", started_at=now)
    hold = {"amount": "9", "first_amount": "9", "kept": "1", "rule": "move", "reason": "it moved"}
    offer = Offer.objects.earliest("pk")
    PriceHold.objects.create(offer=offer, meter="compute.hour", **hold, made_at=now, reported_since=now)
    for process in ("worker", "beat"):
        touch_pulse(process)
    tasks.prune()
    tasks.dispatch_due()
    TaskEnd.objects.store("monitoring.observe", now=now)  # not called: it would ask a gateway
    fresh_metrics.add(Source.HIT, "200", 0.001)
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    return list(text_string_to_metric_families(answer.content.decode()))


def test_every_metric_label_and_value_of_a_rule_is_exported(families: list[Metric]) -> None:
    labels: dict[str, set[str]] = dict(OF_PROMETHEUS)
    values: dict[tuple[str, str], set[str]] = {}
    for sample in (sample for family in families for sample in family.samples):
        labels.setdefault(sample.name, set()).update(sample.labels)
        for label, value in sample.labels.items():
            values.setdefault((sample.name, label), set()).add(value)

    for rule in RULES:
        for metric, matchers in SELECTOR.findall(rule["expr"]):
            assert metric in labels, rule["alert"]
            for label, operator, wanted in MATCHER.findall(matchers):
                assert label in labels[metric], rule["alert"]
                exported = values.get((metric, label), set()) | set(VALUES.get(label, "").split())
                if metric not in OF_PROMETHEUS:
                    _assert_exported(wanted if operator == "=~" else re.escape(wanted), exported, rule["alert"])


def _assert_exported(pattern: str, exported: set[str], alert: str) -> None:
    for alternative in pattern.split("|"):
        assert any(re.fullmatch(alternative, value) for value in exported), f"{alert}: {alternative}"


def test_the_labels_in_a_summary_are_labels_of_the_metric(families: list[Metric]) -> None:
    labels = {sample.name: {*sample.labels, "instance"} for family in families for sample in family.samples}

    for rule in RULES:
        (metric, _), *_ = SELECTOR.findall(rule["expr"])
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert used <= (labels | OF_PROMETHEUS)[metric], rule["alert"]


def test_the_values_that_the_rules_watch_for_exist() -> None:
    states = {
        state_of(None, last_run=SyncRun(outcome="failed"), source=None, now=NOW, interval=HOUR),
        state_of(NOW - 3 * HOUR, last_run=None, source="api", now=NOW, interval=HOUR),
    }

    assert states == set(VALUES["state"].split())
    assert set(VALUES["outcome"].split()) < set(SyncRun.Outcome.values)


def test_each_rule_has_a_name_a_severity_and_a_summary() -> None:
    names = [rule["alert"] for rule in RULES]

    assert len(set(names)) == len(names) > 10
    assert all(rule["labels"]["severity"] in {"page", "ticket"} for rule in RULES)
    assert all(rule["annotations"]["summary"] for rule in RULES)
    assert "(operations/alerts.yml)" in (settings.DOCS_DIR / "operating.md").read_text()
