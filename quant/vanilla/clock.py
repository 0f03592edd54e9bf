"""The two clocks of an option: calendar years for discounting and quoting, trading days for variance.

Calendar time is seconds / 365 d. Variance accrues by trading day, overnight included: the days of the New York Stock
Exchange counted by rule (weekends and the exchange's full holidays), plus the open part of the first session.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache

import numpy as np

YEAR_S = 365.0 * 86_400.0
TRADING_DAYS = 252.0


def years(as_of: datetime, settles_at: int) -> float:
    """Calendar years from a moment to an epoch second; negative when it lies in the past."""
    return (settles_at - as_of.timestamp()) / YEAR_S


def _nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _easter(year: int) -> date:
    """Gregorian Easter Sunday (J. Meeus, *Astronomical Algorithms*, ch. 8)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    ell = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * ell) // 451
    month, day = divmod(h + ell - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _observed(day: date) -> date:
    if day.weekday() == 5:
        return day - timedelta(days=1)
    return day + timedelta(days=1) if day.weekday() == 6 else day


@cache
def holidays(year: int) -> tuple[date, ...]:
    """Full-day holidays of the New York Stock Exchange by its Rule 7.2 (unscheduled closures are not known to it).

    A New Year's Day on a Saturday is not observed on the Friday before.
    """
    new_year = date(year, 1, 1)
    days = [
        _nth_weekday(year, 1, 0, 3),
        _nth_weekday(year, 2, 0, 3),
        _easter(year) - timedelta(days=2),
        _nth_weekday(year, 6, 0, 1) - timedelta(days=7),
        _observed(date(year, 7, 4)),
        _nth_weekday(year, 9, 0, 1),
        _nth_weekday(year, 11, 3, 4),
        _observed(date(year, 12, 25)),
    ]
    if new_year.weekday() != 5:
        days.append(_observed(new_year))
    if year >= 2022:
        days.append(_observed(date(year, 6, 19)))
    return tuple(sorted(days))


def trading_days(as_of: datetime, expiry: date, opens_only: bool = False) -> float:
    """Trading days of variance from a moment to an expiry, at least a quarter of a day.

    `as_of` is aware UTC; its session counts by the share of 14:30-21:00 UTC still ahead (an hour's error in summer is
    0.15 day). `opens_only` leaves out the expiry's own session (an option settled at the opening print).
    """
    today = as_of.date()
    closed = [day for year in range(today.year, expiry.year + 1) for day in holidays(year)]
    begin = np.datetime64(today) + np.timedelta64(1, "D")
    end = np.datetime64(expiry) + np.timedelta64(0 if opens_only else 1, "D")
    whole = float(np.busday_count(begin, end, holidays=np.array(closed, dtype="datetime64[D]"))) if end > begin else 0.0
    if today.weekday() >= 5 or today in closed:
        part = 0.0
    else:
        seconds = as_of.hour * 3600 + as_of.minute * 60 + as_of.second
        part = min(max((75_600 - seconds) / 23_400, 0.0), 1.0)
    if expiry == today and opens_only:
        part = 0.0
    return max(whole + part, 0.25)
