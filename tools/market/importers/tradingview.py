"""TradingView exports: 5-minute bars of SPX, VIX and VIX1D, VIX with its overnight session."""

from __future__ import annotations

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import intraday
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store


def convert(frame: pl.DataFrame, _: Store) -> Converted:
    """Bars outside regular hours are kept, marked so."""
    bars, dropped = intraday(frame, Interval.FIVE_MINUTES, "tradingview")
    return Converted(frame.height, bars=((Interval.FIVE_MINUTES, bars),), dropped=dropped)


LAYOUT = Layout(
    name="tradingview-5min",
    pattern=r"5min_spx_vix",
    columns=frozenset(["ticker", "ts", "open", "high", "low", "close"]),
    convert=convert,
)
