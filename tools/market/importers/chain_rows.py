"""Option rows of any vendor, brought to the store's columns."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

from tools import sessions
from tools.market.reference import ROUND_THE_CLOCK, SYMBOLS
from tools.market.store import CHAIN_KEY, MOMENT

NEW_YORK = "America/New_York"
_IV_FLOOR = 1e-3  # vendors write 0 or 1e-5 where they found no implied volatility
_CLOSING = timedelta(minutes=14, seconds=30)  # after the close; a stamp from then on means quotes of the close
_CENTS = 4  # decimals of a price: vendors that kept 32 bits or averaged have noise behind
_FINE = 6
_NUMBERS = {  # ours: (the vendor's, decimals)
    "bid": ("bid", _CENTS),
    "ask": ("ask", _CENTS),
    "last": ("last", _CENTS),
    "bid_size": ("bid_size", _CENTS),
    "ask_size": ("ask_size", _CENTS),
    "volume": ("volume", _CENTS),
    "open_interest": ("open_interest", _CENTS),
    "vendor_iv": ("iv", _FINE),
    "vendor_delta": ("delta", _FINE),
    "vendor_gamma": ("gamma", _FINE),
    "vendor_theta": ("theta", _FINE),
    "vendor_vega": ("vega", _FINE),
}
_COUNTED = frozenset({"volume", "open_interest", "bid_size", "ask_size"})  # never negative
_POSITIVE = frozenset({"ask", "last"})  # a zero means that there is none


def to_utc(column: str) -> pl.Expr:
    """A naive New York column as UTC; a time that does not exist becomes null."""
    local = pl.col(column).dt.replace_time_zone(NEW_YORK, ambiguous="latest", non_existent="null")
    return local.dt.convert_time_zone("UTC").dt.cast_time_unit("us")


def normalize(frame: pl.DataFrame, source: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """Vendor rows in the store's columns plus `ticker` and `day`, and how many rows were dropped for which reason.

    Takes quoted_at (UTC) underlying root expiration strike right, and, where the vendor has them, underlying_price bid
    ask last bid_size ask_size volume open_interest iv delta gamma theta vega last_trade_ts (UTC), known_at (UTC, else
    quoted_at), uncertainty_s and source. Dropped: rows without contract terms, on a day that is no session (holiday
    copies), past their settlement, and duplicates. Crossed and one-sided quotes stay: they are facts, and judging them
    is the quality gate's.
    """
    counts: dict[str, int] = {}

    def drop(rows: pl.DataFrame, keep: pl.Expr, reason: str) -> pl.DataFrame:
        kept = rows.filter(keep.fill_null(False))
        if kept.height < rows.height:
            counts[reason] = rows.height - kept.height
        return kept

    held = frozenset(frame.columns)
    rows = frame.select(
        pl.col("underlying").replace(SYMBOLS).alias("ticker"),
        pl.col("quoted_at").cast(MOMENT),
        pl.col("known_at" if "known_at" in held else "quoted_at").cast(MOMENT).alias("known_at"),
        _given("uncertainty_s", held, pl.Int32, pl.lit(0)),
        _given("source", held, pl.String, pl.lit(source)),
        _number("underlying_price", _CENTS, held, positive=True).alias("spot"),
        "root",
        pl.col("expiration").cast(pl.Date).alias("expiry"),
        pl.col("strike").cast(pl.Float64).round(_CENTS).fill_nan(None),
        (pl.col("right") == "C").alias("is_call"),
        *(
            _number(theirs, decimals, held, positive=ours in _POSITIVE, counted=ours in _COUNTED).alias(ours)
            for ours, (theirs, decimals) in _NUMBERS.items()
        ),
        _given("last_trade_ts", held, MOMENT, pl.lit(None)).alias("last_trade_at"),
    ).with_columns(
        vendor_iv=pl.when(pl.col("vendor_iv") > _IV_FLOOR).then(pl.col("vendor_iv")),
        day=pl.col("quoted_at").dt.convert_time_zone(NEW_YORK).dt.date(),
    )
    terms = pl.col("strike").is_not_null() & (pl.col("strike") > 0) & pl.col("expiry").is_not_null()
    terms &= pl.col("quoted_at").is_not_null() & pl.col("root").is_not_null() & pl.col("is_call").is_not_null()
    rows = drop(rows, terms & pl.col("ticker").is_not_null(), "no contract terms")
    closes = _closes(rows["day"])
    rows = drop(rows, pl.col("day").is_in(closes["day"].implode()), "not a session")
    rows = rows.join(_settlements(rows), on=["root", "expiry"], how="left").join(closes, on="day", how="left")
    rows = drop(rows, pl.col("settles_at") > pl.col("quoted_at"), "expired")
    always = pl.col("ticker").is_in(list(ROUND_THE_CLOCK))
    rows = rows.with_columns(closing=~always & (pl.col("quoted_at") >= pl.col("closed") + _CLOSING))
    unique = rows.unique(["ticker", *CHAIN_KEY], keep="first", maintain_order=True)
    if unique.height < rows.height:
        counts["duplicate"] = rows.height - unique.height
    return unique, counts


def set_name(rows: pl.DataFrame, pattern: str) -> str:
    """A set's name by its earliest day ("cboe-%Y"); "" when no row was left."""
    first: date | None = rows.select(pl.col("day").min()).item() if rows.height else None
    return "" if first is None else f"{first:{pattern}}"


