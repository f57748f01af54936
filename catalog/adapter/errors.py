"""The errors of reading a gateway.

GatewayError            the listing could not be read; the run fails, and what was published stays
├── Unreachable         no answer: nothing there, or it took too long, or it broke off; may pass
├── Refused             an answer that will not change by asking again: 401, 404, a redirect to another host
├── RateLimited         asked too often; may pass after `retry_after`
└── BadPayload          an answer that is not a listing, or too large to be one
UnusableRow             one row cannot be read; it is rejected with its reason, the others go on
"""

from __future__ import annotations


class GatewayError(Exception):
    """The reason why a gateway's listing could not be read, in words that an operator understands."""


class Unreachable(GatewayError):
    pass


class Refused(GatewayError):
    pass


class RateLimited(GatewayError):
    def __init__(self, message: str, *, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait; None if the gateway did not name any."""


class BadPayload(GatewayError):
    pass


class UnusableRow(Exception):
    """The reason why a row is wrong, with the name of the field."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
