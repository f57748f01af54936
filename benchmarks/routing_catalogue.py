"""The catalogue that `benchmarks.routing` routes in: `python -m benchmarks.routing_catalogue <database> <offers>`.

It has the bundled offers of Chutes and OpenRouter. `offers` is a JSON list of further ones, each with its gateway and
its id. They take chats and have prices of their tokens, which the bundled offers of Chutes have not.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from io import StringIO

from benchmarks.catalogues import set_up


def build(offers: list[tuple[str, str]]) -> None:
    from django.core.management import call_command

    from tests.factories import publish, token_priced_record

    call_command("migrate", verbosity=0)
    for gateway in ("chutes", "openrouter"):
        call_command("sync", gateway, source="bundled", stdout=StringIO())
    ids = defaultdict(list)
    for gateway, own_id in offers:
        ids[gateway].append(own_id)
    for gateway, own in ids.items():
        publish(*map(token_priced_record, own), gateway=gateway, is_complete=False)


def main() -> None:
    database, offers = sys.argv[1:]
    set_up(database)
    build(json.loads(offers))


if __name__ == "__main__":
    main()
