"""Finds what differs between two books, and which differences are allowed. Pure, except for reading quoted bodies.

A line of `allowed.txt` names requests, the aspects of their answers that may differ, and the reason:

    GET /admin* | header access-control-allow-origin, header vary | CORS headers are set in one place

In the first part `*` means any characters. The second part lists `status`, `body`, `sentences` (in errors and in the
OpenAPI document, while the rest of the body is equal), and `header` with a name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.ledger.book import Book, Entry

BODY, SENTENCES, STATUS = "body", "sentences", "status"
MOST_GROUPS = 25
MOST_REQUESTS = 3
QUOTED_BYTES = 90

Find = Callable[[str], bytes | None]
"""Returns the body with this hash, or None if it was not stored."""


@dataclass(frozen=True, slots=True)
class Difference:
    request: str
    was: Entry
    now: Entry
    aspects: frozenset[str]
    """The aspects of the answer that differ, in the words of `allowed.txt`."""


@dataclass(frozen=True, slots=True)
class Allowance:
    line: str
    pattern: re.Pattern[str]
    aspects: frozenset[str]

    @classmethod
    def parse(cls, line: str) -> Allowance:
        """Raises ValueError if the line does not have three parts, or names something that cannot differ."""
        requests, named, reason = map(str.strip, line.rsplit(" | ", 2))
        aspects = frozenset(name.strip() for name in named.split(","))
        wrong = [name for name in aspects if not re.fullmatch(rf"{STATUS}|{BODY}|{SENTENCES}|header [a-z0-9-]+", name)]
        if wrong or not reason:
            raise ValueError(f"not an allowance: {line}")
        return cls(line, re.compile(".*".join(map(re.escape, requests.split("*")))), aspects)

    def covers(self, difference: Difference) -> frozenset[str]:
        if not self.pattern.fullmatch(difference.request):
            return frozenset()
        allowed = self.aspects | ({SENTENCES} if BODY in self.aspects else frozenset())
        return difference.aspects & allowed


def allowances(text: str) -> list[Allowance]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [Allowance.parse(line) for line in lines]


def compare(was: Book, now: Book) -> list[Difference]:
    """Compare the requests that both books have. They have the same requests, since those of the ledger are asked."""
    pairs = ((request, entry, now[request]) for request, entry in was.items() if request in now)
    return [Difference(request, old, new, _aspects(old, new)) for request, old, new in pairs if old != new]


def judge(found: Sequence[Difference], allowed: Sequence[Allowance]) -> tuple[list[Difference], list[Allowance]]:
    """Return the differences that are not allowed, and the allowances that allow nothing.

    Each difference contains only the aspects that are not allowed.
    """
    used: set[str] = set()
    left = []
    for difference in found:
        remaining = difference.aspects
        for allowance in allowed:
            if covered := allowance.covers(difference):
                used.add(allowance.line)
                remaining -= covered
        if remaining:
            left.append(Difference(difference.request, difference.was, difference.now, remaining))
    return left, [allowance for allowance in allowed if allowance.line not in used]


def report(found: Sequence[Difference], find: Find) -> Iterator[str]:
    """Yield a report for people: differences of one kind together, with their first requests and the first body."""
    groups: dict[tuple[str, ...], list[Difference]] = defaultdict(list)
    for difference in found:
        groups[tuple(_changes(difference))].append(difference)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))
    for changes, members in largest[:MOST_GROUPS]:
        yield ""
        yield from (f"  {member.request}" for member in members[:MOST_REQUESTS])
        if len(members) > MOST_REQUESTS:
            yield f"  and {len(members) - MOST_REQUESTS} more"
        yield from (f"      {change}" for change in changes)
        if not members[0].aspects.isdisjoint({BODY, SENTENCES}):
            yield from (f"      {line}" for line in _quoted(members[0], find))
    if len(largest) > MOST_GROUPS:
        yield f"\n  and {len(largest) - MOST_GROUPS} more kinds of differences"


def _aspects(was: Entry, now: Entry) -> frozenset[str]:
    names = {STATUS} if was.status != now.status else set()
    before, after = _values(was.headers), _values(now.headers)
    names |= {f"header {name}" for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if was.body != now.body:
        names.add(SENTENCES if was.structure and was.structure == now.structure else BODY)
    return frozenset(names)


def _values(headers: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = defaultdict(list)
    for header in headers.split(" | "):
        name, _, value = header.partition(": ")
        values[name].append(value)
    return values


def _changes(difference: Difference) -> Iterator[str]:
    """Describe what differs, in words that are equal for all differences of one kind."""
    before, after = _values(difference.was.headers), _values(difference.now.headers)
    if STATUS in difference.aspects:
        yield f"status {difference.was.status} -> {difference.now.status}"
    for aspect in sorted(difference.aspects - {STATUS, BODY, SENTENCES}):
        name = aspect.removeprefix("header ")
        yield f"{name}: {_shown(before.get(name))} -> {_shown(after.get(name))}"
    for aspect in sorted(difference.aspects & {BODY, SENTENCES}):
        yield f"{aspect} of {_path(difference.request)}"


def _shown(values: list[str] | None) -> str:
    return "(missing)" if values is None else ", ".join(values)


def _path(request: str) -> str:
    """Return the first two path segments, which group the bodies that differ."""
    target = request.split(" ")[1].partition("?")[0]
    return "/".join(target.split("/")[:3])


def _quoted(difference: Difference, find: Find) -> Iterator[str]:
    """Quote both bodies, starting shortly before the first byte that differs."""
    was, now = find(difference.was.body), find(difference.now.body)
    if was is None or now is None:
        yield f"the body {difference.was.body} was not kept here: `make ledger` where it passes keeps it"
        return
    place = next(
        (at for at, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), min(len(was), len(now))
    )
    start = max(0, place - QUOTED_BYTES // 2)
    yield f"from byte {place} on:"
    for sign, body in (("-", was), ("+", now)):
        quoted = body[start : start + QUOTED_BYTES].decode("utf-8", "replace")
        yield f"{sign} {quoted!r}{'' if len(body) <= start + QUOTED_BYTES else ' ...'}"
