from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.normalize import dates
from catalog.pricing import billing


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-06-05", date(2026, 6, 5)),
        ("2026-06-05T23:59:00-08:00", date(2026, 6, 5)),
        (" 2026-06-05 ", date(2026, 6, 5)),
        ("2098-12-31", None),
        ("", None),
        (None, None),
    ],
)
def test_a_day_far_in_the_future_means_never(value: object, expected: date | None) -> None:
    assert dates.day(value) == expected


@pytest.mark.parametrize("value", ["soon", "2026-02-30", "06/05/2026", 20260605, ["2026-06-05"], "2026-06-05\x00"])
def test_what_is_no_day_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a date"):
        dates.day(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1760048848, 1760048848),
        (Decimal("1760048848.9"), 1760048848),
        ("2025-10-09T22:27:28.661019Z", 1760048848),
        ("2025-10-09T22:27:28", 1760048848),
        ("2025-10-10T00:27:28+02:00", 1760048848),
        (0, None),
        (None, None),
    ],
)
def test_a_time_is_seconds_or_a_text_in_utc(value: object, expected: int | None) -> None:
    assert dates.unix_seconds(value) == expected


@pytest.mark.parametrize("value", [-1, "1969-12-31T23:59:59Z", 10**12, 10**400, True, 1.5, "yesterday", {}])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a"):
        dates.unix_seconds(value)


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001 (the zone is drawn apart)
def test_a_time_written_out_is_the_second_that_it_names(moment: datetime) -> None:
    assert dates.unix_seconds(moment.isoformat()) == int(moment.replace(microsecond=0).timestamp())


@pytest.mark.parametrize(
    ("value", "minute"),
    [("0000", 0), ("1630", 990), ("16:30", 990), ("2359", 1439), ("2400", 0), (1630, 990), (30, 30), (0, 0)],
)
def test_a_time_of_day_is_a_number_of_minutes(value: object, minute: int) -> None:
    assert dates.minute_of_day(value) == minute


@pytest.mark.parametrize(
    "value", ["2460", "2500", "163", "16:3", "4pm", "", 2400.0, -30, 99999, True, None, "\uff1130"]
)
def test_what_is_no_time_of_day_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="HHMM"):
        dates.minute_of_day(value)


@given(st.integers(0, 1439), st.integers(0, 1439))
def test_a_window_is_written_as_billing_reads_it(start: int, end: int) -> None:
    condition = ("utc_window", "during", dates.window(start, end))
    at = datetime(2026, 1, 1, *divmod(start, 60), tzinfo=UTC).time()

    assert billing.holds([condition], billing.Circumstances(prompt_tokens=None, at=at))