def at_close(frame: pl.DataFrame, date_column: str) -> pl.DataFrame:
    """The frame with `quoted_at` at its date's close: 16:00 New York, 13:00 on half days.

    A day that is no session has no close and gets its noon: `normalize` drops it as no session, not for lack of a time.
    """
    days = frame.select(pl.col(date_column).cast(pl.Date).alias("day"))["day"]
    table = _closes(days).rename({"closed": "quoted_at"})
    joined = frame.with_columns(days).join(table, on="day", how="left", maintain_order="left")
    return joined.with_columns(pl.col("quoted_at").fill_null(noon(pl.col("day")))).drop("day")


def noon(day: pl.Expr) -> pl.Expr:
    """Noon in New York of a date, UTC: a moment that is on this day wherever it is asked."""
    moment = day.cast(pl.Datetime("us")) + pl.duration(hours=12)
    return moment.dt.replace_time_zone(NEW_YORK).dt.convert_time_zone("UTC")


def _given(name: str, held: frozenset[str], kind: pl.DataType | type[pl.DataType], otherwise: pl.Expr) -> pl.Expr:
    return (pl.col(name) if name in held else otherwise).cast(kind).alias(name)


def _number(name: str, decimals: int, held: frozenset[str], *, positive: bool, counted: bool = False) -> pl.Expr:
    if name not in held:
        return pl.lit(None, pl.Float64)
    value = pl.col(name).cast(pl.Float64).round(decimals).fill_nan(None)
    if positive:
        return pl.when(value > 0).then(value)
    return pl.when(value >= 0).then(value) if counted else value


def _closes(days: pl.Series) -> pl.DataFrame:
    """The sessions among the days with their closes (columns day, closed)."""
    held = [day for day in days.unique().drop_nulls().sort().to_list() if sessions.is_session(day)]
    closes = [sessions.open_close(day)[1] for day in held]
    return pl.DataFrame({"day": held, "closed": closes}, schema={"day": pl.Date, "closed": MOMENT})


def _settlements(rows: pl.DataFrame) -> pl.DataFrame:
    pairs = rows.select("root", "expiry").unique()
    moments: list[datetime] = [_settles(root, expiry) for root, expiry in pairs.iter_rows()]
    return pairs.with_columns(pl.Series("settles_at", moments, dtype=MOMENT))


def _settles(root: str, expiry: date) -> datetime:
    return sessions.settles_at(root, expiry).astimezone(UTC)
