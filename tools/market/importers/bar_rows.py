"""Bars, index values and yields of any vendor, brought to the store's columns."""

from __future__ import annotations

from datetime import date
from functools import cache

import polars as pl

from domain.market import Interval
from tools import sessions
from tools.market.importers.chain_rows import NEW_YORK, to_utc
from tools.market.reference import ROUND_THE_CLOCK, SYMBOLS
from tools.market.resample import SECONDS
from tools.market.store import MOMENT

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
    frame: pl.DataFrame,
    interval: Interval,
    source: str,
    decimals: int | None = None,
    adjusted: pl.Expr | None = None,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Bars stamped with their start, in the store's columns plus `ticker`, and what was dropped.

    Takes `start` (UTC) or `ts` (naive, New York). Bars outside regular hours stay, marked session = false. A bar that
    the close cuts short is known at the close. `decimals` rounds prices that a vendor kept in 32 bits.
    """
    seconds = SECONDS[interval]
    start = pl.col("start").cast(MOMENT) if "start" in frame.columns else to_utc("ts")
    rows = _priced(frame, decimals).with_columns(start=start)
    rows = rows.with_columns(day=pl.col("start").dt.convert_time_zone(NEW_YORK).dt.date())
    rows = rows.join(session_table(), on="day", how="left")
    end = pl.col("start") + pl.duration(seconds=seconds)
    inside = (pl.col("start") < pl.col("closed")) & (end > pl.col("opened"))
    always = pl.col("ticker").is_in(list(ROUND_THE_CLOCK))
    rows = rows.with_columns(
        session=always | inside.fill_null(False),
        known_at=pl.when(inside.fill_null(False) & ~always).then(pl.min_horizontal(end, "closed")).otherwise(end),
        adjusted=pl.lit(False) if adjusted is None else adjusted,
        source=pl.lit(source),
    )
    return _clean(rows)


def daily(
    frame: pl.DataFrame, source: str, adjusted: pl.Expr, decimals: int | None = None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Daily bars in the store's columns plus `ticker`, and what was dropped; known fifteen minutes after the close.

    Where a vendor has closes alone, open, high and low are null.
    """
    rows = _priced(frame, decimals).with_columns(day=pl.col("date").cast(pl.Date))
    held = rows.join(session_table(), on="day", how="inner").with_columns(
        start=pl.col("opened"),
        known_at=pl.col("closed") + pl.duration(minutes=15),
        session=pl.lit(True),
        adjusted=adjusted,
        source=pl.lit(source),
    )
    bars, counts = _clean(held)
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


def round_the_clock_days(frame: pl.DataFrame, source: str, opens_before_h: int) -> tuple[pl.DataFrame, dict[str, int]]:
    """Daily bars of a market that trades round the clock: a date's bar begins so many hours before its New York
    midnight, lasts until the next and is known at its end.
    """
    midnight = pl.col("date").cast(pl.Datetime("us"))
    back = pl.duration(hours=opens_before_h)
    rows = _priced(frame, None).with_columns(_opens=midnight - back, _ends=midnight + pl.duration(days=1) - back)
    return _clean(
        rows.with_columns(
            start=to_utc("_opens"),
            known_at=to_utc("_ends"),
            session=pl.lit(True),
            adjusted=pl.lit(False),
            source=pl.lit(source),
        )
    )


def _priced(frame: pl.DataFrame, decimals: int | None) -> pl.DataFrame:
    held = [name for name in _PRICES if name in frame.columns]
    prices = [pl.col(name).cast(pl.Float64).fill_nan(None) for name in held]
    if decimals is not None:
        prices = [price.round(decimals) for price in prices]
    missing = [pl.lit(None, pl.Float64).alias(name) for name in _PRICES if name not in held]
    volume = pl.col("volume").cast(pl.Float64) if "volume" in frame.columns else pl.lit(None, pl.Float64)
    return frame.with_columns(*prices, *missing, volume.alias("volume"), pl.col("ticker").replace(SYMBOLS))


def _clean(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Rows with sound prices, one a ticker and start: all four, or a close and none of the others."""
    held = [pl.col(name).is_not_null() for name in _PRICES]
    sound = pl.all_horizontal(
        (pl.col(name).is_null() | ((pl.col(name) > 0) & pl.col(name).is_finite())) for name in _PRICES
    )
    sound &= pl.all_horizontal(held) | (held[3] & ~pl.any_horizontal(held[:3]))
    # A vendor's rounding may put high a hair below close; more than 1e-6 of the price is a broken bar.
    most = pl.max_horizontal("open", "close", "low")
    least = pl.min_horizontal("open", "close", "high")
    sound &= pl.col("high").is_null() | (pl.col("high") * (1 + 1e-6) >= most)
    sound &= pl.col("low").is_null() | (pl.col("low") * (1 - 1e-6) <= least)
    kept = rows.filter((sound & pl.col("start").is_not_null() & pl.col("known_at").is_not_null()).fill_null(False))
    unique = kept.unique(["ticker", "start"], keep="first", maintain_order=True)
    counts = {"no sound prices": rows.height - kept.height, "duplicate": kept.height - unique.height}
    return unique, {reason: count for reason, count in counts.items() if count}
