"""Recorded counts of a ticker's mentions, and which of several sources answers as of a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import polars as pl

from domain.market import Absent, Interval, SocialCounts

REACH = timedelta(days=60)  # counts older than this say nothing of now
_LENGTH = {Interval.HOUR: timedelta(hours=1), Interval.DAY: timedelta(days=1)}


class Counts(NamedTuple):
    """One source's counts of one interval, oldest first."""

    source: str
    interval: Interval
    rows: pl.DataFrame  # start known_at mentions total


def counts(frame: pl.DataFrame) -> tuple[Counts, ...]:
    """The rows of the shelf `social` by source and interval."""
    found: list[Counts] = []
    for (source, interval), rows in frame.partition_by("source", "interval", as_dict=True).items():
        rows = rows.select("start", "known_at", "mentions", "total").sort("start", "known_at")
        found.append(Counts(str(source), Interval(str(interval)), rows.unique("start", keep="first").sort("start")))
    return tuple(sorted(found, key=lambda held: (held.source, held.interval)))


def select(held: tuple[Counts, ...], ticker: str, as_of: datetime) -> SocialCounts | Absent:
    """The last sixty days of counts known at a moment, from the source with the newest, the finer of two.

    A count without the number of all posts beside it can't be told from a collector that looked more often, so such
    rows don't count; a source that has no others is as good as none, and the answer says so.
    """
    what = f"social counts of {ticker}"
    if not held:
        return Absent(what=what, why="nothing is recorded of this name")
    best: tuple[tuple[datetime, float], Counts, pl.DataFrame] | None = None
    bare: list[str] = []
    newest: datetime | None = None
    for source in held:
        known = source.rows.filter(pl.col("known_at") <= as_of)
        if known.height:
            last: datetime = known["start"][-1]
            newest = last if newest is None else max(newest, last)
        recent = known.filter(pl.col("start") >= as_of - REACH)
        whole = recent.drop_nulls(["mentions", "total"])
        if recent.height and not whole.height:
            bare.append(source.source)
        if not whole.height:
            continue
        length = _LENGTH.get(source.interval, timedelta(minutes=1))
        rank = (whole["start"][-1] + length, -length.total_seconds())
        if best is None or rank > best[0]:
            best = (rank, source, whole)
    if best is None:
        if bare:
            return Absent(what=what, why=f"{', '.join(bare)} has no totals of all posts to measure them by")
        if newest is None:
            return Absent(what=what, why=f"none known on {as_of:%Y-%m-%d}")
        return Absent(what=what, why=f"none after {newest.astimezone(UTC):%Y-%m-%d}")
    _, source, rows = best
    return SocialCounts(
        source=source.source,
        interval=source.interval,
        times=tuple(moment.astimezone(UTC) for moment in rows["start"].to_list()),
        mentions=tuple(rows["mentions"].to_list()),
        totals=tuple(rows["total"].to_list()),
        known_at=rows["known_at"].max().astimezone(UTC),  # type: ignore[union-attr]
    )
