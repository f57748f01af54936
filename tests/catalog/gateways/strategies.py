"""Any JSON, and answers that were well before something in them was changed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

Json = Any

# What the product's parser may give: half of a surrogate pair, exact fractions, and Decimals for long integers too.
_TEXTS = st.text(max_size=12) | st.sampled_from(
    ["", " ", "\x00", "\ud800", "-1", "0", "1e-6", "NaN", "9" * 5000, "a/b"]
)
_NUMBERS = (
    st.integers()
    | st.sampled_from([0, -1, 10**30, Decimal("9" * 5000)])
    | st.decimals(allow_nan=False, allow_infinity=False)
)
SCALARS = st.none() | st.booleans() | _NUMBERS | st.just(Decimal("1e-30")) | st.just(Decimal("1E+999999")) | _TEXTS
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def broken(draw: st.DrawFn, payload: Json) -> Json:
    """The payload with one thing in it replaced or taken away."""
    if not isinstance(payload, dict | list) or not payload or draw(st.integers(0, 7)) == 0:
        return draw(ANY)
    at = draw(st.sampled_from(sorted(payload) if isinstance(payload, dict) else range(len(payload))))
    copy: Json = payload.copy()
    if draw(st.integers(0, 9)) == 0:
        del copy[at]
    else:
        copy[at] = draw(broken(payload[at]))
    return copy
