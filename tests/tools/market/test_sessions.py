"""Trading sessions and settlement moments, against facts of the exchange calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from domain.errors import BadInput
from tools import sessions


def utc(day: date, hour: int, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        (date(2019, 5, 27), False),  # Memorial Day
        (date(2026, 6, 19), False),  # Juneteenth
        (date(2025, 1, 9), False),  # day of mourning for President Carter
        (date(2001, 9, 11), False),
        (date(2019, 5, 25), False),  # a Saturday
        (date(2019, 5, 28), True),
        (date(2026, 11, 27), True),
    ],
)
def test_days(day: date, is_open: bool) -> None:
    assert sessions.is_session(day) is is_open


def test_hours_follow_daylight_saving_and_half_days() -> None:
    assert sessions.open_close(date(2026, 2, 12)) == (utc(date(2026, 2, 12), 14, 30), utc(date(2026, 2, 12), 21, 0))
    assert sessions.open_close(date(2019, 5, 21)) == (utc(date(2019, 5, 21), 13, 30), utc(date(2019, 5, 21), 20, 0))
    assert sessions.open_close(date(2026, 11, 27))[1] == utc(date(2026, 11, 27), 18, 0)
    with pytest.raises(BadInput, match="no trading session"):
        sessions.open_close(date(2019, 5, 27))


def test_neighbours_and_spans() -> None:
    assert sessions.previous(date(2019, 5, 28)) == date(2019, 5, 24)
    assert sessions.next(date(2019, 5, 24)) == date(2019, 5, 28)
    assert sessions.on_or_before(date(2019, 5, 27)) == date(2019, 5, 24)
    assert sessions.on_or_before(date(2019, 5, 24)) == date(2019, 5, 24)
    assert sessions.between(date(2019, 5, 24), date(2019, 5, 28)) == (date(2019, 5, 24), date(2019, 5, 28))
    assert sessions.between(date(2019, 5, 28), date(2019, 5, 24)) == ()
    assert len(sessions.between(date(2019, 1, 1), date(2019, 12, 31))) == 252


def test_the_session_of_a_moment() -> None:
    assert sessions.session_of(datetime(2026, 2, 13, 3, 0, tzinfo=UTC)) == date(2026, 2, 12)
    assert sessions.session_of(datetime(2026, 2, 14, 18, 0, tzinfo=UTC)) is None
    assert sessions.in_session(datetime(2026, 2, 12, 14, 30, tzinfo=UTC))
    assert not sessions.in_session(datetime(2026, 2, 12, 14, 29, tzinfo=UTC))
    assert not sessions.in_session(datetime(2026, 11, 27, 18, 1, tzinfo=UTC))
    assert not sessions.in_session(datetime(2026, 2, 14, 18, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("root", "expiry", "moment"),
    [
        ("SPX", date(2019, 5, 17), datetime(2019, 5, 17, 13, 30, tzinfo=UTC)),  # third Friday: opening print
        ("SPXW", date(2019, 5, 17), datetime(2019, 5, 17, 20, 0, tzinfo=UTC)),  # the same day, the close
        ("NDX", date(2022, 4, 14), datetime(2022, 4, 14, 13, 30, tzinfo=UTC)),  # Good Friday moves it to Thursday
        ("SPX", date(2026, 6, 18), datetime(2026, 6, 18, 13, 30, tzinfo=UTC)),  # Juneteenth does too
        ("XSP", date(2023, 9, 15), datetime(2023, 9, 15, 20, 0, tzinfo=UTC)),  # PM-settled
        ("SPY", date(2026, 11, 27), datetime(2026, 11, 27, 18, 0, tzinfo=UTC)),  # half day
        ("AAPL", date(2014, 6, 7), datetime(2014, 6, 6, 20, 0, tzinfo=UTC)),  # listed for a Saturday
        ("SPX", date(2019, 6, 28), datetime(2019, 6, 28, 20, 0, tzinfo=UTC)),  # no third Friday: the close
    ],
)
def test_settlement(root: str, expiry: date, moment: datetime) -> None:
    assert sessions.settles_at(root, expiry) == moment


def test_daily_values_are_known_after_the_close() -> None:
    assert sessions.daily_known_at(date(2026, 2, 12)) == datetime(2026, 2, 12, 21, 15, tzinfo=UTC)
    assert sessions.daily_known_at(date(2026, 11, 27)) == datetime(2026, 11, 27, 18, 15, tzinfo=UTC)


@pytest.mark.parametrize("day", [date(1989, 12, 29), date(2035, 1, 2)])
def test_beyond_the_calendar_nothing_is_known(day: date) -> None:
    with pytest.raises(BadInput, match="outside"):
        sessions.is_session(day)


def test_the_ends_of_the_calendar() -> None:
    with pytest.raises(BadInput, match="no session before"):
        sessions.previous(date(1990, 1, 2))
    with pytest.raises(BadInput):
        sessions.next(date(2034, 12, 29))
