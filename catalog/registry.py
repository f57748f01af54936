"""The gateways that Gatewayz reads, in the order in which answers name them."""

from __future__ import annotations

from catalog.adapter.contract import Gateway
from catalog.gateways.chutes import Chutes
from catalog.gateways.openrouter import OpenRouter

GATEWAYS: dict[str, Gateway] = {gateway.slug: gateway for gateway in (OpenRouter(), Chutes())}
