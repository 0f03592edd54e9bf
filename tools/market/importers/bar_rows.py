"""Bars, index values and yields of any vendor, brought to the store's columns."""

from __future__ import annotations

from datetime import date
from functools import cache

import polars as pl

from domain.market import Interval
from tools import sessions
from tools.market.importers.chain_rows import NEW_YORK, to_utc
from tools.market.reference import ROUND_THE_CLOCK, SYMBOLS
from tools.market.store import MOMENT

SECONDS = {Interval.HOUR: 3600, Interval.FIVE_MINUTES: 300, Interval.MINUTE: 60}
_PRICES = ("open", "high", "low", "close")


@cache
def session_table() -> pl.DataFrame:
    """All sessions: day, opened, closed (UTC)."""
    table = sessions.schedule()
    days = [date.fromordinal(day) for day in table.days]
    stamps = {
        name: pl.from_epoch(pl.Series(values), "s").dt.replace_time_zone("UTC").cast(MOMENT)
        for name, values in (("opened", table.opens), ("closed", table.closes))
    }
    return pl.DataFrame({"day": days, **stamps})


def intraday(
    frame: pl.DataFrame, interval: Interval, source: str, decimals: int | None = None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Bars stamped with their New York start, in the store's columns plus `ticker`, and what was dropped.

    Bars outside regular hours stay, marked session = false. A bar that the close cuts short is known at the close.
    `decimals` rounds prices that a vendor kept in 32 bits.
    """
    seconds = SECONDS[interval]
    rows = _priced(frame, decimals).with_columns(start=to_utc("ts"), day=pl.col("ts").dt.date())
    rows = rows.join(session_table(), on="day", how="left")
    end = pl.col("start") + pl.duration(seconds=seconds)
    inside = (pl.col("start") < pl.col("closed")) & (end > pl.col("opened"))
    always = pl.col("ticker").is_in(list(ROUND_THE_CLOCK))
    rows = rows.with_columns(
        session=always | inside.fill_null(False),
        known_at=pl.when(inside.fill_null(False) & ~always).then(pl.min_horizontal(end, "closed")).otherwise(end),
        adjusted=pl.lit(False),
        source=pl.lit(source),
    )
    return _clean(rows, "start")


def daily(
    frame: pl.DataFrame, source: str, adjusted: pl.Expr, decimals: int | None = None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Daily bars in the store's columns plus `ticker`, and what was dropped; known fifteen minutes after the close."""
    rows = _priced(frame, decimals).with_columns(day=pl.col("date").cast(pl.Date))
    held = rows.join(session_table(), on="day", how="inner").with_columns(
        start=pl.col("opened"),
        known_at=pl.col("closed") + pl.duration(minutes=15),
        session=pl.lit(True),
        adjusted=adjusted,
        source=pl.lit(source),
    )
    bars, counts = _clean(held, "start")
    if held.height < rows.height:
        counts["not a session since 1990"] = rows.height - held.height
    return bars, counts


def index_values(frame: pl.DataFrame, source: str, decimals: int | None = None) -> tuple[pl.DataFrame, dict[str, int]]:
    """Daily index values (name in `ticker`) in the store's columns, and what was dropped.

    The close is what counts: high and low are put in order and widened to hold it, and an open that is missing or lies
    outside them (vendors have a few) gives way to the close.
    """
    close = pl.col("close")
    prices = {name: pl.when(pl.col(name) > 0).then(pl.col(name)).otherwise(close) for name in ("open", "high", "low")}
    whole = frame.with_columns(value.alias(name) for name, value in prices.items())
    whole = whole.with_columns(
        high=pl.max_horizontal("high", "low", "close"), low=pl.min_horizontal("high", "low", "close")
    )
    inside = pl.col("open").is_between(pl.col("low"), pl.col("high"))
    whole = whole.with_columns(open=pl.when(inside).then(pl.col("open")).otherwise(close))
    rows, counts = daily(whole, source, pl.lit(False), decimals)
    day = pl.col("start").dt.convert_time_zone(NEW_YORK).dt.date()
    return rows.with_columns(day=day), counts


def _priced(frame: pl.DataFrame, decimals: int | None) -> pl.DataFrame:
    prices = [pl.col(name).cast(pl.Float64) for name in _PRICES]
    if decimals is not None:
        prices = [price.round(decimals) for price in prices]
    volume = pl.col("volume").cast(pl.Float64) if "volume" in frame.columns else pl.lit(None, pl.Float64)
    return frame.with_columns(*prices, volume.alias("volume"), pl.col("ticker").replace(SYMBOLS))


def _clean(rows: pl.DataFrame, key: str) -> tuple[pl.DataFrame, dict[str, int]]:
    sound = pl.all_horizontal((pl.col(name) > 0) & pl.col(name).is_finite() for name in _PRICES)
    # A vendor's rounding may put high a hair below close; more than 1e-6 of the price is a broken bar.
    sound &= pl.col("high") * (1 + 1e-6) >= pl.max_horizontal("open", "close", "low")
    sound &= pl.col("low") * (1 - 1e-6) <= pl.min_horizontal("open", "close", "high")
    kept = rows.filter((sound & pl.col(key).is_not_null()).fill_null(False))
    unique = kept.unique(["ticker", key], keep="first", maintain_order=True)
    counts = {"no sound prices": rows.height - kept.height, "duplicate": kept.height - unique.height}
    return unique, {reason: count for reason, count in counts.items() if count}
