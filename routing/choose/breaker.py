"""Stops requests to what fails, and tries it again with one request. Pure: the time is given, in monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_REST_SECONDS = 5.0
"""The first rest after too many failures; each one that follows takes twice as long."""
LONGEST_REST_SECONDS = 120.0
LONGEST_ASKED_SECONDS = 3_600.0
"""The longest Retry-After that is obeyed."""
PROBE_SECONDS = 600.0
"""After so long a probe whose end was never reported is forgotten."""


@dataclass(slots=True)
class Breaker:
    """Closed: requests pass. Open: none does. Half open, after the rest: one passes, and its end decides."""

    most_failures: int
    """It opens at this many failures one after the other."""
    failures: int = 0
    rests: int = 0
    """How often it opened, one time after the other."""
    is_open: bool = False
    rests_until: float = 0.0
    """Also set while it is closed, where the gateway asked for a pause."""
    probing_since: float | None = None

    def blocked_until(self, now: float) -> float | None:
        """Return until when no request passes; None if one may. While a probe runs that is not known: a second more."""
        if self.rests_until > now:
            return self.rests_until
        return now + 1.0 if self._is_probing(now) else None

    def admit(self, now: float) -> bool:
        """Whether a request may pass now. Each True needs one call of `succeeded`, `failed` or `ignored` at its end."""
        if self.blocked_until(now) is not None:
            return False
        if self.is_open:
            self.probing_since = now
        return True

    def succeeded(self) -> None:
        self.failures, self.rests, self.is_open, self.probing_since = 0, 0, False, None

    def failed(self, now: float) -> None:
        was_probe, self.probing_since = self.probing_since is not None, None
        self.failures += 1
        if was_probe or (not self.is_open and self.failures >= self.most_failures):
            self.is_open = True
            self.rests_until = max(
                self.rests_until, now + min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0**self.rests)
            )
            self.rests = min(self.rests + 1, 10)

    def ignored(self) -> None:
        """Report a request that says nothing about what was asked: the client's mistake, or the client left."""
        self.probing_since = None

    def rest(self, now: float, seconds: float) -> None:
        """Let nothing pass for this time: the gateway asked for it."""
        self.rests_until = max(self.rests_until, now + min(seconds, LONGEST_ASKED_SECONDS))

    def _is_probing(self, now: float) -> bool:
        return self.probing_since is not None and now - self.probing_since < PROBE_SECONDS
