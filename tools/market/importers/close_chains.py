"""Chains taken once a day after the close, dated but without a time: full chains without bids and asks, thin ones with.

Their stated time is the close, 16:00 New York, 13:00 on half days. That is what their underlying prices are of: on all
days with an unadjusted close to compare (SPY and QQQ 2026-06-22 to 07-31, SPY 2021 Q1) they equal it to the cent. On 85
of 92 days of SPY and QQQ with 5-minute bars they lie inside the last bar before the close; the auction made the rest.
The uncertainty is therefore that last bar. Option prices in these files are last trades, of any age.
"""

from __future__ import annotations

import polars as pl

from tools.market.importers.chain_rows import at_close, normalize, set_name
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store

UNCERTAINTY_S = 300
_NAMES = "quote_ts underlying underlying_price root expiration strike right last volume open_interest iv delta"
_COLUMNS = frozenset(_NAMES.split())


def _convert(frame: pl.DataFrame, pattern: str, source: str) -> Converted:
    stated = at_close(frame, "quote_ts").with_columns(uncertainty_s=pl.lit(UNCERTAINTY_S))
    rows, dropped = normalize(stated, f"{source}, stated at the close")
    return Converted(frame.height, chains=(set_name(rows, pattern), rows), dropped=dropped)


def convert_full(frame: pl.DataFrame, _: Store) -> Converted:
    """Chains of set `eod-YYYY` without bids and asks: one ticker a file, all in one set."""
    return _convert(frame, "eod-%Y", "daily archive without quotes")


def convert_thin(frame: pl.DataFrame, _: Store) -> Converted:
    """Chains of set `thin-YYYY`: twenty contracts a day with quotes and full Greeks."""
    return _convert(frame, "thin-%Y", "daily archive, twenty contracts")


LAYOUTS = (
    Layout(
        name="close-chains",
        pattern=r"[A-Z.]+_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d",
        columns=_COLUMNS,
        convert=convert_full,
        by="quote_ts",
    ),
    Layout(
        name="close-chains-thin",
        pattern=r"[a-z]+_thin_eod_",
        columns=_COLUMNS | {"bid", "ask", "gamma", "theta", "vega"},
        convert=convert_thin,
        by="quote_ts",
    ),
)
