"""Rewrites the table of captured answers in `docs/gateways.md`: `python -m tests.catalog.gateways.describe`.

`GATEWAYZ_PAYLOADS` names the folder of the answers.
"""

from __future__ import annotations

import re

from catalog.management.generated.gateways import counts
from catalog.sync.rows import sort_rows
from tests.catalog.gateways import captured
from tests.catalog.gateways.cases import FIXTURES

PAGE = FIXTURES.parent / "docs" / "gateways.md"
_MARKED = re.compile(r"(<!-- captured -->\n).*(<!-- /captured -->)", re.DOTALL)


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_MARKED.sub(lambda found: f"{found[1]}{captured_table()}\n{found[2]}", page), encoding="utf-8")


def captured_table() -> str:
    listings = captured.listings()
    return counts({name: sort_rows(*found, reader="", accepted={}) for name, found in listings.items()})


if __name__ == "__main__":
    main()
