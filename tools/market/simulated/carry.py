"""What carries a simulated price from one moment to another: the certain course of the short rate, and dividends.

The short rate is linear between dates and known to all, so that curve, forwards and discounts are its integrals and
nothing else. A dividend is a share of the price at the close before its ex-date, so that a forward is the spot times
numbers that are known; its dollars are known at that close.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tools import sessions
from tools.market.simulated.presets import FIRST, LAST, PROFILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

YEAR_S = 365.0 * 86_400.0
_COURSE = (  # the short rate, continuously compounded, linear between the dates and flat beyond them
    (date(2021, 7, 1), 0.010),
    (date(2022, 3, 1), 0.015),
    (date(2023, 7, 1), 0.050),
    (date(2024, 9, 1), 0.050),
    (date(2025, 12, 1), 0.038),
    (date(2028, 6, 1), 0.040),
)
_TIMES = np.array([datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() for day, _ in _COURSE])
_RATES = np.array([rate for _, rate in _COURSE])
_SUMS = np.concatenate([[0.0], np.cumsum(0.5 * (_RATES[1:] + _RATES[:-1]) * np.diff(_TIMES) / YEAR_S)])
_SLOPES = np.append(np.diff(_RATES) / np.diff(_TIMES), 0.0)
_HORIZON = timedelta(days=1200)  # of dividends and reports beyond the span: the longest expiration ends within it


def accrued(stamp: Floats | Ints | float) -> Floats:
    """∫ r dt from the first date of the course to epoch seconds (any shape, same shape)."""
    at = np.asarray(stamp, dtype=np.float64)
    place = np.clip(np.searchsorted(_TIMES, at, side="right") - 1, 0, len(_TIMES) - 1)
    since = at - _TIMES[place]
    return np.asarray(_SUMS[place] + (_RATES[place] + 0.5 * _SLOPES[place] * since) * since / YEAR_S)


class Drop(NamedTuple):
    """One ex-date: the price opens lower by `share`."""

    day: date
    opens: int  # epoch seconds of its open
    share: float


@cache
def drops(ticker: str) -> tuple[Drop, ...]:
    """Every ex-date of a ticker, oldest first, from the first session to beyond the longest expiration."""
    payout = PROFILES[ticker].payout
    if payout is None:
        return ()
    found = []
    for year in range(FIRST.year, (LAST + _HORIZON).year + 1):
        for month in payout.months:
            day = sessions.on_or_before(nth_weekday(year, month, payout.weekday, payout.week))
            if day > FIRST:
                found.append(Drop(day, int(sessions.open_close(day)[0].timestamp()), payout.share))
    return tuple(sorted(found))


class Report(NamedTuple):
    """One earnings report and the session at whose open the price has taken it in."""

    day: date  # of the report
    reacts: date
    opens: int  # epoch seconds of that open


@cache
def reports(ticker: str) -> tuple[Report, ...]:
    """Every report of a ticker, oldest first, from the first session to beyond the longest expiration."""
    rule = PROFILES[ticker].reports
    if rule is None:
        return ()
    found = []
    for year in range(FIRST.year, (LAST + _HORIZON).year + 1):
        for month in (1, 4, 7, 10):
            day = sessions.on_or_before(nth_weekday(year, month, rule.weekday, rule.week))
            reacts = day if rule.before_open else sessions.next(day)
            if day >= FIRST and reacts > FIRST:
                found.append(Report(day, reacts, int(sessions.open_close(reacts)[0].timestamp())))
    return tuple(sorted(found))


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """The nth such weekday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


@lru_cache(maxsize=64)
def _opens(ticker: str, what: str) -> tuple[int, ...]:
    return tuple(each.opens for each in (drops(ticker) if what == "drops" else reports(ticker)))


def reports_between(ticker: str, after: int, until: int) -> int:
    """How many reports the price takes in after a moment and not after another (epoch seconds)."""
    opens = _opens(ticker, "reports")
    return bisect_right(opens, until) - bisect_right(opens, after)


def kept(ticker: str, after: int, until: int) -> float:
    """What dividends leave of a price between two moments: the product of 1 − share over their ex-dates."""
    opens = _opens(ticker, "drops")
    count = bisect_right(opens, until) - bisect_right(opens, after)
    payout = PROFILES[ticker].payout
    return 1.0 if payout is None else (1 - payout.share) ** count


def exercise_moments(ticker: str, after: int, until: int) -> tuple[int, ...]:
    """Opens of the ex-dates between two moments: an American call ends just before one, a put just after."""
    opens = _opens(ticker, "drops")
    return opens[bisect_right(opens, after) : bisect_left(opens, until)]
