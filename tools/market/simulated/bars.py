"""Bars of simulated underlyings. The finest are of one minute; all others are made of them.

Minutes lie on a Brownian bridge between the path's five-minute nodes, with a jump inside the minute in which it fell,
and a minute's high and low are those of the bridge within it. They are made for the sessions asked for and not kept;
daily bars are made once and kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri

from domain.market import BarSeries, Interval
from tools.market.simulated.paths import NODES, grid, jumps, path
from tools.market.simulated.presets import OVERNIGHT, PROFILES, YEAR
from tools.randomness import uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SOURCE = "simulator"
MINUTES = {Interval.MINUTE: 1, Interval.FIVE_MINUTES: 5, Interval.FIFTEEN_MINUTES: 15, Interval.HOUR: 60}
PUBLISHED_S = 15 * 60  # daily values are known this long after the close
_LONGEST = 5 * (NODES - 1)  # minutes of a session
_AT_ONCE = 128  # sessions whose minutes are held together


class Bars(NamedTuple):
    """Bars of some sessions, shape (sessions, bars of a session); NaN after the close of a half day."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def minutes(seed: int, ticker: str, wanted: Ints) -> Bars:
    """One-minute bars of some sessions (indices into the grid), whatever else was asked for."""
    walk, about, profile = path(seed, ticker), grid(), PROFILES[ticker]
    steps = about.steps[wanted][:, None]
    nodes = np.log(walk.price[wanted])
    leap, when = _leaps(seed, ticker, wanted)
    spent = (
        (1 - OVERNIGHT) / YEAR * (walk.variance[wanted, :-1] + profile.law.floor) / steps
    )  # in a node's five minutes
    place = (wanted[:, None, None], np.arange(NODES - 1, dtype=np.int64)[None, :, None])
    inner = np.arange(5, dtype=np.int64)[None, None, :]
    z = ndtri(uniforms(seed, (ticker, "minute"), *place, inner))
    walked = np.cumsum(z, axis=2)
    share = (inner + 1) / 5
    bridge = np.sqrt(spent / 5)[:, :, None] * (walked - share * walked[:, :, -1:])
    start, rise = nodes[:, :-1, None], (nodes[:, 1:] - leap - nodes[:, :-1])[:, :, None]
    ends = start + share * rise + bridge + np.where(inner >= when[:, :, None], leap[:, :, None], 0.0)
    begins = np.concatenate([start, ends[:, :, :-1]], axis=2)
    gap, each = (begins - ends) ** 2, (2 * spent / 5)[:, :, None]
    up, down, size = (uniforms(seed, (ticker, what), *place, inner) for what in ("high", "low", "volume"))
    high = 0.5 * (begins + ends + np.sqrt(gap - each * np.log(up)))
    low = 0.5 * (begins + ends - np.sqrt(gap - each * np.log(down)))
    middle = 0.7 + 1.6 * (2 * (5 * place[1] + inner) / (5 * steps[:, :, None]) - 1) ** 2
    surprise = 1 + 0.5 * np.minimum(np.sqrt(2 * gap / each), 6.0)
    volume = np.round(profile.volume / _LONGEST * middle * surprise / 1.6 * (0.6 + 0.8 * size))
    if profile.volume == 0:
        volume = np.full(ends.shape, np.nan)
    flat = (len(wanted), _LONGEST)
    gone = np.arange(_LONGEST) >= 5 * steps
    prices = [np.round(np.exp(x), 2) for x in (begins, high, low, ends)]
    opened, top, bottom, closed, traded = (np.where(gone, np.nan, values.reshape(flat)) for values in (*prices, volume))
    top = np.maximum(top, np.maximum(opened, closed))
    return Bars(opened, top, np.minimum(bottom, np.minimum(opened, closed)), closed, traded)


def _leaps(seed: int, ticker: str, wanted: Ints) -> tuple[Floats, Ints]:
    """Log jump in each node's five minutes and the minute in which it falls, shape (sessions, NODES − 1) each."""
    found = jumps(seed, ticker)
    size, when = np.zeros((len(wanted), NODES - 1)), np.zeros((len(wanted), NODES - 1), dtype=np.int64)
    row = np.searchsorted(wanted, found.session)
    for at in np.flatnonzero((found.node > 0) & (row < len(wanted))).tolist():
        if wanted[row[at]] == found.session[at]:
            size[row[at], found.node[at] - 1] += found.size[at]
            when[row[at], found.node[at] - 1] = found.minute[at]
    return size, when


