"""Bars of one and five minutes from vendors with a file or two each. Times are New York, stamped with the start."""

from __future__ import annotations

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import intraday
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store

_COLUMNS = frozenset(["ticker", "ts", "open", "high", "low", "close", "volume"])
_NEVER_SPLIT = frozenset({"PLTR"})


def convert_yahoo(frame: pl.DataFrame, _: Store) -> Converted:
    """Yahoo's minutes, raw. Outside regular hours its volume is written as 0 and not known."""
    bars, dropped = intraday(frame, Interval.MINUTE, "yahoo 1-minute", decimals=4)
    bars = bars.with_columns(volume=pl.when((pl.col("volume") > 0) | pl.col("session")).then("volume"))
    return Converted(frame.height, bars=((Interval.MINUTE, bars),), dropped=dropped)


def convert_spy(frame: pl.DataFrame, _: Store) -> Converted:
    """SPY's minutes, raw; the volume is of a part of the tape, hence unknown."""
    bars, dropped = intraday(frame.drop("volume"), Interval.MINUTE, "spy 1-minute", decimals=4)
    return Converted(frame.height, bars=((Interval.MINUTE, bars),), dropped=dropped)


def convert_es(frame: pl.DataFrame, _: Store) -> Converted:
    """The front E-mini future round the clock, rolls unadjusted."""
    bars, dropped = intraday(frame, Interval.FIVE_MINUTES, "es 5-minute")
    return Converted(frame.height, bars=((Interval.FIVE_MINUTES, bars),), dropped=dropped)


def convert_gappy(frame: pl.DataFrame, _: Store) -> Converted:
    """Two months of each quarter, adjusted for later splits: returns only, but for a name that never split."""
    adjusted = ~pl.col("ticker").is_in(list(_NEVER_SPLIT))
    bars, dropped = intraday(frame, Interval.FIVE_MINUTES, "twelve data", decimals=4, adjusted=adjusted)
    return Converted(frame.height, bars=((Interval.FIVE_MINUTES, bars),), dropped=dropped)


LAYOUTS = (
    Layout(name="yahoo-1min", pattern=r"1min_mit_", columns=_COLUMNS, convert=convert_yahoo),
    Layout(name="spy-1min", pattern=r"1min_spy_", columns=_COLUMNS, convert=convert_spy),
    Layout(name="es-5min", pattern=r"5min_es_", columns=_COLUMNS, convert=convert_es),
    Layout(name="twelve-data-5min", pattern=r"5min_\w+_gappy", columns=_COLUMNS, convert=convert_gappy),
)
