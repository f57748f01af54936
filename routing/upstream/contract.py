"""What distinguishes a gateway as a place that runs models. A dialect is one file of this package with one class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from routing.wire.errors import Failure, classify
from routing.wire.request import Kind


class Dialect:
    """Its base address is the catalogue's `completions_url`; the setting `<SLUG>_INFERENCE_BASE` replaces it."""

    gateway: ClassVar[str]
    """The slug of the gateway in the catalogue."""
    streams_usage: ClassVar[bool] = True
    """Whether it understands `stream_options.include_usage`."""
    cancel_stops_billing: ClassVar[bool] = False
    """Whether it stops billing when the connection closes. If not, the rest of an answer is read for its usage."""
    is_subscription: ClassVar[bool] = False
    """Requests are paid by a subscription, so their cost is not known."""
    most_at_once: ClassVar[int | None] = None
    """How many units of work one key may have at once; None: not known. `<SLUG>_INFERENCE_SLOTS` replaces it."""

    def path(self, kind: Kind) -> str:
        return f"/{kind}"

    def headers(self, secret: str) -> Mapping[str, str]:
        """Return the headers with which a key is sent."""
        return {"Authorization": f"Bearer {secret}"}

    def weight(self, offer_id: str) -> int:
        """Return the units of `most_at_once` that a request to this offer takes."""
        return 1

    def failure(self, status: int, body: bytes, answer: Any = None) -> Failure | None:
        """Return the failure that an answer means; None for a good one. `answer`: what its body has, if parsed."""
        return classify(status, body, answer)
