"""What a source gave, appended to the store with the moment from which it could be read.

Nothing is written twice: a chain that its day holds already, whenever it was received, and a row of another shelf
whose last version says the same. A row that says something else is kept beside the one before, with its later
`known_at`: what was known when stays as it was. Bars and daily values that are not complete yet are not kept.

Chains that decisions rest on stand in the set `live`, for ever. Those that only watch positions stand in `live-watch`,
reduced to the rows near what is held, for so many days.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from domain.errors import SourceFailed
from domain.market import Interval
from domain.ports import Clock
from domain.structures import Option, Right
from tools import sessions
from tools.market.resample import SECONDS
from tools.market.store import BAR_SCHEMA, SHELVES, Store

LIVE = "live"
WATCH = "live-watch"
NEAR_SDS = 4.0  # how far from spot a watched expiry's strikes are kept, in standard deviations to its expiration
_STRADDLE = (
    0.7979  # of an at-the-money straddle, over spot and standard deviation: sqrt(2 / pi), Brenner-Subrahmanyam 1988
)

# What tells one row of a shelf from another; everything else but `known_at` is what it says.
_KEYS: dict[str, tuple[str, ...]] = {
    "bars": ("start", "adjusted", "source"),
    "indices": ("day", "source"),
    "rates": ("day", "tenor", "source"),
    "events": ("kind", "day", "source"),
    "actions": ("kind", "day", "source"),
}


class Kept(NamedTuple):
    """What became of one answer: rows written, rows held already, rows left out because they are not complete yet."""

    what: str  # "chain SPY", "1d bars SPY", "indices VIX", "rates"
    source: str
    written: int
    held: int
    early: int
    known_at: datetime  # from when on the store answers with it


class Recorder:
    """The one writer of what is received. Several processes may record into one store: they take turns."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def chain(self, ticker: str, rows: pl.DataFrame, held: Sequence[Option] | None = None) -> Kept:
        """Keep a chain: whole, or of a ticker that is only watched the rows near what is held. Columns as the store's.

        Raises SourceFailed for a chain without rows or stamped later than its receipt.
        """
        source = _source(rows, f"chain of {ticker}")
        quoted_at: datetime = rows["quoted_at"].max()  # type: ignore[assignment]
        set_name = LIVE
        if held is not None:
            set_name, rows = WATCH, near(rows, held)
            if rows.is_empty():
                raise SourceFailed(f"{source}'s chain of {ticker} lists none of the expirations held")
        day = quoted_at.astimezone(sessions.NEW_YORK).date()
        with self._turn() as known_at:
            if quoted_at > known_at:
                raise SourceFailed(
                    f"{source}'s chain of {ticker} is stamped {quoted_at:%Y-%m-%d %H:%M:%S} UTC, later than its receipt"
                )
            taken = set(self._store.chain_moments(set_name, ticker, day))
            stamp = known_at
            while stamp in taken:  # a moment names one chain
                stamp += timedelta(seconds=1)
            stamped = rows.with_columns(pl.lit(stamp).alias("known_at"))
            written = self._store.put_chain(set_name, ticker, day, stamped)
        what = f"chain {ticker}"
        return Kept(what, source, written, 0, 0, stamp) if written else Kept(what, source, 0, rows.height, 0, known_at)

    def bars(self, ticker: str, interval: Interval, rows: pl.DataFrame) -> Kept:
        """Keep the bars that are complete. Raises SourceFailed for an answer without rows."""
        what = f"{interval.value} bars {ticker}"
        source = _source(rows, what)
        rows = _within_sessions(rows, interval)
        with self._turn() as known_at:
            fresh = self._fresh("bars", rows, self._store.bars(ticker, interval), BAR_SCHEMA, known_at)
            if fresh.new.height:
                self._store.add_bars(ticker, interval, f"{LIVE}-{known_at:%Y-%m}", fresh.new)
        return Kept(what, source, fresh.new.height, fresh.held, fresh.early, known_at)

    def rows(self, shelf: str, name: str, rows: pl.DataFrame) -> Kept:
        """Keep rows of another shelf (indices, rates, events, actions). Raises SourceFailed for an empty answer."""
        what = f"{shelf} {name}".strip()
        source = _source(rows, what)
        if shelf == "indices":
            rows = rows.with_columns(_end=_daily_ends(rows["day"].to_list()))
        with self._turn() as known_at:
            fresh = self._fresh(shelf, rows, self._store.rows(shelf, name), SHELVES[shelf].schema, known_at)
            if fresh.new.height:
                self._store.add_rows(shelf, name, f"{LIVE}-{known_at:%Y-%m}", fresh.new)
        return Kept(what, source, fresh.new.height, fresh.held, fresh.early, known_at)

    def prune(self, days: int) -> int:
        """Forget watch ticks older than so many days; the number of chains gone."""
        with self._turn() as now:
            return self._store.drop_before(WATCH, now - timedelta(days=days))

    @contextmanager
    def _turn(self) -> Iterator[datetime]:
        """Alone at the store's recordings; the moment, in whole seconds, from which what is now written can be read."""
        own = self._store.folder / LIVE / "chains"
        own.mkdir(parents=True, exist_ok=True)
        with (own / ".recording").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._store.begin_manifest()
            yield whole_second(self._clock.now())

    def _fresh(
        self, shelf: str, rows: pl.DataFrame, held: pl.LazyFrame | None, schema: dict[str, Any], known_at: datetime
    ) -> _Fresh:
        """The rows that are complete and say something new."""
        complete = rows
        if "_end" in rows.columns:
            complete = rows.filter(pl.col("_end") <= known_at).drop("_end")
        early = rows.height - complete.height
        says = [name for name in schema if name != "known_at"]
        keys = _KEYS[shelf]
        new = complete.select(
            (pl.col(name) if name in complete.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in schema.items()
            if name != "known_at"
        )
        floats = [name for name, kind in schema.items() if kind == pl.Float64]
        new = new.with_columns(pl.col(floats).fill_nan(None)).unique(keys, keep="last", maintain_order=True)
        came = new.height
        if held is not None:
            mine = held.filter(pl.col("source").is_in(new["source"].unique().to_list())).collect()
            last = mine.sort("known_at").unique(keys, keep="last", maintain_order=True)
            new = new.join(last.select(says), on=says, how="anti", nulls_equal=True, maintain_order="left")
        return _Fresh(new.with_columns(pl.lit(known_at).alias("known_at")), came - new.height, early)


class _Fresh(NamedTuple):
    new: pl.DataFrame
    held: int
    early: int


def whole_second(moment: datetime) -> datetime:
    """The moment itself when it is a whole second, else the next one: the store's names have no finer grain."""
    floor = moment.astimezone(UTC).replace(microsecond=0)
    return floor if floor == moment else floor + timedelta(seconds=1)


def near(rows: pl.DataFrame, held: Sequence[Option], sds: float = NEAR_SDS) -> pl.DataFrame:
    """The rows of a chain that matter to what is held: its contracts, and of its expirations the strikes within so many
    standard deviations of spot.

    The deviation to an expiration is taken from its at-the-money straddle; without one all its strikes are kept.
    """
    kept = []
    for (root, expiry), group in rows.partition_by("root", "expiry", as_dict=True, maintain_order=True).items():
        own = [one for one in held if one.root == root and one.expiry == expiry]
        if not own:
            continue
        mine = pl.lit(False)
        for one in own:
            mine |= (pl.col("strike") == float(one.strike)) & (pl.col("is_call") == (one.right is Right.CALL))
        kept.append(group.filter(mine | _within(group, sds)))
    return pl.concat(kept) if kept else rows.clear()


def _within(group: pl.DataFrame, sds: float) -> pl.Expr:
    spot = group["spot"][0]
    if not isinstance(spot, float) or not spot > 0:
        return pl.lit(True)
    middle = (
        group.filter((pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid")))
        .group_by("strike")
        .agg(straddle=((pl.col("bid") + pl.col("ask")) / 2).sum(), sides=pl.col("is_call").n_unique())
        .filter(pl.col("sides") == 2)
        .sort((pl.col("strike") - spot).abs())
    )
    if middle.is_empty():
        return pl.lit(True)
    deviation = float(middle["straddle"][0]) / (_STRADDLE * spot)
    return (pl.col("strike") / spot).log().abs() <= sds * deviation


def _source(rows: pl.DataFrame, what: str) -> str:
    if rows.is_empty():
        raise SourceFailed(f"an empty answer for {what}")
    return str(rows["source"][0])


def _within_sessions(rows: pl.DataFrame, interval: Interval) -> pl.DataFrame:
    """Bars with their ends, `_end`, and whether they lie in regular hours where that is not said."""
    starts: list[datetime] = rows["start"].to_list()
    days = [start.astimezone(sessions.NEW_YORK).date() for start in starts]
    hours = {day: sessions.open_close(day) for day in set(days) if sessions.is_session(day)}
    inside = [day in hours and hours[day][0] <= start < hours[day][1] for start, day in zip(starts, days, strict=True)]
    if interval is Interval.DAY:
        ends = _daily_ends(days)
    else:
        length = timedelta(seconds=SECONDS[interval])
        ends = pl.Series(
            [
                min(start + length, hours[day][1]) if regular else start + length
                for start, day, regular in zip(starts, days, inside, strict=True)
            ],
            dtype=pl.Datetime("us", "UTC"),
        )
    said = pl.col("session") if "session" in rows.columns else pl.lit(None, pl.Boolean)
    computed = pl.Series(inside, dtype=pl.Boolean)
    return rows.with_columns(_end=ends, session=pl.coalesce(said, computed))


def _daily_ends(days: list[date]) -> pl.Series:
    """When daily values can be had; of a day without a session, at the end of its New York day."""
    known = {
        day: sessions.daily_known_at(day)
        if sessions.is_session(day)
        else sessions.new_york(day + timedelta(days=1), 0, 0)
        for day in set(days)
    }
    return pl.Series([known[day] for day in days], dtype=pl.Datetime("us", "UTC"))
