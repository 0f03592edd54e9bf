"""Yahoo option chains: several snapshots a day, one after a close stamped in UTC, and one kind with CBOE's Greeks."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from tools.market.importers.chain_rows import at_close, normalize, set_name, to_utc
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import MOMENT, Store

_NAMES = "quote_ts underlying underlying_price root expiration strike right bid ask last volume open_interest iv"
_COLUMNS = frozenset(_NAMES.split())
_GREEKS = frozenset(["delta", "gamma", "theta", "vega"])
_CLOSING = timedelta(minutes=15)  # after the close nothing is quoted any more


def convert(frame: pl.DataFrame, _: Store) -> Converted:
    """Chains of set `yahoo-YYYY-MM`, the month of the first snapshot.

    quote_ts is the New York minute of the newest trade in the file; `known_at` is the quote time.
    """
    rows, dropped = normalize(frame.with_columns(quoted_at=to_utc("quote_ts")), "yahoo")
    return Converted(frame.height, chains=(set_name(rows, "yahoo-%Y-%m"), rows), dropped=dropped)


def convert_utc(frame: pl.DataFrame, _: Store) -> Converted:
    """Chains of set `yahoo-YYYY-MM` whose stamps are in UTC (20:14:59 is a quarter past the close in summer)."""
    stamp = pl.col("quote_ts").dt.replace_time_zone("UTC").cast(MOMENT)
    rows, dropped = normalize(frame.with_columns(quoted_at=stamp), "yahoo")
    return Converted(frame.height, chains=(set_name(rows, "yahoo-%Y-%m"), rows), dropped=dropped)


def convert_greeks(frame: pl.DataFrame, _: Store) -> Converted:
    """Chains of set `greeks-YYYY-MM`: Yahoo's quotes with CBOE's delta, gamma, theta (a day) and vega (a point).

    The stamp is when a ticker was fetched, and when it was known. What is fetched after hours was quoted at the latest
    fifteen minutes after the close, which is then its quote time.
    """
    stamped = at_close(frame.with_columns(known_at=to_utc("quote_ts")), "quote_ts")
    last = pl.col("quoted_at") + _CLOSING
    stamped = stamped.with_columns(quoted_at=pl.min_horizontal("known_at", last))
    rows, dropped = normalize(stamped, "yahoo, greeks of cboe")
    return Converted(frame.height, chains=(set_name(rows, "greeks-%Y-%m"), rows), dropped=dropped)


LAYOUTS = (
    Layout(
        name="yahoo-chains",
        pattern=r"yahoo_chain_",
        columns=_COLUMNS | {"last_trade_ts"},
        convert=convert,
        by="quote_ts",
    ),
    Layout(
        name="yahoo-chains-utc",
        pattern=r"[a-z]+_yahoo_chain_",
        columns=_COLUMNS,
        convert=convert_utc,
        by="quote_ts",
    ),
    Layout(
        name="yahoo-cboe-greeks",
        pattern=r"yahoo_cboe_greeks_",
        columns=_COLUMNS | _GREEKS,
        convert=convert_greeks,
        by="quote_ts",
    ),
)
