"""Finds the offers that a text means, the likeliest first. Pure.

An offer must match all words of a text. A word matches a word of the offer that is equal or begins with it. It also
matches several words that the offer writes as one, or one that it writes as several. If none of that occurs anywhere,
it matches a word of ids, names and providers with nearly the same spelling. If no offer matches all words, the text is
searched once more, and words of similar spelling count in addition to exact ones: among so many names, some name has
nearly every misspelling.

Each match has a cost, which grows from names to descriptions and from whole words to misspelled ones. The costs of a
text's words are added up. Offers of little-known providers cost extra, because these name their models after those of
others. Offers of equal cost are ordered by facts that do not depend on the query: models with short names first, then
standard offers before variants, then models of many gateways, then by position.

All steps are arithmetic on bitmaps, so a text that matches the whole catalogue costs hardly more than one that matches
ten offers.
"""

from __future__ import annotations

import re
import string
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Self

import orjson
from pyroaring import BitMap
from rapidfuzz import process
from rapidfuzz.distance import OSA

from catalog.memory import search_words
from catalog.memory.postings import Postings
from catalog.memory.rows import Row
from catalog.memory.search_words import FIELDS, HEAD_MARK, HEADS, NAME, PROVIDER
from catalog.memory.unhurried import unhurried

Document = Mapping[str, Any]
Rows = Mapping[int, Row]
Hits = list[tuple[int, BitMap]]
"""The matches of one word: costs, lowest first, and the positions that match at this cost."""
Rank = tuple[tuple[int, int], bool, int]
"""Words of id and name; whether it is a variant; the negated number of gateways that sell the model. Lowest first."""

MODEL, RENOWN = range(len(FIELDS), len(FIELDS) + 2)
"""Stored for offers in the same way as words: the slug of the canonical model; whether the provider is a STRANGER."""
STRANGER = "stranger"
STRANGERS_COST = 4
"""More than a whole word of the provider: a query for a provider means its models, not others that contain its name."""
CORRECTED = (NAME, PROVIDER)
"""The fields whose words a misspelled one is compared with."""
WHOLE, BEGINNING, MISSPELLED = range(3)
SHORTEST_MISSPELLED, LONG_MISSPELLED = 4, 7
"""Numbers of letters: shorter words are never corrected, and words of the second length or more allow two mistakes."""
MOST_CORRECTED = 4
"""Corrected words per query. Each is compared with thousands, and a further word without a match ends the search."""
LONGEST_SPAN = 3
"""The number of consecutive query words that may be one word of a name."""

