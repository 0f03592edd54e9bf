"""CBOE SPX chains scraped once a day, dated but without a time.

The time is stated by matching: a snapshot's underlying price must lie inside a 5-minute SPX bar of that day, so the
bars that hold it are the compatible times, and the latest of them (09:30 to 16:10 New York) is the stated snapshot
time. How much earlier it may have been is stored as its uncertainty: back to the first compatible bar since 14:00,
when most days were taken, or since the open when no afternoon bar fits. A day that cannot be matched is stated as
15:45, uncertain by the whole session. A date alone never becomes midnight.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from domain.market import Interval
from tools import sessions
from tools.market.importers import histdata
from tools.market.importers.chain_rows import NEW_YORK, noon, normalize, set_name
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import Store

_COLUMNS = (
    "quote_ts underlying underlying_price root expiration strike right bid ask last volume open_interest iv delta gamma"
)
_STEP_S = 300


def bars_beside(stamps: pl.Series, store: Store, ticker: str, source: str) -> pl.DataFrame:
    """5-minute bars of one source on the days of naive stamps (columns start, low, high); none held: no rows."""
    none = pl.DataFrame(schema={"start": pl.Datetime("us", "UTC"), "low": pl.Float64, "high": pl.Float64})
    held = store.bars(ticker, Interval.FIVE_MINUTES)
    if held is None or stamps.drop_nulls().is_empty():
        return none
    first, last = stamps.dt.date().min(), stamps.dt.date().max()
    day = pl.col("start").dt.convert_time_zone(NEW_YORK).dt.date()
    inside = (pl.col("source") == source) & day.is_between(first, last)
    return held.filter(inside).select(none.columns).collect()


def stated_time(day: date, spot: float, bars: pl.DataFrame) -> tuple[datetime, int, bool]:
    """(stated moment UTC, seconds by which it may have been earlier, matched) of one day's snapshot.

    `bars`: 5-minute bars of the underlying on any days (columns start, low, high).
    """
    opened, closed = sessions.open_close(day)
    fits = bars.filter(
        (pl.col("start") >= opened)
        & (pl.col("start") <= closed + timedelta(minutes=10))
        & (pl.col("low") <= spot)
        & (pl.col("high") >= spot)
    )["start"].to_list()
    if not fits:
        moment = closed - timedelta(minutes=15)
        return moment, int((moment - opened).total_seconds()), False
    latest = max(fits)
    afternoon = [start for start in fits if start >= sessions.new_york(day, 14, 0)]
    return latest, int((latest - min(afternoon or fits)).total_seconds()) + _STEP_S, True


def convert(frame: pl.DataFrame, store: Store) -> Converted:
    """Chains of set `spx-YYYY`, the year of the first day, each at its stated time."""
    bars = bars_beside(frame["quote_ts"], store, "SPX", histdata.SOURCE)
    days = frame.group_by("quote_ts").agg(pl.col("underlying_price").first()).sort("quote_ts")
    stated: list[tuple[datetime, datetime, int, str]] = []
    unmatched: list[str] = []
    for stamp, spot in days.iter_rows():
        if not sessions.is_session(stamp.date()):
            continue
        moment, uncertainty, matched = stated_time(stamp.date(), spot, bars)
        earliest = (moment - timedelta(seconds=uncertainty)).astimezone(sessions.NEW_YORK)
        how = "matched to 5-minute SPX bars" if matched else "by default, no bar matches"
        local = moment.astimezone(sessions.NEW_YORK)
        source = f"cboe daily, stated {local:%H:%M} New York {how}, earliest {earliest:%H:%M}"
        stated.append((stamp, moment, uncertainty, source))
        if not matched:
            unmatched.append(stamp.date().isoformat())
    times = pl.DataFrame(
        stated,
        schema={
            "quote_ts": frame.schema["quote_ts"],
            "quoted_at": pl.Datetime("us", "UTC"),
            "uncertainty_s": pl.Int32,
            "source": pl.String,
        },
        orient="row",
    )
    placed = frame.join(times, on="quote_ts", how="left").with_columns(
        quoted_at=pl.coalesce("quoted_at", noon(pl.col("quote_ts").cast(pl.Date)))  # no session: dropped as such
    )
    rows, dropped = normalize(placed, "cboe daily")
    note = f"snapshot time of {', '.join(unmatched)} stated as 15:45: no bar matches" if unmatched else ""
    return Converted(frame.height, chains=(set_name(rows, "spx-%Y"), rows), dropped=dropped, note=note)


LAYOUT = Layout(
    name="cboe-daily",
    pattern=r"spx_cboe_eod_",
    columns=frozenset(_COLUMNS.split()),
    convert=convert,
    after=histdata.LAYOUT.name,
    by="quote_ts",
)
