"""Trend, momentum, swing levels and the score made of them."""

from __future__ import annotations

import numpy as np
import pytest

from domain.errors import BadInput
from quant.technical.levels import distances, pivots
from quant.technical.score import momentum_part, reversal_part, score, trend_part
from quant.technical.trend import momentum, slope
from tools.randomness import generator


def test_a_straight_line_has_its_own_slope_and_a_perfect_fit() -> None:
    line = slope(100.0 * np.exp(0.002 * np.arange(60.0)))
    assert line.per_month == pytest.approx(21 * 0.002)
    assert line.fit == pytest.approx(1.0)
    assert slope(np.full(60, 100.0)) == (0.0, 0.0)


def test_momentum_is_a_return_in_its_own_deviations() -> None:
    close = 100.0 * np.exp(np.cumsum(0.01 * generator(3).standard_normal(400)))
    found = momentum(close, 20, 250)
    logs = np.log(close)
    assert found.change == pytest.approx(close[-1] / close[-21] - 1.0)
    sd = np.std(np.diff(logs[-251:]), ddof=1)
    assert found.zscore == pytest.approx((logs[-1] - logs[-21]) / (sd * np.sqrt(20)))


def test_momentum_refuses_what_has_no_scale() -> None:
    with pytest.raises(BadInput, match="never moved"):
        momentum(np.full(300, 10.0))
    with pytest.raises(BadInput, match="bars are needed"):
        momentum(np.full(30, 10.0))
    broken = np.linspace(10.0, 11.0, 300)
    broken[-5] = np.nan
    with pytest.raises(BadInput, match="not a positive number"):
        momentum(broken)


def test_a_swing_needs_bars_on_both_sides() -> None:
    values = np.array([1.0, 2.0, 3.0, 9.0, 3.0, 2.0, 1.0])
    assert pivots(values, wing=3).tolist() == [9.0]
    assert pivots(values[:-1], wing=3).tolist() == []
    assert pivots(np.array([1.0, 2.0]), wing=3).tolist() == []


def test_distances_are_the_nearest_levels_in_percent_of_the_last_close() -> None:
    wave = 100.0 + 10.0 * np.sin(np.arange(120) * np.pi / 15.0)
    away = distances(wave + 1.0, wave - 1.0, np.append(wave[:-1], 100.0))
    assert away.support == pytest.approx(100.0 - 89.0, abs=0.1)
    assert away.resistance == pytest.approx(111.0 - 100.0, abs=0.1)


def test_scaling_a_whole_history_changes_no_distance() -> None:
    """Dividend adjustment scales a series; a distance within the series must not see it."""
    close = 100.0 * np.exp(np.cumsum(0.01 * generator(5).standard_normal(200)))
    high, low = close * 1.01, close * 0.99
    np.testing.assert_allclose(distances(high, low, close), distances(0.9 * high, 0.9 * low, 0.9 * close))


def test_levels_that_do_not_exist_are_none() -> None:
    rising = np.linspace(100.0, 200.0, 120)
    assert distances(rising, rising, rising) == (None, None)
    with pytest.raises(BadInput):
        distances(np.array([1.0, np.nan]), np.ones(2), np.ones(2))
    with pytest.raises(BadInput):
        distances(np.empty(0), np.empty(0), np.empty(0))


def test_the_score_is_bounded_and_odd() -> None:
    up = score((("a", 0.8), ("b", 0.6)))
    down = score((("a", -0.8), ("b", -0.6)))
    assert up.value == pytest.approx(0.7)
    assert down.value == pytest.approx(-0.7)
    assert up.conviction == down.conviction == 0.5
    assert score((("a", 0.5), ("b", -0.5))).conviction == 0.0
    assert score((("a", 0.0), ("b", 0.0))) == (0.0, 0.0, (("a", 0.0), ("b", 0.0)))


@pytest.mark.parametrize(
    ("rsi", "part"), [(50.0, 0.0), (30.0, 0.0), (20.0, 0.5), (5.0, 1.0), (80.0, -0.5), (99.0, -1.0)]
)
def test_reversal_speaks_only_at_extremes(rsi: float, part: float) -> None:
    assert reversal_part(rsi) == pytest.approx(part)


def test_parts_saturate() -> None:
    assert trend_part(5.0, 1.0) == pytest.approx(1.0)
    assert abs(momentum_part(-50.0)) <= 1.0
    assert trend_part(0.02, 0.0) < trend_part(0.02, 1.0)
