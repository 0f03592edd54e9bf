"""r/wallstreetbets: hourly and daily counts, posts and comments.

Counts are known when their interval ends. A collector that looked less often sees fewer mentions, so totals of all
posts are kept beside them. Comments and scores of a post are those of the day it was collected, which no file states:
they were not known when the post was, and are left out.
"""

from __future__ import annotations

import polars as pl

from domain.market import Interval
from tools.market.importers.bar_rows import intraday
from tools.market.importers.chain_rows import NEW_YORK
from tools.market.importers.protocol import Converted, Layout
from tools.market.reference import symbol
from tools.market.store import MOMENT, Store

_HOURLY = "reddit wsb hourly"
_PRICES = {"open_price": "open", "high_price": "high", "low_price": "low", "close_price": "close", "volume": "volume"}
_SLUG = r"/comments/[^/]+/([^/]+)/?$"


def utc(column: str) -> pl.Expr:
    """A naive column that is in UTC."""
    return pl.col(column).dt.replace_time_zone("UTC").cast(MOMENT)


def end_of_day(column: str) -> pl.Expr:
    """When a date of an unknown zone is surely over, UTC: the later of its ends in UTC and in New York."""
    following = pl.col(column).dt.truncate("1d") + pl.duration(days=1)
    return following.dt.replace_time_zone(NEW_YORK).dt.convert_time_zone("UTC").cast(MOMENT)


def convert_hourly(frame: pl.DataFrame, _: Store) -> Converted:
    """GME's mentions and all posts by the hour (UTC: trading volume peaks at 14 to 20), and GME's raw hourly bars.

    Sentiment is the share of positive less that of negative words. Hours without a trade repeat the bar before; those
    copies are no bars and dropped.
    """
    rows = frame.with_columns(start=utc("hour"), ticker=pl.lit("GME"))
    social = rows.select(
        "ticker",
        "start",
        known_at=pl.col("start") + pl.duration(hours=1),
        interval=pl.lit(Interval.HOUR.value),
        mentions="cnt_gme_post",
        total="cnt_all_post",
        sentiment=pl.when(pl.col("cnt_gme_post") > 0).then(pl.col("avg_gme_post_pos") - pl.col("avg_gme_post_neg")),
        source=pl.lit(_HOURLY),
    )
    priced = rows.select("ticker", "start", *(pl.col(theirs).alias(ours) for theirs, ours in _PRICES.items()))
    copies = pl.all_horizontal(pl.col(ours) == pl.col(ours).shift(1) for ours in _PRICES.values()).fill_null(False)
    traded = priced.sort("start").filter(~copies)
    bars, dropped = intraday(traded, Interval.HOUR, _HOURLY)
    counts = {f"bar with {reason}": count for reason, count in dropped.items()}
    counts["bar copied from the hour before"] = priced.height - traded.height
    return Converted(
        frame.height,
        bars=((Interval.HOUR, bars),),
        reference=(("social", social),),
        dropped=counts,
        added={"bar of an hour": frame.height},
    )


def convert_daily(frame: pl.DataFrame, _: Store) -> Converted:
    """Mentions of thirty tickers a day among the sampled posts, with their number."""
    rows = frame.with_columns(pl.col("ticker").map_elements(symbol, return_dtype=pl.String))
    unique = rows.unique(["ticker", "date"], keep="first", maintain_order=True)
    social = unique.select(
        "ticker",
        start=utc("date"),
        known_at=end_of_day("date"),
        interval=pl.lit(Interval.DAY.value),
        mentions="count",
        total="n_posts",
        sentiment="sentiment",
        source=pl.lit("reddit wsb daily"),
    )
    twice = rows.height - unique.height
    return Converted(frame.height, reference=(("social", social),), dropped={"duplicate": twice} if twice else {})


def convert_dated_posts(frame: pl.DataFrame, _: Store) -> Converted:
    """Posts about GME with a day alone (of UTC): they stand at its end. The title is in the address."""
    end = utc("date") + pl.duration(days=1)
    return _posts(frame.with_columns(at=end, title=_slug(), text=_NONE, ticker=_GME), "reddit wsb gme, by day")


def convert_stamped_posts(frame: pl.DataFrame, _: Store) -> Converted:
    """Posts about GME to the second, UTC; a title where the address has one."""
    return _posts(frame.with_columns(at=utc("created_utc"), title=_slug(), text=_NONE, ticker=_GME), "reddit wsb gme")


def convert_texts(frame: pl.DataFrame, _: Store) -> Converted:
    """Posts with their text, UTC (fewest at 8 to 11, New York's small hours). What was deleted since has no text."""
    gone = pl.col("text").is_in(["[removed]", "[deleted]"])
    rows = frame.with_row_index("row").with_columns(
        at=utc("ts"), ticker=_NONE, text=pl.when(~gone).then("text"), id=_made_id()
    )
    return _posts(rows, "reddit wsb posts")


def convert_comments(frame: pl.DataFrame, _: Store) -> Converted:
    """A sample of comments. Their zone is not stated: New York, the later of the two that are possible."""
    at = pl.col("ts").dt.replace_time_zone(NEW_YORK, ambiguous="latest", non_existent="null")
    rows = frame.with_columns(
        at=at.dt.convert_time_zone("UTC").cast(MOMENT), ticker=_NONE, title=_NONE, text=pl.col("body")
    )
    return _posts(rows, "reddit wsb comments")


_NONE = pl.lit(None, pl.String)
_GME = pl.lit("GME")


def _slug() -> pl.Expr:
    return pl.col("url").str.extract(_SLUG, 1).str.replace_all("_", " ")


def _made_id() -> pl.Expr:
    """An id for posts that have none: their second, and their place in the file."""
    return pl.format("{}-{}", pl.col("ts").dt.epoch("s"), pl.col("row"))


def _posts(rows: pl.DataFrame, source: str) -> Converted:
    posts = rows.select("at", pl.col("at").alias("known_at"), "id", "ticker", "title", "text", source=pl.lit(source))
    known = posts.drop_nulls(["at", "id"])
    unique = known.unique("id", keep="first", maintain_order=True)
    counts = {"without a time": posts.height - known.height, "duplicate": known.height - unique.height}
    return Converted(
        rows.height,
        reference=(("posts", unique),),
        dropped={reason: count for reason, count in counts.items() if count},
    )


LAYOUTS = (
    Layout(
        name="wsb-hourly",
        pattern=r"wsb_gme_hourly",
        columns=frozenset(["hour", "cnt_all_post", "cnt_gme_post", "avg_gme_post_pos", "avg_gme_post_neg", *_PRICES]),
        convert=convert_hourly,
    ),
    Layout(
        name="wsb-daily",
        pattern=r"wsb_ticker_daily_counts",
        columns=frozenset(["date", "ticker", "count", "sentiment", "n_posts"]),
        convert=convert_daily,
    ),
    Layout(
        name="wsb-posts-dated",
        pattern=r"wsb_gme_posts_",
        columns=frozenset(["date", "id", "url"]),
        convert=convert_dated_posts,
    ),
    Layout(
        name="wsb-posts-stamped",
        pattern=r"wsb_gme_posts_",
        columns=frozenset(["created_utc", "id", "url"]),
        convert=convert_stamped_posts,
    ),
    Layout(
        name="wsb-texts",
        pattern=r"wsb_posts_text_",
        columns=frozenset(["ts", "title", "text"]),
        convert=convert_texts,
    ),
    Layout(
        name="wsb-comments",
        pattern=r"wsb_comments_",
        columns=frozenset(["ts", "id", "body"]),
        convert=convert_comments,
    ),
)
