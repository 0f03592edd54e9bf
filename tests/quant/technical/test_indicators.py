"""TA-Lib behind its wrapper: StockCharts' published RSI sheet, and what holes in the data must not do."""

from __future__ import annotations

import numpy as np
import pytest

from domain.errors import BadInput
from quant.technical import indicators
from quant.technical.gaps import WARMUP, breaks, runs, unbroken
from tools.randomness import generator

# StockCharts ChartSchool, "Relative Strength Index", spreadsheet: 33 closes and RSI(14) from the 15th on.
# fmt: off
CLOSES = np.array([
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931,
    46.0328, 45.614, 46.282, 46.282, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521, 45.7137,
    46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
])
# fmt: on
# fmt: off
RSI = np.array([
    70.5327894837, 66.3185618052, 66.5498299355, 69.4063053388, 66.3551690563, 57.9748557143, 62.9296067546,
    63.2571475625, 56.0592987153, 62.3770714432, 54.7075730813, 50.4227744115, 39.9898231454, 41.4604819757,
    41.8689160925, 45.4632124453, 37.3040420899, 33.0795229944, 37.7729521144,
])
# fmt: on


def walk(n: int, seed: int = 7) -> np.ndarray:
    return 100.0 * np.exp(np.cumsum(0.01 * generator(seed).standard_normal(n)))


def test_rsi_matches_the_published_sheet() -> None:
    np.testing.assert_allclose(indicators.rsi(CLOSES, warmup=0)[14:], RSI, atol=1e-9)


def test_macd_bollinger_and_atr_golden() -> None:
    line, signal, histogram = indicators.macd(CLOSES, 5, 10, 4, warmup=0)
    assert line[-1] == pytest.approx(-0.6082198771789962, abs=1e-12)
    assert signal[-1] == pytest.approx(-0.5413577144124638, abs=1e-12)
    assert histogram[-1] == pytest.approx(-0.06686216276653234, abs=1e-12)
    upper, middle, lower = indicators.bollinger(CLOSES, 20, 2.0, warmup=0)
    assert (upper[-1], middle[-1], lower[-1]) == pytest.approx((47.62346641557824, 45.24261, 42.861753584421784))
    assert indicators.percent_b(CLOSES, upper, lower)[-1] == pytest.approx(
        (43.1314 - lower[-1]) / (upper[-1] - lower[-1])
    )
    true_range = indicators.atr(CLOSES + 0.5, CLOSES - 0.4, CLOSES, 14, warmup=0)
    assert true_range[-1] == pytest.approx(1.040931319464676, abs=1e-12)


def test_a_nan_in_the_middle_starts_a_new_run_and_never_reads_as_oversold() -> None:
    close = walk(900)
    close[400] = np.nan
    rsi = indicators.rsi(close)
    assert np.isnan(rsi[400 : 401 + WARMUP]).all()
    assert ((rsi[401 + WARMUP :] > 0.0) & (rsi[401 + WARMUP :] < 100.0)).all()
    np.testing.assert_array_equal(rsi[401:], indicators.rsi(close[401:]))
    assert rsi[399] == indicators.rsi(close[:400])[-1]


def test_too_few_bars_give_nothing() -> None:
    assert np.isnan(indicators.rsi(walk(5))).all()
    assert np.isnan(indicators.rsi(walk(WARMUP))).all()
    assert np.isfinite(indicators.rsi(walk(WARMUP + 1))[-1])


def test_the_value_no_longer_depends_on_where_history_began() -> None:
    close = walk(1_200)
    assert indicators.rsi(close)[-1] == pytest.approx(indicators.rsi(close[-600:])[-1], abs=5e-3)


@pytest.mark.parametrize("close", [np.full(400, 50.0), np.linspace(50.0, 90.0, 400), np.linspace(90.0, 50.0, 400)])
def test_a_run_without_a_loss_or_a_gain_has_no_rsi(close: np.ndarray) -> None:
    assert np.isnan(indicators.rsi(close)).all()


def test_bands_without_width_have_no_percent_b() -> None:
    close = np.full(400, 50.0)
    upper, _, lower = indicators.bollinger(close)
    assert np.isnan(indicators.percent_b(close, upper, lower)).all()


@pytest.mark.parametrize(
    "columns",
    [
        (),
        (np.arange(5),),
        (np.arange(5, dtype=np.float32),),
        (np.ones(5), np.ones(4)),
        (np.ones((2, 2)),),
    ],
)
def test_only_float64_columns_of_one_length_are_read(columns: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(BadInput):
        unbroken(columns)


def test_runs_are_cut_by_holes_and_by_missing_weeks() -> None:
    good = np.array([True, True, False, True, True, True, False])
    assert runs(good) == ((0, 2), (3, 6))
    days = np.array([0, 1, 2, 3, 20, 21, 22], dtype=np.int64) * 86_400
    assert breaks(days).tolist() == [False, False, False, False, True, False, False]
    assert runs(good, breaks(days)) == ((0, 2), (3, 4), (4, 6))
    assert runs(np.zeros(3, dtype=np.bool_)) == ()
