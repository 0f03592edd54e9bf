"""Clean chains from exact formulas, and ways to spoil single rows of them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from domain.market import BarSeries, Exercise, Interval, OptionChain, RateCurve
from quant.vanilla.black import black76

QUOTED = datetime(2024, 3, 5, 17, 0, tzinfo=UTC)  # a Tuesday, noon in New York
RATES = RateCurve(tenors=(0.1, 1.0), yields=(0.046, 0.046), day=date(2024, 3, 4), known_at=QUOTED)
DAYS = (3, 10, 31, 66, 101)
NAN = float("nan")


def clean(
    ticker: str = "SPX",
    root: str = "SPXW",
    spot: float = 5000.0,
    quoted: datetime = QUOTED,
    vol: float = 0.16,
    steps: int = 40,
    days: tuple[int, ...] = DAYS,
) -> OptionChain:
    """European for SPX, American otherwise (at least what exercise pays now). Spreads 1 %, at least ten cents."""
    european = ticker == "SPX"
    strikes = np.round(spot * (1.0 + np.arange(-steps, steps + 1) * 0.2 / 40), 2)
    parts: list[tuple[Any, ...]] = []
    for ahead in days:
        expiry = QUOTED.date() + timedelta(days=ahead)
        settles = int(datetime(expiry.year, expiry.month, expiry.day, 20, tzinfo=UTC).timestamp())
        t = (settles - quoted.timestamp()) / (365.0 * 86_400)
        forward, discount = spot * np.exp(0.035 * t), np.exp(-0.045 * t)
        for call in (False, True):
            price = black76(forward, strikes, t, vol, discount, call)
            now = np.maximum(spot - strikes if call else strikes - spot, 0.0)
            price = price if european else np.maximum(price, now)
            parts += [(expiry.toordinal(), settles, k, call, p) for k, p in zip(strikes, price, strict=True)]
    expiry_, settles_, strike, is_call, price = (np.array(column) for column in zip(*parts, strict=True))
    half = np.maximum(0.005 * price, 0.05)
    count = len(parts)
    return OptionChain(
        ticker=ticker,
        exercise=Exercise.EUROPEAN if european else Exercise.AMERICAN,
        multiplier=100,
        spot=spot,
        quoted_at=quoted,
        known_at=quoted,
        source="test",
        closing=False,
        root=np.full(count, root),
        expiry=expiry_.astype(np.int64),
        settles_at=settles_.astype(np.int64),
        strike=strike.astype(np.float64),
        is_call=is_call.astype(np.bool_),
        bid=np.where(price - half > 0.0, price - half, 0.0),
        ask=price + half,
        last=price,
        volume=np.arange(count) % 7.0,
        open_interest=np.arange(count) % 11.0,
        vendor_iv=np.full(count, vol),
        vendor_delta=np.full(count, NAN),
    )


def spy(**kwargs: Any) -> OptionChain:
    """An American chain at a tenth of the level."""
    return clean(**({"ticker": "SPY", "root": "SPY", "spot": 500.0} | kwargs))


def rows(chain: OptionChain, days: int, moneyness: float, is_call: bool) -> int:
    """The row of an expiration so many days ahead whose strike is nearest to moneyness x spot."""
    expiry = (QUOTED.date() + timedelta(days=days)).toordinal()
    found = np.flatnonzero((chain.expiry == expiry) & (chain.is_call == is_call))
    return int(found[np.argmin(np.abs(chain.strike[found] - moneyness * chain.spot))])


def spoilt(chain: OptionChain, at: Any, **values: Any) -> OptionChain:
    """The chain with columns changed at some rows."""
    columns: dict[str, Any] = {}
    for name, value in values.items():
        column = getattr(chain, name)
        columns[name] = column.astype("U8") if name == "root" else column.copy()
        columns[name][at] = value
    return dataclasses.replace(chain, **columns)


def bars(
    low: float,
    high: float,
    start: datetime,
    interval: Interval = Interval.FIVE_MINUTES,
    adjusted: bool = False,
    count: int = 1,
) -> BarSeries:
    """Bars of one range from a start on."""
    length = {Interval.DAY: 23_400, Interval.HOUR: 3600, Interval.FIVE_MINUTES: 300}[interval]
    begin = int(start.timestamp()) + length * np.arange(count)
    flat = np.ones(count)
    return BarSeries(
        ticker="SPX",
        interval=interval,
        source="bar source",
        adjusted=adjusted,
        start=begin,
        known_at=begin + length,
        open=low * flat,
        high=high * flat,
        low=low * flat,
        close=high * flat,
        volume=flat,
    )
