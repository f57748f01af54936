"""Counts as they are stored after some days."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from usage import ranking
from usage.models import Clients, Day, Hour

R1 = "deepseek-ai/DeepSeek-R1"
QWEN = "Qwen/Qwen3-32B"
V3 = "deepseek-ai/DeepSeek-V3"


def store(asks: Mapping[str, int], *, ago: int, clients: int = 50, is_hour: bool = False) -> None:
    """Store the asks of a day, so many days before today; `is_hour`: as those of its first hour."""
    day = ranking.present_day() - ago
    row = {"endpoint": "read_canonical_model", "gateway": "", "offer": "", "outcome": ""}
    for model, number in asks.items():
        counted = {**row, "model": model, "asks": number, "reads": number}
        if is_hour:
            Hour.objects.create(hour=day * 24, **counted)
        else:
            Day.objects.create(day=day, **counted)
    Clients.objects.create(day=day, process=uuid.uuid4(), number=clients)
    ranking._windows.cache_clear()
