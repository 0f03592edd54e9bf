"""QuantConnect Lean's raw (unadjusted) US equity bars, daily and hourly, and its factor files."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from domain.market import ActionKind, Interval
from tools import sessions
from tools.market.importers.bar_rows import daily, intraday
from tools.market.importers.protocol import Converted, Layout, add
from tools.market.store import MOMENT, Store

SOURCE = "lean raw"
_BARS = frozenset(["open", "high", "low", "close", "volume"])
_NULL = pl.lit(None, pl.Float64)
# Before these days the symbol was another company's.
_LISTED = {"EEM": datetime(2003, 4, 11), "USO": datetime(2006, 4, 10)}  # noqa: DTZ001 - naive like the file


def convert_daily(frame: pl.DataFrame, _: Store) -> Converted:
    """Daily raw bars; rows of a symbol's former owner are dropped."""
    listed = pl.col("ticker").replace_strict(_LISTED, default=None, return_dtype=frame.schema["date"])
    own = frame.filter(listed.is_null() | (pl.col("date") >= listed))
    bars, dropped = daily(own, SOURCE, adjusted=pl.lit(False))
    former = {"another company's": frame.height - own.height} if own.height < frame.height else {}
    return Converted(frame.height, bars=((Interval.DAY, bars),), dropped=add(dropped, former))


def convert_spy_hourly(frame: pl.DataFrame, _: Store) -> Converted:
    """SPY's hourly raw bars; the first of a day starts at 09:00 and holds the half hour from the open."""
    bars, dropped = intraday(frame.with_columns(ticker=pl.lit("SPY")), Interval.HOUR, SOURCE)
    return Converted(frame.height, bars=((Interval.HOUR, bars),), dropped=dropped)


def convert_factors(frame: pl.DataFrame, _: Store) -> Converted:
    """Dividends and splits out of cumulative factors.

    A row's factors hold up to and with its date, whose raw close is ref_price; the next row's hold from the session
    after, the ex-date. Raw prices times both factors compare over time, so on an ex-date
    dividend = ref_price · (1 - price_factor / next price_factor) and ratio = next split_factor / split_factor. Factors
    are kept to seven digits, so a dividend is good to about 1e-7 of the price. The file doesn't say when an action was
    announced; its latest possible moment is the open of the ex-date.
    """
    following = [
        pl.col(name).shift(-1).over("ticker").alias(f"next_{name}") for name in ("price_factor", "split_factor")
    ]
    rows = frame.sort("ticker", "date").with_columns(*following)
    rows = rows.with_columns(
        eve=pl.col("date").cast(pl.String).str.to_date("%Y%m%d"),
        amount=(pl.col("ref_price") * (1 - pl.col("price_factor") / pl.col("next_price_factor"))).round(4),
        ratio=(pl.col("next_split_factor") / pl.col("split_factor")).round(4),
    )
    split, paid = (pl.col("ratio") - 1).abs() > 1e-3, pl.col("amount") > 0
    found = pl.concat(
        [
            rows.filter(paid).select("ticker", "eve", "amount", kind=pl.lit(ActionKind.DIVIDEND.value), ratio=_NULL),
            rows.filter(split).select("ticker", "eve", "ratio", kind=pl.lit(ActionKind.SPLIT.value), amount=_NULL),
        ],
        how="diagonal",
    )
    eves = found["eve"].unique().to_list()
    days = [sessions.next(eve) for eve in eves]
    opens = [sessions.open_close(day)[0] for day in days]
    dates = pl.DataFrame(
        {"eve": eves, "day": days, "known_at": opens}, schema={"eve": pl.Date, "day": pl.Date, "known_at": MOMENT}
    )
    actions = found.join(dates, on="eve").drop("eve").with_columns(source=pl.lit("lean factor files"), note=pl.lit(""))
    nothing = rows.filter(~(split | paid).fill_null(False)).height
    both = rows.filter((split & paid).fill_null(False)).height
    return Converted(
        frame.height,
        reference=(("actions", actions),),
        dropped={"no action": nothing} if nothing else {},
        added={"split and dividend of one day": both} if both else {},
    )


LAYOUTS = (
    Layout(name="lean-daily", pattern=r"daily_lean_raw", columns=_BARS | {"ticker", "date"}, convert=convert_daily),
    Layout(name="lean-spy-hourly", pattern=r"spy_hourly_lean", columns=_BARS | {"ts"}, convert=convert_spy_hourly),
    Layout(
        name="lean-factors",
        pattern=r"lean_factor_files",
        columns=frozenset(["ticker", "date", "price_factor", "split_factor", "ref_price"]),
        convert=convert_factors,
    ),
)
