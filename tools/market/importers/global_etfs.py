"""Daily bars of US-listed country ETFs: dividend-adjusted closes alone, and adjusted open, high, low and close."""

from __future__ import annotations

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import daily
from tools.market.importers.protocol import Converted, Layout, add
from tools.market.store import Store

_SOURCES = {"nyoset": "finnhub", "spooky": "alpaca iex"}
_ONE_VENUE = "spooky"  # its volume is of one exchange, about 2 % of the tape: not the day's volume, hence unknown


def convert_closes(frame: pl.DataFrame, _: Store) -> Converted:
    """Closes adjusted for dividends and splits: returns only. Open, high and low are null."""
    bars, dropped = daily(frame.rename({"adj_close": "close"}), "yahoo closes", adjusted=pl.lit(True), decimals=6)
    return Converted(frame.height, bars=((Interval.DAY, bars),), dropped=dropped)


def convert_bars(frame: pl.DataFrame, _: Store) -> Converted:
    """Two vendors in one file, each a source of its own; both lie below raw prices by later dividends: returns only."""
    volume = pl.when(pl.col("src") != _ONE_VENUE).then("volume")
    parts = [
        daily(part.with_columns(volume=volume), _SOURCES.get(str(src), str(src)), adjusted=pl.lit(True))
        for (src,), part in frame.partition_by("src", as_dict=True, maintain_order=True).items()
    ]
    bars = pl.concat([rows for rows, _ in parts])
    return Converted(frame.height, bars=((Interval.DAY, bars),), dropped=add(*(counts for _, counts in parts)))


LAYOUTS = (
    Layout(
        name="adjusted-closes",
        pattern=r"daily_adjclose_",
        columns=frozenset(["ticker", "date", "adj_close"]),
        convert=convert_closes,
    ),
    Layout(
        name="global-etfs",
        pattern=r"daily_ohlcv_global_etfs",
        columns=frozenset(["ticker", "date", "open", "high", "low", "close", "volume", "src"]),
        convert=convert_bars,
    ),
)
