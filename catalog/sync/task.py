"""The task of a run, and the report on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.contrib.auth.models import User

from catalog.adapter.contract import Gateway as Adapter
from catalog.models import SyncRun
from catalog.publication.audit import Draft
from catalog.records import Source
from catalog.sync.rows import Rejection

Say = Callable[[str], None]


def silently(line: str) -> None:
    """Print nothing."""


@dataclass(slots=True)
class Report:
    """The result of a run. In a dry run it is the result that the run would have, with a `run` that was never saved."""

    run: SyncRun
    rejections: list[Rejection] = field(default_factory=list)
    seconds: float = 0.0
    retry_after: float | None = None
    """Seconds that the gateway asked us to wait."""
    is_equal_to_accepted: bool = False
    """The gateway's response is byte for byte the accepted one."""

    @property
    def has_failed(self) -> bool:
        return self.run.outcome in {SyncRun.Outcome.FAILED, SyncRun.Outcome.HELD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The task of one run."""

    adapter: Adapter
    source: Source
    trigger: str
    replayed: SyncRun | None = None
    """Read the captures of this run again instead of asking the gateway."""
    is_vouched: bool = False
    """A person confirms that the offers which this listing lacks are gone."""
    is_fallback: bool = False
    """The API has just failed, and that failure has already set the time of the next request."""
    author: User | None = None
    decided: Draft | None = None
    """A person's decision that the run carries out, for the audit trail."""
    dry_run: bool = False
    say: Say = silently
