"""HistData.com contracts for difference on SPX and NDX, and USDJPY: 5-minute bid bars, round the clock, no volume."""

from __future__ import annotations

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import intraday
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store

SOURCE = "histdata"


def convert(frame: pl.DataFrame, _: Store) -> Converted:
    """Times are New York local. Index bars outside regular hours are kept, marked so."""
    bars, dropped = intraday(frame, Interval.FIVE_MINUTES, SOURCE, decimals=4)
    return Converted(frame.height, bars=((Interval.FIVE_MINUTES, bars),), dropped=dropped)


LAYOUT = Layout(
    name="histdata-5min",
    pattern=r"5min_spx_ndx_usdjpy",
    columns=frozenset(["ticker", "ts", "open", "high", "low", "close"]),
    convert=convert,
)
