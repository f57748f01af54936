"""What a listing states of the availability of its offers, for those who watch it (`publication/listeners.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from django.utils import timezone

from catalog import gateway_settings
from catalog.adapter.contract import Listing
from catalog.publication import listeners
from catalog.records import Availability, Source
from catalog.sync import read, rows
from catalog.sync.captures import RawPage
from catalog.sync.task import Task


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What the listing of one run states. It stays empty if nobody listens, or if the run shows no present state."""

    task: Task
    is_wanted: bool
    at: datetime
    """When the listing was read."""
    states: Mapping[str, Availability] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task) -> Self:
        is_present = task.source is Source.API and task.replayed is None
        is_wanted = is_present and task.adapter.states_availability and listeners.is_observed()
        return cls(task=task, is_wanted=is_wanted, at=timezone.now())

    def take(self, listing: Listing) -> None:
        """Take what the rows of the listing state."""
        if self.is_wanted:
            self.at, self.states = timezone.now(), rows.stated(self.task.adapter, listing)

    def tell(self) -> None:
        """Tell the listeners. Call it outside of a transaction, after the listing is accepted. Raises nothing."""
        if self.is_wanted and not self.task.dry_run:
            listeners.tell(listeners.Statement(gateway=self.task.adapter.slug, at=self.at, states=self.states))

    def tell_of_equal(self, pages: Sequence[RawPage]) -> None:
        """Tell the listeners what pages state that equal those of the accepted run, so nothing else reads them."""
        if not self.is_wanted or self.task.dry_run:
            return
        adapter = self.task.adapter
        config = gateway_settings.settings_of(adapter.slug).config()
        listing = read.read_again(adapter, source=Source.API, pages=pages, config=config).listing
        if listing is not None:
            self.take(listing)
            self.tell()
