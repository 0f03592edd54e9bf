from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from domain.errors import BadInput
from domain.market import BarSeries
from quant.volatility.forecast import (
    HORIZONS,
    LOG_BIAS,
    VarianceForecast,
    at_horizon,
    curve,
    forecast,
    qlike,
    walk_forward,
)

FIELDS = ("start", "known_at", "open", "high", "low", "close", "volume")


def cut(bars: BarSeries, first: int, last: int) -> BarSeries:
    return dataclasses.replace(bars, **{name: getattr(bars, name)[first:last] for name in FIELDS})


def test_qlike_by_hand() -> None:
    assert qlike(np.array([1.0, 4.0]), np.array([1.0, 2.0])) == pytest.approx(0.5 * (2 - np.log(2) - 1))


@pytest.mark.data
def test_meets_the_mark_on_spx(spx_daily: BarSeries, vix_daily: BarSeries) -> None:
    """SPX and VIX 1990-2026, 21 days: raw implied .315, HAR with VIX .296 or better (measured reference)."""
    bars = cut(spx_daily, 0, int(np.searchsorted(spx_daily.start, vix_daily.start[-1])) + 1)
    run, alone = walk_forward(bars, vix_daily, 21), walk_forward(bars, None, 21)
    scored = np.isfinite(run.forecast) & np.isfinite(run.outcome) & np.isfinite(run.implied)
    ours, har, implied = (
        qlike(run.outcome[scored], item[scored]) for item in (run.forecast, alone.forecast, run.implied)
    )
    error = np.log(run.outcome[scored] / run.forecast[scored])
    print(
        f"\nQLIKE 21 d: HAR+VIX {ours:.3f}, HAR {har:.3f}, VIX {implied:.3f};"
        f" log error sd {error.std():.3f}; {scored.sum()} days"
    )
    assert implied == pytest.approx(0.315, abs=0.005)
    assert ours < 0.30
    assert ours < har
    made = forecast(bars, vix_daily, 21)
    assert made.usable
    assert made.log_bias == pytest.approx(0.236, abs=0.06)
    ratio = np.quantile((run.forecast / run.implied)[scored], [0.01, 0.5, 0.99])
    np.testing.assert_allclose(ratio, [0.44, 0.62, 0.84], atol=0.15)


@pytest.mark.data
def test_nothing_later_enters(spx_daily: BarSeries, vix_daily: BarSeries) -> None:
    """The forecast of a day is the same whatever bars follow."""
    whole = walk_forward(cut(spx_daily, 0, 3_000), vix_daily, 21)
    for n in (700, 1_333, 2_100):
        part = walk_forward(cut(spx_daily, 0, n), vix_daily, 21)
        np.testing.assert_array_equal(part.forecast[: n - 1], whole.forecast[: n - 1])
        assert part.forecast[-1] == whole.forecast[n - 1]
        assert np.all(np.isnan(part.outcome[-21:]))
    made = forecast(cut(spx_daily, 0, 2_100), vix_daily, 21)
    assert made.variance == pytest.approx(252 * whole.forecast[2_099])


@pytest.mark.data
def test_implied_is_never_from_a_later_day(spx_daily: BarSeries, vix_daily: BarSeries) -> None:
    run = walk_forward(cut(spx_daily, 0, 900), vix_daily, 21)
    day = 800
    known = vix_daily.known_at <= spx_daily.known_at[day] + 3_600
    assert run.implied[day] == pytest.approx((vix_daily.close[known][-1] / 100) ** 2 / 252)
    shifted = dataclasses.replace(vix_daily, known_at=vix_daily.known_at + 2 * 3_600)
    assert walk_forward(cut(spx_daily, 0, 900), shifted, 21).implied[day] == pytest.approx(
        (vix_daily.close[known][-2] / 100) ** 2 / 252
    )


@pytest.mark.data
def test_unusable_forecasts_say_why(spx_daily: BarSeries, vix_daily: BarSeries) -> None:
    assert forecast(None, vix_daily, 21).why == "no daily bars"
    few = forecast(cut(spx_daily, 0, 400), vix_daily, 21)
    assert (few.usable, few.why) == (False, "400 daily bars, 500 needed")
    other = forecast(dataclasses.replace(cut(spx_daily, 0, 3_000), ticker="NVDA"), vix_daily, 21)
    assert not other.usable
    assert "own implied" in other.why
    assert other.variance > 0.0
    assert other.log_bias == LOG_BIAS
    stale = forecast(spx_daily, cut(vix_daily, 0, 5_000), 21)
    assert not stale.usable
    assert "VIX is missing" in stale.why
    close = spx_daily.close.copy()
    close[100] = np.nan
    broken = forecast(dataclasses.replace(spx_daily, close=close), vix_daily, 21)
    assert "missing or non-positive" in broken.why


@pytest.mark.data
def test_a_perfect_implied_is_not_beaten(spx_daily: BarSeries, vix_daily: BarSeries) -> None:
    """When implied variance is the outcome itself, the forecast must own up to losing against it."""
    bars = cut(spx_daily, 0, 4_000)
    outcome = walk_forward(bars, None, 21).outcome
    seer = dataclasses.replace(
        cut(vix_daily, 0, 4_000),
        start=bars.start,
        known_at=bars.known_at,
        close=100 * np.sqrt(252 * np.where(np.isfinite(outcome), outcome, 1e-4)),
    )
    made = forecast(bars, seer, 21)
    assert not made.usable
    assert made.why.startswith("does not beat implied")


def made(variance: float, horizon_days: int, usable: bool = True) -> VarianceForecast:
    return VarianceForecast(
        variance=variance,
        horizon_days=horizon_days,
        log_error=0.5,
        log_bias=0.2,
        usable=usable,
        source=f"of {horizon_days}",
        why=f"for {horizon_days}",
    )


def test_a_horizon_between_two_forecasts_has_the_total_variance_between_theirs() -> None:
    """10 days at 0.04 and 21 at 0.02: at 15.5 days half way from 0.40 to 0.42, and the nearer rate beyond."""
    both = (made(0.04, 10), made(0.02, 21))
    middle = at_horizon(both, 15.5)
    assert middle.variance * 15.5 == pytest.approx(0.41)
    assert (middle.usable, middle.log_bias) == (True, pytest.approx(0.2))
    assert at_horizon(both, 10.0).variance == 0.04
    assert at_horizon(both, 3.0).variance == 0.04
    assert at_horizon(both, 60.0).variance == 0.02
    half = at_horizon((made(0.04, 10), made(0.02, 21, usable=False)), 15.5)
    assert (half.usable, half.why) == (False, "for 21")
    with pytest.raises(BadInput, match="no variance forecast"):
        at_horizon((), 10.0)


@pytest.mark.data
def test_a_shock_that_the_chain_knows_reaches_the_forecast(spx_daily: BarSeries, vix_daily: BarSeries) -> None:
    """In session the last bar and VIX are yesterday's: only the implied variance is of now."""
    bars = cut(spx_daily, 0, 7_000)
    level = walk_forward(bars, vix_daily, 21).implied[-1] * 252
    calm = curve(bars, vix_daily)
    same, shock = curve(bars, vix_daily, level), curve(bars, vix_daily, 2.0 * level)
    assert [one.horizon_days for one in calm] == list(HORIZONS)
    for before, told, after in zip(calm, same, shock, strict=True):
        assert told.variance == pytest.approx(before.variance)
        assert 1.2 < after.variance / before.variance < 2.0
        assert (after.why, after.log_error) == (before.why, before.log_error)
