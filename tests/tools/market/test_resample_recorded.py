"""Bars made of finer ones on the recorded sets: the vendor's own coarser bars come out, the future changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from domain.market import Absent, BarSeries, Interval
from tools import sessions
from tools.market import series
from tools.market.recorded import RecordedMarket
from tools.market.resample import Bars, resample
from tools.market.store import Store

pytestmark = pytest.mark.data

AT = datetime(2019, 5, 21, 18, 12, tzinfo=UTC)  # 14:12 in New York


def held(store_dir: Path, ticker: str, interval: Interval, source: str) -> Bars:
    lazy = Store(store_dir).bars(ticker, interval)
    assert lazy is not None
    (found,) = (one for one in series.sources(lazy.filter("session").collect()) if one.name == source)
    return found.bars


@pytest.mark.parametrize("ticker", ["SPY", "QQQ"])
def test_five_minutes_of_a_vendor_make_its_hours(store_dir: Path, ticker: str) -> None:
    """60 sessions of 2026 stand in both files. Highs and lows agree to the last digit, opens and closes as well as the
    vendor agrees with itself.
    """
    fine = held(store_dir, ticker, Interval.FIVE_MINUTES, "yahoo")
    made = resample(fine, Interval.FIVE_MINUTES, Interval.HOUR)
    hours = held(store_dir, ticker, Interval.HOUR, "yahoo")
    _, left, right = np.intersect1d(made.start, hours.start, return_indices=True)
    assert len(left) == 419
    for name, share in (("open", 0.94), ("high", 0.999), ("low", 0.997), ("close", 0.99)):
        off = np.abs(getattr(made, name)[left] / getattr(hours, name)[right] - 1)
        assert (off < 1e-6).mean() >= share, name
        assert off.max() < 2.5e-3, name


def test_a_year_of_minutes_makes_every_day(store_dir: Path) -> None:
    """SPY, 2024-03-26 to 2025-04-02; the last session breaks off before its close, and is no day."""
    minutes = held(store_dir, "SPY", Interval.MINUTE, "spy 1-minute")
    made = resample(minutes, Interval.MINUTE, Interval.DAY)
    days = sessions.between(date(2024, 3, 26), date(2025, 4, 2))
    assert len(made.start) == len(days) - 1
    assert made.known_at.tolist() == [int(sessions.daily_known_at(day).timestamp()) for day in days[:-1]]


def test_days_made_of_five_minutes_are_the_days_held(store_dir: Path) -> None:
    """SPX of another vendor: highs and lows to a millionth, at the median."""
    made = resample(held(store_dir, "SPX", Interval.FIVE_MINUTES, "tradingview"), Interval.FIVE_MINUTES, Interval.DAY)
    daily = held(store_dir, "SPX", Interval.DAY, "yahoo")
    _, left, right = np.intersect1d(made.start, daily.start, return_indices=True)
    assert len(left) == len(made.start) == 255
    for name, bound in (("high", 1e-6), ("low", 1e-6), ("close", 2e-4)):
        assert np.median(np.abs(getattr(made, name)[left] / getattr(daily, name)[right] - 1)) < bound, name


async def test_a_market_makes_what_it_does_not_hold(store_dir: Path, cut: Callable[[Path, datetime], Path]) -> None:
    whole, past = RecordedMarket(store_dir, "spx-2019"), RecordedMarket(cut(store_dir, AT), "spx-2019")
    for interval, last in ((Interval.FIFTEEN_MINUTES, (13, 45)), (Interval.HOUR, (12, 30))):
        bars = await whole.bars("SPX", interval, AT, 100)
        assert isinstance(bars, BarSeries)
        assert bars.source == "histdata, from 5m bars"
        assert bars.start[-1] == sessions.new_york(AT.date(), *last).timestamp()
        again = await past.bars("SPX", interval, AT, 100)
        assert isinstance(again, BarSeries)
        for name in ("start", "known_at", "open", "high", "low", "close"):
            assert getattr(again, name).tolist() == getattr(bars, name).tolist(), name
    daily = await whole.bars("SPX", Interval.DAY, AT, 10)
    assert isinstance(daily, BarSeries)
    assert daily.source == "yahoo"  # what is held wins
    minutes = await whole.bars("SPX", Interval.MINUTE, AT, 10)
    assert isinstance(minutes, Absent)  # nothing finer is ever made up
