"""What a run is to do, and what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.contrib.auth.models import User

from catalog.adapter.contract import Gateway as Adapter
from catalog.models import SyncRun
from catalog.records import Source
from catalog.sync.rows import Rejection

Say = Callable[[str], None]


def silently(line: str) -> None:
    """Says nothing."""


@dataclass(slots=True)
class Report:
    """What a run did; in a dry run, what it would do, with a `run` that was never saved."""

    run: SyncRun
    rejections: list[Rejection] = field(default_factory=list)
    seconds: float = 0.0
    retry_after: float | None = None
    """Seconds that the gateway asked us to wait."""
    is_equal_to_accepted: bool = False
    """The gateway said, byte for byte, what is published of it already."""

    @property
    def has_failed(self) -> bool:
        return self.run.outcome in {SyncRun.Outcome.FAILED, SyncRun.Outcome.HELD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a run is to do."""

    adapter: Adapter
    source: Source
    trigger: str
    held: SyncRun | None = None
    """Read again what this run captured, instead of asking the gateway."""
    is_vouched: bool = False
    """A person says that what this listing lacks is gone."""
    is_fallback: bool = False
    """The API has just failed; when it is asked again was decided then."""
    author: User | None = None
    dry_run: bool = False
    say: Say = silently
