"""TA-Lib's indicators behind a wrapper that survives holes in the data. Definitions: ta-lib.org; values: TA-Lib 0.8."""

from __future__ import annotations

import numpy as np
import talib

from domain.market import Bools, Floats
from quant.technical.gaps import WARMUP, over_runs


def rsi(close: Floats, period: int = 14, warmup: int = WARMUP, apart: Bools | None = None) -> Floats:
    """Wilder's relative strength index, strictly inside (0, 100); NaN in holes, in warm-up and where it degenerates.

    A value of exactly 0 or 100 means a run without one loss or one gain (or a frozen price), which says nothing about
    being overbought, so it is NaN. Shape (n,) in and out.
    """
    (values,) = over_runs(lambda x: (talib.RSI(x, timeperiod=period),), (close,), 1, warmup, apart)
    inside = (values > 0.0) & (values < 100.0)
    return np.where(inside, values, np.nan)


def macd(
    close: Floats,
    fast: int = 12,
    slow: int = 26,
    signal: int = 9,
    warmup: int = WARMUP,
    apart: Bools | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Appel's MACD line, its signal line and their difference, in the price's unit. Shape (n,) each."""

    def compute(x: Floats) -> tuple[Floats, ...]:
        line, smoothed, histogram = talib.MACD(x, fastperiod=fast, slowperiod=slow, signalperiod=signal)
        return line, smoothed, histogram

    line, smoothed, histogram = over_runs(compute, (close,), 3, warmup, apart)
    return line, smoothed, histogram


def bollinger(
    close: Floats,
    period: int = 20,
    width: float = 2.0,
    warmup: int = WARMUP,
    apart: Bools | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Bollinger's upper, middle and lower band: mean ± `width` population standard deviations. Shape (n,) each."""

    def compute(x: Floats) -> tuple[Floats, ...]:
        upper, middle, lower = talib.BBANDS(x, timeperiod=period, nbdevup=width, nbdevdn=width, matype=0)
        return upper, middle, lower

    upper, middle, lower = over_runs(compute, (close,), 3, warmup, apart)
    return upper, middle, lower


def percent_b(close: Floats, upper: Floats, lower: Floats) -> Floats:
    """Where the close stands between the bands: 0 at the lower, 1 at the upper; NaN where the bands have no width."""
    span = upper - lower
    safe = np.where(span > 0.0, span, np.nan)
    return np.asarray((close - lower) / safe, dtype=np.float64)


def atr(
    high: Floats, low: Floats, close: Floats, period: int = 14, warmup: int = WARMUP, apart: Bools | None = None
) -> Floats:
    """Wilder's average true range, in the price's unit. Shape (n,)."""
    (values,) = over_runs(
        lambda h, low_, c: (talib.ATR(h, low_, c, timeperiod=period),), (high, low, close), 1, warmup, apart
    )
    return values


def sma(close: Floats, period: int, warmup: int = WARMUP, apart: Bools | None = None) -> Floats:
    """Simple moving average over `period` bars. Shape (n,)."""
    (values,) = over_runs(lambda x: (talib.SMA(x, timeperiod=period),), (close,), 1, warmup, apart)
    return values
