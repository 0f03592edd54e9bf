"""Daily values of the VIX family: VIX (PDDL set), the term structure, and Yahoo's VIX, VVIX, SKEW and VIX1D."""

from __future__ import annotations

import polars as pl

from tools.market.importers.bar_rows import index_values
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store

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


LAYOUTS = (
    Layout(name="cboe-vix", pattern=r"vix_daily_", columns=_BARS, convert=convert_vix),
    Layout(name="cboe-vix-terms", pattern=r"vix_term_structure", columns=_BARS | {"index"}, convert=convert_terms),
    Layout(name="yahoo-vix", pattern=r"vix_vvix_skew", columns=_BARS | {"ticker"}, convert=convert_yahoo),
)
