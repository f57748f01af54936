"""What Chutes and Featherless answer on the simulated day of benchmarks/availability.py."""

from __future__ import annotations

import json
import random
from typing import Any

Json = Any

STEPS_AN_HOUR = 12
LANGUAGE_MODELS = 14
"""As many of Chutes' deployments are in its second list."""


class Gateways:
    """What Chutes and Featherless answer. Featherless' listing stays as it is."""

    def __init__(self, *, chutes: int, featherless: int, rate: float) -> None:
        self.flips = random.Random(7)  # noqa: S311  the same flips in every run, with monitoring and without
        self.loads = random.Random(8)  # noqa: S311  likewise
        self.share = rate / 100 / STEPS_AN_HOUR
        self.hot = {f"maker-{number % 40}/deployed-{number}": number % 3 > 0 for number in range(chutes)}
        self.featherless = [_featherless_row(number) for number in range(featherless)]

    def flip(self) -> None:
        for name in self.hot:
            self.hot[name] ^= self.flips.random() < self.share

    def answer(self, request: Any) -> bytes:
        if request.path == "/chutes/utilization":
            found: Json = [self._load(name) for name in self.hot]
        elif request.path == "/chutes/":
            page, limit = int(request.query["page"]), int(request.query["limit"])
            rows = [_chute(number, name, is_hot=is_hot) for number, (name, is_hot) in enumerate(self.hot.items())]
            found = {"total": len(rows), "items": rows[page * limit :][:limit], "cord_refs": {}}
        elif "per_page" in request.query:
            page, limit = int(request.query["page"]) - 1, int(request.query["per_page"])
            found = {"total": len(self.featherless), "data": self.featherless[page * limit :][:limit]}
        else:
            found = {"data": [_llm(number, name) for number, name in enumerate([*self.hot][:LANGUAGE_MODELS])]}
        return json.dumps(found).encode()

    def fetcher(self) -> Any:
        gateways = self

        class Answering:
            def __init__(self, *args: object, **kwargs: object) -> None: ...
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *args: object) -> None: ...
            def get(self, request: Any) -> bytes:
                return gateways.answer(request)

        return Answering

    def _load(self, name: str) -> Json:
        shares = ("utilization_current", "utilization_5m", "utilization_1h", "rate_limit_ratio_5m")
        running = self.loads.randint(1, 9) if self.hot[name] else 0
        loads = {key: round(self.loads.random() / 3, 4) for key in shares}
        return {"name": name, "active_instance_count": running, "total_instance_count": running, **loads}


def _chute(number: int, name: str, *, is_hot: bool) -> Json:
    price = {"usd": {"hour": 2 + number % 7}, "per_million_tokens": {"input": {"usd": 0.1}, "output": {"usd": 0.4}}}
    return {
        "chute_id": f"chute-{number}",
        "name": name,
        "public": True,
        "hot": is_hot,
        "standard_template": "vllm",
        "current_estimated_price": price,
        "created_at": "2025-10-09T22:27:28Z",
    }


def _llm(number: int, name: str) -> Json:
    pricing = {"prompt": 0.1, "completion": 0.4}
    return {"id": name, "chute_id": f"chute-{number}", "context_length": 40_960, "pricing": pricing}


def _featherless_row(number: int) -> Json:
    return {
        "id": f"maker-{number % 900}/model-{number}",
        "created": 1_714_494_994 + number,
        "context_length": 4_096 * (1 + number % 8),
        "max_completion_tokens": 4_096,
        "status": "active",
        "availability": {"tier": ("hot", "warm", "cold")[number % 3]},
        "pricing": {"prompt": f"0.000000{number % 90 + 10}", "completion": "0.000002"},
    }
