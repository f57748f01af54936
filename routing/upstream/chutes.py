"""Chutes. https://chutes.ai/docs

Errors are FastAPI's, `{"detail": ...}`. The first chunk is awaited before the headers, so a failure before the first
token has a true status. A later one is a line of JSON in the stream, without `data: `, and the stream then has no end.
429 means that all instances are busy, or that the account has as many requests as it may have at once.
"""

from __future__ import annotations

from routing.upstream.contract import Dialect


class Chutes(Dialect):
    gateway = "chutes"
    cancel_stops_billing = True
