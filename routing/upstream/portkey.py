"""Portkey. https://portkey.ai/docs/api-reference/inference-api/introduction

The key is that of a workspace, in a header of its own. A model is `@host/model`, which names the workspace's account at
the host. Statuses of the host pass through; its own are 408 (the host was too slow), 412 (a budget of the workspace is
used up) and 446 (a guardrail refused the request). 246 is an answer that a guardrail marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.upstream.contract import Dialect
from routing.wire.errors import Failure

_OWN = {408: Failure.SILENT, 412: Failure.CREDENTIAL, 446: Failure.CLIENT}
_MARKED = 246


class Portkey(Dialect):
    gateway = "portkey"

    def headers(self, secret: str) -> Mapping[str, str]:
        return {"x-portkey-api-key": secret}

    def failure(self, status: int, body: bytes, answer: Any = None) -> Failure | None:
        if status in _OWN:
            return _OWN[status]
        return super().failure(200 if status == _MARKED else status, body, answer)
