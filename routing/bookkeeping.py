"""The books of this serving process: the ledger's spool, the thread that stores it, and the budgets."""

from __future__ import annotations

import atexit

from django.conf import settings

from front.counts import counts
from routing.ledger import files
from routing.ledger.ingesting import Ingester
from routing.ledger.records import Entry
from routing.ledger.spool import Spool
from routing.money.budgets import Budgets


def _count(entry: Entry) -> None:
    """Count an attempt that has ended, for operators: without its model and its key, of which there are too many."""
    counts.count(f"inference_attempts {entry['outcome']}")
    if entry["cost_nano"] is None:
        counts.count("inference_unpriced")


LEDGER = Spool(
    settings.INFERENCE_SPOOL, on_end=_count, on_failure=lambda: counts.count("inference_ledger_failures spool")
)
BUDGETS = Budgets()
INGESTER = Ingester(settings.INFERENCE_SPOOL, on_failure=lambda: counts.count("inference_ledger_failures database"))


def start() -> None:
    """Open the books. Call it after the fork. Raise OSError if the spool cannot be written."""
    LEDGER.start()
    BUDGETS.start(process=LEDGER.process, spool=files.folder_id(LEDGER.folder))
    INGESTER.start()
    atexit.register(stop)  # for servers that announce no end; a second call does nothing


def stop() -> None:
    """Close the books, after the last answer. What is not stored then is stored at the next start."""
    BUDGETS.stop()
    LEDGER.stop()
    INGESTER.stop()
