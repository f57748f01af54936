"""What distinguishes a gateway as a place that runs models. A dialect is one file of this package with one class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from routing.wire.request import Kind


class Dialect:
    gateway: ClassVar[str]
    """The slug of the gateway in the catalogue."""
    base: ClassVar[str]
    """The base address of its API, without the path of a request. The setting `<SLUG>_INFERENCE_BASE` replaces it."""
    streams_usage: ClassVar[bool] = True
    """Whether it understands `stream_options.include_usage`."""
    cancel_stops_billing: ClassVar[bool] = False
    """Whether it stops billing when the connection closes. If not, the rest of a stream is read for its usage."""
    is_subscription: ClassVar[bool] = False
    """Requests are paid by a subscription, so their cost is not known."""
    most_at_once: ClassVar[int | None] = None
    """How many units of work one key may have at once; None: not known."""

    def path(self, kind: Kind) -> str:
        return f"/{kind}"

    def headers(self, secret: str) -> Mapping[str, str]:
        """Return the headers with which a key is sent."""
        return {"Authorization": f"Bearer {secret}"}

    def weight(self, offer: Mapping[str, object]) -> int:
        """Return the units of `most_at_once` that a request to this offer takes."""
        return 1
