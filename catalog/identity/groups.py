"""Connected nodes of a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar

Node = TypeVar("Node", int, str)


def reach(start: Iterable[Node], neighbours: Callable[[Node], Iterable[Node]]) -> set[Node]:
    """Return all nodes reachable from `start`, including `start`."""
    found = set(start)
    waiting = list(found)
    while waiting:
        new = set(neighbours(waiting.pop())) - found
        found |= new
        waiting += new
    return found


def groups(nodes: Iterable[Node], pairs: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """Return the groups of nodes that pairs connect. Groups and their nodes are sorted; a node without a pair is
    alone."""
    neighbours: dict[Node, set[Node]] = defaultdict(set)
    for one, other in pairs:
        neighbours[one].add(other)
        neighbours[other].add(one)
    found: list[list[Node]] = []
    seen: set[Node] = set()
    for node in sorted(nodes):
        if node not in neighbours:
            found.append([node])
        elif node not in seen:
            group = sorted(reach([node], lambda at: neighbours[at]))
            seen.update(group)
            found.append(group)
    return found
