"""Yahoo price bars: daily of indices and ETFs, daily of single names, hourly and 5-minute."""

from __future__ import annotations

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import daily, intraday
from tools.market.importers.protocol import Converted, Layout, add
from tools.market.reference import INDICES
from tools.market.store import Store

_BARS = frozenset(["ticker", "open", "high", "low", "close", "volume"])


def convert_daily(frame: pl.DataFrame, _: Store) -> Converted:
    """Indices are price levels; ETFs are adjusted for later dividends, so they give returns only."""
    bars, dropped = daily(frame, "yahoo", adjusted=~pl.col("ticker").is_in(list(INDICES)))
    return Converted(frame.height, bars=((Interval.DAY, bars),), dropped=dropped)


def convert_names(frame: pl.DataFrame, _: Store) -> Converted:
    """Single names, adjusted for later splits: returns only. (The file's dividend-adjusted close is left out.)"""
    bars, dropped = daily(frame, "yahoo names", adjusted=pl.lit(True), decimals=4)
    return Converted(frame.height, bars=((Interval.DAY, bars),), dropped=dropped)


def convert_hourly(frame: pl.DataFrame, _: Store) -> Converted:
    """Hourly bars stamped with their start; the file's 30-minute tail is left out."""
    hourly = frame.filter(pl.col("bar") == "60m")
    bars, dropped = intraday(hourly, Interval.HOUR, "yahoo", decimals=4)
    tail = {"30-minute bar": frame.height - hourly.height} if hourly.height < frame.height else {}
    return Converted(frame.height, bars=((Interval.HOUR, bars),), dropped=add(dropped, tail))


def convert_five_minutes(frame: pl.DataFrame, _: Store) -> Converted:
    """5-minute bars of regular hours."""
    bars, dropped = intraday(frame, Interval.FIVE_MINUTES, "yahoo", decimals=4)
    return Converted(frame.height, bars=((Interval.FIVE_MINUTES, bars),), dropped=dropped)


LAYOUTS = (
    Layout(name="yahoo-daily", pattern=r"daily_index_etf", columns=_BARS | {"date"}, convert=convert_daily),
    Layout(
        name="yahoo-names",
        pattern=r"daily_single_names",
        columns=_BARS | {"date", "adj_close"},
        convert=convert_names,
    ),
    Layout(name="yahoo-hourly", pattern=r"hourly_es_nq", columns=_BARS | {"ts", "bar"}, convert=convert_hourly),
    Layout(name="yahoo-5min", pattern=r"5min_spy_qqq_spx", columns=_BARS | {"ts"}, convert=convert_five_minutes),
)
