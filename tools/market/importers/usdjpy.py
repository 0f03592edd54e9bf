"""USDJPY from a MetaTrader broker, hourly and daily. Volume counts ticks, not lots: unknown.

The broker's clock runs seven hours before New York's all year (Eastern European time with American changes to summer
time): that shift, and no other, brings the hourly closes of 2018 and 2019 onto HistData's, also in the weeks in which
Europe and America differ. Its day is 17:00 to 17:00 New York.
"""

from __future__ import annotations

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import intraday, round_the_clock_days
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store

AHEAD_H = 7
_PRICES = frozenset(["open", "high", "low", "close", "tick_volume"])
_SOURCE = "metatrader"


def convert_hourly(frame: pl.DataFrame, _: Store) -> Converted:
    """Hourly bars, stamped with their start on the broker's clock."""
    local = (pl.col("ts") - pl.duration(hours=AHEAD_H)).cast(pl.Datetime("us"))
    bars, dropped = intraday(frame.with_columns(ts=local, ticker=pl.lit("USDJPY")), Interval.HOUR, _SOURCE)
    return Converted(frame.height, bars=((Interval.HOUR, bars),), dropped=dropped)


def convert_daily(frame: pl.DataFrame, _: Store) -> Converted:
    """Daily bars of the broker's days, known when they end."""
    bars, dropped = round_the_clock_days(frame.with_columns(ticker=pl.lit("USDJPY")), _SOURCE, AHEAD_H)
    return Converted(frame.height, bars=((Interval.DAY, bars),), dropped=dropped)


LAYOUTS = (
    Layout(name="usdjpy-hourly", pattern=r"usdjpy_h1", columns=_PRICES | {"ts"}, convert=convert_hourly),
    Layout(name="usdjpy-daily", pattern=r"usdjpy_daily", columns=_PRICES | {"date"}, convert=convert_daily),
)
