from __future__ import annotations

import pytest

from catalog.pricing import variants


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("acme/big:batch", ("acme/big", "batch")),
        ("acme/big:Free", ("acme/big", "free")),
        ("acme/big:later:free", ("acme/big:later", "free")),
        ("acme/big", None),
        ("acme:x/big", None),
        ("acme/big:", None),
        ("acme/:free", None),
        ("acme/big:two words", None),
        ("acme/big:" + "w" * 41, None),
    ],
)
def test_the_word_of_a_variant_is_behind_the_last_colon_of_its_name(
    model_id: str, expected: tuple[str, str] | None
) -> None:
    assert variants.split(model_id) == expected


@pytest.mark.parametrize(
    ("model_id", "mode"),
    [
        ("acme/big", "standard"),
        ("acme/big:free", "standard"),
        ("acme/big:Thinking", "standard"),
        ("acme/big:batch", "batch"),
        ("acme/big:batch:free", "batch"),
        ("acme/big:flex", "flex"),
        ("acme/big:later", None),
        ("acme/big:later:free", None),
        ("acme/big:later:batch", None),
        ("acme/big:flex:batch", None),
    ],
)
def test_an_id_shows_the_mode_that_it_is_sold_in(model_id: str, mode: str | None) -> None:
    assert variants.execution_mode(model_id) == mode


@pytest.mark.parametrize(
    ("variant", "mode", "expected"),
    [
        ("", "standard", True),
        ("fp8-tee", "standard", True),
        ("thinking", "standard", True),
        ("free", "standard", False),
        ("fast-fp8", "standard", False),
        ("batch", "batch", False),
        ("", "batch", False),
        ("", None, False),
    ],
)
def test_offers_on_other_or_unknown_terms_are_not_comparable(variant: str, mode: str | None, expected: bool) -> None:
    assert variants.is_comparable(variant, execution_mode=mode) is expected
