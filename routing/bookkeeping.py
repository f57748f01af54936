"""The books of this serving process: the ledger's spool, the thread that stores it, and the budgets."""

from __future__ import annotations

import atexit

from django.conf import settings

from routing.ledger import files
from routing.ledger.ingesting import Ingester
from routing.ledger.spool import Spool
from routing.money.budgets import Budgets

LEDGER = Spool(settings.INFERENCE_SPOOL)
BUDGETS = Budgets()
INGESTER = Ingester(settings.INFERENCE_SPOOL)


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
