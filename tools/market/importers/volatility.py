"""The VIX family by the day: VIX (PDDL set), its term structure, Yahoo's VIX, VVIX, SKEW, VIX1D, and VIX futures."""

from __future__ import annotations

import polars as pl

from tools.market.importers.bar_rows import daily, index_values
from tools.market.importers.protocol import Converted, Layout, split
from tools.market.store import Store

_RANKS = {f"M{rank}": f"VX{rank}" for rank in range(1, 9)}
_BARS = frozenset(["date", "open", "high", "low", "close"])


def convert_vix(frame: pl.DataFrame, _: Store) -> Converted:
    """VIX alone, without a name column."""
    rows, dropped = index_values(frame.with_columns(ticker=pl.lit("VIX")), "cboe vix")
    return Converted(frame.height, reference=(("indices", rows),), dropped=dropped)


def convert_terms(frame: pl.DataFrame, _: Store) -> Converted:
    """VIX9D, VIX3M, VIX6M and VVIX, long format; VVIX has a close only, which stands for the whole day."""
    rows, dropped = index_values(frame.rename({"index": "ticker"}), "cboe terms")
    return Converted(frame.height, reference=(("indices", rows),), dropped=dropped)


def convert_yahoo(frame: pl.DataFrame, _: Store) -> Converted:
    """VIX, VVIX, SKEW and VIX1D from Yahoo."""
    rows, dropped = index_values(frame, "yahoo", decimals=4)
    return Converted(frame.height, reference=(("indices", rows),), dropped=dropped)


def convert_futures(frame: pl.DataFrame, _: Store) -> Converted:
    """VIX futures by rank of maturity, VX1 the nearest: settlement prices alone, so open, high and low are null.

    Settled at 16:15 New York and published after it; known an hour after the close. An empty cell is a maturity that
    was not listed.
    """
    long = (
        frame.unpivot(index="date", on=list(_RANKS), variable_name="rank", value_name="close")
        .drop_nulls("close")
        .with_columns(ticker=pl.col("rank").replace_strict(_RANKS))
    )
    rows, dropped = daily(long, "cfe settlements", adjusted=pl.lit(False))
    rows = rows.with_columns(known_at=pl.col("known_at") + pl.duration(minutes=45))
    return Converted(
        frame.height,
        reference=(("indices", rows),),
        dropped=dropped,
        added=split(frame.height, long.height, "maturities of one day"),
    )


LAYOUTS = (
    Layout(name="cboe-vix", pattern=r"vix_daily_", columns=_BARS, convert=convert_vix),
    Layout(name="cboe-vix-terms", pattern=r"vix_term_structure", columns=_BARS | {"index"}, convert=convert_terms),
    Layout(name="yahoo-vix", pattern=r"vix_vvix_skew", columns=_BARS | {"ticker"}, convert=convert_yahoo),
    Layout(name="vix-futures", pattern=r"vix_futures_", columns=frozenset(["date", *_RANKS]), convert=convert_futures),
)
