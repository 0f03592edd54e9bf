"""Dates that follow from a published rule: derived, never looked up, and said to be so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from domain.market import Event, EventKind
from tools import sessions

ALWAYS = datetime(1990, 1, 1, tzinfo=UTC)  # rules older than any data
_SPY_RULE = datetime(2019, 1, 18, tzinfo=UTC)  # public pages of 2005 and 2017 state the pattern; later than any of them
_QUARTER = (3, 6, 9, 12)


def derived(ticker: str, start: date, end: date, as_of: datetime) -> tuple[Event, ...]:
    """Everything that the rules say of a ticker from start to end, both included, oldest first."""
    found = [*_opex(start, end), *_jobs(start, end)]
    if ticker == "SPY" and as_of >= _SPY_RULE:
        found += _spy(start, end)
    return tuple(sorted(found, key=lambda event: (event.day, event.kind)))


def third_friday(year: int, month: int) -> date:
    """A month's third Friday, or the session before it when the exchange is shut that day."""
    first = date(year, month, 1)
    return sessions.on_or_before(first + timedelta(days=(4 - first.weekday()) % 7 + 14))


def employment_day(year: int, month: int) -> date:
    """The third Friday after the week (Sunday to Saturday) that holds the 12th of the month before.

    The Bureau of Labor Statistics' usual day; holidays move it (as most years in January), so it is an estimate.
    """
    twelfth = (date(year, month, 1) - timedelta(days=1)).replace(day=12)
    saturday = twelfth + timedelta(days=(5 - twelfth.weekday()) % 7)
    return saturday + timedelta(days=20)


def _months(start: date, end: date) -> Iterator[tuple[int, int]]:
    first = start.replace(day=1)
    while first <= end:
        yield first.year, first.month
        first = (first + timedelta(days=32)).replace(day=1)


def _opex(start: date, end: date) -> Iterator[Event]:
    for year, month in _months(start, end):
        day = third_friday(year, month)
        if start <= day <= end:
            yield Event(
                kind=EventKind.OPEX,
                day=day,
                confirmed=True,
                before_open=None,
                known_at=ALWAYS,
                source="derived: third Friday, or the session before a holiday",
            )


def _jobs(start: date, end: date) -> Iterator[Event]:
    for year, month in _months(start, end):
        day = employment_day(year, month)
        if start <= day <= end:
            yield Event(
                kind=EventKind.JOBS,
                day=day,
                confirmed=False,
                before_open=True,
                known_at=ALWAYS,
                source="derived: third Friday after the week of the 12th",
            )


def _spy(start: date, end: date) -> Iterator[Event]:
    """Ex-dates of SPY's quarterly distribution, by the pattern of those recorded: estimates, never confirmed."""
    for year, month in _months(start, end):
        day = third_friday(year, month)
        if month in _QUARTER and start <= day <= end:
            yield Event(
                kind=EventKind.EX_DIVIDEND,
                day=day,
                confirmed=False,
                before_open=None,
                known_at=_SPY_RULE,
                source="derived: third Friday of the quarter's last month, as its recorded distributions",
            )
