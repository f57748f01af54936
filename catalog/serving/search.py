"""Which offers a text means, the likeliest first. Pure.

All words of a text must be met: by a word of the offer, by a word that begins so, by several that are written as one or
one that is written as several, or, where none of that is anywhere, by a word of ids, names and providers that is
spelled nearly so. Where no offer meets all words, the text is read once more, and words that are spelled nearly so
count beside those that are as they stand: among so many names, one has nearly every mistake.

What meets a word has a cost, which grows from names to descriptions and from whole words to misspelled ones; the costs
of a text's words are added, and one more for makers of whom little is known: they name their models after others'.
Offers of one cost stand by what is known without a question: models of short names first, then those that are sold as
they are, then those of many gateways, then by position.

Everything is arithmetic on bitmaps, so that a text that meets the whole catalogue costs hardly more than one that meets
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
from typing import TYPE_CHECKING, Self

import orjson
from pyroaring import BitMap
from rapidfuzz import process
from rapidfuzz.distance import OSA

from catalog import registry
from catalog.serving import search_words
from catalog.serving.postings import Postings
from catalog.serving.search_words import FIELDS, HEAD_MARK, HEADS, NAME, PROVIDER
from catalog.serving.unhurried import unhurried

if TYPE_CHECKING:
    from catalog.serving.index import Row  # whose index holds a Search

Rows = Mapping[int, "Row"]
Hits = list[tuple[int, BitMap]]
"""What meets one word: costs, the least first, and the positions that meet it so."""
Standing = tuple[tuple[int, int], bool, int]
"""Words of id and name; whether it is a variant; how many gateways sell the model, negative. The least comes first."""

MODEL, RENOWN = range(len(FIELDS), len(FIELDS) + 2)
"""What is kept of offers like their words: the slug of the canonical model; that the maker is a STRANGER."""
STRANGER = "stranger"
STRANGERS_COST = 4
"""More than a whole word of the provider: who asks for a maker means its models, and no others that have its name."""
CORRECTED = (NAME, PROVIDER)
"""The fields whose words a misspelled one may mean."""
WHOLE, BEGINNING, MISSPELLED = range(3)
SHORTEST_MISSPELLED, LONG_MISSPELLED = 4, 7
"""Letters: shorter words are never corrected, and from the second on two mistakes are."""
MOST_CORRECTED = 4
"""Words of one question: each is compared with thousands, and the next one that nothing meets ends the search."""
LONGEST_SPAN = 3
"""Words of a question that may be one word of a name."""

FIGURES = frozenset(string.digits + ".")
_ACTIVE = ("status", "active")
_DATE_AT_END = re.compile(r"[-@]20\d\d-?[01]\d-?[0-3]\d\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a text means, before anything else narrows it."""

    positions: BitMap
    hits: Sequence[Hits]
    """Of each word, and of renown."""

    def by_cost(self, members: BitMap) -> Iterator[BitMap]:
        """The members, which are found ones, in groups of one cost, the cheapest first."""
        groups: dict[int, BitMap] = {0: members}
        for hits in self.hits:
            groups = _dearer(groups, hits)
        return (groups[cost] for cost in sorted(groups))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    postings: Sequence[Postings]
    """The words of all offers, for each of search_words.FIELDS; after them MODEL and RENOWN."""
    spellings: Mapping[int, list[str]]
    """The words that a misspelled one may mean, by their number of letters."""
    standings: Mapping[Standing, BitMap]
    """In their order."""

    @classmethod
    def of(cls, rows: Rows) -> Self:
        members: list[dict[str, array[int]]] = [defaultdict(_no_positions) for _ in (*FIELDS, MODEL, RENOWN)]
        for position, row in unhurried(rows.items()):
            for field, terms in enumerate(_terms(row)):
                for term in terms:
                    members[field][term].append(position)
        postings = [Postings.of(found) for found in members]
        standing_of = _standings(rows, postings[MODEL])
        standings: dict[Standing, BitMap] = defaultdict(BitMap)
        for position in unhurried(rows):
            standings[standing_of(position)].add(position)
        return cls(postings=postings, spellings=_spellings(postings), standings=dict(sorted(standings.items())))

    def with_rows(self, changed: Iterable[int], *, before: Rows, after: Rows) -> Search:
        """Once the rows of these positions changed; `before` and `after` have the rows of all positions."""
        changed = list(changed)
        left, joined = ([defaultdict[str, list[int]](list) for _ in (*FIELDS, MODEL, RENOWN)] for _ in range(2))
        for position in unhurried(changed):
            was = _terms(before[position]) if position in before else [set() for _ in left]
            for field, now in enumerate(_terms(after[position])):
                for term in was[field] - now:
                    left[field][term].append(position)
                for term in now - was[field]:
                    joined[field][term].append(position)
        postings = [held.moved(*moves) for held, *moves in zip(self.postings, left, joined, strict=True)]
        same_words = all(postings[field].words is self.postings[field].words for field in CORRECTED)
        return Search(
            postings=postings,
            spellings=self.spellings if same_words else _spellings(postings),
            standings=self._standings_with(changed, before, after, postings[MODEL]),
        )

    def _standings_with(
        self, changed: Sequence[int], before: Rows, after: Rows, models: Postings
    ) -> Mapping[Standing, BitMap]:
        """An offer that comes or goes tells on the others of its model."""
        concerned = [rows[at].identity for rows in (before, after) for at in changed if at in rows]
        of_models = models.at_any({identity.model for identity in concerned if identity})
        was, now = _standings(before, self.postings[MODEL]), _standings(after, models)
        left, joined = defaultdict[Standing, BitMap](BitMap), defaultdict[Standing, BitMap](BitMap)
        for position in unhurried(of_models | BitMap(changed)):
            if position in before:
                left[was(position)].add(position)
            joined[now(position)].add(position)
        moved = {
            standing: (self.standings.get(standing, BitMap()) - left[standing]) | joined[standing]
            for standing in left.keys() | joined.keys()
        }
        together = {**self.standings, **moved}
        return dict(sorted((standing, found) for standing, found in together.items() if found))

    # --- what a text means -------------------------------------------------------------------------------------------
    def find(self, text: str) -> Found:
        """What has all words of the text; nothing, where the text has none."""
        words = search_words.asked(text)
        corrections = cache(self._misspelled)
        found = self._having(words, corrections, is_doubtful=False)
        return found if found.positions else self._having(words, corrections, is_doubtful=True)

    def _having(self, words: Sequence[str], corrections: Callable[[str], Hits], *, is_doubtful: bool) -> Found:
        """What has all words. In doubt, a word is corrected even if something has it as it stands."""
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
        """Those of the members, which are found ones, from `start` to `stop`, the likeliest first."""
        for group in found.by_cost(members):
            if start < len(group):
                for standing in self.standings.values():
                    here = group & standing
                    yield from here[start:stop]
                    start, stop = max(0, start - len(here)), stop - len(here)
                    if stop <= 0:
                        return
            else:
                start, stop = start - len(group), stop - len(group)

    def _meeting(self, word: str, as_one: Hits) -> Iterator[tuple[str, Hits]]:
        """The word and what meets it; or where nothing does, each of its parts and what meets that."""
        hits = [*self._beginning_with(word), *as_one]
        if not hits or not word.isalpha():
            hits += self._written_as_several(word)
        if hits:
            yield word, hits
        else:
            yield from ((part, self._beginning_with(part)) for part in search_words.parts(word))

    def _beginning_with(self, word: str) -> Hits:
        """The word itself, and longer ones."""
        hits = []
        for field in FIELDS:
            held = self.postings[field]
            hits += [(_cost(field, WHOLE), held.at(word)), (_cost(field, BEGINNING), _longer(held, word))]
        return [(cost, at) for cost, at in hits if at]

    def _written_as_one(self, words: Sequence[str]) -> Sequence[Hits]:
        """For each word, what has it and its neighbours as one: `deep seek`, `qwen 3`, `4 5` for 4.5."""
        hits: list[Hits] = [[] for _ in words]
        for start in range(len(words)):
            for stop in range(start + 2, min(start + LONGEST_SPAN, len(words)) + 1):
                span = words[start:stop]
                for one in ("".join(span), ".".join(span)):
                    for field in (field for field in FIELDS if one in self.postings[field]):
                        at = self.postings[field].at(one)
                        hits[start].append((_cost(field, WHOLE), at))
                        for number in range(start + 1, stop):
                            hits[number].append((0, at))  # it is one word, and is paid for
        return hits

    def _written_as_several(self, word: str) -> Hits:
        """Names that have words which make up this one: `gpt4omini`. The last may begin a longer one."""
        names = self.postings[NAME]
        seams = _seams(word)
        made: dict[int, BitMap] = {}  # by the number of letters: names that have words which make up so many
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
        """The nearest other words of names and providers."""
        meant = self._within(word, mistakes=1)
        if not meant and len(word) >= LONG_MISSPELLED:
            meant = self._within(word, mistakes=2)
        hits = [(_cost(field, MISSPELLED), self.postings[field].at_any(meant)) for field in CORRECTED]
        return [(cost, at) for cost, at in hits if at]

    def _within(self, word: str, *, mistakes: int) -> set[str]:
        """Letters that are missing, too many, wrong or exchanged with the next are a mistake each."""
        sizes = range(len(word) - mistakes, len(word) + mistakes + 1)
        near = (
            process.extract(word, self.spellings.get(size, ()), scorer=OSA.distance, score_cutoff=mistakes, limit=None)
            for size in sizes
        )
        return {other for found in near for other, _, _ in found} - {word}


