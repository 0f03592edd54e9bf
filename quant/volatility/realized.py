"""Realised volatility from bars. All figures are annualised by 252 trading days and per 1.00.

Sources: M. Parkinson, "The extreme value method for estimating the variance of the rate of return" (J. Business, 1980);
M. Garman and M. Klass, "On the estimation of security price volatilities from historical data" (J. Business, 1980),
eq. 20; D. Yang and Q. Zhang, "Drift-independent volatility estimation" (J. Business, 2000), eq. 10.
"""

from __future__ import annotations

import numpy as np

from domain.errors import BadInput
from domain.market import BarSeries, Floats

DAYS = 252.0


def _last(bars: BarSeries, window: int, extra: int) -> None:
    if window < 2:
        raise BadInput(f"a window of {window} bars gives no volatility; use at least 2")
    if len(bars) < window + extra:
        raise BadInput(f"{bars.ticker}: {len(bars)} bars, {window + extra} needed for a window of {window}")
    tail = slice(len(bars) - window - extra, len(bars))
    prices = np.stack([bars.open[tail], bars.high[tail], bars.low[tail], bars.close[tail]])
    if not (np.all(np.isfinite(prices)) and np.all(prices > 0.0)):
        raise BadInput(f"{bars.ticker}: missing or non-positive prices in the last {window + extra} bars")


def close_to_close(bars: BarSeries, window: int) -> float:
    """Sample standard deviation of the last `window` close-to-close log returns, annualised.

    Raises BadInput when there are too few bars or a price is missing, as do the others here.
    """
    _last(bars, window, 1)
    returns = np.diff(np.log(bars.close[-window - 1 :]))
    return float(np.sqrt(np.var(returns, ddof=1) * DAYS))


def parkinson(bars: BarSeries, window: int) -> float:
    """sqrt(252 mean(ln(H/L)^2) / (4 ln 2)) over the last `window` bars: the trading session only, no overnight gap."""
    _last(bars, window, 0)
    spread = np.log(bars.high[-window:] / bars.low[-window:])
    return float(np.sqrt(np.mean(spread * spread) / (4.0 * np.log(2.0)) * DAYS))


def yang_zhang(bars: BarSeries, window: int) -> float:
    """Overnight, open-to-close and Rogers-Satchell variance with the weight k = 0.34 / (1.34 + (n+1)/(n-1))."""
    _last(bars, window, 1)
    o, h, low, c = (np.log(item[-window:]) for item in (bars.open, bars.high, bars.low, bars.close))
    before = np.log(bars.close[-window - 1 : -1])
    overnight, session = o - before, c - o
    rogers_satchell = np.mean((h - c) * (h - o) + (low - c) * (low - o))
    k = 0.34 / (1.34 + (window + 1) / (window - 1))
    variance = np.var(overnight, ddof=1) + k * np.var(session, ddof=1) + (1.0 - k) * rogers_satchell
    return float(np.sqrt(variance * DAYS))


def daily_variance(bars: BarSeries) -> Floats:
    """Variance of each day, overnight included, (n,): squared gap plus Garman-Klass; not annualised.

    Bars whose open lies at the last close (an index that prints no opening auction) have no gap of their own; their
    range carries the day. The first day has no gap. Not smaller than (1 bp)^2; NaN where a price is missing.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        o, h, low, c = (np.log(item) for item in (bars.open, bars.high, bars.low, bars.close))
    gap = np.zeros(len(bars))
    gap[1:] = o[1:] - c[:-1]
    high, bottom = np.maximum(h, np.maximum(o, c)), np.minimum(low, np.minimum(o, c))
    session = 0.5 * (high - bottom) ** 2 - (2.0 * np.log(2.0) - 1.0) * (c - o) ** 2
    return np.asarray(np.maximum(gap * gap + np.maximum(session, 0.0), 1e-8), dtype=np.float64)
