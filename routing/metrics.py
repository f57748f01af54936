"""What `/metrics` shows of inference. No label has a model, an offer or a key: there are too many."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from catalog.api.metrics import GAUGES_OF_APPS, OF_APPS, counter
from front.counts import Gauges
from front.shared_counts import Totals
from routing.bookkeeping import BUDGETS, LEDGER
from routing.ledger.files import backlog


def register() -> None:
    """Show these figures from now on. A second call does nothing."""
    if of_inference not in OF_APPS:
        OF_APPS.append(of_inference)
        GAUGES_OF_APPS.append(gauges)


def gauges() -> Gauges:
    """Return the numbers of this process."""
    return {
        "inference_reserved_usd": float(BUDGETS.reserved_dollars),
        "inference_open_attempts": LEDGER.open_attempts,
        "inference_spool_bytes": backlog(LEDGER.folder),
    }


def of_inference(totals: Totals) -> Iterator[Metric]:
    yield counter(
        totals,
        "inference_attempts",
        "Attempts to have requests answered, by outcome: ok, or the class of the failure.",
        labels=["outcome"],
    )
    yield counter(totals, "inference_unpriced", "Attempts whose cost is not known.", labels=[])
    yield counter(
        totals,
        "inference_ledger_failures",
        "Attempts to write the ledger that failed: spool: to the disk; database: from there to the database.",
        labels=["step"],
    )
    reserved = sum(totals.gauge("inference_reserved_usd"))
    yield GaugeMetricFamily("gatewayz_inference_reserved_usd", "US dollars reserved for requests in flight.", reserved)
    open_ = sum(totals.gauge("inference_open_attempts"))
    yield GaugeMetricFamily("gatewayz_inference_open_attempts", "Attempts that go on.", open_)
    # The processes of a host share the folder.
    waiting = max(totals.gauge("inference_spool_bytes"), default=0.0)
    yield GaugeMetricFamily(
        "gatewayz_inference_spool_bytes", "Size of the spool: what is stored is deleted within a minute.", waiting
    )
