"""What hangs together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar

Node = TypeVar("Node", int, str)


def reach(start: Iterable[Node], beside: Callable[[Node], Iterable[Node]]) -> set[Node]:
    """All that can be come to from the start, which is part of it."""
    found = set(start)
    waiting = list(found)
    while waiting:
        new = set(beside(waiting.pop())) - found
        found |= new
        waiting += new
    return found


def groups(nodes: Iterable[Node], pairs: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """The nodes that pairs make one, each group sorted, in order; those of no pair are alone."""
    beside: dict[Node, set[Node]] = defaultdict(set)
    for one, other in pairs:
        beside[one].add(other)
        beside[other].add(one)
    found: list[list[Node]] = []
    seen: set[Node] = set()
    for node in sorted(nodes):
        if node not in beside:
            found.append([node])
        elif node not in seen:
            group = sorted(reach([node], lambda at: beside[at]))
            seen.update(group)
            found.append(group)
    return found
