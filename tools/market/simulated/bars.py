"""Bars of simulated underlyings and daily values of VIX-like indices, made whole once and cut by what is known."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.market import BarSeries, Interval
from quant.heston.params import HestonParams
from tools.market.simulated.paths import NODES, grid, path
from tools.market.simulated.presets import OVERNIGHT, PRESETS, PROFILES, STEP_S, YEAR
from tools.randomness import generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SOURCE = "simulator"
TERMS = {"VIX9D": 9, "VIX": 30, "VIX3M": 93, "VIX6M": 184}  # calendar days
_PUBLISHED_S = 15 * 60  # daily values are known this long after the close


class FiveMinutes(NamedTuple):
    """Every five-minute bar, shape (n, NODES − 1); NaN after the close of a half day."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@lru_cache(maxsize=24)
def five_minutes(seed: int, ticker: str) -> FiveMinutes:
    """All five-minute bars of a ticker. Highs and lows are those of the Brownian bridge between two nodes."""
    walk, about, profile = path(seed, ticker), grid(), PROFILES[ticker]
    a, b = np.log(walk.price[:, :-1]), np.log(walk.price[:, 1:])
    spent = (1 - OVERNIGHT) / YEAR * walk.variance[:, :-1] / about.steps[:, None]
    chance = generator(seed, ticker, "bars")
    up, down, size = (chance.random(a.shape) for _ in range(3))
    high = 0.5 * (a + b + np.sqrt((a - b) ** 2 - 2 * spent * np.log1p(-up)))
    low = 0.5 * (a + b - np.sqrt((a - b) ** 2 - 2 * spent * np.log1p(-down)))
    position = np.arange(NODES - 1) / about.steps[:, None]
    smile = 0.7 + 1.6 * (2 * position - 1) ** 2
    surprise = 1 + 0.5 * np.minimum(np.abs(b - a) / np.sqrt(spent), 6.0)
    volume = np.round(profile.volume / (NODES - 1) * smile * surprise / 1.6 * (0.6 + 0.8 * size))
    if profile.volume == 0:
        volume = np.full(a.shape, np.nan)
    gone = np.arange(NODES - 1) >= about.steps[:, None]
    prices = (np.round(np.exp(x), 2) for x in (a, high, low, b))
    opened, top, bottom, closed, traded = (np.where(gone, np.nan, values) for values in (*prices, volume))
    return FiveMinutes(
        opened,
        np.maximum(top, np.maximum(opened, closed)),
        np.minimum(bottom, np.minimum(opened, closed)),
        closed,
        traded,
    )


@lru_cache(maxsize=24)
def _whole(seed: int, ticker: str, interval: Interval) -> BarSeries:
    """All bars of the span."""
    fine, about = five_minutes(seed, ticker), grid()
    if interval is Interval.FIVE_MINUTES:
        there = ~np.isnan(fine.close)
        start = (about.opens[:, None] + STEP_S * np.arange(NODES - 1))[there]
        return _series(ticker, interval, start, start + STEP_S, *(values[there] for values in fine))
    last = about.steps - 1
    rows = np.arange(len(last))
    volume = np.nansum(fine.volume, axis=1) if PROFILES[ticker].volume else np.full(len(last), np.nan)
    high, low = np.nanmax(fine.high, axis=1), np.nanmin(fine.low, axis=1)
    known = about.closes + _PUBLISHED_S
    return _series(ticker, interval, about.opens, known, fine.open[:, 0], high, low, fine.close[rows, last], volume)


@lru_cache(maxsize=24)
def _index(preset: str, seed: int, name: str) -> BarSeries:
    """Daily values of an implied-volatility index: the root of SPX's expected variance under Q, times 100."""
    walk, about = path(seed, "SPX"), grid()
    years = TERMS[name] / 365
    law = PROFILES["SPX"].params
    one = HestonParams(v0=1.0, kappa=law.kappa, theta=law.theta, sigma=law.sigma, rho=law.rho)
    none = HestonParams(v0=1e-12, kappa=law.kappa, theta=law.theta, sigma=law.sigma, rho=law.rho)
    weight = one.average_variance(years) - none.average_variance(years)
    expected = (none.average_variance(years) + weight * walk.variance) / PRESETS[preset]
    level = np.round(100 * np.sqrt(expected), 2)
    volume = np.full(len(level), np.nan)
    known = about.closes + _PUBLISHED_S
    high, low = level.max(axis=1), level.min(axis=1)
    return _series(name, Interval.DAY, about.opens, known, level[:, 0], high, low, level[:, -1], volume)


def bars(seed: int, ticker: str, interval: Interval, stamp: float, count: int) -> BarSeries | None:
    """The last `count` bars known at a moment (epoch seconds); None when there is none."""
    return _cut(_whole(seed, ticker, interval), stamp, count)


def index(preset: str, seed: int, name: str, stamp: float, count: int) -> BarSeries | None:
    """The last `count` daily values of an index in TERMS known at a moment; None when there is none."""
    return _cut(_index(preset, seed, name), stamp, count)


def _cut(whole: BarSeries, stamp: float, count: int) -> BarSeries | None:
    known = int(np.searchsorted(whole.known_at, stamp, side="right"))
    if known == 0:
        return None
    part = slice(max(0, known - count), known)
    prices = (whole.open, whole.high, whole.low, whole.close, whole.volume)
    start, known_at = whole.start[part], whole.known_at[part]
    return _series(whole.ticker, whole.interval, start, known_at, *(values[part] for values in prices))


def _series(
    ticker: str, interval: Interval, start: NDArray[np.int64], known_at: NDArray[np.int64], *prices: Floats
) -> BarSeries:
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
