"""Option rows of any vendor, brought to the store's columns."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl

from domain.errors import BadInput
from tools import sessions
from tools.market.reference import SYMBOLS
from tools.market.store import CHAIN_KEY

NEW_YORK = "America/New_York"
_IV_FLOOR = 1e-3  # vendors write 0 or 1e-5 where they found no implied volatility
_CLOSE_STAMP = 16 * 60 + 15  # minute of the New York day from which a stamp means quotes of the close


def to_utc(column: str) -> pl.Expr:
    """A naive New York column as UTC; a time that does not exist becomes null."""
    local = pl.col(column).dt.replace_time_zone(NEW_YORK, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC").dt.cast_time_unit("us")


def normalize(frame: pl.DataFrame, source: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """Vendor rows in the store's columns plus `ticker` and `day`, and how many rows were dropped for which reason.

    Takes quoted_at (UTC) underlying underlying_price root expiration strike right bid ask last volume open_interest iv,
    and delta, uncertainty_s, source where the vendor has them. Dropped: rows without contract terms, on a day that is
    no session (holiday copies), past their settlement, and duplicates. Crossed and one-sided quotes stay: they are
    facts, and judging them is the quality gate's.
    """
    counts: dict[str, int] = {}

    def drop(rows: pl.DataFrame, keep: pl.Expr, reason: str) -> pl.DataFrame:
        kept = rows.filter(keep.fill_null(False))
        if kept.height < rows.height:
            counts[reason] = rows.height - kept.height
        return kept

    optional = {"delta": pl.lit(None, pl.Float64), "uncertainty_s": pl.lit(0), "source": pl.lit(source)}
    frame = frame.with_columns(value.alias(name) for name, value in optional.items() if name not in frame.columns)
    rows = frame.select(
        pl.col("underlying").replace(SYMBOLS).alias("ticker"),
        "quoted_at",
        pl.col("quoted_at").alias("known_at"),
        "uncertainty_s",
        "source",
        _number("underlying_price").alias("spot"),
        "root",
        pl.col("expiration").cast(pl.Date).alias("expiry"),
        _number("strike").alias("strike"),
        (pl.col("right") == "C").alias("is_call"),
        _number("bid"),
        _positive("ask"),
        _positive("last"),
        _number("volume"),
        _number("open_interest"),
        pl.when(_number("iv") > _IV_FLOOR).then(_number("iv")).alias("vendor_iv"),
        _number("delta").alias("vendor_delta"),
    ).with_columns(day=pl.col("quoted_at").dt.convert_time_zone(NEW_YORK).dt.date())
    terms = pl.col("strike").is_not_null() & (pl.col("strike") > 0) & pl.col("expiry").is_not_null()
    rows = drop(rows, terms & pl.col("quoted_at").is_not_null() & pl.col("root").is_not_null(), "no contract terms")
    rows = drop(rows, pl.col("day").is_in(_session_days(rows["day"])), "not a session")
    rows = rows.join(_settlements(rows), on=["root", "expiry"], how="left")
    rows = drop(rows, pl.col("settles_at") > pl.col("quoted_at"), "expired")
    local = pl.col("quoted_at").dt.convert_time_zone(NEW_YORK)
    minute = local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute().cast(pl.Int32)
    rows = rows.with_columns(closing=minute >= _CLOSE_STAMP)
    unique = rows.unique(["ticker", *CHAIN_KEY], keep="first", maintain_order=True)
    if unique.height < rows.height:
        counts["duplicate"] = rows.height - unique.height
    return unique, counts


def first_day(rows: pl.DataFrame) -> date:
    """The earliest day among normalised rows. Raises BadInput when no row was left."""
    if rows.height == 0:
        raise BadInput("no option row of this file can be used; every row was dropped")
    day: date = rows.select(pl.col("day").min()).item()
    return day


def _number(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float64).round(6).fill_nan(None)


def _positive(column: str) -> pl.Expr:
    return pl.when(_number(column) > 0).then(_number(column)).alias(column)


def _session_days(days: pl.Series) -> list[date]:
    return [day for day in days.unique().drop_nulls().to_list() if sessions.is_session(day)]


def _settlements(rows: pl.DataFrame) -> pl.DataFrame:
    pairs = rows.select("root", "expiry").unique()
    moments: list[datetime] = [sessions.settles_at(root, expiry).astimezone(UTC) for root, expiry in pairs.iter_rows()]
    return pairs.with_columns(pl.Series("settles_at", moments, dtype=pl.Datetime("us", "UTC")))
