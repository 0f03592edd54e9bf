from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from domain.errors import BadInput
from domain.market import BarSeries, Interval
from quant.volatility.realized import close_to_close, daily_variance, parkinson, yang_zhang
from tools.randomness import generator


def diffusion(days: int, vol: float, seed: int, steps: int = 400) -> BarSeries:
    """Daily bars of a driftless diffusion, a tenth of whose variance falls overnight."""
    rng = generator(seed)
    sd = vol / np.sqrt(252)
    gaps = rng.normal(0.0, np.sqrt(0.1) * sd, days)
    moves = np.cumsum(rng.normal(0.0, np.sqrt(0.9 / steps) * sd, (days, steps)), axis=1)
    opens = np.concatenate([[0.0], np.cumsum(moves[:-1, -1] + gaps[1:])])
    path = opens[:, None] + np.concatenate([np.zeros((days, 1)), moves], axis=1)
    start = np.arange(days, dtype=np.int64) * 86_400
    return BarSeries(
        ticker="X",
        interval=Interval.DAY,
        source="test",
        adjusted=False,
        start=start,
        known_at=start + 30_000,
        open=100 * np.exp(path[:, 0]),
        high=100 * np.exp(path.max(axis=1)),
        low=100 * np.exp(path.min(axis=1)),
        close=100 * np.exp(path[:, -1]),
        volume=np.full(days, np.nan),
    )


def test_by_hand() -> None:
    """Two days worked out on paper."""
    bars = dataclasses.replace(
        diffusion(3, 0.2, 1),
        open=np.array([100.0, 101.0, 99.0]),
        high=np.array([102.0, 103.0, 101.0]),
        low=np.array([99.0, 100.0, 98.0]),
        close=np.array([100.0, 102.0, 100.0]),
    )
    returns = np.log([1.02, 100 / 102])
    assert close_to_close(bars, 2) == pytest.approx(np.sqrt(np.var(returns, ddof=1) * 252))
    ranges = np.log([103 / 100, 101 / 98]) ** 2
    assert parkinson(bars, 2) == pytest.approx(np.sqrt(ranges.mean() / (4 * np.log(2)) * 252))
    gap, body, spread = np.log(101 / 100), np.log(102 / 101), np.log(103 / 100)
    assert daily_variance(bars)[1] == pytest.approx(gap**2 + 0.5 * spread**2 - (2 * np.log(2) - 1) * body**2)


def test_estimators_find_the_volatility_of_a_diffusion() -> None:
    bars = diffusion(2_000, 0.25, 7)
    assert close_to_close(bars, 1_900) == pytest.approx(0.25, rel=0.05)
    assert yang_zhang(bars, 1_900) == pytest.approx(0.25, rel=0.05)
    assert parkinson(bars, 1_900) == pytest.approx(0.25 * np.sqrt(0.9), rel=0.06)  # the session alone
    assert np.sqrt(252 * daily_variance(bars)[1:].mean()) == pytest.approx(0.25, rel=0.06)


def test_too_few_or_broken_bars_raise() -> None:
    bars = diffusion(30, 0.2, 2)
    with pytest.raises(BadInput, match="30 bars, 41 needed"):
        close_to_close(bars, 40)
    with pytest.raises(BadInput, match="at least 2"):
        yang_zhang(bars, 1)
    close = bars.close.copy()
    close[-3] = np.nan
    with pytest.raises(BadInput, match="missing"):
        parkinson(dataclasses.replace(bars, close=close), 10)
