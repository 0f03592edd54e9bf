"""Trading sessions of the New York Stock Exchange: days, hours, half days, and when an option's payoff is fixed.

The calendar is exchange_calendars' XNYS, 1990 to 2034; beyond that nothing is known and BadInput is raised. A day is a
New York calendar date, a moment is aware UTC.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.errors import BadInput

NEW_YORK = ZoneInfo("America/New_York")
FIRST, LAST = date(1990, 1, 1), date(2034, 12, 31)

# Index roots whose standard (third-Friday) series settles at the opening print: their weekly series have other roots.
# Quarterly options on the E-mini future (ES) settle with it, at the same opening print.
AM_ROOTS = frozenset({"SPX", "NDX", "RUT", "DJX", "ES"})


class Schedule(NamedTuple):
    """All sessions, oldest first: day ordinals and open and close in epoch seconds, UTC. Tuples of length n."""

    days: tuple[int, ...]
    opens: tuple[int, ...]
    closes: tuple[int, ...]


@cache
def schedule() -> Schedule:
    """The whole schedule. Built on first use; exchange_calendars and pandas are imported only here."""
    import warnings

    import exchange_calendars

    with warnings.catch_warnings():
        # exchange_calendars 4.13 reads its UTC columns in a way that pandas 3 announces the end of; it is not ours.
        warnings.filterwarnings("ignore", "Series.values returning an ndarray", DeprecationWarning)
        table = exchange_calendars.get_calendar("XNYS", start=FIRST.isoformat(), end=LAST.isoformat()).schedule
    return Schedule(
        days=tuple(day.toordinal() for day in table.index.date),
        opens=tuple(int(stamp.timestamp()) for stamp in table["open"]),
        closes=tuple(int(stamp.timestamp()) for stamp in table["close"]),
    )


def new_york(day: date, hour: int, minute: int) -> datetime:
    """A New York wall time on a day, as aware UTC."""
    return datetime.combine(day, time(hour, minute), NEW_YORK).astimezone(UTC)


def _place(day: date) -> int:
    """Index of the first session on or after the day."""
    if not FIRST <= day <= LAST:
        raise BadInput(f"{day} is outside the session calendar, {FIRST} to {LAST}")
    return bisect_left(schedule().days, day.toordinal())


def is_session(day: date) -> bool:
    """True when the exchange opens on this day."""
    days, at = schedule().days, _place(day)
    return at < len(days) and days[at] == day.toordinal()


def open_close(day: date) -> tuple[datetime, datetime]:
    """Open and close of a session, UTC: 09:30 to 16:00 New York, 13:00 on half days. BadInput when it is none."""
    if not is_session(day):
        raise BadInput(f"{day} is no trading session in New York")
    table, at = schedule(), _place(day)
    return datetime.fromtimestamp(table.opens[at], UTC), datetime.fromtimestamp(table.closes[at], UTC)


def previous(day: date) -> date:
    """The last session before the day."""
    at = _place(day) - 1
    if at < 0:
        raise BadInput(f"no session before {day} in the calendar")
    return date.fromordinal(schedule().days[at])


def next(day: date) -> date:
    """The first session after the day."""
    days, at = schedule().days, _place(day + timedelta(days=1))
    if at >= len(days):
        raise BadInput(f"no session after {day} in the calendar")
    return date.fromordinal(days[at])


def on_or_before(day: date) -> date:
    """The day itself when it is a session, else the last one before it."""
    return day if is_session(day) else previous(day)


def between(start: date, end: date) -> tuple[date, ...]:
    """All sessions from start to end, both included."""
    if end < start:
        return ()
    days = schedule().days
    return tuple(date.fromordinal(day) for day in days[_place(start) : bisect_right(days, end.toordinal())])


def session_of(moment: datetime) -> date | None:
    """The session on whose New York calendar day the moment falls, before, during or after its hours; else None."""
    day = moment.astimezone(NEW_YORK).date()
    return day if is_session(day) else None


def in_session(moment: datetime) -> bool:
    """True from the open to the close, both included."""
    day = session_of(moment)
    if day is None:
        return False
    opened, closed = open_close(day)
    return opened <= moment <= closed


def daily_known_at(day: date) -> datetime:
    """When a daily bar or index close of a session can first be had: fifteen minutes after the close, UTC."""
    return open_close(day)[1] + timedelta(minutes=15)


def is_standard_expiry(expiry: date) -> bool:
    """True for a month's third Friday, or for the session before it when the exchange is shut that Friday."""
    first = expiry.replace(day=1)
    third = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
    return expiry == on_or_before(third)


@lru_cache(maxsize=4096)
def settles_at(root: str, expiry: date) -> datetime:
    """The moment an option's payoff is fixed, UTC.

    AM-settled roots (SPX, NDX, RUT, DJX, ES on their standard monthly expiry): 09:30 New York on the expiration.
    Everything else (weeklies SPXW, NDXP; XSP; ETFs and stocks): the close of the expiration, 13:00 on half days. An
    expiration that is no session (a Saturday, a holiday) settles on the session before it.
    """
    day = on_or_before(expiry)
    opened, closed = open_close(day)
    return opened if root in AM_ROOTS and is_standard_expiry(day) else closed
