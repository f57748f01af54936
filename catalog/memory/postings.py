"""An inverted index: which positions have which words. Pure and immutable: `moved` returns the next one."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Self

from pyroaring import BitMap

from catalog.memory.unhurried import sorted_unhurriedly, unhurried

_Found = int | BitMap
"""Half of the words occur at one position only. A number takes a seventh of the memory of a bitmap."""


class Postings:
    __slots__ = ("_at", "words")

    def __init__(self, at: dict[str, _Found], words: list[str]) -> None:
        self._at = at
        self.words = words
        """All words, sorted. Callers must not change the list."""

    @classmethod
    def of(cls, members: Mapping[str, Sequence[int]], positions: Sequence[int]) -> Self:
        """Make postings of words. `members` has the numbers of the offers with each word, which index `positions`."""
        at = {
            word: positions[numbers[0]] if len(numbers) == 1 else BitMap([positions[number] for number in numbers])
            for word, numbers in unhurried(members.items())
        }
        return cls(at, list(sorted_unhurriedly(at, key=str)))

    def __contains__(self, word: str) -> bool:
        return word in self._at

    def at(self, word: str) -> BitMap:
        """Return the positions that have the word. Callers must not change the bitmap."""
        return _unpacked(self._at.get(word))

    def at_any(self, words: Iterable[str]) -> BitMap:
        found = [self._at[word] for word in words if word in self._at]
        alone = BitMap([each for each in found if isinstance(each, int)])
        return BitMap.union(alone, *(each for each in found if not isinstance(each, int)))

    def beginning_with(self, prefix: str) -> Iterator[str]:
        """Yield the words that begin with the prefix and are longer."""
        start = bisect_left(self.words, prefix)
        following = (self.words[place] for place in range(start, len(self.words)))
        return (word for word in takewhile(lambda word: word.startswith(prefix), following) if word != prefix)

    def moved(self, left: Mapping[str, list[int]], joined: Mapping[str, list[int]]) -> Postings:
        """Return the postings after the positions of `left` lose their words and those of `joined` gain theirs."""
        if not left and not joined:
            return self
        at = dict(self._at)
        for word in unhurried(left.keys() | joined.keys()):
            at[word] = _packed((self.at(word) - BitMap(left.get(word, ()))) | BitMap(joined.get(word, ())))
        gone = [word for word in left if not at[word]]
        for word in gone:
            del at[word]
        return Postings(at, self._words_with(new=[word for word in joined if word not in self], gone=gone))

    def _words_with(self, *, new: Sequence[str], gone: Sequence[str]) -> list[str]:
        if not new and not gone:
            return self.words
        words = self.words[:]
        for word in unhurried(gone):
            del words[bisect_left(words, word)]
        for word in unhurried(new):
            insort(words, word)
        return words


_NOWHERE = BitMap()


def _packed(found: BitMap) -> _Found:
    return found.min() if len(found) == 1 else found


def _unpacked(found: _Found | None) -> BitMap:
    if found is None:
        return _NOWHERE
    return BitMap([found]) if isinstance(found, int) else found
