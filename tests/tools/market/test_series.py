"""Which of several sources of bars answers, where a series begins anew, and when it has ended."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.market import Absent, BarSeries, Interval
from tools import sessions
from tools.market import series

DAYS = sessions.between(date(2024, 1, 2), date(2024, 12, 31))


def daily(days: tuple[date, ...], source: str = "a", adjusted: bool = False, price: float = 100.0) -> pl.DataFrame:
    opens = [sessions.open_close(day)[0] for day in days]
    known = [sessions.daily_known_at(day) for day in days]
    prices = {name: [price + i for i in range(len(days))] for name in ("open", "high", "low", "close")}
    return pl.DataFrame(
        {
            "start": pl.Series(opens, dtype=pl.Datetime("us", "UTC")),
            "known_at": pl.Series(known, dtype=pl.Datetime("us", "UTC")),
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in prices.items()},
            "volume": pl.Series([None] * len(days), dtype=pl.Float64),
            "adjusted": pl.Series([adjusted] * len(days), dtype=pl.Boolean),
            "source": pl.Series([source] * len(days), dtype=pl.String),
        }
    )


def select(frame: pl.DataFrame, moment: datetime, count: int = 10_000, splits: tuple[date, ...] = ()) -> BarSeries:
    found = series.select(series.sources(frame, splits), "X", Interval.DAY, "daily bars of X", moment, count)
    assert isinstance(found, BarSeries)
    return found


def evening(day: date) -> datetime:
    return sessions.daily_known_at(day)


def test_only_what_is_known() -> None:
    frame = daily(DAYS)
    assert len(select(frame, evening(DAYS[50]))) == 51
    assert len(select(frame, evening(DAYS[50]) - timedelta(seconds=1))) == 50
    assert len(select(frame, evening(DAYS[50]), count=7)) == 7


def test_the_newest_source_wins_then_the_unadjusted_one_then_the_name() -> None:
    raw, adjusted = daily(DAYS[:100], "raw"), daily(DAYS, "adjusted", adjusted=True)
    both = pl.concat([raw, adjusted])
    assert select(both, evening(DAYS[99])).source == "raw"
    assert select(both, evening(DAYS[100])).source == "adjusted"
    assert select(both, evening(DAYS[100])).adjusted
    twins = pl.concat([daily(DAYS, "z"), daily(DAYS, "b")])
    assert select(twins, evening(DAYS[5])).source == "b"


def test_a_hole_or_a_split_begins_a_series_anew() -> None:
    holed = daily(DAYS[:100] + DAYS[111:])
    assert len(select(holed, evening(DAYS[99]))) == 100
    assert len(select(holed, evening(DAYS[120]))) == 10
    assert len(select(daily(DAYS[:100] + DAYS[110:]), evening(DAYS[120]))) == 111
    split = (DAYS[60],)
    assert len(select(daily(DAYS), evening(DAYS[59]), splits=split)) == 60
    assert len(select(daily(DAYS), evening(DAYS[69]), splits=split)) == 10
    assert len(select(daily(DAYS, adjusted=True), evening(DAYS[69]), splits=split)) == 70


def test_a_series_that_has_ended_is_absent_with_its_last_day() -> None:
    frame = daily(DAYS[:100])
    assert len(select(frame, evening(DAYS[104]))) == 100
    held = series.sources(frame)
    gone = series.select(held, "X", Interval.DAY, "daily bars of X", evening(DAYS[105]), 10)
    assert gone == Absent(what="daily bars of X", why=f"no daily bars of X after {DAYS[99]}")
    early = series.select(held, "X", Interval.DAY, "daily bars of X", datetime(2023, 6, 1, tzinfo=UTC), 10)
    assert early == Absent(what="daily bars of X", why="none known on 2023-06-01")


def test_a_second_row_of_the_same_start_is_dropped() -> None:
    assert len(select(pl.concat([daily(DAYS), daily(DAYS)]), evening(DAYS[9]))) == 10


@settings(max_examples=60, deadline=None)
@given(
    present=st.lists(st.booleans(), min_size=60, max_size=60),
    at=st.integers(0, 59),
    later=st.integers(0, 72),
    count=st.integers(1, 80),
)
def test_the_future_changes_nothing(present: list[bool], at: int, later: int, count: int) -> None:
    """Whatever bars there are, an answer as of t is that of a store that ends at t."""
    days = tuple(day for day, there in zip(DAYS, present, strict=False) if there)
    frame = pl.concat([daily(days, "a"), daily(DAYS[20:55], "b", adjusted=True)])
    moment = evening(DAYS[at]) + timedelta(hours=later)
    whole = series.select(series.sources(frame), "X", Interval.DAY, "bars", moment, count)
    past = frame.filter(pl.col("known_at") <= moment)
    cut = series.select(series.sources(past), "X", Interval.DAY, "bars", moment, count)
    if isinstance(whole, Absent) or isinstance(cut, Absent):
        assert whole == cut
        return
    assert whole.source == cut.source
    assert whole.start.tolist() == cut.start.tolist()
    assert whole.close.tolist() == cut.close.tolist()
    assert whole.known_at.max() <= moment.timestamp()


@pytest.mark.parametrize("interval", [Interval.HOUR, Interval.FIVE_MINUTES])
def test_no_sources(interval: Interval) -> None:
    answer = series.select((), "X", interval, "bars of X", datetime(2024, 1, 2, tzinfo=UTC), 5)
    assert isinstance(answer, Absent)
