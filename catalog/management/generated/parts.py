"""Replaces the generated parts of a text.

A part is between two lines, `<!-- kind: name -->` and `<!-- end -->`. In a file whose comments begin with `#`, so do
the two lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

Writer = Callable[[str], str]
"""Returns the lines of the part of this name, without a line break at the end. Raises UnknownPart."""

_PART = re.compile(
    r"^(?P<begin>[ #]*<!-- (?P<kind>\w+): (?P<name>\w+) -->\n)(?P<lines>.*?)^(?P<end>[ #]*<!-- end -->)$",
    re.DOTALL | re.MULTILINE,
)


class UnknownPart(Exception):
    """A marker names a part that does not exist."""


def with_parts(text: str, writers: Mapping[str, Writer]) -> str:
    """Return the text with all its parts written again. `writers` are by kind. Raises UnknownPart."""

    def written(part: re.Match[str]) -> str:
        if (writer := writers.get(part["kind"])) is None:
            raise UnknownPart(f"there are no parts of the kind {part['kind']}")
        return f"{part['begin']}{writer(part['name'])}\n{part['end']}"

    return _PART.sub(written, text)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, numbers: bool = False) -> str:
    """Return a Markdown table. `numbers` aligns all columns but the first to the right."""
    rule = ("---", *("---:" if numbers else "---" for _ in head[1:]))
    lines = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in (head, rule, *rows))
    return "\n".join(f"| {line} |" for line in lines)
