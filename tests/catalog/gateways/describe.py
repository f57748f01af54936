"""Rewrites the tables of `docs/gateways.md`: `python -m tests.catalog.gateways.describe`.

The tables of captured answers are written only if `GATEWAYZ_PAYLOADS` names their folder; default: unchanged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from catalog.adapter.contract import Gateway, Listing
from catalog.pricing import status
from catalog.records import OfferRecord
from catalog.registry import GATEWAYS
from catalog.sync.rows import Sorted, sort_rows
from tests.catalog.gateways import captured
from tests.catalog.gateways.cases import FIXTURES, bundled

PAGE = FIXTURES.parent / "docs" / "gateways.md"
COUNTS: dict[str, Callable[[OfferRecord], object]] = {
    "model_type": lambda record: record.model_type.value,
    "price_status": status.price_status,
    "price_basis": status.price_basis,
}


def main() -> None:
    page = written(PAGE.read_text(encoding="utf-8"), "bundled", bundled_tables())
    if captured.FOLDER.is_dir():
        page = written(page, "captured", captured_tables())
    PAGE.write_text(page, encoding="utf-8")


def written(page: str, name: str, tables: str) -> str:
    """The page with these tables between the marks of this name."""
    marks = re.compile(rf"(<!-- {name} -->\n).*(<!-- /{name} -->)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}\n{tables}{found[2]}", page)


def bundled_tables() -> str:
    return tables({gateway.name: sorted_rows(gateway, bundled(gateway)) for gateway in GATEWAYS.values()})


def captured_tables() -> str:
    return tables({name: sorted_rows(gateway, listing) for name, (gateway, listing) in captured.listings().items()})


def sorted_rows(gateway: Gateway, listing: Listing) -> Sorted:
    return sort_rows(gateway, listing, reader="", accepted={})


def tables(columns: dict[str, Sorted]) -> str:
    """One table: a row for each value of what is counted, a column for each listing."""
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    lines.append(line("offers", (len(found.records) for found in columns.values())))
    lines.append(line("rejected rows", (len(found.rejections) for found in columns.values())))
    for name, value_of in COUNTS.items():
        counts = [Counter(value_of(record) for record in found.records.values()) for found in columns.values()]
        for value in sorted(set().union(*counts), key=lambda value: (value is None, str(value))):
            shown = "null" if value is None else value
            lines.append(line(f"`{name}` {shown}", (count[value] for count in counts)))
    return "\n".join(lines) + "\n"


def line(name: str, counts: Iterable[int]) -> str:
    return f"| {name} | {' | '.join(f'{count:,}' if count else '-' for count in counts)} |"


if __name__ == "__main__":
    main()
