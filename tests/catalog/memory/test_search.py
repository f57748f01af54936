"""Searches find what they should and nothing else, in one total order, for any input; and follow publications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from catalog.memory import index, search_words
from catalog.memory.index import Index
from catalog.memory.rows import Identity, Row
from catalog.memory.search import MOST_CORRECTED
from catalog.memory.search_words import DESCRIPTION, FIELDS, HEAD_MARK, NAME, PROVIDER
from catalog.memory.selection import RELEVANCE, Selection
from tests.factories import offer_record, served_row, snapshot_of

WITHDRAWN_AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
GATEWAYS = ("chutes", "openrouter", "portkey")
WORDS = (
    "DeepSeek",
    "deep",
    "seek",
    "R1",
    "V3.1",
    "GPT",
    "4o",
    "mini",
    "minima",
    "Llama-3.3",
    "Qwen3",
    "4-5",
    "70B",
    "é",
)
Pairs = tuple[tuple[str, str], ...]


def phrases(most: int = 4) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(WORDS), max_size=most).map("-".join)


@st.composite
def rows(draw: st.DrawFn, withdrawn: Sequence[datetime | None] = (None, None, WITHDRAWN_AT)) -> Row:
    name = draw(phrases()) or "x"
    record = offer_record(
        draw(st.sampled_from(["", "a/", "@h/meta-llama/"])) + name + draw(st.sampled_from(["", ":free", "-20250102"])),
        name=draw(st.sampled_from([name, f"Maker: {name}", "Deep Mini"])),
        provider_slug=draw(st.sampled_from(["Qwen", "x-ai", "unknown-maker", None])),
        description=draw(st.sampled_from([None, "A model for deep work", "llamas, GPTs and mini models"])),
        tags=tuple(draw(st.lists(st.sampled_from(["hot", "deep thought"]), unique=True))),
    )
    withdrawn_at = draw(st.sampled_from(withdrawn))
    row = served_row(record, gateway=draw(st.sampled_from(GATEWAYS)), withdrawn_at=withdrawn_at)
    model = draw(st.sampled_from(["maker/one", "maker/two", None]))
    identity = model and Identity(model=model, variant=draw(st.sampled_from(["", "fp8"])), rule="id", evidence="")
    return Row.of(row.document, identity or None)


def catalogues() -> st.SearchStrategy[list[Row]]:
    return st.lists(rows(), max_size=12, unique_by=lambda row: (row.id, row.gateway))


@st.composite
def catalogues_with_an_active_row(draw: st.DrawFn) -> tuple[list[Row], Row]:
    """A catalogue, and one of its rows that is not withdrawn."""
    row = draw(rows(withdrawn=[None]))
    others = [other for other in draw(catalogues()) if (other.id, other.gateway) != (row.id, row.gateway)]
    at = draw(st.integers(0, len(others)))
    return [*others[:at], row, *others[at:]], row


def questions() -> st.SearchStrategy[str]:
    """Queries that could find something: words, beginnings, joined ones, and with a letter missing."""
    whole = st.sampled_from([*WORDS, "llama 3.3", "hot", "thought", "xai", "qwen", "model"])
    longer = st.sampled_from([word for word in WORDS if len(word) > 1])
    halved = st.tuples(whole, st.integers(1, 6)).map(lambda cut: cut[0][: cut[1]])
    wanting = st.tuples(longer, st.integers(0, 8)).map(lambda cut: cut[0][: cut[1]] + cut[0][cut[1] + 1 :])
    joined = st.lists(whole, min_size=2, max_size=3).map("".join)
    return st.lists(whole | halved | wanting | joined, min_size=1, max_size=4).map(" ".join)


def words_of(row: Row) -> list[set[str]]:
    return [
        {word for word in words if HEAD_MARK not in word}
        for words in search_words.by_field(orjson.loads(row.document), row.maker)
    ]


def ranked(rows: Iterable[Row], text: str) -> list[Row]:
    return list(Selection.of(snapshot_of(*rows)).matching(text).sorted_by(RELEVANCE).rows)


def served(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if ("status", "active") in row.facets]


# --- what is found ---------------------------------------------------------------------------------------------------


def meets(row: Row, asked: list[str], number: int) -> bool:
    """Whether the offer has anything that the word may mean, in plain Python."""
    word, fields = asked[number], words_of(row)
    everywhere = set().union(*fields)
    near = fields[NAME] | fields[PROVIDER]
    return is_met_as_written(row, asked, number) or all(
        begins(part, everywhere) or nearly(part, near) for part in search_words.parts(word)
    )


def is_met_as_written(row: Row, asked: list[str], number: int) -> bool:
    word, fields = asked[number], words_of(row)
    everywhere = set().union(*fields)
    spans = [asked[start:stop] for start in range(number + 1) for stop in range(number + 1, len(asked) + 1)]
    as_one = {sign.join(span) for span in spans for sign in ("", ".") if len(span) > 1}
    return begins(word, everywhere) or bool(as_one & everywhere) or is_made_of(word, fields[NAME])


def begins(word: str, words: Iterable[str]) -> bool:
    return any(other.startswith(word) for other in words)


def is_made_of(word: str, words: set[str]) -> bool:
    pieces = [word[:end] for end in range(1, len(word)) if word[:end] in words]
    return any(begins(word[len(piece) :], words) or is_made_of(word[len(piece) :], words) for piece in pieces)


def nearly(word: str, words: Iterable[str]) -> bool:
    mistakes = 2 if len(word) >= 7 else 1
    return len(word) >= 4 and word.isalpha() and any(OSA.distance(word, other) <= mistakes for other in words)


@given(catalogues(), questions())
def test_what_is_found_has_something_for_every_word(rows: list[Row], text: str) -> None:
    asked = search_words.asked(text)

    for row in ranked(rows, text):
        assert all(meets(row, asked, number) for number in range(len(asked))), (row.id, text)


@given(catalogues(), questions())
def test_what_has_all_words_or_beginnings_is_never_missing(rows: list[Row], text: str) -> None:
    asked = search_words.asked(text)
    assert asked

    found = ranked(rows, text)

    for row in served(rows):
        if all(begins(word, set().union(*words_of(row))) for word in asked):
            assert row in found


@given(catalogues_with_an_active_row(), st.data())
def test_an_offer_is_found_by_any_of_its_words_and_none_of_them_is_corrected(
    catalogue: tuple[list[Row], Row], data: st.DataObject
) -> None:
    rows, row = catalogue
    some = data.draw(st.lists(st.sampled_from(sorted(set().union(*words_of(row)))), min_size=1, max_size=5))

    found = ranked(rows, " ".join(some))

    asked = search_words.asked(" ".join(some))
    assert row in found
    for other in found:  # no word is corrected where an offer has all of them
        assert all(is_met_as_written(other, asked, number) for number in range(len(asked))), (other.id, some)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("deepsek", True),
        ("depseek", True),
        ("depsekk", True),  # seven letters may have two mistakes
        ("dpsek", False),
        ("minx", True),
        ("mnx", False),
        ("gqt", False),  # three letters may mean anything
        ("5o", False),  # figures are never guessed
        ("wrok", False),  # nor the words of descriptions
        ("work", True),
    ],
)
def test_only_longer_words_of_names_are_corrected_and_only_a_little(text: str, found: bool) -> None:
    row = served_row(offer_record("a/DeepSeek-GPT-4o-mini", description="A model for deep work"))

    assert ranked([row], text) == ([row] if found else [])


def test_only_so_many_words_of_a_question_are_corrected() -> None:
    row = served_row(offer_record("a/deepseek"))
    misspelled = [f"{'deepseek'[:place]}x{'deepseek'[place + 1 :]}" for place in range(8)]

    assert ranked([row], " ".join(misspelled[:MOST_CORRECTED])) == [row]
    assert ranked([row], " ".join(misspelled[: MOST_CORRECTED + 1])) == []


def test_a_word_that_is_somewhere_is_not_corrected() -> None:
    gamma, gemma = (served_row(offer_record(f"a/{name}", name=name)) for name in ("gamma", "gemma"))

    assert ranked([gamma, gemma], "gamma") == [gamma]
    assert ranked([gemma], "gamma") == [gemma]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("lama 3.3 70b instruct", "meta-llama/Llama-3.3-70B-Instruct"),
        ("quen3 coder", "Qwen/Qwen3-Coder"),
        ("mistrall large", "mistralai/mistral-large"),
        ("large mistrlla", "mistralai/mistral-large"),  # two mistakes, and the word itself is no correction
        ("gamma 27b", "google/gemma-3-27b-it"),
        ("lama gamma", None),  # no offer has any two of these
        ("gamma 28b", None),  # figures are not guessed now either
    ],
)
def test_a_misspelled_word_is_corrected_even_if_a_name_has_the_same_mistake(text: str, meant: str | None) -> None:
    right = [
        named(f"{maker}/{name}", provider_slug=maker)
        for maker, name in [
            ("meta-llama", "Llama-3.3-70B-Instruct"),
            ("Qwen", "Qwen3-Coder"),
            ("mistralai", "mistral-large"),
            ("google", "gemma-3-27b-it"),
        ]
    ]
    wrong = [named(f"somebody/{name}") for name in ("lama-8b", "test_quen_2.5", "mistrall-7b", "mistrlla", "gamma-2b")]

    assert [row.id for row in ranked([*wrong, *right], text)] == ([meant] if meant else [])


# --- in which order --------------------------------------------------------------------------------------------------


@given(catalogues(), questions(), st.integers(1, 5))
def test_pages_of_any_size_put_together_are_what_was_found_each_once(rows: list[Row], text: str, limit: int) -> None:
    selection = Selection.of(snapshot_of(*rows)).matching(text)

    ordered = selection.sorted_by(RELEVANCE)

    pages = [ordered.page(offset=offset, limit=limit) for offset in range(0, len(rows) + limit, limit)]
    assert [row for page in pages for row in page] == list(ordered.rows)
    assert sorted(row.document for row in ordered.rows) == sorted(row.document for row in selection.rows)
    assert len(selection) == len(ordered.rows)


@given(catalogues(), questions(), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_where_the_rows_were(rows: list[Row], text: str, shuffle: Any) -> None:
    jumbled = list(rows)
    shuffle.shuffle(jumbled)

    assert ranked(jumbled, text) == ranked(rows, text)


@given(catalogues(), questions(), st.sampled_from(GATEWAYS))
def test_other_filters_leave_the_order_as_it_is(rows: list[Row], text: str, gateway: str) -> None:
    narrowed = Selection.of(snapshot_of(*rows)).matching(text).of_gateway(gateway).sorted_by(RELEVANCE)

    assert list(narrowed.rows) == [row for row in ranked(rows, text) if row.gateway == gateway]


@given(catalogues(), st.sampled_from(["deep", "mini", "llama", "model", "d", "de", "dee"]))
def test_field_and_kind_of_a_match_come_before_everything_else(rows: list[Row], word: str) -> None:
    def place(row: Row) -> tuple[int, bool]:
        fields = words_of(row)
        return min((field, word not in fields[field]) for field in FIELDS if begins(word, fields[field]))

    found = ranked(rows, word)
    for is_stranger in (False, True):
        for first, second in pairwise(row for row in found if (row.provider_slug == "unknown-maker") is is_stranger):
            assert place(first) <= place(second)


def named(offer_id: str, gateway: str = "chutes", *, model: str | None = None, **fields: Any) -> Row:
    row = served_row(offer_record(offer_id, name=offer_id.rpartition("/")[2], **fields), gateway=gateway)
    return Row.of(row.document, Identity(model=model, variant="", rule="id", evidence="") if model else None)


@pytest.mark.parametrize(
    "best_first",
    [
        [named("z/alpha-mini"), named("b/alpha-small-mini")],
        [named("z/alpha-mini"), named("b/alpha-minimal")],
        [named("z/alpha-mini"), named("b/alpha", description="A mini model")],
        [named("z/beta", provider_slug="alpha-mini"), named("b/beta", tags=("alpha", "mini"))],
        [named("z/beta", tags=("alpha", "mini")), named("b/beta", description="alpha mini")],
        [named("z/alpha-mini"), named("b/alpha-mini:free")],
        [named("z/alpha-mini"), named("b/alpha-mini-20250102")],
        [named("a/alpha-mini", "chutes"), named("a/alpha-mini", "portkey"), named("b/alpha-mini", "chutes")],
    ],
    ids=lambda rows: " before ".join(f"{row.id} of {row.gateway}" for row in rows),
)
def test_the_likeliest_comes_first(best_first: list[Row]) -> None:
    assert ranked(reversed(best_first), "alpha mini") == best_first


MAKER, STRANGER, UNNAMED = "meta-llama", "somebody", None


@pytest.mark.parametrize(
    ("text", "best_first"),
    [
        ("meta", [named("meta-llama/A-B", provider_slug=MAKER), named("a/meta", provider_slug=STRANGER)]),
        ("llama", [named("meta-llama/Llama-3.3-70B", provider_slug=MAKER), named("a/llama", provider_slug=STRANGER)]),
        ("llama", [named("meta-llama/llamas", provider_slug=MAKER), named("a/llama", provider_slug=STRANGER)]),
        ("lama", [named("meta-llama/Llama-3.3-70B", provider_slug=MAKER), named("a/llama", provider_slug=STRANGER)]),
        ("llama", [named("@host/llama-8b", provider_slug=UNNAMED), named("a/llama", provider_slug=STRANGER)]),
        ("tale", [named("z/tale", provider_slug=STRANGER), named("a/x", provider_slug=MAKER, description="A tale")]),
        ("llama a", [named("z/llama-a", provider_slug=MAKER), named("meta-llama/a", provider_slug=MAKER)]),
    ],
)
def test_makers_come_before_strangers_who_have_their_words_in_a_name(text: str, best_first: list[Row]) -> None:
    assert ranked(reversed(best_first), text) == best_first


def test_a_model_that_more_gateways_sell_comes_first_withdrawn_offers_aside() -> None:
    other = named("a/alpha-mini", "portkey", model="m/a")
    sold = [named("z/alpha-mini", gateway, model="m/z") for gateway in ("chutes", "openrouter")]
    shown = orjson.loads(sold[1].document) | {"withdrawn_at": "2026-11-22T08:00:00Z"}
    followed = Index.of([other, *sold])

    def first(found: Index) -> Row:
        return found.rows[next(iter(found.search.page(found.search.find("alpha"), found.positions, start=0, stop=1)))]

    assert first(followed) == sold[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "REBUILD_SHARE", 0)
        assert first(followed.with_rows([Row.of(orjson.dumps(shown), sold[1].identity)])) == other


# --- any other input -------------------------------------------------------------------------------------------------


@given(catalogues(), st.text(max_size=300) | questions().map(lambda text: text + "🎉%(.*[\\مرحبا"))
@example([], "")
@example([], "!" * 300)
@example([], "\ud800")
@example([], "ﷺ" * 300)
@example([], "İ" * 300)
@example([], "1." * 150)
@example([], "a " * 150)
@example([], "v" * 300)
def test_any_text_is_answered(rows: list[Row], text: str) -> None:
    found = ranked(rows, text)

    assert len(found) <= len(rows)
    if not any(char.isalnum() for char in text):
        assert not found


@given(st.text(max_size=300))
@example("İstanbul C++ ǅ ﷺ 4.5.")
@example("x" * 39 + "1.2.3")
def test_the_words_of_a_question_are_a_question_with_the_same_words(text: str) -> None:
    words = search_words.asked(text)

    assert search_words.asked(" ".join(words)) == words
    assert all(0 < len(word) <= search_words.LONGEST_WORD and HEAD_MARK not in word for word in words)
    assert len(" ".join(words)) <= search_words.LONGEST_QUESTION


FULL_WIDTH = {char: char + 0xFEE0 for char in range(ord("!"), ord("~"))}


@pytest.mark.parametrize(
    "spelled", ["DEEPSEEK r1", "deepseek-r1".translate(FULL_WIDTH), "deepseek/R1!", "  deepseek…r1  "]
)
def test_case_width_and_separators_do_not_matter(spelled: str) -> None:
    assert search_words.asked(spelled) == ["deepseek", "r1"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DeepSeek-R1-0528", "deepseek r1 0528"),
        ("gpt-4o-mini", "gpt 4o mini"),
        ("Qwen2.5-VL-32B", "qwen2.5 qwen 2.5 vl 32b"),
        ("Llama-3.3-70B", "llama 3.3 70b"),
        ("claude-sonnet-4-5-20250929", "claude sonnet 4.5 20250929"),
        ("gemma-2-9b", "gemma 2 9b"),
        ("llama-v3p1-8b", "llama v3p1 v 3p1 3.1 8b"),
        ("GLM-4.5V", "glm 4.5v"),
        ("DeepSeek-V3.1", "deepseek v3.1 v 3.1"),
        ("command-r+", "command r plus"),
    ],
)
def test_names_are_taken_apart_where_people_would(name: str, words: str) -> None:
    row = served_row(offer_record(name, name=name, provider_slug=None))

    assert words_of(row)[NAME] == set(words.split())


def test_a_word_is_only_in_its_weightiest_field() -> None:
    row = served_row(offer_record("qwen/Qwen3", name="Qwen: Qwen3", provider_slug="qwen", description="Qwen is here"))

    assert "qwen" in words_of(row)[NAME]
    assert "qwen" not in words_of(row)[PROVIDER]
    assert words_of(row)[DESCRIPTION] == {"is", "here"}


# --- step by step ----------------------------------------------------------------------------------------------------


def content(found: Index) -> Any:
    """Return the content of the index of words, independent of the numbers of its positions."""

    def offers(positions: Iterable[int]) -> Pairs:
        return tuple((found.rows[position].id, found.rows[position].gateway) for position in positions)

    search = found.search
    return (
        [[(word, offers(postings.at(word))) for word in postings.words] for postings in search.postings],
        {size: sorted(words) for size, words in search.spellings.items() if words},
        [(rank, offers(positions)) for rank, positions in search.ranks.items()],
    )


@pytest.mark.parametrize("share", [index.REBUILD_SHARE, 0], ids=["as it is", "never rebuilt"])
@given(st.lists(st.lists(rows(), max_size=6, unique_by=lambda row: (row.id, row.gateway)), min_size=1, max_size=6))
def test_step_by_step_or_at_once_the_same_index(share: int, steps: list[list[Row]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "REBUILD_SHARE", share)
        followed, latest = Index.of([]), dict[tuple[str, str], Row]()
        for step in steps:
            before, was = followed, content(followed)
            followed = followed.with_rows(step)
            latest |= {(row.id, row.gateway): row for row in step}

            assert content(before) == was  # readers still hold it
            assert content(followed) == content(Index.of(latest.values()))


def test_a_change_reads_only_the_offers_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Index.of([named(f"maker/model-{number}") for number in range(100)])
    read: list[str] = []
    by_field: Callable[..., tuple[set[str], ...]] = search_words.by_field

    def counting(shown: Any, maker: Any) -> tuple[set[str], ...]:
        read.append(shown["id"])
        return by_field(shown, maker)

    monkeypatch.setattr(search_words, "by_field", counting)

    after = followed.with_rows([named("maker/model-7", description="Other words")])

    assert read == ["maker/model-7"] * 2  # as it was, and as it is
    assert after.search.postings[NAME] is followed.search.postings[NAME]
    assert after.search.spellings is followed.search.spellings


def test_an_index_of_nothing_finds_nothing() -> None:
    nothing = Index.of([]).search

    assert not nothing.find("deepseek r1").positions
    assert list(nothing.page(nothing.find("x"), nothing.find("x").positions, start=0, stop=10)) == []
