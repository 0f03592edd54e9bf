"""Bars of one ticker in memory, and which of several sources answers as of a moment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from domain.errors import BadInput
from domain.market import Absent, ActionKind, BarSeries, CorporateAction, Interval
from tools import sessions
from tools.market.resample import Bars, grid, resample

Ints = NDArray[np.int64]

GAP_SESSIONS = 10  # a hole longer than this ends a series: what lies before it is not its past
FRESH_SESSIONS = 5  # a series whose last bar is older than this has ended
_PRICES = ("open", "high", "low", "close")


class Split(NamedTuple):
    """A day before which raw prices do not compare with those after, and since when that is known."""

    day: date
    known_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)


class Source(NamedTuple):
    """One source's bars of one interval, oldest first, with every revision."""

    name: str
    adjusted: bool
    finer: Interval | None  # made of bars of this interval; None: held as they are
    bars: Bars
    ordered: bool  # known one after the other and never revised: a moment cuts them by bisection
    breaks: Ints  # moments, epoch seconds, at which a raw series begins anew ...
    breaks_known: Ints  # ... and since when that is known


def sources(frame: pl.DataFrame, splits: Iterable[date | Split] = ()) -> tuple[Source, ...]:
    """The store's rows (columns as its bars) by source, in the order of their names.

    Raw series begin anew at a split; a bare day is one that was known all along.
    """
    breaks = sorted(Split(split) if isinstance(split, date) else split for split in splits)
    found: list[Source] = []
    keys = ["source", "adjusted"]
    for (name, adjusted), group in frame.partition_by(keys, as_dict=True, maintain_order=True).items():
        rows = group.unique(["start", "known_at"], keep="first", maintain_order=True).sort("start", "known_at")
        bars = Bars._make(
            (
                *(rows[name].dt.epoch("s").to_numpy() for name in ("start", "known_at")),
                *(rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in (*_PRICES, "volume")),
            )
        )
        cuts = () if adjusted else breaks
        found.append(
            Source(
                name=str(name),
                adjusted=bool(adjusted),
                finer=None,
                bars=bars,
                ordered=_ordered(bars),
                breaks=_epochs(sessions.new_york(cut.day, 0, 0) for cut in cuts),
                breaks_known=_epochs(cut.known_at for cut in cuts),
            )
        )
    return tuple(sorted(found, key=lambda source: source.name))


def _ordered(bars: Bars) -> bool:
    return not bars.revised and bool((np.diff(bars.known_at) >= 0).all())


def _epochs(moments: Iterable[datetime]) -> Ints:
    return np.array([int(moment.timestamp()) for moment in moments], dtype=np.int64)


def aggregate(source: Source, finer: Interval, coarser: Interval) -> Source:
    """A source's bars made into longer ones, under the same name and the interval that they are made of."""
    bars = resample(source.bars, finer, coarser)
    return source._replace(
        name=f"{source.name}, from {finer.value} bars", finer=finer, bars=bars, ordered=_ordered(bars)
    )


def select(
    held: tuple[Source, ...],
    ticker: str,
    interval: Interval,
    what: str,
    as_of: datetime,
    count: int,
    *,
    closes: bool = False,
) -> BarSeries | Absent:
    """The last `count` bars known at a moment, from one source, unbroken by holes or splits.

    Of the sources that reach to within five sessions of the moment, those with open, high and low come before those
    with closes alone (unless `closes` says that a close is all that is asked for), held bars before bars made of finer
    ones, then the newest session, then unadjusted bars, then the first in the order of `held`.

    Absent when no source reaches that far, with the day the bars end.
    """
    stamp = as_of.timestamp()
    days, opens = sessions.schedule().days, grid().opens
    today = int(np.searchsorted(days, as_of.astimezone(sessions.NEW_YORK).date().toordinal(), side="right")) - 1
    best: tuple[tuple[bool, bool, bool, int, bool], Source, Bars] | None = None
    for source in held:
        bars = _known(source, stamp)
        if not len(bars.start):
            continue
        newest = int(np.searchsorted(opens, bars.start[-1], side="right")) - 1
        fresh = today - newest <= FRESH_SESSIONS
        whole = closes or bool(np.isfinite([bars.open[-1], bars.high[-1], bars.low[-1]]).all())
        rank = (fresh and whole, fresh, fresh and source.finer is None, newest, not source.adjusted)
        if best is None or rank > best[0]:
            best = (rank, source, bars)
    if best is None:
        return Absent(what=what, why=f"none known on {as_of:%Y-%m-%d}")
    (_, fresh, _, newest, _), source, bars = best
    if not fresh:
        return Absent(what=what, why=f"no {what} after {date.fromordinal(days[newest])}")
    bars = bars.take(slice(max(0, len(bars.start) - count), None))
    bars = bars.take(slice(_run(source, bars, opens, stamp), None))
    return BarSeries(ticker=ticker, interval=interval, source=source.name, adjusted=source.adjusted, **bars._asdict())


def _known(source: Source, stamp: float) -> Bars:
    if source.ordered:
        return source.bars.take(slice(0, int(np.searchsorted(source.bars.known_at, stamp, side="right"))))
    return source.bars.known(stamp)


def _run(source: Source, bars: Bars, opens: Ints, stamp: float) -> int:
    """Where the unbroken run that ends with the last bar begins."""
    session = np.searchsorted(opens, bars.start, side="right") - 1
    begins = np.diff(session, prepend=session[:1]) - 1 > GAP_SESSIONS
    breaks = source.breaks[source.breaks_known <= stamp]
    side = np.searchsorted(breaks, bars.start, side="right")
    begins |= np.diff(side, prepend=side[:1]) > 0
    found = np.flatnonzero(begins)
    return int(found[-1]) if len(found) else 0


def adjust(bars: BarSeries, actions: Iterable[CorporateAction]) -> BarSeries:
    """Raw bars in the shares of today: prices before a split divided by its ratio, volumes multiplied by it.

    Dividends change nothing here. Raises BadInput for bars that are adjusted already and for a split without its ratio.
    """
    if bars.adjusted:
        raise BadInput(f"{bars.source}'s bars of {bars.ticker} are adjusted already; hand over raw ones")
    factor = np.ones(len(bars))
    for action in actions:
        if action.kind is not ActionKind.SPLIT:
            continue
        if action.ratio is None or not action.ratio > 0:
            raise BadInput(f"the split of {bars.ticker} on {action.day} has no ratio; say how many shares one became")
        factor[bars.start < sessions.new_york(action.day, 0, 0).timestamp()] *= action.ratio
    return BarSeries(
        ticker=bars.ticker,
        interval=bars.interval,
        source=f"{bars.source}, adjusted for splits",
        adjusted=True,
        start=bars.start,
        known_at=bars.known_at,
        **{name: getattr(bars, name) / factor for name in _PRICES},
        volume=bars.volume * factor,
    )
