"""How JSON bodies are read: at a cost that grows with their length, and no faster."""

from __future__ import annotations

import pytest

from catalog.api import bodies


class Name(str):
    """A key that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Name.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_a_repeated_key_is_found_without_comparing_every_key_with_every_other() -> None:
    count = 8_000  # about as many as 64 KB hold
    pairs = [*((Name(number), 0) for number in range(count)), (Name(count - 1), 1)]
    Name.compared = 0

    with pytest.raises(ValueError, match=f"^has the key '{count - 1}' twice in one object$"):
        bodies.without_repetition(pairs)

    assert Name.compared < 10 * count


def test_the_first_of_several_repeated_keys_is_named() -> None:
    with pytest.raises(ValueError, match="^has the key 'a' twice in one object$"):
        bodies.without_repetition([("a", 1), ("b", 1), ("b", 2), ("a", 2)])
