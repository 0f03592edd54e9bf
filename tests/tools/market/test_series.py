"""Which of several sources of bars answers, where a series begins anew, and when it has ended."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.market import Absent, ActionKind, BarSeries, CorporateAction, Interval
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


def test_a_source_of_closes_alone_answers_only_when_no_whole_one_reaches() -> None:
    closes = daily(DAYS, "closes").with_columns(open=pl.lit(None, pl.Float64), high=None, low=None)
    whole = daily(DAYS[:100], "whole", adjusted=True)
    both = pl.concat([closes, whole], how="vertical_relaxed")
    assert select(both, evening(DAYS[104])).source == "whole"
    assert select(both, evening(DAYS[105])).source == "closes"
    held = series.sources(both)
    found = series.select(held, "VIX", Interval.DAY, "daily values of VIX", evening(DAYS[104]), 10, closes=True)
    assert isinstance(found, BarSeries)
    assert found.source == "closes"  # of an index the close is all that is asked for


def five_minutes(day: date, source: str) -> pl.DataFrame:
    opened, closed = sessions.open_close(day)
    starts = [opened + timedelta(minutes=5 * i) for i in range(int((closed - opened).total_seconds()) // 300)]
    frame = daily((day,) * len(starts), source)
    known = [start + timedelta(minutes=5) for start in starts]
    return frame.with_columns(
        pl.Series("start", starts, dtype=pl.Datetime("us", "UTC")),
        pl.Series("known_at", known, dtype=pl.Datetime("us", "UTC")),
    )


def test_held_bars_win_while_they_reach_and_then_bars_made_of_finer_ones() -> None:
    fine = pl.concat([five_minutes(day, "fine") for day in DAYS[90:110]])
    made = tuple(
        series.aggregate(one, Interval.FIVE_MINUTES, Interval.DAY) for one in series.sources(fine, (DAYS[108],))
    )
    held = (*series.sources(daily(DAYS[:100], "coarse")), *made)

    def at(moment: datetime) -> BarSeries:
        found = series.select(held, "X", Interval.DAY, "daily bars", moment, 50)
        assert isinstance(found, BarSeries)
        return found

    assert at(evening(DAYS[104])).source == "coarse"
    assert at(evening(DAYS[105])).source == "fine, from 5m bars"
    assert len(at(evening(DAYS[107]))) == 18
    assert len(at(evening(DAYS[109]))) == 2  # a split ends it, as it does the bars that it is made of
    assert at(evening(DAYS[107])).close.tolist()[-1] == 100 + 77
    assert len(at(evening(DAYS[107]) - timedelta(seconds=1))) == 17


def test_a_revision_changes_no_earlier_answer() -> None:
    first = daily(DAYS[:30], "live")
    fixed = first[20:21].with_columns(close=pl.lit(0.5), known_at=pl.lit(evening(DAYS[25])).dt.cast_time_unit("us"))
    both = pl.concat([first, fixed])
    assert select(both, evening(DAYS[24])).close.tolist() == select(first, evening(DAYS[24])).close.tolist()
    assert select(both, evening(DAYS[25])).close[20] == 0.5
    assert len(select(both, evening(DAYS[25]))) == 26
    old = daily(DAYS[:10], "live").with_columns(known_at=pl.lit(evening(DAYS[28])).dt.cast_time_unit("us"))
    late = pl.concat([old, first[10:]])  # a past that was received late
    assert len(select(late, evening(DAYS[27]))) == 18
    assert len(select(late, evening(DAYS[28]))) == 29


def test_a_split_cuts_from_when_it_is_known() -> None:
    split = series.Split(DAYS[60], known_at=evening(DAYS[62]))
    found = series.sources(daily(DAYS), (split,))
    lengths = []
    for i in (59, 61, 62):
        answer = series.select(found, "X", Interval.DAY, "bars", evening(DAYS[i]), 1000)
        assert isinstance(answer, BarSeries)
        lengths.append(len(answer))
    assert lengths == [60, 62, 3]


def action(kind: ActionKind, day: date, ratio: float | None) -> CorporateAction:
    return CorporateAction(
        kind=kind, day=day, ratio=ratio, amount=None, note="", source="test", known_at=evening(DAYS[0])
    )


def test_bars_adjusted_for_splits() -> None:
    raw = select(daily(DAYS[:6]).with_columns(volume=pl.lit(10.0)), evening(DAYS[5]))
    splits = (action(ActionKind.SPLIT, DAYS[2], 4.0), action(ActionKind.SPLIT, DAYS[4], 0.5))
    made = series.adjust(raw, (*splits, action(ActionKind.DIVIDEND, DAYS[3], None)))
    assert made.close.tolist() == [50.0, 50.5, 204.0, 206.0, 104.0, 105.0]
    assert made.open.tolist() == made.high.tolist() == made.low.tolist() == made.close.tolist()
    assert made.volume.tolist() == [20.0, 20.0, 5.0, 5.0, 10.0, 10.0]
    assert (made.adjusted, raw.adjusted) == (True, False)
    with pytest.raises(BadInput, match="adjusted already"):
        series.adjust(made, splits)
    with pytest.raises(BadInput, match="has no ratio"):
        series.adjust(raw, (action(ActionKind.SPLIT, DAYS[2], None),))


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
