"""Recorded bars of one ticker in memory, and which of several sources answers as of a moment."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from domain.market import Absent, BarSeries, Interval
from tools import sessions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GAP_SESSIONS = 10  # a hole longer than this ends a series: what lies before it is not its past
FRESH_SESSIONS = 5  # a series whose last bar is older than this has ended
_FIELDS = ("open", "high", "low", "close", "volume")


class Source(NamedTuple):
    """One source's bars, oldest first. Arrays of shape (n,); `run` is where the unbroken run of each bar begins."""

    name: str
    adjusted: bool
    start: Ints
    known_at: Ints
    session: Ints  # index of the bar's session in the calendar
    run: Ints
    columns: dict[str, Floats]


def sources(frame: pl.DataFrame, splits: tuple[date, ...] = ()) -> tuple[Source, ...]:
    """Split the store's rows (columns as its bars) by source. Raw series begin anew at a split."""
    opens = np.array(sessions.schedule().opens, dtype=np.int64)
    breaks = np.array([int(sessions.new_york(day, 0, 0).timestamp()) for day in splits], dtype=np.int64)
    found: list[Source] = []
    keys = ["source", "adjusted"]
    for (name, adjusted), group in frame.partition_by(keys, as_dict=True, maintain_order=True).items():
        rows = group.unique("start", keep="first", maintain_order=True).sort("start")
        start = rows["start"].dt.epoch("s").to_numpy()
        session = np.searchsorted(opens, start, side="right") - 1
        begins = np.diff(session, prepend=session[:1]) - 1 > GAP_SESSIONS
        if not adjusted:
            begins |= np.diff(np.searchsorted(breaks, start, side="right"), prepend=0) > 0
        begins[:1] = True
        run = np.maximum.accumulate(np.where(begins, np.arange(len(start)), 0))
        found.append(
            Source(
                name=str(name),
                adjusted=bool(adjusted),
                start=start,
                known_at=rows["known_at"].dt.epoch("s").to_numpy(),
                session=session,
                run=run,
                columns={name: rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in _FIELDS},
            )
        )
    return tuple(sorted(found, key=lambda source: source.name))


def select(
    held: tuple[Source, ...], ticker: str, interval: Interval, what: str, as_of: datetime, count: int
) -> BarSeries | Absent:
    """The last `count` bars known at a moment, from the source with the newest session.

    Of several, unadjusted bars win, then the first source by name.

    Absent when no source reaches to within five sessions of the moment, with the day the bars end.
    """
    stamp = as_of.timestamp()
    best: tuple[tuple[int, bool], Source, int] | None = None
    for source in held:
        known = int(np.searchsorted(source.known_at, stamp, side="right"))
        if known == 0:
            continue
        rank = (int(source.session[known - 1]), not source.adjusted)
        if best is None or rank > best[0]:
            best = (rank, source, known)
    if best is None:
        return Absent(what=what, why=f"none known on {as_of:%Y-%m-%d}")
    (newest, _), source, known = best
    days = sessions.schedule().days
    today = int(np.searchsorted(days, as_of.astimezone(sessions.NEW_YORK).date().toordinal(), side="right")) - 1
    if today - newest > FRESH_SESSIONS:
        last = date.fromordinal(days[newest])
        return Absent(what=what, why=f"no {what} after {last}")
    first = max(int(source.run[known - 1]), known - count)
    part = slice(first, known)
    return BarSeries(
        ticker=ticker,
        interval=interval,
        source=source.name,
        adjusted=source.adjusted,
        start=source.start[part],
        known_at=source.known_at[part],
        **{name: values[part] for name, values in source.columns.items()},
    )
