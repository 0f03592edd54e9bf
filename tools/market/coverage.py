"""What a store covers: sessions, gaps and quotes of chains by set and ticker, spans of bars and of every shelf."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from domain.codec import record
from domain.market import Interval
from tools import sessions
from tools.market.importers.bar_rows import session_table
from tools.market.importers.chain_rows import NEW_YORK
from tools.market.store import SHELVES, Store

_MOMENT = {"posts": "at", "trends": "start", "social": "start"}  # all else has a day


@record
class ChainCoverage:
    """One ticker of a set. `missing` are the sessions between the first and the last without a chain."""

    market: str  # as --market takes it
    ticker: str
    sessions: int
    first: date
    last: date
    missing: tuple[date, ...]
    snapshots: int
    quotes: str  # of the newest chain: "bid and ask", "none", or on which share of rows both stand


@record
class BarCoverage:
    """Bars of one ticker from one source; `missing` counts the sessions between first and last without a bar."""

    interval: Interval
    ticker: str
    source: str
    adjusted: bool
    bars: int
    sessions: int
    missing: int
    first: datetime
    last: datetime


@record
class ShelfCoverage:
    """Rows of one name on a shelf from one source."""

    shelf: str
    name: str
    source: str
    rows: int
    first: date
    last: date


@record
class Coverage:
    """Everything that a store holds."""

    store: str
    files: int
    chains: tuple[ChainCoverage, ...]
    bars: tuple[BarCoverage, ...]
    shelves: tuple[ShelfCoverage, ...]


def coverage(store: Store) -> Coverage:
    """What the store holds; chains by their file names alone but for one a ticker, all else by its columns of time."""
    return Coverage(
        store=str(store.folder),
        files=len(store.manifest()),
        chains=tuple(_chains(store, name, ticker) for name in store.sets() for ticker in store.tickers(name)),
        bars=tuple(row for interval in Interval for row in _bars(store, interval)),
        shelves=tuple(row for shelf in SHELVES for row in _shelf(store, shelf)),
    )


def missing(days: tuple[date, ...]) -> tuple[date, ...]:
    """The sessions between the first and the last of some days that are not among them."""
    held = frozenset(days)
    return tuple(day for day in sessions.between(days[0], days[-1]) if day not in held) if days else ()


def _chains(store: Store, set_name: str, ticker: str) -> ChainCoverage:
    days = store.chain_days(set_name, ticker)
    moments = [store.chain_moments(set_name, ticker, day) for day in days]
    newest = store.chain(set_name, ticker, days[-1], moments[-1][-1])
    both = newest.select((pl.col("bid").is_not_null() & (pl.col("ask") > 0)).fill_null(False).mean()).collect().item()
    return ChainCoverage(
        market=f"recorded:{set_name}",
        ticker=ticker,
        sessions=len(days),
        first=days[0],
        last=days[-1],
        missing=missing(days),
        snapshots=sum(map(len, moments)),
        quotes="none" if both == 0 else "bid and ask" if both > 0.995 else f"both on {both:.0%}",
    )


def _bars(store: Store, interval: Interval) -> list[BarCoverage]:
    days = session_table()["day"]
    found: list[BarCoverage] = []
    for ticker in store.bar_tickers(interval):
        lazy = store.bars(ticker, interval)
        if lazy is None:
            continue
        # A day that trades round the clock begins on the eve, at 17:00.
        inside = pl.col("start") + pl.duration(hours=12 if interval is Interval.DAY else 0)
        day = inside.dt.convert_time_zone(NEW_YORK).dt.date()
        spans = (
            lazy.with_columns(day=day)
            .group_by("source", "adjusted")
            .agg(
                pl.len().alias("bars"),
                pl.col("day").filter(pl.col("day").is_in(days.implode())).n_unique().alias("sessions"),
                pl.col("start").min().alias("first"),
                pl.col("start").max().alias("last"),
            )
        )
        for row in spans.sort("source").collect().iter_rows(named=True):
            first, last = (row[name].astimezone(sessions.NEW_YORK).date() for name in ("first", "last"))
            between = len(sessions.between(first, last))
            found.append(
                BarCoverage(interval=interval, ticker=ticker, missing=max(0, between - row["sessions"]), **row)
            )
    return found


def _shelf(store: Store, shelf: str) -> list[ShelfCoverage]:
    found: list[ShelfCoverage] = []
    moment = _MOMENT.get(shelf, "day")
    for name in store.names(shelf) if SHELVES[shelf].by else ("",):
        lazy = store.rows(shelf, name)
        if lazy is None:
            continue
        day = pl.col(moment).cast(pl.Date)
        spans = lazy.group_by("source").agg(pl.len().alias("rows"), day.min().alias("first"), day.max().alias("last"))
        for row in spans.sort("source").collect().iter_rows(named=True):
            found.append(ShelfCoverage(shelf=shelf, name=name, **row))
    return found
