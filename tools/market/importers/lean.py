"""QuantConnect Lean's raw (unadjusted) US equity bars, daily and hourly."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import daily, intraday
from tools.market.importers.protocol import Converted, Layout, add
from tools.market.store import Store

SOURCE = "lean raw"
_BARS = frozenset(["open", "high", "low", "close", "volume"])
# Before these days the symbol was another company's.
_LISTED = {"EEM": datetime(2003, 4, 11), "USO": datetime(2006, 4, 10)}  # noqa: DTZ001 - naive like the file


def convert_daily(frame: pl.DataFrame, _: Store) -> Converted:
    """Daily raw bars; rows of a symbol's former owner are dropped."""
    listed = pl.col("ticker").replace_strict(_LISTED, default=None, return_dtype=frame.schema["date"])
    own = frame.filter(listed.is_null() | (pl.col("date") >= listed))
    bars, dropped = daily(own, SOURCE, adjusted=pl.lit(False))
    former = {"another company's": frame.height - own.height} if own.height < frame.height else {}
    return Converted(frame.height, bars=((Interval.DAY, bars),), dropped=add(dropped, former))


def convert_spy_hourly(frame: pl.DataFrame, _: Store) -> Converted:
    """SPY's hourly raw bars; the first of a day starts at 09:00 and holds the half hour from the open."""
    bars, dropped = intraday(frame.with_columns(ticker=pl.lit("SPY")), Interval.HOUR, SOURCE)
    return Converted(frame.height, bars=((Interval.HOUR, bars),), dropped=dropped)


LAYOUTS = (
    Layout(name="lean-daily", pattern=r"daily_lean_raw", columns=_BARS | {"ticker", "date"}, convert=convert_daily),
    Layout(name="lean-spy-hourly", pattern=r"spy_hourly_lean", columns=_BARS | {"ts"}, convert=convert_spy_hourly),
)