FIGURES = frozenset(string.digits + ".")
_DATE_AT_END = re.compile(r"[-@]20\d\d-?[01]\d-?[0-3]\d\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The offers that a text means, before other filters narrow them."""

    positions: BitMap
    hits: Sequence[Hits]
    """The matches of each word, and those of renown."""

    def by_cost(self, members: BitMap) -> Iterator[BitMap]:
        """Yield the members in groups of equal cost, cheapest first. All members must be in `positions`."""
        groups: dict[int, BitMap] = {0: members}
        for hits in self.hits:
            groups = _dearer(groups, hits)
        return (groups[cost] for cost in sorted(groups))


class Terms:
    """The terms of offers that are being read. Each offer has a number, because no position is known yet."""

    def __init__(self) -> None:
        self._members: list[dict[str, array[int]]] = [defaultdict(_no_numbers) for _ in (*FIELDS, MODEL, RENOWN)]

    def add(self, number: int, row: Row, document: Document) -> None:
        for members, terms in zip(self._members, _terms(row, document), strict=True):
            for term in terms:
                members[term].append(number)

    def postings(self, positions: Sequence[int]) -> list[Postings]:
        """Return the postings of all offers. `positions` has the position of each number."""
        return [Postings.of(members, positions) for members in self._members]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    postings: Sequence[Postings]
    """The words of all offers, one for each of search_words.FIELDS, followed by MODEL and RENOWN."""
    spellings: Mapping[int, list[str]]
    """The words that a misspelled one may mean, by their number of letters."""
    ranks: Mapping[Rank, BitMap]
    """Positions by rank, in the order of the ranks."""

    @classmethod
    def of(cls, rows: Rows, terms: Terms, *, positions: Sequence[int]) -> Self:
        """Make the search of these rows from their terms. `positions` has the position of each of their numbers."""
        postings = terms.postings(positions)
        rank_of = _ranks(rows, postings[MODEL])
        ranks: dict[Rank, BitMap] = defaultdict(BitMap)
        for position in unhurried(rows):
            ranks[rank_of(position)].add(position)
        return cls(postings=postings, spellings=_spellings(postings), ranks=dict(sorted(ranks.items())))

    def with_rows(self, changed: Iterable[int], *, before: Rows, after: Rows) -> Search:
        """Return the search after the rows of these positions changed.

        `before` and `after` contain the rows of all positions.
        """
        changed = list(changed)
        left, joined = ([defaultdict[str, list[int]](list) for _ in (*FIELDS, MODEL, RENOWN)] for _ in range(2))
        for position in unhurried(changed):
            was = _terms_of(before[position]) if position in before else [set() for _ in left]
            for field, now in enumerate(_terms_of(after[position])):
                for term in was[field] - now:
                    left[field][term].append(position)
                for term in now - was[field]:
                    joined[field][term].append(position)
        postings = [words.moved(*moves) for words, *moves in zip(self.postings, left, joined, strict=True)]
        same_words = all(postings[field].words is self.postings[field].words for field in CORRECTED)
        return Search(
            postings=postings,
            spellings=self.spellings if same_words else _spellings(postings),
            ranks=self._ranks_with(changed, before, after, postings[MODEL]),
        )

    def _ranks_with(self, changed: Sequence[int], before: Rows, after: Rows, models: Postings) -> Mapping[Rank, BitMap]:
        """Recompute the ranks. An offer that is added or removed affects all offers of its model."""
        concerned = [rows[at].identity for rows in (before, after) for at in changed if at in rows]
        of_models = models.at_any({identity.model for identity in concerned if identity})
        was, now = _ranks(before, self.postings[MODEL]), _ranks(after, models)
        left, joined = defaultdict[Rank, BitMap](BitMap), defaultdict[Rank, BitMap](BitMap)
        for position in unhurried(of_models | BitMap(changed)):
            if position in before:
                left[was(position)].add(position)
            joined[now(position)].add(position)
        moved = {
            rank: (self.ranks.get(rank, BitMap()) - left[rank]) | joined[rank] for rank in left.keys() | joined.keys()
        }
        together = {**self.ranks, **moved}
        return dict(sorted((rank, found) for rank, found in together.items() if found))

    # --- what a text means -------------------------------------------------------------------------------------------
    def find(self, text: str) -> Found:
        """Return the offers that match all words of the text; none if the text has no words."""
        words = search_words.asked(text)
        corrections = cache(self._misspelled)
        found = self._having(words, corrections, is_doubtful=False)
        return found if found.positions else self._having(words, corrections, is_doubtful=True)

    def most_comparisons(self, text: str) -> int:
        """Return with how many words the text's are compared at most, to correct them: what makes a search slow."""
        corrected = sum(map(_is_corrected, search_words.asked(text)))
        return min(corrected, MOST_CORRECTED) * sum(map(len, self.spellings.values()))

    def _having(self, words: Sequence[str], corrections: Callable[[str], Hits], *, is_doubtful: bool) -> Found:
        """Return the offers that match all words. If `is_doubtful`, words with exact matches are corrected too."""
        as_one = self._written_as_one(words)
        positions, hits, corrected = BitMap(), list[Hits](), 0
        for number, word in enumerate(words):
            for part, alternatives in self._meeting(word, as_one[number]):
                if (is_doubtful or not alternatives) and corrected < MOST_CORRECTED and _is_corrected(part):
                    alternatives = [*alternatives, *corrections(part)]
                    corrected += 1
                met = BitMap.union(BitMap(), *(at for _, at in alternatives))
                positions = positions & met if hits else met
                hits.append(sorted(alternatives, key=itemgetter(0)))
                if not positions:
                    return Found(positions=positions, hits=())
        strangers = self.postings[RENOWN].at(STRANGER)
        return Found(positions=positions, hits=[*hits, [(0, positions - strangers), (STRANGERS_COST, strangers)]])

    def page(self, found: Found, members: BitMap, *, start: int, stop: int) -> Iterator[int]:
        """Yield the members from `start` to `stop`, the likeliest first. All members must be in `found`."""
        for group in found.by_cost(members):
            if start < len(group):
                for of_rank in self.ranks.values():
                    here = group & of_rank
                    yield from here[start:stop]
                    start, stop = max(0, start - len(here)), stop - len(here)
                    if stop <= 0:
                        return
            else:
                start, stop = start - len(group), stop - len(group)

    def _meeting(self, word: str, as_one: Hits) -> Iterator[tuple[str, Hits]]:
        """Yield the word with its matches; if it has none, each of its parts with the matches of that part."""
        hits = [*self._beginning_with(word), *as_one]
        if not hits or not word.isalpha():
            hits += self._written_as_several(word)
        if hits:
            yield word, hits
        else:
            yield from ((part, self._beginning_with(part)) for part in search_words.parts(word))

    def _beginning_with(self, word: str) -> Hits:
        """Match the word itself, and longer words that begin with it."""
        hits = []
        for field in FIELDS:
            words = self.postings[field]
            hits += [(_cost(field, WHOLE), words.at(word)), (_cost(field, BEGINNING), _longer(words, word))]
        return [(cost, at) for cost, at in hits if at]

    def _written_as_one(self, words: Sequence[str]) -> Sequence[Hits]:
        """For each word, match it joined with its neighbours: `deep seek`, `qwen 3`, `4 5` for 4.5."""
        hits: list[Hits] = [[] for _ in words]
        for start in range(len(words)):
            for stop in range(start + 2, min(start + LONGEST_SPAN, len(words)) + 1):
                span = words[start:stop]
                for one in ("".join(span), ".".join(span)):
                    for field in (field for field in FIELDS if one in self.postings[field]):
                        at = self.postings[field].at(one)
                        hits[start].append((_cost(field, WHOLE), at))
                        for number in range(start + 1, stop):
                            hits[number].append((0, at))  # the first word already has the cost of the joined one
        return hits

    def _written_as_several(self, word: str) -> Hits:
        """Match names whose words make up this one: `gpt4omini`. The last part may be the start of a longer word."""
        names = self.postings[NAME]
        seams = _seams(word)
        made: dict[int, BitMap] = {}  # by number of letters: names whose words make up that much of the word
        longer = BitMap()
        for start in (0, *seams):
            if start and start not in made:
                continue
            for stop in (*seams, len(word)):
                piece = word[start:stop]
                if _is_piece(piece) and piece != word and piece in names:
                    met = names.at(piece) & made[start] if start else names.at(piece)
                    made[stop] = made.get(stop, BitMap()) | met
            if start and _is_piece(word[start:]):
                longer |= made[start] & _longer(names, word[start:])
        hits = [(_cost(NAME, WHOLE), made.get(len(word), BitMap())), (_cost(NAME, BEGINNING), longer)]
        return [(cost, at) for cost, at in hits if at]

    def _misspelled(self, word: str) -> Hits:
        """Match the words of names and providers with the most similar spelling."""
        meant = self._within(word, mistakes=1)
        if not meant and len(word) >= LONG_MISSPELLED:
            meant = self._within(word, mistakes=2)
        hits = [(_cost(field, MISSPELLED), self.postings[field].at_any(meant)) for field in CORRECTED]
        return [(cost, at) for cost, at in hits if at]

    def _within(self, word: str, *, mistakes: int) -> set[str]:
        """Return words with this many mistakes at most: a missing, extra or wrong letter, or two swapped neighbours."""
        sizes = range(len(word) - mistakes, len(word) + mistakes + 1)
        near = (
            process.extract(word, self.spellings.get(size, ()), scorer=OSA.distance, score_cutoff=mistakes, limit=None)
            for size in sizes
        )
        return {other for found in near for other, _, _ in found} - {word}


def _is_corrected(word: str) -> bool:
    """Whether a word may be corrected: digits are never guessed."""
    return word.isalpha() and len(word) >= SHORTEST_MISSPELLED


def _cost(field: int, kind: int) -> int:
    return 3 * field + kind


def _dearer(groups: Mapping[int, BitMap], hits: Hits) -> dict[int, BitMap]:
    """Add a word's costs to the groups. An offer that matches the word in several ways gets the lowest cost."""
    dearer: dict[int, BitMap] = defaultdict(BitMap)
    for spent, rest in groups.items():
        for cost, at in hits:
            if met := rest & at:
                dearer[spent + cost] |= met
                rest = rest - met
    return dearer


def _longer(words: Postings, beginning: str) -> BitMap:
    """Return the positions of words that begin with this text and are longer."""
    if len(beginning) in HEADS:
        return words.at(beginning + HEAD_MARK)
    return words.at_any(words.beginning_with(beginning))


def _seams(word: str) -> list[int]:
    """Return the places where two words may have been joined, but none within a number."""
    return [end for end in range(1, len(word)) if not (word[end - 1] in FIGURES and word[end] in FIGURES)]


def _is_piece(text: str) -> bool:
    return len(text) > 1 or text.isdigit()


# --- facts of an offer that do not depend on the query ---------------------------------------------------------------
def _terms_of(row: Row) -> tuple[set[str], ...]:
    return _terms(row, orjson.loads(row.document))


def _terms(row: Row, document: Document) -> tuple[set[str], ...]:
    """Return the terms of an offer, by number of their postings."""
    words = search_words.by_field(document, row.maker)
    model = {row.identity.model} if row.identity else set()
    return *words, model, {STRANGER} if _is_stranger(row) else set()


def _ranks(rows: Rows, models: Postings) -> Callable[[int], Rank]:
    @cache
    def sellers(model: str) -> int:
        offers = (rows[position] for position in models.at(model))
        return len({offer.gateway for offer in offers if not offer.is_withdrawn})

    def rank(position: int) -> Rank:
        row = rows[position]
        is_variant = bool(":" in row.id or (row.identity and row.identity.variant) or _DATE_AT_END.search(row.id))
        return row.name_lengths, is_variant, -(sellers(row.identity.model) if row.identity else 1)

    return rank


def _is_stranger(row: Row) -> bool:
    """Whether the provider has no known site. An offer without a provider counts as its gateway's own."""
    return row.provider_slug is not None and (row.maker is None or row.maker.site_url is None)


def _spellings(postings: Sequence[Postings]) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for field in CORRECTED:
        for word in unhurried(postings[field].words):
            if word.isalpha():
                found[len(word)].append(word)
    return found


def _no_numbers() -> array[int]:
    return array("I")
