"""Measures how long searches take, and what their index costs: `python -m benchmarks.search [offers]`.

The catalogue is made from the bundled ones: once as it is, and once with a long description and with a unique word in
the name of each offer. The searches are what people type (right and wrong, whole and half), and what only an attacker
types.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import catalogues

Rows = list[Any]
PAGE = 250
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ROUNDS = 300


def with_prose(rows: Rows, dice: random.Random) -> Rows:
    """Return each offer with a description of 120 words and with a unique word in its name.

    The descriptions use 20,000 words whose frequencies are as unequal as those of a language. A misspelled word must be
    compared with all of them and with the unique words.
    """
    import orjson

    from catalog.memory.rows import Row

    words = ["".join(dice.choices(LETTERS, k=dice.randint(2, 12))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    told = []
    for row in rows:
        shown = orjson.loads(row.document)
        shown["description"] = " ".join(dice.choices(words, weights, k=120))
        shown["name"] += " " + "".join(dice.choices(LETTERS, k=dice.randint(4, 12)))
        told.append(Row.of(orjson.dumps(shown), row.identity))
    return told


def questions(names: list[str], words: list[str], dice: random.Random) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the kinds of searches, each with a function that makes one."""

    def name() -> str:
        return dice.choice(names)

    def misspelled(word: str) -> str:
        place = dice.randrange(len(word))
        return word[:place] + dice.choice(LETTERS) + word[place + 1 :]

    long_words = [word for word in words if word.isalpha() and len(word) > 3]
    yield "a name", name
    yield "a name, being typed", lambda: (whole := name())[: dice.randint(1, len(whole))]
    yield "a name as one word", lambda: "".join(filter(str.isalnum, name()))
    yield "a name, misspelled", lambda: misspelled(name())
    yield "a word, misspelled", lambda: misspelled(dice.choice(long_words))
    yield "one letter", lambda: dice.choice(LETTERS + "0123456789")
    yield "two letters", lambda: dice.choice(LETTERS) + dice.choice(LETTERS)
    yield "three letters", lambda: dice.choice(words)[:3]
    yield "ten words", lambda: " ".join(dice.choices(words, k=10))
    yield "ten words of one offer", lambda: " ".join(dice.choices(["hosted", "model", *name().split("-")], k=10))
    yield "ten words, misspelled", lambda: " ".join(map(misspelled, dice.choices(long_words, k=10)))
    yield "one word misspelled 30 ways", lambda: " ".join(misspelled("deepseek") for _ in range(30))
    yield "36 single letters and figures", lambda: " ".join(dice.sample(LETTERS + "0123456789", 36))
    yield "letters of all offers", lambda: " ".join(dice.sample("hmlopcgfq", 6))
    yield "100 beginnings", lambda: " ".join(dice.choice(words)[:2] for _ in range(100))
    yield "300 letters", lambda: "".join(dice.choices(LETTERS, k=300))
    yield "300 letters in words of 40", lambda: " ".join("".join(dice.choices("aeornst", k=40)) for _ in range(7))
    yield "any characters", lambda: "".join(chr(dice.randrange(33, 0x3000)) for _ in range(300))
    yield "four long words", lambda: " ".join(dice.choices([word for word in long_words if len(word) > 6], k=4))


def measure(rows: Rows) -> None:
    import orjson

    from catalog.memory.index import Index
    from catalog.memory.search import Search, Terms

    index = Index.of(rows)
    gc.collect()
    before, began = _megabytes(), time.perf_counter()
    terms = Terms()
    for number, row in enumerate(index.rows.values()):
        terms.add(number, row, orjson.loads(row.document))
    search = Search.of(index.rows, terms, positions=list(index.rows))
    del terms
    built = time.perf_counter() - began
    gc.collect()
    say(f"  the index takes {_megabytes() - before:.1f} MB and is built in {built:.2f} s, pauses included")
    some = dict(list(index.rows.items())[::100])
    began = time.perf_counter()
    search.with_rows(some, before=index.rows, after=index.rows)
    say(f"  that of the next revision, {len(some)} offers being read again: {time.perf_counter() - began:.3f} s")
    dice = random.Random(7)  # noqa: S311  the same searches in every run
    names = [row.id.rpartition("/")[2] for row in rows]
    words = [word for name in names[::20] for word in name.split("-") if word]
    active, all_times = index.having("status", "active"), []
    for kind, make in questions(names, words, dice):
        asked = [make() for _ in range(ROUNDS)]
        # The best of three: the load of other processes on a shared machine does not count.
        times = [min(_milliseconds(search, active, text) for _ in range(3)) for text in asked]
        all_times += times
        found = statistics.median(len(search.find(text).positions) for text in asked)
        say(f"  {kind:30} median {_share(times, 0.5):6.2f}  p99 {_share(times, 0.99):6.2f} ms  found {found:6.0f}")
    say(f"  {'all':30} median {_share(all_times, 0.5):6.2f}  p99 {_share(all_times, 0.99):6.2f} ms")


def _milliseconds(search: Any, active: Any, text: str) -> float:
    began = time.perf_counter()
    found = search.find(text)
    list(search.page(found, active & found.positions, start=0, stop=PAGE))
    return (time.perf_counter() - began) * 1_000


def _share(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def _megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096 / 1e6


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("offers", type=int, nargs="?", default=20_000)
    parser.add_argument("--database", metavar="FILE", help="one that has a catalogue, instead of a new one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        catalogues.set_up(options.database or f"{folder}/catalogue.sqlite3")
        from catalog.memory import loading

        if not options.database:
            catalogues.build(options.offers)
        rows = loading.load().rows
        say(f"{len(rows)} offers as they are")
        measure(rows)
        say(f"{len(rows)} offers with long descriptions and many words in names")
        measure(with_prose(rows, random.Random(7)))  # noqa: S311  likewise


if __name__ == "__main__":
    main()
