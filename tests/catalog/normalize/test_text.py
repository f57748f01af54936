from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.normalize import model_ids, text


def any_text() -> st.SearchStrategy[str]:
    # Hypothesis leaves out lone surrogates unless they are asked for.
    return st.text(st.characters() | st.characters(categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)


@given(any_text())
@example("two\x85lines")
@example("two\u2028lines")
@example("\x9b31mred")
@example("  DeepSeek-R1\t")
@example("\ud800")
def test_an_accepted_line_can_be_stored_shown_and_printed(value: str) -> None:
    try:
        line = text.line(value, longest=20)
    except ValueError:
        return  # the messages are tested below

    assert line == value.strip()
    assert 0 < len(line) <= 20
    assert line.splitlines() == [line]
    assert not {unicodedata.category(character) for character in line.replace("\t", "")} & {"Cc", "Cs"}
    assert text.is_storable(line)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a\x00b", r"U\+0000"),
        ("\x1b[2J", r"U\+001B"),
        ("a\x7f", r"U\+007F"),
        ("\ud800", r"U\+D800"),
        ("a\nb", "single line"),
        ("a\r\nb", "single line"),
        ("a" * 21, "21 characters; at most 20"),
        ("a" * 10_000, "10000 characters"),
        ("", "empty"),
        (" \t\n", "empty"),
        (None, "not NoneType"),
        (5, "not int"),
        (True, "not bool"),
        (["a"], "not list"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_the_error_of_a_refused_line_names_what_is_wrong(value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        text.line(value, longest=20)


@pytest.mark.parametrize("value", ["x" * 20, "通义千问", "e\u0301", "🦙 llama", "Ünïcode/Mödel", "a\tb"])
def test_ordinary_text_of_any_script_passes(value: str) -> None:
    assert text.line(value, longest=20) == value


@pytest.mark.parametrize(
    ("offer_id", "name"),
    [("deepseek-ai/DeepSeek-R1", "DeepSeek-R1"), ("a/b/c", "c"), ("iLustMix", "iLustMix"), ("a/", "")],
)
def test_the_short_name_is_what_follows_the_last_slash(offer_id: str, name: str) -> None:
    assert model_ids.short_name(offer_id) == name


@pytest.mark.parametrize("spelling", ["Qwen", "qwen", "QWEN", "~Qwen", "@qwen"])
def test_a_provider_has_one_key_however_it_is_spelled(spelling: str) -> None:
    assert model_ids.provider_key(spelling) == "qwen"


@pytest.mark.parametrize("value", [None, "", "  ", "\n"])
def test_an_optional_word_may_be_absent_in_several_ways(value: object) -> None:
    assert text.word(value) is None


def test_an_optional_word_is_a_line_like_any_other() -> None:
    assert text.word(" fp8 ") == "fp8"
    with pytest.raises(ValueError, match="single line"):
        text.word("fp8\nbf16")
    with pytest.raises(ValueError, match="at most 200"):
        text.word("x" * 201)


@given(any_text())
def test_any_description_can_be_stored_and_printed(value: str) -> None:
    found = text.prose(value)

    assert found is None or (found == found.strip() and text.is_storable(found))
    assert text.prose(found) == found


@pytest.mark.parametrize(
    ("listed", "kept"),
    [
        (None, None),
        (" \n ", None),
        ("One.\n\nTwo.", "One.\n\nTwo."),
        ("nul\x00 and \ud800 half", "nul  and   half"),
        ("x" * 20_001, "x" * 19_997 + "..."),
    ],
)
def test_a_description_is_kept_as_far_as_it_can_be(listed: object, kept: str | None) -> None:
    assert text.prose(listed) == kept


def test_a_description_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="must be text, not dict"):
        text.prose({})


@pytest.mark.parametrize(
    ("shorter", "longer", "expected"),
    [
        ("It reads and...", "It reads and writes.", True),
        ("It reads. And...", "It reads.\n\nAnd writes.", True),
        ("It reads and...", "It reads and...", False),
        ("It reads", "It reads and writes.", False),
        ("It sees and...", "It reads and writes.", False),
        ("...", "It reads and writes.", False),
        ("It reads and writes...", "It reads", False),
    ],
)
def test_a_description_cut_short_is_the_same_description(shorter: str, longer: str, expected: bool) -> None:
    assert text.is_abridged(shorter, of=longer) is expected


@pytest.mark.parametrize(
    ("offer_id", "owner"),
    [("acme/atlas", "acme"), ("~acme/atlas-latest", "acme"), ("a/b/c", "a"), ("atlas", None), ("/atlas", None)],
)
def test_the_owner_is_the_part_before_the_first_slash(offer_id: str, owner: str | None) -> None:
    assert model_ids.owner(offer_id) == owner


def test_words_of_an_id_are_whole_words_of_its_last_part() -> None:
    assert model_ids.words("guard/Llama-Guard-3.1_8B:free") == {"llama", "guard", "3.1", "8b", "free"}
    assert "guard" not in model_ids.words("acme/vanguard")