def merged(fine: Bars, count: int) -> Bars:
    """Bars of `count` minutes from one-minute bars; the last of a session may be shorter."""
    rows, length = fine.close.shape
    pad = -length % count

    def groups(values: Floats) -> Floats:
        return np.pad(values, ((0, 0), (0, pad)), constant_values=np.nan).reshape(rows, -1, count)

    close = groups(fine.close)
    there = ~np.isnan(close)
    some = there.any(axis=2)
    last = np.maximum(there.sum(axis=2) - 1, 0)
    closed = np.take_along_axis(close, last[:, :, None], axis=2)[:, :, 0]
    high = np.where(there, groups(fine.high), -np.inf).max(axis=2)
    low = np.where(there, groups(fine.low), np.inf).min(axis=2)
    traded = np.where(there, groups(fine.volume), 0.0).sum(axis=2)
    return Bars(
        groups(fine.open)[:, :, 0],
        np.where(some, high, np.nan),
        np.where(some, low, np.nan),
        closed,
        np.where(some, traded, np.nan),
    )


@lru_cache(maxsize=24)
def _daily(seed: int, ticker: str) -> BarSeries:
    """All daily bars of the span."""
    about = grid()
    parts = [
        merged(minutes(seed, ticker, np.arange(first, min(first + _AT_ONCE, len(about.days)))), _LONGEST)
        for first in range(0, len(about.days), _AT_ONCE)
    ]
    columns = [np.concatenate(column).ravel() for column in zip(*parts, strict=True)]
    return series(ticker, Interval.DAY, about.opens, about.closes + PUBLISHED_S, *columns)


def bars(seed: int, ticker: str, interval: Interval, stamp: float, count: int) -> BarSeries | None:
    """The last `count` bars known at a moment (epoch seconds); None when there is none."""
    if interval is Interval.DAY:
        return cut(_daily(seed, ticker), stamp, count)
    about, length = grid(), MINUTES[interval]
    last = int(np.searchsorted(about.opens, stamp, side="right")) - 1
    if last < 0 or count < 1:
        return None
    made = -(-60 * about.steps * (300 // 60) // (60 * length))  # bars of each session, rounded up
    known = min(int((stamp - int(about.opens[last])) // (60 * length)), int(made[last]))
    if stamp >= about.closes[last]:
        known = int(made[last])
    behind = np.cumsum(np.concatenate([[known], made[:last][::-1]]))
    enough = int(np.searchsorted(behind, count))
    first = max(0, last - enough)
    wanted = np.arange(first, last + 1)
    coarse = merged(minutes(seed, ticker, wanted), length)
    begins = about.opens[wanted][:, None] + 60 * length * np.arange(coarse.close.shape[1])
    ends = np.minimum(begins + 60 * length, about.closes[wanted][:, None])
    there = ~np.isnan(coarse.close)
    whole = series(ticker, interval, begins[there], ends[there], *(values[there] for values in coarse))
    return cut(whole, stamp, count)


def cut(whole: BarSeries, stamp: float, count: int) -> BarSeries | None:
    """The last `count` of a series known at a moment (epoch seconds); None when there is none."""
    known = int(np.searchsorted(whole.known_at, stamp, side="right"))
    if known == 0:
        return None
    part = slice(max(0, known - count), known)
    prices = (whole.open, whole.high, whole.low, whole.close, whole.volume)
    start, known_at = whole.start[part], whole.known_at[part]
    return series(whole.ticker, whole.interval, start, known_at, *(values[part] for values in prices))


def series(ticker: str, interval: Interval, start: Ints, known_at: Ints, *prices: Floats) -> BarSeries:
    """Bars of the simulator: open, high, low, close, volume as raw prices."""
    opened, high, low, close, volume = prices
    return BarSeries(
        ticker=ticker,
        interval=interval,
        source=SOURCE,
        adjusted=False,
        start=start,
        known_at=known_at,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )
