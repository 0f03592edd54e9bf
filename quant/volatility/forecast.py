"""The variance forecast: a heterogeneous autoregression with the market's own implied variance as a regressor.

ln y_t = b0 + b1 ln d_t + b2 ln w_t + b3 ln m_t + b4 ln IV_t + e, with y_t the mean daily squared log return of the next
h trading days, d, w, m the mean range-based daily variance of the last 1, 5 and 22 days (F. Corsi, "A simple
approximate long-memory model of realized volatility", J. Financial Econometrics 2009, in logs) and IV_t = VIX^2/252.
Least squares on an expanding window, refitted every 21 days, on outcomes complete by then; the mean comes by N. Duan's
smearing (JASA 1983). The forecast is used only where it has beaten raw implied variance out of sample, judged by
QLIKE = mean(y/f - ln(y/f) - 1) (A. Patton, J. Econometrics 2011).
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from domain.codec import record
from domain.errors import BadInput
from domain.market import BarSeries, Floats
from quant.volatility.realized import DAYS, daily_variance

VERSION = "forecast/1"
MIN_DAYS = 500
LOG_BIAS = 0.24  # sd of the yearly mean log error, until measured on the series itself
VIX_UNDERLYINGS = frozenset({"SPX", "SPXW", "XSP", "SPY", "GSPC", "ES"})  # VIX is the implied variance of these alone
HORIZONS = (5, 10, 21, 45)  # trading days that a curve of forecasts is made for
_REFIT = 21
_BURN = 250
_BLOCK = 252


@record
class VarianceForecast:
    """Realised variance ahead, and how far to trust it. `log_error`, `log_bias`: sd in ln variance, out of sample."""

    variance: float  # annualised by 252
    horizon_days: int  # trading days
    log_error: float  # of one forecast
    log_bias: float  # of a whole year of forecasts
    usable: bool
    source: str
    why: str


class WalkForward(NamedTuple):
    """Out-of-sample forecasts by day, (n,), NaN before the first fit; `outcome` NaN until complete. Daily variances."""

    forecast: Floats
    outcome: Floats
    implied: Floats


def qlike(outcome: Floats, forecast: Floats) -> float:
    """mean(y/f - ln(y/f) - 1): 0 for a perfect forecast, robust to noise in y (Patton 2011, eq. 13)."""
    ratio = outcome / forecast
    return float(np.mean(ratio - np.log(ratio) - 1.0))


def _mean_of_last(values: Floats, window: int) -> Floats:
    total = np.cumsum(np.concatenate([[0.0], values]))
    out = np.full(len(values), np.nan)
    out[window - 1 :] = (total[window:] - total[:-window]) / window
    return out


def _align(daily: BarSeries, vix: BarSeries | None) -> Floats:
    """Implied daily variance known within an hour of each bar, (n,); NaN where the last VIX is over a week old."""
    out = np.full(len(daily), np.nan)
    if vix is None or len(vix) == 0:
        return out
    at = np.searchsorted(vix.known_at, daily.known_at + 3_600, side="right") - 1
    fresh = (at >= 0) & (daily.known_at - vix.known_at[np.maximum(at, 0)] <= 7 * 86_400)
    level = vix.close[np.maximum(at, 0)]
    out[fresh] = (level[fresh] / 100.0) ** 2 / DAYS
    return out


def walk_forward(
    daily: BarSeries, vix: BarSeries | None, horizon_days: int, implied_now: float | None = None
) -> WalkForward:
    """Forecast of the mean daily variance of the next `horizon_days`, made at every day's close from what it knew.

    Without `vix` the implied regressor is left out. Nothing after a day enters its forecast: coefficients come from
    rows whose outcome was complete when they were fitted. `implied_now` (annualised) stands in for the last day's
    implied variance, so that the last forecast is one of this moment.
    """
    n = len(daily)
    implied = _align(daily, vix)
    if implied_now is not None and n:
        implied[-1] = implied_now / DAYS
    returns = np.diff(np.log(daily.close), prepend=np.log(daily.close[0])) if n else np.zeros(0)
    outcome = np.full(n, np.nan)
    if n > horizon_days:
        total = np.cumsum(returns * returns)
        outcome[:-horizon_days] = np.maximum((total[horizon_days:] - total[:-horizon_days]) / horizon_days, 1e-8)
    ranged = daily_variance(daily)
    parts = [np.ones(n), *(np.log(_mean_of_last(ranged, window)) for window in (1, 5, 22) if n >= window)]
    if vix is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append(np.log(implied))
    forecast = np.full(n, np.nan)
    if n < 22 + horizon_days + _BURN:
        return WalkForward(forecast, outcome, implied)
    x = np.stack(parts, axis=1)
    known = np.all(np.isfinite(x), axis=1)
    train = known & np.isfinite(outcome)
    y = np.where(train, np.log(np.where(train, outcome, 1.0)), 0.0)
    rows = np.where(train[:, None], x, 0.0)
    fits = np.arange(22 + horizon_days + _BURN - 1, n, _REFIT)
    ends = fits - horizon_days + 1  # rows before this had their outcome at the fit
    cuts = np.concatenate([[0], ends])
    spans = tuple(pairwise(cuts.tolist()))
    blocks = [rows[a:b] for a, b in spans]
    gram = np.cumsum([block.T @ block for block in blocks], axis=0)
    right = np.cumsum([rows[a:b].T @ y[a:b] for a, b in spans], axis=0)
    counts = np.cumsum([int(train[a:b].sum()) for a, b in spans])
    for i, (fit_at, end) in enumerate(zip(fits, ends, strict=True)):
        if counts[i] < _BURN:
            continue
        beta = np.linalg.solve(gram[i] + 1e-9 * counts[i] * np.eye(x.shape[1]), right[i])
        smear = float(np.exp(y[:end] - rows[:end] @ beta)[train[:end]].mean())
        span = slice(fit_at, min(fit_at + _REFIT, n))
        forecast[span] = smear * np.exp(x[span] @ beta)
    return WalkForward(forecast, outcome, implied)


def _block_bias(errors: Floats) -> float:
    """Sd of the mean log error of whole years, when there are at least eight; else the default."""
    years = len(errors) // _BLOCK
    if years < 8:
        return LOG_BIAS
    means = errors[len(errors) - years * _BLOCK :].reshape(years, _BLOCK).mean(axis=1)
    return float(np.std(means, ddof=1))


def _unusable(why: str, horizon_days: int, variance: float = 0.0, log_error: float = 1.0) -> VarianceForecast:
    return VarianceForecast(
        variance=variance,
        horizon_days=horizon_days,
        log_error=log_error,
        log_bias=LOG_BIAS,
        usable=False,
        source="none" if variance == 0.0 else "har",
        why=why,
    )


def forecast(
    daily: BarSeries | None, vix: BarSeries | None, horizon_days: int, implied_now: float | None = None
) -> VarianceForecast:
    """The forecast made at the last bar of `daily`, for the next `horizon_days` trading days.

    `implied_now` is the 30-day implied variance (annualised) of the moment. Without it the regressor is the last VIX
    known at that bar, and on a day of a shock the forecast would be held against an implied variance it has not seen.

    `usable` only when there are at least 500 days, the implied variance is the underlying's own (VIX for the S&P 500
    and what tracks it), and the walk-forward forecast has beaten it by QLIKE out of sample; otherwise `why` says
    which failed, and whoever makes P leaves the variance where the chain has it.
    """
    if daily is None or len(daily) == 0:
        return _unusable("no daily bars", horizon_days)
    if len(daily) < MIN_DAYS:
        return _unusable(f"{len(daily)} daily bars, {MIN_DAYS} needed", horizon_days)
    prices = np.stack([daily.open, daily.high, daily.low, daily.close])
    if not (np.all(np.isfinite(prices)) and np.all(prices > 0.0)):
        return _unusable("daily bars hold missing or non-positive prices", horizon_days)
    own = vix is not None and daily.ticker.upper() in VIX_UNDERLYINGS
    run = walk_forward(daily, vix if own else None, horizon_days, implied_now if own else None)
    if not np.isfinite(run.forecast[-1]):
        return _unusable("no forecast at the last bar: VIX is missing or too short", horizon_days)
    scored = np.isfinite(run.forecast) & np.isfinite(run.outcome)
    if int(scored.sum()) < _BURN // 2:
        return _unusable(f"{int(scored.sum())} scored forecasts, {_BURN // 2} needed", horizon_days)
    errors = np.log(run.outcome[scored] / run.forecast[scored])
    variance, log_error = float(run.forecast[-1] * DAYS), float(np.std(errors, ddof=1))
    if not own:
        return _unusable("no history of its own implied variance to beat", horizon_days, variance, log_error)
    judged = scored & np.isfinite(run.implied)
    ours = qlike(run.outcome[judged], run.forecast[judged])
    theirs = qlike(run.outcome[judged], run.implied[judged])
    verdict = f"QLIKE {ours:.3f} against {theirs:.3f} of raw implied over {int(judged.sum())} days"
    return VarianceForecast(
        variance=variance,
        horizon_days=horizon_days,
        log_error=log_error,
        log_bias=_block_bias(errors),
        usable=ours < theirs,
        source="har+implied",
        why=verdict if ours < theirs else f"does not beat implied: {verdict}",
    )


def curve(
    daily: BarSeries | None, vix: BarSeries | None, implied_now: float | None = None
) -> tuple[VarianceForecast, ...]:
    """Forecasts for every one of `HORIZONS`, shortest first."""
    return tuple(forecast(daily, vix, horizon, implied_now) for horizon in HORIZONS)


def at_horizon(forecasts: tuple[VarianceForecast, ...], days: float) -> VarianceForecast:
    """The forecast for a number of trading days: total variance linear between the horizons, its rate flat beyond.

    `forecasts` ascend in their horizon; usable where both neighbours are. Raises BadInput when there is none.
    """
    if not forecasts:
        raise BadInput("no variance forecast to read a horizon from")
    above = next((i for i, one in enumerate(forecasts) if one.horizon_days >= days), len(forecasts) - 1)
    high = forecasts[above]
    low = forecasts[above - 1] if above and high.horizon_days > days else high
    if low is high:
        return dataclasses.replace(high, horizon_days=max(round(days), 1))
    share = (days - low.horizon_days) / (high.horizon_days - low.horizon_days)

    def between(a: float, b: float) -> float:
        return (1.0 - share) * a + share * b

    total = between(low.variance * low.horizon_days, high.variance * high.horizon_days)
    nearest = low if share < 0.5 else high
    return VarianceForecast(
        variance=total / days,
        horizon_days=round(days),
        log_error=between(low.log_error, high.log_error),
        log_bias=between(low.log_bias, high.log_bias),
        usable=low.usable and high.usable,
        source=nearest.source,
        why=nearest.why if low.usable == high.usable else (high.why if low.usable else low.why),
    )
