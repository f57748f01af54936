"""`python -m tests.web.queues`: what waits in the queues of the desk, in the data folder of the environment.

Prices of OpenRouter move 50-fold, and then a third of its list is missing. The names have markup.
"""

from __future__ import annotations

import json
from typing import Any

from tests.clients.service import ROOT
from tests.upstream import Upstream
from tests.web import catalogue

Json = Any

MODELS = "/api/v1/models"
DOUBTED = 13
"""So many more input prices are held."""
KEPT_PERCENT = 60
NEW = "gatewayz-tests/newcomer"


def main() -> None:
    import django

    django.setup()
    from django.conf import settings

    from catalog.sync.run import run_gateway

    listed = json.loads((ROOT / "fixtures/openrouter_catalog.json").read_text())
    rows = [*catalogue.edition(listed, len(catalogue.AGO) - 1), *catalogue.hostile_rows()]
    with Upstream() as upstream:
        settings.GATEWAY_BASES["openrouter"] = {"api": upstream.base}
        doubted = _doubted(rows)
        for each in (doubted, _fewer(doubted)):
            upstream.serve(MODELS, {"data": each, "total_count": len(each)})
            run_gateway("openrouter", trigger="schedule")


def _doubted(rows: list[Json]) -> list[Json]:
    """Return the rows, of which some ask 50 times as much; one of them has markup for a name."""
    priced = [row["id"] for row in rows if float(row["pricing"].get("prompt", 0)) > 0 and ":" not in row["id"]]
    chosen = {catalogue.HOSTILE, *[each for each in priced if each != catalogue.HELD][: DOUBTED - 1]}
    return [_dearer(row) if row["id"] in chosen else row for row in rows]


def _dearer(row: Json) -> Json:
    prompt = f"{float(row['pricing']['prompt']) * 50:.12f}"
    return {**row, "pricing": {**row["pricing"], "prompt": prompt}}


def _fewer(rows: list[Json]) -> list[Json]:
    """Return a list that is not believed, with a change of each kind."""
    kept = rows[: len(rows) * KEPT_PERCENT // 100]
    first, second = ({**row} for row in kept[:2])
    first["name"] = catalogue.MARKUP
    second["pricing"] = {**second["pricing"], "completion": f"{float(second['pricing']['completion']) * 1.5:.12f}"}
    return [first, second, *kept[2:], {**rows[-1], "id": NEW, "name": catalogue.MARKUP}]


if __name__ == "__main__":
    main()
