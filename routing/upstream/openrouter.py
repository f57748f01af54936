"""OpenRouter. https://openrouter.ai/docs/api-reference/overview

Every stream has a usage chunk, whether it was asked for or not; `usage.cost` is what OpenRouter bills. Errors may come
with status 200, in the body or in the stream. Before the first content it sends comments, `: OPENROUTER PROCESSING`.
A closed connection stops the bill at most of the providers behind it.
"""

from __future__ import annotations

from routing.upstream.contract import Dialect


class OpenRouter(Dialect):
    gateway = "openrouter"
    cancel_stops_billing = True
