"""Beta against an index: what it was made with, on common days alone, and nothing from too little."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from domain.market import BarSeries, Floats, Interval
from quant.volatility.beta import LEAST, SESSIONS, measured, slope

DAY = 86_400
FIRST = 1_700_000_000


def bars(close: Floats, *, ticker: str = "XYZ", days: np.ndarray | None = None) -> BarSeries:
    start = FIRST + DAY * (np.arange(len(close)) if days is None else days)
    return BarSeries(
        ticker=ticker,
        interval=Interval.DAY,
        source="test",
        adjusted=False,
        start=start.astype(np.int64),
        known_at=(start + 25_000).astype(np.int64),
        open=close,
        high=close,
        low=close,
        close=close,
        volume=np.full(len(close), np.nan),
    )


def walk(n: int = 400, seed: float = 0.7) -> Floats:
    """Log returns of about 1 % a day that never repeat."""
    return 0.01 * np.sin(seed * np.arange(n) ** 1.3)


def path(returns: Floats) -> Floats:
    return 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))


def test_the_slope_it_was_made_with() -> None:
    index = walk()
    noise = walk(seed=1.9)
    noise -= slope(noise[-SESSIONS:], index[-SESSIONS:]) * index  # orthogonal over the window
    found = measured(bars(path(1.6 * index + noise)), bars(path(index), ticker="SPX"))
    assert found is not None
    assert found.value == pytest.approx(1.6, abs=1e-9)
    assert (found.against, found.sessions) == ("SPX", SESSIONS)
    assert found.known_at == datetime.fromtimestamp(FIRST + 400 * DAY + 25_000, UTC)


def test_an_index_has_beta_one_to_itself() -> None:
    index = bars(path(walk()), ticker="SPX")
    found = measured(index, index)
    assert found is not None
    assert found.value == pytest.approx(1.0)


def test_only_days_that_both_have() -> None:
    index = path(walk())
    every = np.arange(len(index))
    kept = every[every % 7 != 3]
    own = path(1.2 * walk())
    whole = measured(bars(own[kept], days=kept), bars(index, ticker="SPX"))
    assert whole is not None
    assert whole.value == pytest.approx(1.2)
    hole = own.copy()
    hole[380] = np.nan
    holed = measured(bars(hole), bars(index, ticker="SPX"))
    assert holed is not None
    assert holed.value == pytest.approx(1.2)


@pytest.mark.parametrize("returns", [LEAST - 1, 1, 0])
def test_too_little_is_unknown(returns: int) -> None:
    assert measured(bars(path(walk(returns))), bars(path(walk()), ticker="SPX")) is None


def test_the_least_is_enough() -> None:
    found = measured(bars(path(walk(LEAST))), bars(path(walk()), ticker="SPX"))
    assert found is not None
    assert found.sessions == LEAST


def test_an_index_that_stands_still_tells_nothing() -> None:
    assert measured(bars(path(walk())), bars(np.full(401, 100.0), ticker="SPX")) is None


@pytest.mark.data
def test_well_known_betas(shared_data: Path, spx_daily: BarSeries) -> None:
    """NVDA and TSLA move more than the market, MCD less (2023-03 to 2024-03)."""
    frame = pl.read_parquet(shared_data / "bars" / "daily_single_names_2000_2024.parquet")
    values = {}
    for ticker in ("NVDA", "TSLA", "MCD"):
        rows = frame.filter(pl.col("ticker") == ticker).sort("date")
        days = rows["date"].cast(pl.Date).to_list()
        place = {datetime.fromtimestamp(int(start), UTC).date(): int(start) for start in spx_daily.start}
        keep = [n for n, day in enumerate(days) if day in place]
        close = rows["close"].cast(pl.Float64).to_numpy()[keep]
        start = np.array([place[days[n]] for n in keep])
        found = measured(bars(close, days=(start - FIRST) / DAY), spx_daily)
        assert found is not None
        assert found.sessions == SESSIONS
        values[ticker] = found.value
    assert values["NVDA"] > 1.3
    assert values["TSLA"] > 1.3
    assert values["MCD"] < 0.8
