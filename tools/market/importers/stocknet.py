"""StockNet (Xu and Cohen, ACL 2018): tweets with cashtags of 66 names, 2014 and 2015, and their daily prices."""

from __future__ import annotations

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import daily
from tools.market.importers.protocol import Converted, Layout
from tools.market.importers.wsb import utc
from tools.market.reference import symbol
from tools.market.store import Store


def convert_tweets(frame: pl.DataFrame, _: Store) -> Converted:
    """Tweets as posts (times are UTC), and their counts by ticker and UTC day.

    The total of a day is all tweets of the set on it: an index of how much was collected, not of all that was written.
    A ticker without a tweet on a day that has others was mentioned 0 times.
    """
    rows = frame.with_columns(
        at=utc("created_at"), ticker=pl.col("ticker").map_elements(symbol, return_dtype=pl.String)
    )
    unique = rows.unique(["ticker", "created_at", "text", "user_hash"], keep="first", maintain_order=True)
    posts = unique.sort("at", "ticker", "user_hash", maintain_order=True).with_columns(
        nth=pl.int_range(pl.len()).over("ticker", "at", "user_hash")
    )
    posts = posts.select(
        "at",
        "ticker",
        "text",
        known_at="at",
        id=pl.format("{}-{}-{}-{}", "ticker", pl.col("at").dt.epoch("s"), "user_hash", "nth"),
        source=pl.lit("stocknet"),
    )
    start = pl.col("at").dt.truncate("1d")
    days = posts.group_by(start.alias("start")).agg(total=pl.len())
    counted = posts.group_by("ticker", start.alias("start")).agg(mentions=pl.len())
    grid = days.join(posts.select("ticker").unique(), how="cross").join(counted, on=["ticker", "start"], how="left")
    social = grid.with_columns(
        pl.col("mentions").fill_null(0),
        known_at=pl.col("start") + pl.duration(days=1),
        interval=pl.lit(Interval.DAY.value),
        source=pl.lit("stocknet"),
    )
    twice = frame.height - unique.height
    return Converted(
        frame.height,
        reference=(("posts", posts), ("social", social)),
        dropped={"duplicate": twice} if twice else {},
        added={"counts of a ticker's day": social.height},
    )


def convert_prices(frame: pl.DataFrame, _: Store) -> Converted:
    """Daily bars adjusted for later splits: returns only. (The dividend-adjusted close is left out.)"""
    bars, dropped = daily(frame, "stocknet", adjusted=pl.lit(True), decimals=4)
    return Converted(frame.height, bars=((Interval.DAY, bars),), dropped=dropped)


LAYOUTS = (
    Layout(
        name="stocknet-tweets",
        pattern=r"stocknet_tweets_",
        columns=frozenset(["ticker", "created_at", "text", "user_hash"]),
        convert=convert_tweets,
    ),
    Layout(
        name="stocknet-prices",
        pattern=r"stocknet_prices_",
        columns=frozenset(["ticker", "date", "open", "high", "low", "close", "volume"]),
        convert=convert_prices,
    ),
)
