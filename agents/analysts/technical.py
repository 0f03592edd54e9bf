"""technical: what the price history says about direction. It has no view on implied volatility."""

from __future__ import annotations

import numpy as np

from agents.analysts.sheet import Sheet, of_bars, recent_daily
from domain.errors import BadInput
from domain.market import MarketSnapshot
from domain.units import Unit
from domain.views import Reading
from quant.surface import Surface
from quant.technical import indicators
from quant.technical.gaps import WARMUP, breaks, runs, unbroken
from quant.technical.levels import distances
from quant.technical.score import momentum_part, reversal_part, score, trend_part
from quant.technical.trend import momentum, slope

NAME = "technical"
HISTORY = 3 * WARMUP  # bars read at most; more would not change a value on its grid


def read(snapshot: MarketSnapshot, surface: Surface | None) -> Reading:
    """Trend, momentum, oscillators and levels of the daily bars, all free of the price's level.

    Dividend-adjusted bars give returns only, so every number is a ratio within the series itself.
    """
    sheet = Sheet(snapshot, NAME)
    bars = recent_daily(snapshot)
    if isinstance(bars, str):
        return sheet.abstain(bars)
    start = bars.start[-HISTORY:]
    columns = tuple(column[-HISTORY:] for column in (bars.high, bars.low, bars.close))
    positive = np.logical_and.reduce([column > 0.0 for column in columns])
    whole = runs(unbroken(columns) & positive, breaks(start))
    begin, end = whole[-1] if whole else (0, 0)
    if end != len(start):
        return sheet.abstain("the newest daily bar has no usable prices")
    if end - begin <= WARMUP:
        return sheet.abstain(f"{end - begin} unbroken daily bars, more than {WARMUP} are needed")
    high, low, close = (np.ascontiguousarray(column[begin:end]) for column in columns)
    last, origin = float(close[-1]), of_bars(bars)
    note = "dividend-adjusted bars" if bars.adjusted else ""

    def add(name: str, value: float | None, unit: Unit, zscore: float | None = None) -> float | None:
        return sheet.add(name, value, unit, origin, zscore=zscore, note=note)

    parts: list[tuple[str, float]] = []
    rsi = add("rsi_14", float(indicators.rsi(close)[-1]), Unit.INDEX)
    average = {window: float(indicators.sma(close, window)[-1]) for window in (50, 200)}
    gap = add("sma50_over_sma200", 100.0 * (average[50] / average[200] - 1.0), Unit.PERCENT)
    add("close_over_sma50", 100.0 * (last / average[50] - 1.0), Unit.PERCENT)
    line = slope(close)
    add("trend_slope_month", 100.0 * float(np.expm1(line.per_month)), Unit.PERCENT)
    add("trend_fit", line.fit, Unit.RATIO)
    true_range = float(indicators.atr(high, low, close)[-1])
    add("atr_14", 100.0 * true_range / last, Unit.PERCENT)
    upper, _, lower = indicators.bollinger(close)
    add("bollinger_percent_b", float(indicators.percent_b(close, upper, lower)[-1]), Unit.RATIO)
    macd, _, histogram = indicators.macd(close)
    add("macd", 100.0 * float(macd[-1]) / last, Unit.PERCENT)
    turn = add("macd_histogram", 100.0 * float(histogram[-1]) / last, Unit.PERCENT)
    away = distances(high, low, close)
    for name, value in (("support_distance", away.support), ("resistance_distance", away.resistance)):
        if value is None:
            sheet.lack(f"no {name.split('_')[0]} within the last 120 bars")
        else:
            add(name, value, Unit.PERCENT)
    try:
        moved = momentum(close)
        add("momentum_20d", 100.0 * moved.change, Unit.PERCENT, zscore=moved.zscore)
        parts.append(("momentum_20d", momentum_part(moved.zscore)))
    except BadInput as error:
        sheet.lack(str(error))
    if gap is not None:
        parts.append(("sma50_over_sma200", trend_part(gap / 100.0, line.fit)))
    if turn is not None and true_range > 0.0:
        parts.append(("macd_histogram", float(np.tanh(turn / 100.0 * last / (0.5 * true_range)))))
    if rsi is not None and reversal_part(rsi) != 0.0:
        parts.append(("rsi_14", reversal_part(rsi)))
    if len(parts) < 2:
        return sheet.abstain("; ".join(sheet.missing) or "too few indicators")
    result = score(tuple(parts))
    return sheet.signal(
        direction=(result.value, result.conviction),
        horizon=21,
        why="; ".join(f"{name} {value:+.2f}" for name, value in parts) + ".",
        rests_on=tuple(name for name, _ in parts),
    )
