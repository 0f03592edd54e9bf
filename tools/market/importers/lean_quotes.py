"""QuantConnect Lean's option quotes within the day: best bid and ask with sizes at the end of each bar.

A bar is written only where a quote changed, so each contract's newest row of the day stands until its next: every
moment of the file gets a row of every contract quoted by then. A side that is null in that row has no quote; it is not
filled from an older one.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from tools.market.importers.chain_rows import normalize, set_name, to_utc
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store

_CONTRACT = ["underlying", "root", "expiration", "strike", "right"]
_COLUMNS = frozenset(["quote_ts", *_CONTRACT, "bid", "ask", "bid_size", "ask_size", "underlying_price"])
_CARRIED = "unchanged quote carried on"


def carry(frame: pl.DataFrame) -> pl.DataFrame:
    """The newest row known of every contract at every moment of its underlying's day.

    The price of the underlying is each moment's own, of its root where roots have several (futures).
    """
    rows = frame.with_columns(pl.col("quote_ts").cast(pl.Datetime("us")), day=pl.col("quote_ts").dt.date())
    prices = rows.group_by("quote_ts", "underlying", "root").agg(pl.col("underlying_price").drop_nulls().first())
    common = prices.group_by("quote_ts", "underlying").agg(pl.col("underlying_price").drop_nulls().first().alias("any"))
    contracts = rows.group_by("day", *_CONTRACT).agg(pl.col("quote_ts").min().alias("since"))
    moments = rows.select("day", "underlying", "quote_ts").unique()
    grid = contracts.join(moments, on=["day", "underlying"]).filter(pl.col("quote_ts") >= pl.col("since"))
    newest = rows.drop("underlying_price").with_columns(changed=pl.col("quote_ts"))
    keys = ["day", *_CONTRACT]
    full = (
        grid.drop("since")
        .sort("quote_ts")
        .join_asof(newest.sort("quote_ts"), on="quote_ts", by=keys, check_sortedness=False)
    )
    return (
        full.join(prices, on=["quote_ts", "underlying", "root"], how="left")
        .join(common, on=["quote_ts", "underlying"], how="left")
        .with_columns(pl.coalesce("underlying_price", "any").alias("underlying_price"))
        .drop("day", "any")
    )


def _convert(set_pattern: str, what: str, *, one_root: bool = False) -> Callable[[pl.DataFrame, Store], Converted]:
    def convert(frame: pl.DataFrame, _: Store) -> Converted:
        full = carry(frame)
        if one_root:
            full = full.with_columns(root=pl.col("underlying"))
        rows, dropped = normalize(full.with_columns(quoted_at=to_utc("quote_ts")), f"lean, {what}")
        added = {_CARRIED: full.height - frame.height} if full.height > frame.height else {}
        return Converted(frame.height, chains=(set_name(rows, set_pattern), rows), dropped=dropped, added=added)

    return convert


# Prices in points; one root for all expiries, and the futures price of its own expiry as each row's spot.
convert_futures = _convert("es-%Y-%m", "5-minute quotes of options on futures", one_root=True)

LAYOUTS = (
    Layout(
        name="lean-5min-quotes",
        pattern=r"[a-z]+_5min_quotes_",
        columns=_COLUMNS,
        convert=_convert("lean-5min-%Y", "5-minute quotes"),
        by="quote_ts",
    ),
    Layout(
        name="lean-hourly-quotes",
        pattern=r"[a-z]+_hourly_quotes_",
        columns=_COLUMNS,
        convert=_convert("lean-hourly-%Y", "hourly quotes"),
        by="quote_ts",
    ),
    Layout(
        name="lean-minute-quotes",
        pattern=r"[a-z_]+_minute_quotes_",
        columns=_COLUMNS,
        convert=_convert("lean-minute-%Y", "minute quotes of a few contracts"),
        by="quote_ts",
    ),
    Layout(
        name="lean-futures-options",
        pattern=r"[a-z]+_fut_options_5min_",
        columns=_COLUMNS | {"fut"},
        convert=convert_futures,
        by="quote_ts",
    ),
)
