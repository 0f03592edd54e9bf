"""Treasury constant-maturity yields (H.15) from FRED, percent a year by tenor."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from tools import sessions
from tools.market.importers.protocol import Converted, Layout, split
from tools.market.store import Store

# Bill discount rates (DTB3) are left out: they are no par yields.
TENORS = {
    "DGS1MO": 1 / 12,
    "DGS3MO": 0.25,
    "DGS6MO": 0.5,
    "DGS1": 1.0,
    "DGS2": 2.0,
    "DGS5": 5.0,
    "DGS10": 10.0,
    "DGS20": 20.0,
    "DGS30": 30.0,
}


def known_at(day: date) -> datetime:
    """A day's yields are published after the next session's close: 16:15 New York, as UTC."""
    return sessions.new_york(sessions.next(day), 16, 15)


def convert(frame: pl.DataFrame, _: Store) -> Converted:
    """Yields as decimals, long format; bond-market holidays are null in the file and dropped."""
    long = (
        frame.select(pl.col("date").cast(pl.Date).alias("day"), *TENORS)
        .unpivot(index="day", variable_name="series", value_name="percent")
        .drop_nulls()
        .with_columns(tenor=pl.col("series").replace_strict(TENORS, return_dtype=pl.Float64))
        .with_columns((pl.col("percent") / 100).round(8).alias("yield"))
    )
    days = long["day"].unique().to_list()
    stamps = pl.Series("known_at", [known_at(day) for day in days], dtype=pl.Datetime("us", "UTC"))
    rows = long.join(pl.DataFrame({"day": days}).with_columns(stamps), on="day")
    empty = frame.height - len(days)
    return Converted(
        frame.height,
        reference=(("rates", rows.with_columns(source=pl.lit("fred"))),),
        dropped={"day without yields": empty} if empty else {},
        added=split(len(days), rows.height, "tenors of one day"),
    )


LAYOUT = Layout(name="fred-yields", pattern=r"fred_treasury", columns=frozenset(["date", *TENORS]), convert=convert)
