"""Google Trends exports. Each is scaled so that the greatest value of its whole window is 100, so no value of it was
known before the window had ended: that is its `known_at`, and the window stands beside every row.
"""

from __future__ import annotations

import polars as pl

from tools.market.importers.protocol import Converted, Layout
from tools.market.importers.wsb import end_of_day
from tools.market.store import Store

_STEPS = {"Day": ("1d", "1d"), "Week": ("1w", "1w"), "Month": ("1mo", "1mo")}  # interval, and its length


def _scaled(rows: pl.DataFrame, window: list[str], interval: str, step: str, source: str) -> pl.DataFrame:
    """Rows (term date interest) in the store's columns; `window` are the columns that name what was scaled together."""
    ends = pl.col("date").dt.offset_by(step).dt.offset_by("-1d")  # the last day inside
    if "_last" not in rows.columns:
        rows = rows.with_columns(_first=pl.col("date").min().over(window), _last=ends.max().over(window))
    return rows.select(
        "term",
        start=pl.col("date").dt.replace_time_zone("UTC"),
        known_at=end_of_day("_last"),
        interval=pl.lit(interval),
        interest=pl.col("interest").cast(pl.Float64),
        window=pl.format("{}..{}", pl.col("_first").dt.date(), pl.col("_last").dt.date()),
        source=pl.lit(source),
    )


def convert_weekly(frame: pl.DataFrame, _: Store) -> Converted:
    """Terms by the week, one export a term."""
    rows = _scaled(frame, ["term", "file"], "1w", "1w", "google trends weekly")
    return Converted(frame.height, reference=(("trends", rows),))


def convert_daily(frame: pl.DataFrame, _: Store) -> Converted:
    """Tickers as terms by the day, stitched of half years that were each scaled alone: levels of two don't compare.

    A half year's window ends with it, also where the file ends before.
    """
    year, second = pl.col("date").dt.year(), pl.col("date").dt.month() > 6
    rows = frame.rename({"ticker": "term"}).with_columns(
        _first=pl.datetime(year, pl.when(second).then(7).otherwise(1), 1),
        _last=pl.datetime(year, pl.when(second).then(12).otherwise(6), pl.when(second).then(31).otherwise(30)),
    )
    return Converted(frame.height, reference=(("trends", _scaled(rows, [], "1d", "1d", "google trends daily")),))


def convert_brands(frame: pl.DataFrame, _: Store) -> Converted:
    """Exports of a few brands by week or month; the terms of one export share one scale. "<1" is half of one."""
    parts = []
    for (_name, step), part in frame.partition_by("src", "granularity", as_dict=True, maintain_order=True).items():
        interval, length = _STEPS[str(step)]
        place = pl.col("term").str.extract(r": \(([^)]*)\)$", 1)
        named = part.with_columns(
            term=pl.col("term").str.replace(r": \([^)]*\)$", ""), source=pl.format("google trends export, {}", place)
        )
        rows = _scaled(named, ["src"], interval, length, "").with_columns(named["source"])
        parts.append(rows)
    rows = pl.concat(parts)
    return Converted(frame.height, reference=(("trends", rows),))


LAYOUTS = (
    Layout(
        name="trends-weekly",
        pattern=r"google_trends_weekly_",
        columns=frozenset(["term", "file", "date", "interest"]),
        convert=convert_weekly,
    ),
    Layout(
        name="trends-daily",
        pattern=r"google_trends_daily_",
        columns=frozenset(["ticker", "date", "interest"]),
        convert=convert_daily,
    ),
    Layout(
        name="trends-brands",
        pattern=r"google_trends_brand_",
        columns=frozenset(["term", "granularity", "date", "interest", "src"]),
        convert=convert_brands,
    ),
)
