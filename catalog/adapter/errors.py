"""The errors of reading a gateway.

GatewayError            the listing could not be read; the run fails, and what was published stays
├── Unreachable         no answer: nothing there, or it cannot be opened
└── BadPayload          an answer that is not a listing
UnusableRow             one row cannot be read; it is rejected with its reason, the others go on
"""

from __future__ import annotations


class GatewayError(Exception):
    """Says in words an operator understands why a gateway's listing could not be read."""


class Unreachable(GatewayError):
    pass


class BadPayload(GatewayError):
    pass


class UnusableRow(Exception):
    """Says which field of a row is wrong, and how."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
