"""Interactive Brokers 5-minute bars of ETFs and single names, with a few bars after hours."""

from __future__ import annotations

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import intraday
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store


def convert(frame: pl.DataFrame, _: Store) -> Converted:
    """Bars after hours are kept, marked so."""
    bars, dropped = intraday(frame, Interval.FIVE_MINUTES, "ibkr", decimals=4)
    return Converted(frame.height, bars=((Interval.FIVE_MINUTES, bars),), dropped=dropped)


LAYOUT = Layout(
    name="ibkr-5min",
    pattern=r"5min_\d+names",
    columns=frozenset(["ticker", "ts", "open", "high", "low", "close", "volume"]),
    convert=convert,
)
