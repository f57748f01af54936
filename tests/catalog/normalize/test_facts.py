"""Counts and modalities."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.normalize import counts, modalities


@pytest.mark.parametrize(
    ("listed", "expected"), [(131072, 131072), (Decimal("131072.0"), 131072), (0, None), (None, None)]
)
def test_a_count_of_zero_is_not_known(listed: object, expected: int | None) -> None:
    assert counts.count(listed) == expected


@pytest.mark.parametrize("listed", [-1, Decimal("1.5"), 10**16, Decimal("1E+999999"), True, "131072", 1.5, [], {}])
def test_what_is_no_count_is_refused(listed: object) -> None:
    with pytest.raises(ValueError, match="must be a whole number"):
        counts.count(listed)


@given(st.lists(st.sampled_from(["text", "image", "audio", "video", "file"]), unique=True))
def test_the_order_of_modalities_is_noise_and_text_comes_first(spellings: list[str]) -> None:
    found = modalities.canonical(spellings)

    assert found == modalities.canonical(reversed(spellings))
    assert sorted(found) == sorted(spellings)
    assert "text" not in found or found[0] == "text"


def test_modalities_have_the_words_of_the_catalogue() -> None:
    assert modalities.canonical(["speech", "Audio"]) == ("audio",)
    assert modalities.canonical(["embeddings"]) == ("embedding",)
    assert modalities.canonical(["transcription"]) == ("text",)
    assert modalities.arrow(modalities.canonical(["image", "text"]), ("text",)) == "text+image->text"
