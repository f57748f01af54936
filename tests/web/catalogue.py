"""The catalogue that the pages show: the bundled lists, and four editions of OpenRouter's list over four months.

Prices move, one is held, one offer is withdrawn, and one is edited by a curator. So a page has all that it can show.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = Any
Row = dict[str, Json]

MOVING = "deepseek/deepseek-r1"
"""Its input price is another one in each edition."""
MOVING_SLUG = "deepseek-ai/DeepSeek-R1"
HELD = "deepseek/deepseek-v3.2"
"""Its last input price is 50 times the one before, so that it is held."""
HELD_SLUG = "deepseek-ai/DeepSeek-V3.2"
WITHDRAWN = "nex-agi/deepseek-v3.1-nex-n1"
"""The last edition lacks it, and no other gateway sells it."""
FALLEN = "deepseek/deepseek-chat-v3.1"
"""Its input price fell in the last edition."""
CURATED = "deepseek/deepseek-chat"
TINY = "gatewayz-tests/tiny-price"
"""Its input price is 0.0000375 US dollars per million tokens."""
TINY_PRICE = "0.0000375"
HOSTILE = "gatewayz-tests/<b>\"onload='alert(1)'"
HOSTILE_SLUG = "gatewayz-tests/b-onload-alert-1"
LONG = "gatewayz-tests/" + "long-name-" * 20

MARKUP = '<script>alert(1)</script>"><img src=x onerror=alert(2)></script>\u202egnp.exe'
"""What a page must show as text: tags, the end of an attribute, the end of a script, and a mark that turns text."""

OBSERVED = (
    ("openrouter", MOVING, (("up", 70), ("down", 41.2), ("up", 41), ("cold", 12), ("up", 11.5), ("down", 0.1))),
    ("chutes", MOVING_SLUG, (("up", 24), ("down", 9.9), ("up", 8.2))),
)
"""By gateway and offer: what was observed, and how many days ago."""
REASONS = {"up": "answered", "cold": "loading", "down": "0 of 3 hosts"}
FIGURES: dict[str, Json] = {
    "openrouter": {
        "hosts": [
            {
                "name": f"Host {name}",
                "tag": name,
                "status": status,
                "uptime_last_30m": 99.5,
                "uptime_last_1d": 98.123,
                "pricing": {"prompt": "0.00000055", "completion": "0.00000219"},
            }
            | extra
            for name, status, extra in (("a", 0, {"quantization": "fp8"}), ("b", -2, {}), ("c", 0, {"pricing": {}}))
        ]
    },
    "chutes": {
        "active_instance_count": 3,
        "total_instance_count": 4,
        "utilization_5m": 0.41,
        "rate_limit_ratio_5m": 0.02,
    },
}
"""What gateways say of their offers themselves."""
AGO = (120, 60, 20, 0)
"""How many days ago each edition was read."""
VARIABLES = {
    "OPENROUTER_SOURCE": "api",
    "PORTKEY_SOURCE": "bundled",
    "FEATHERLESS_SOURCE": "bundled",
    "CHUTES_SOURCE": "bundled",
    # The limit is far above the smallest price that a page must be able to show.
    "GUARD_LEAST_USD_PER_MILLION_TOKENS": "0.00001",
}


def edition(listed: Iterable[Row], number: int) -> list[Row]:
    """Return OpenRouter's list as it was then; the bundled one is the third."""
    factors = {MOVING: ("2", "1.5", "1", "1.25"), HELD: ("1", "1", "1", "50"), FALLEN: ("1", "1", "1", "0.8")}
    rows = []
    for row in listed:
        if row["id"] == WITHDRAWN and number == len(AGO) - 1:
            continue
        if row["id"] in factors:
            amount = float(row["pricing"]["prompt"]) * float(factors[row["id"]][number])
            row = {**row, "pricing": {**row["pricing"], "prompt": f"{amount:.12f}"}}
        rows.append(row)
    return rows


def hostile_rows() -> list[Row]:
    return [
        _row(HOSTILE, name=MARKUP, description=f"{MARKUP} {'x' * 10_000}", hugging_face_id="javascript:alert(3)"),
        _row(LONG, name="A name without a space: " + "w" * 200),
        _row(TINY, name="Tiny price", pricing={"prompt": "0.0000000000375", "completion": "0.0000000001"}),
    ]


def _row(offer_id: str, **facts: Json) -> Row:
    return {
        "id": offer_id,
        "created": 1_779_913_703,
        "context_length": 131_072,
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"], "tokenizer": "Other"},
        "pricing": {"prompt": "0.000002", "completion": "0.000006"},
        "top_provider": {"max_completion_tokens": 32_768, "is_moderated": False},
        "supported_parameters": ["tools"],
        **facts,
    }
