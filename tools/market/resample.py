"""Coarser bars out of finer ones: pure kernels on arrays, in one go or bar by bar with the same result.

Buckets are anchored at the session's open: an hour begins at 09:30, 10:30, ...; the last one of a session ends with it,
16:00 or 13:00. A bucket exists only when every one of its finer bars is there and has a close: one that lacks a bar is
left out, never filled in, so that its high, low and volume are those of the whole span. Finer bars outside regular
hours, or off the grid of their own length from the open, are not used.

open of the first, highest high, lowest low, close of the last, sum of volume; what is unknown (NaN) in one finer bar is
unknown in the sum of all. An aggregate is known when its last finer bar is, a daily one not before fifteen minutes
after the close.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadInput
from domain.market import Interval
from tools import sessions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SECONDS = {Interval.MINUTE: 60, Interval.FIVE_MINUTES: 300, Interval.FIFTEEN_MINUTES: 900, Interval.HOUR: 3600}
FINEST_FIRST = (*SECONDS, Interval.DAY)
_AFTER_CLOSE_S = 900  # a daily bar can be had fifteen minutes after the close


class Bar(NamedTuple):
    """One bar; times in epoch seconds, UTC."""

    start: int
    known_at: int
    open: float
    high: float
    low: float
    close: float
    volume: float  # NaN: unknown


class Bars(NamedTuple):
    """Bars in order of (start, known_at). Arrays of shape (n,); times in epoch seconds, UTC.

    Several rows of one start are its revisions, each with the moment from which it holds.
    """

    start: Ints
    known_at: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats  # NaN: unknown

    @property
    def revised(self) -> bool:
        """True when some start has more than one row."""
        return bool((self.start[1:] == self.start[:-1]).any())

    def take(self, rows: NDArray[np.generic] | slice) -> Bars:
        """The rows that an index, a mask or a slice picks."""
        return Bars._make(column[rows] for column in self)

    def row(self, at: int) -> Bar:
        """One row."""
        start, known_at, *values = (column[at] for column in self)
        return Bar(int(start), int(known_at), *(float(value) for value in values))

    def known(self, stamp: float) -> Bars:
        """What was known at a moment: of each start the newest row known by then."""
        rows = np.flatnonzero(self.known_at <= stamp)
        last = np.append(self.start[rows[1:]] != self.start[rows[:-1]], True) if len(rows) else rows
        return self.take(rows[last.astype(bool)])

    @classmethod
    def of(cls, rows: list[Bar]) -> Bars:
        """Bars from single rows, put in order."""
        rows = sorted(rows, key=lambda row: (row.start, row.known_at))
        columns = list(zip(*rows, strict=True)) or [()] * len(cls._fields)
        times = (np.array(column, dtype=np.int64) for column in columns[:2])
        values = (np.array(column, dtype=np.float64) for column in columns[2:])
        return cls._make((*times, *values))


class Grid(NamedTuple):
    """Sessions of the exchange: opens and closes in epoch seconds, shape (sessions,)."""

    opens: Ints
    closes: Ints


@cache
def grid() -> Grid:
    """The sessions as arrays."""
    table = sessions.schedule()
    return Grid(np.array(table.opens, dtype=np.int64), np.array(table.closes, dtype=np.int64))


class _Buckets(NamedTuple):
    """Of each finer bar: whether it is on the grid, and begin, end, first possible `known_at` of its bucket."""

    usable: NDArray[np.bool_]
    begin: Ints
    expected: Ints  # finer bars in the bucket
    earliest: Ints


def _buckets(start: Ints, finer: Interval, coarser: Interval) -> _Buckets:
    if finer not in SECONDS or FINEST_FIRST.index(coarser) <= FINEST_FIRST.index(finer):
        raise BadInput(f"{coarser.value} bars cannot be made of {finer.value} bars; they must be the longer ones")
    table, step = grid(), SECONDS[finer]
    session = np.searchsorted(table.opens, start, side="right") - 1
    opened, closed = table.opens[session], table.closes[session]
    offset = start - opened
    usable = (session >= 0) & (start < closed) & (offset % step == 0)
    if coarser is Interval.DAY:
        begin, end = opened, closed
        earliest = closed + _AFTER_CLOSE_S
    else:
        length = SECONDS[coarser]
        begin = opened + offset // length * length
        end = np.minimum(begin + length, closed)
        earliest = end
    return _Buckets(usable, begin, -((begin - end) // step), earliest)


def resample(bars: Bars, finer: Interval, coarser: Interval) -> Bars:
    """Bars of `coarser` out of bars of `finer`, in order of (start, known_at).

    A revised finer bar gives a revised aggregate, known when the revision was: what was known before stays as it was.
    Raises BadInput when `coarser` is not the longer interval.
    """
    buckets = _buckets(bars.start, finer, coarser)
    rows = np.flatnonzero(buckets.usable & np.isfinite(bars.close))
    if not len(rows):
        return Bars.of([])
    used, begin = bars.take(rows), buckets.begin[rows]
    expected, earliest = buckets.expected[rows], buckets.earliest[rows]
    first = np.flatnonzero(np.append(True, begin[1:] != begin[:-1]))
    last = np.append(first[1:], len(begin)) - 1
    group = np.repeat(np.arange(len(first)), last - first + 1)
    again = np.append(False, used.start[1:] == used.start[:-1])
    revised = np.bincount(group, weights=again) > 0
    whole = ~revised & (last - first + 1 == expected[first])
    plain = Bars(
        start=begin[first],
        known_at=np.maximum(np.maximum.reduceat(used.known_at, first), earliest[first]),
        open=used.open[first],
        high=np.maximum.reduceat(used.high, first),
        low=np.minimum.reduceat(used.low, first),
        close=used.close[last],
        volume=np.bincount(group, weights=used.volume).astype(
            np.float64
        ),  # adds in the order of the bars, as `Aggregator` does
    ).take(whole)
    if not revised.any():
        return plain
    versions: list[Bar] = []
    for number in np.flatnonzero(revised):
        part = slice(first[number], last[number] + 1)
        versions += _versions(used.take(part), finer, coarser, int(earliest[first[number]]))
    return _merged(plain, Bars.of(versions))


def _versions(bars: Bars, finer: Interval, coarser: Interval, earliest: int) -> list[Bar]:
    """One bucket as it was known from each moment on; a row that says nothing new is left out."""
    found: dict[int, Bar] = {}
    for moment in np.unique(bars.known_at):
        made = resample(bars.known(float(moment)), finer, coarser)
        if len(made.start):
            found[max(int(moment), earliest)] = made.row(0)._replace(known_at=max(int(moment), earliest))
    kept: list[Bar] = []
    for bar in found.values():
        if not kept or not np.array_equal(kept[-1][2:], bar[2:], equal_nan=True):
            kept.append(bar)
    return kept


def _merged(one: Bars, other: Bars) -> Bars:
    both = Bars._make(np.concatenate(pair) for pair in zip(one, other, strict=True))
    return both.take(np.lexsort((both.known_at, both.start)))


class Aggregator:
    """The same, one finer bar at a time, oldest first; its state is the bucket under way."""

    def __init__(self, finer: Interval, coarser: Interval) -> None:
        self._finer, self._coarser = finer, coarser
        self._bar: Bar | None = None
        self._count = 0
        self._last = -1

    def add(self, bar: Bar) -> Bar | None:
        """Take the next finer bar; the aggregate that it completes, if it does.

        Raises BadInput for a bar that is not later than the one before.
        """
        if bar.start <= self._last:
            raise BadInput(f"a bar of {bar.start} came after one of {self._last}; hand bars over oldest first")
        self._last = bar.start
        bucket = _buckets(np.array([bar.start], dtype=np.int64), self._finer, self._coarser)
        if not bucket.usable[0] or not np.isfinite(bar.close):
            return None
        begin = int(bucket.begin[0])
        held = self._bar
        if held is None or held.start != begin:
            self._bar, self._count = bar._replace(start=begin), 1
        else:
            self._bar = Bar(
                start=begin,
                known_at=max(held.known_at, bar.known_at),
                open=held.open,
                high=float(np.maximum(held.high, bar.high)),
                low=float(np.minimum(held.low, bar.low)),
                close=bar.close,
                volume=held.volume + bar.volume,
            )
            self._count += 1
        if self._count < int(bucket.expected[0]):
            return None
        assert self._bar is not None
        return self._bar._replace(known_at=max(self._bar.known_at, int(bucket.earliest[0])))
