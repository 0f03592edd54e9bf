"""Coarser bars out of finer ones: anchors, half days, gaps, revisions, and bar by bar the same as in one go."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.market import Interval
from tools import sessions
from tools.market.resample import FINEST_FIRST, SECONDS, Aggregator, Bar, Bars, resample

DAY = date(2024, 7, 2)
HALF = date(2024, 7, 3)  # the exchange closes at 13:00 before Independence Day
AFTER = date(2024, 7, 5)
M1, M5, M15, H1, D1 = FINEST_FIRST


def at(day: date, hour: int, minute: int) -> int:
    return int(sessions.new_york(day, hour, minute).timestamp())


def minutes(day: date, interval: Interval = M1) -> list[Bar]:
    """A whole session of bars: price goes up by 0.25 a bar, wicks of a dime, volumes of 1, 2, 3, ..."""
    opened, closed = (int(moment.timestamp()) for moment in sessions.open_close(day))
    step = SECONDS[interval]
    starts = range(opened, closed, step)
    return [
        Bar(start, min(start + step, closed), p := 100 + i / 4, p + 0.35, p - 0.1, p + 0.25, float(i + 1))
        for i, start in enumerate(starts)
    ]


def test_hours_are_anchored_at_the_open_and_the_last_is_half_an_hour() -> None:
    made = resample(Bars.of(minutes(DAY)), M1, H1)
    assert made.start.tolist() == [at(DAY, hour, 30) for hour in range(9, 16)]
    assert made.known_at.tolist() == [*(at(DAY, hour, 30) for hour in range(10, 16)), at(DAY, 16, 0)]
    first, last = made.row(0), made.row(6)
    assert first == Bar(at(DAY, 9, 30), at(DAY, 10, 30), 100, 115.1, 99.9, 115, sum(range(1, 61)))
    assert last == Bar(at(DAY, 15, 30), at(DAY, 16, 0), 190, 197.6, 189.9, 197.5, sum(range(361, 391)))


def test_a_half_day_ends_at_one() -> None:
    made = resample(Bars.of(minutes(HALF, M5)), M5, H1)
    assert made.start.tolist() == [at(HALF, hour, 30) for hour in (9, 10, 11, 12)]
    assert made.known_at[-1] == at(HALF, 13, 0)
    assert made.volume[-1] == sum(range(37, 43))  # six bars of five minutes
    day = resample(Bars.of(minutes(HALF)), M1, D1)
    assert day.row(0) == Bar(at(HALF, 9, 30), at(HALF, 13, 15), 100, 152.6, 99.9, 152.5, sum(range(1, 211)))


def test_a_day_is_known_fifteen_minutes_after_its_close() -> None:
    made = resample(Bars.of(minutes(DAY)), M1, D1)
    assert made.row(0) == Bar(at(DAY, 9, 30), at(DAY, 16, 15), 100, 197.6, 99.9, 197.5, sum(range(1, 391)))
    late = [bar._replace(known_at=at(AFTER, 8, 0)) if i == 5 else bar for i, bar in enumerate(minutes(DAY))]
    assert resample(Bars.of(late), M1, D1).known_at.tolist() == [at(AFTER, 8, 0)]


@pytest.mark.parametrize("missing", [0, 7, 389])
def test_a_bucket_that_lacks_a_bar_is_left_out(missing: int) -> None:
    rows = minutes(DAY)
    del rows[missing]
    assert len(resample(Bars.of(rows), M1, D1).start) == 0
    hours = resample(Bars.of(rows), M1, H1)
    assert len(hours.start) == 6
    assert at(DAY, 9 + missing // 60, 30) not in hours.start
    assert len(resample(Bars.of(rows + minutes(AFTER)), M1, D1).start) == 1


def test_unknown_is_not_zero() -> None:
    rows = minutes(DAY)
    rows[3] = rows[3]._replace(volume=math.nan)
    made = resample(Bars.of(rows), M1, H1)
    assert np.isnan(made.volume).tolist() == [True, *[False] * 6]
    rows[3] = rows[3]._replace(close=math.nan)
    assert resample(Bars.of(rows), M1, H1).start.tolist() == [at(DAY, hour, 30) for hour in range(10, 16)]
    closes = [bar._replace(open=math.nan, high=math.nan, low=math.nan) for bar in minutes(DAY)]
    (close,) = (bar for bar in [resample(Bars.of(closes), M1, D1).row(0)])
    assert (math.isnan(close.open), math.isnan(close.high), math.isnan(close.low), close.close) == (*[True] * 3, 197.5)


def test_bars_outside_regular_hours_and_off_the_grid_are_not_used() -> None:
    whole = minutes(DAY)
    early = whole[0]._replace(start=at(DAY, 9, 25), high=999.0)
    late = whole[0]._replace(start=at(DAY, 16, 0), high=999.0)
    sunday = whole[0]._replace(start=at(date(2024, 7, 7), 11, 0), high=999.0)
    odd = whole[0]._replace(start=at(DAY, 11, 0) + 20, high=999.0)
    made = resample(Bars.of([*whole, early, late, sunday, odd]), M1, D1)
    assert made.row(0) == resample(Bars.of(whole), M1, D1).row(0)
    vendor_hours = [whole[0]._replace(start=at(DAY, hour, 0)) for hour in range(10, 16)]
    assert len(resample(Bars.of(vendor_hours), H1, D1).start) == 0  # hours on the hour fit no session's grid


def test_only_longer_bars_are_made() -> None:
    for finer, coarser in ((M5, M1), (M5, M5), (D1, H1), (D1, D1)):
        with pytest.raises(BadInput, match="must be the longer ones"):
            resample(Bars.of([]), finer, coarser)
    assert len(resample(Bars.of([]), M1, D1).start) == 0
    aggregator = Aggregator(M1, M5)
    aggregator.add(minutes(DAY)[1])
    with pytest.raises(BadInput, match="oldest first"):
        aggregator.add(minutes(DAY)[1])


def test_a_revision_is_known_from_its_own_moment_on() -> None:
    rows = minutes(DAY)
    fix = rows[200]._replace(known_at=at(AFTER, 9, 0), high=500.0)
    again = rows[200]._replace(known_at=at(AFTER, 10, 0), high=500.0)  # says nothing new
    made = resample(Bars.of([*rows, fix, again]), M1, D1)
    assert made.known_at.tolist() == [at(DAY, 16, 15), at(AFTER, 9, 0)]
    assert made.high.tolist() == [197.6, 500.0]
    assert made.known(at(AFTER, 8, 0)).high.tolist() == [197.6]
    assert made.known(at(AFTER, 9, 0)).high.tolist() == [500.0]


_DAYS = (DAY, HALF, AFTER)
_FINE = {interval: [bar for day in _DAYS for bar in minutes(day, interval)] for interval in (M1, M5, M15, H1)}


@st.composite
def feeds(draw: st.DrawFn) -> tuple[Interval, Interval, list[Bar]]:
    """Finer bars of three sessions with holes, unknown volumes, odd prices and late receipts."""
    finer = draw(st.sampled_from((M5, M15, H1)))
    coarser = draw(st.sampled_from(FINEST_FIRST[FINEST_FIRST.index(finer) + 1 :]))
    rows = _FINE[finer]
    gone = draw(st.sets(st.integers(0, len(rows) - 1), max_size=4))
    unknown = draw(st.sets(st.integers(0, len(rows) - 1), max_size=3))
    late = draw(st.dictionaries(st.integers(0, len(rows) - 1), st.integers(1, 200_000), max_size=5))
    high = draw(st.dictionaries(st.integers(0, len(rows) - 1), st.floats(1, 1e6), max_size=5))
    volume = draw(st.dictionaries(st.integers(0, len(rows) - 1), st.floats(0, 1e9), max_size=9))
    made = []
    for i, bar in enumerate(rows):
        if i not in gone:
            bar = bar._replace(known_at=bar.known_at + late.get(i, 0), high=high.get(i, bar.high))
            made.append(bar._replace(volume=math.nan if i in unknown else volume.get(i, bar.volume)))
    return finer, coarser, made


def rows_of(bars: Bars) -> list[tuple[float, ...]]:
    return [tuple(bars.row(i)) for i in range(len(bars.start))]


def same(one: list[tuple[float, ...]], other: list[tuple[float, ...]]) -> bool:
    return len(one) == len(other) and np.array_equal(np.array(one), np.array(other), equal_nan=True)


@settings(max_examples=80, deadline=None)
@given(feeds())
def test_bar_by_bar_is_in_one_go(feed: tuple[Interval, Interval, list[Bar]]) -> None:
    finer, coarser, rows = feed
    aggregator = Aggregator(finer, coarser)
    one_by_one = [tuple(made) for bar in rows if (made := aggregator.add(bar)) is not None]
    assert same(one_by_one, rows_of(resample(Bars.of(rows), finer, coarser)))


@settings(max_examples=60, deadline=None)
@given(feeds(), st.lists(st.tuples(st.integers(0, 20), st.integers(0, 200_000)), max_size=4), st.integers(0, 400_000))
def test_cutting_off_the_future_changes_nothing(
    feed: tuple[Interval, Interval, list[Bar]], revisions: list[tuple[int, int]], after: int
) -> None:
    """What a moment sees of the aggregates is what the bars known at that moment give, revisions and all."""
    finer, coarser, rows = feed
    fixes = [
        rows[i]._replace(known_at=rows[i].known_at + 60 + by, high=rows[i].high + 1)
        for i, by in dict(revisions).items()
        if i < len(rows)
    ]
    moment = at(DAY, 12, 0) + after
    everything = Bars.of([*rows, *fixes])
    whole = resample(everything, finer, coarser).known(moment)
    past = resample(everything.known(moment), finer, coarser).known(moment)
    # a day that is complete before it can be had (16:15) is cut off by its own moment on both sides
    assert same([row[:1] + row[2:] for row in rows_of(whole)], [row[:1] + row[2:] for row in rows_of(past)])


def test_by_way_of_five_minutes_or_straight() -> None:
    rows = Bars.of(minutes(DAY))
    five = resample(rows, M1, M5)
    for coarser in (M15, H1, D1):
        assert same(rows_of(resample(five, M5, coarser)), rows_of(resample(rows, M1, coarser)))