def _is_corrected(word: str) -> bool:
    """Figures are never guessed."""
    return word.isalpha() and len(word) >= SHORTEST_MISSPELLED


def _cost(field: int, kind: int) -> int:
    return 3 * field + kind


def _dearer(groups: Mapping[int, BitMap], hits: Hits) -> dict[int, BitMap]:
    """The groups by cost once another word is met: an offer that meets it in several ways has the cheapest."""
    dearer: dict[int, BitMap] = defaultdict(BitMap)
    for spent, rest in groups.items():
        for cost, at in hits:
            if met := rest & at:
                dearer[spent + cost] |= met
                rest = rest - met
    return dearer


def _longer(held: Postings, beginning: str) -> BitMap:
    """The positions of longer words that begin so."""
    if len(beginning) in HEADS:
        return held.at(beginning + HEAD_MARK)
    return held.at_any(held.beginning_with(beginning))


def _seams(word: str) -> list[int]:
    """Where two words may have been written as one: never within a number."""
    return [end for end in range(1, len(word)) if not (word[end - 1] in FIGURES and word[end] in FIGURES)]


def _is_piece(text: str) -> bool:
    return len(text) > 1 or text.isdigit()


# --- what is known of an offer without a question --------------------------------------------------------------------
def _terms(row: Row) -> tuple[set[str], ...]:
    words = search_words.by_field(orjson.loads(row.document))
    model = {row.identity.model} if row.identity else set()
    return *words, model, {STRANGER} if _is_stranger(row.provider_slug) else set()


def _standings(rows: Rows, models: Postings) -> Callable[[int], Standing]:
    @cache
    def sellers(model: str) -> int:
        offers = (rows[position] for position in models.at(model))
        return len({offer.gateway for offer in offers if _ACTIVE in offer.facets})

    def standing(position: int) -> Standing:
        row = rows[position]
        is_variant = bool(":" in row.id or (row.identity and row.identity.variant) or _DATE_AT_END.search(row.id))
        lengths = search_words.lengths(orjson.loads(row.document))
        return lengths, is_variant, -(sellers(row.identity.model) if row.identity else 1)

    return standing


def _is_stranger(maker: str | None) -> bool:
    """Whether the maker has no site that we know. An offer that names no maker is its gateway's."""
    known = registry.PROVIDERS.of(maker) if maker else None
    return maker is not None and (known is None or known.site_url is None)


def _spellings(postings: Sequence[Postings]) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for field in CORRECTED:
        for word in unhurried(postings[field].words):
            if word.isalpha():
                found[len(word)].append(word)
    return found


def _no_positions() -> array[int]:
    return array("I")
