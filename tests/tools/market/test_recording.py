"""What is received is kept once, with the moment from which it can be read; nothing said before is changed."""

from __future__ import annotations

import asyncio
import multiprocessing
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadInput, SourceFailed
from domain.market import Absent, BarSeries, Exercise, IndexLevel, Interval, OptionChain, RateCurve
from domain.structures import Option, Right
from tests.tools.market.feeds import DAY, bar_rows, chain_rows, day_starts, index_rows, ny
from tools import sessions
from tools.clock import FixedClock, ManualClock
from tools.market.recorded import RecordedMarket
from tools.market.recording import LIVE, WATCH, Recorder, near, whole_second
from tools.market.store import Store

TEN = ny(10, 0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(TEN)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def recorder(store: Store, clock: ManualClock) -> Recorder:
    return Recorder(store, clock)


def held(strike: float, expiry: date, right: Right = Right.PUT) -> Option:
    return Option(
        ticker="SPY",
        root="SPY",
        expiry=expiry,
        settles_at=sessions.settles_at("SPY", expiry),
        strike=Decimal(str(strike)),
        right=right,
        exercise=Exercise.AMERICAN,
        multiplier=100,
    )


class TestChains:
    async def test_a_chain_is_known_from_its_receipt(
        self, recorder: Recorder, store: Store, clock: ManualClock
    ) -> None:
        clock.advance(timedelta(milliseconds=300))
        kept = recorder.chain("SPY", chain_rows(ny(9, 45)))
        assert (kept.source, kept.written, kept.held, kept.known_at) == ("one", 20, 0, ny(10, 0, 1))
        market = RecordedMarket(store.folder, LIVE)
        assert isinstance(await market.chain("SPY", ny(10, 0)), Absent)
        chain = await market.chain("SPY", ny(10, 0, 1))
        assert isinstance(chain, OptionChain)
        assert (chain.quoted_at, chain.known_at, len(chain)) == (ny(9, 45), ny(10, 0, 1), 20)

    def test_the_same_chain_is_not_kept_twice(self, recorder: Recorder, store: Store, clock: ManualClock) -> None:
        recorder.chain("SPY", chain_rows(ny(9, 45)))
        clock.advance(timedelta(minutes=1))
        kept = recorder.chain("SPY", chain_rows(ny(9, 45)))
        assert (kept.written, kept.held) == (0, 20)
        assert store.chain_moments(LIVE, "SPY", DAY) == (TEN,)
        assert recorder.chain("SPY", chain_rows(ny(9, 45), bid=1.05)).written == 20
        assert len(store.chain_moments(LIVE, "SPY", DAY)) == 2

    async def test_two_chains_of_one_second_stay_apart(self, recorder: Recorder, store: Store) -> None:
        first = recorder.chain("SPY", chain_rows(ny(9, 45)))
        second = recorder.chain("SPY", chain_rows(ny(9, 46), bid=2.0))
        assert (first.known_at, second.known_at) == (TEN, TEN + timedelta(seconds=1))
        market = RecordedMarket(store.folder, LIVE)
        for moment, bid in ((TEN, 1.0), (TEN + timedelta(seconds=1), 2.0)):
            chain = await market.chain("SPY", moment)
            assert isinstance(chain, OptionChain)
            assert (len(chain), set(chain.bid)) == (20, {bid})

    def test_a_chain_from_the_future_or_without_rows_is_refused(self, recorder: Recorder, store: Store) -> None:
        with pytest.raises(SourceFailed, match=r"stamped 2026-02-12 15:00:01 UTC, later than its receipt"):
            recorder.chain("SPY", chain_rows(ny(10, 0, 1)))
        with pytest.raises(SourceFailed, match="empty answer"):
            recorder.chain("SPY", chain_rows(ny(9, 45)).clear())
        assert store.tickers(LIVE) == ()


class TestWatchTicks:
    def test_only_rows_near_what_is_held_are_kept(self, recorder: Recorder, store: Store) -> None:
        march = date(2026, 3, 20)
        strikes = (500.0, 640.0, 660.0, 680.0, 700.0, 720.0, 800.0)
        rows = chain_rows(ny(9, 45), bid=6.75, strikes=strikes)  # straddle 13.6: a deviation is 2.5 % of spot
        recorder.chain("SPY", rows, [held(500, march), held(640, march)])
        kept = store.chains(WATCH, "SPY").collect()
        assert kept["expiry"].unique().to_list() == [march]
        assert sorted(kept["strike"].unique().to_list()) == [500, 640, 660, 680, 700, 720]
        far = kept.filter(pl.col("strike") == 500)
        assert far["is_call"].to_list() == [False]  # far out, and held
        assert store.tickers(LIVE) == ()

    def test_without_a_straddle_or_a_spot_all_strikes_of_the_expiration_stay(self) -> None:
        march = date(2026, 3, 20)
        rows = chain_rows(ny(9, 45), strikes=(500.0, 680.0, 900.0))
        assert near(rows.with_columns(bid=pl.lit(0.0)), [held(680, march)]).height == 6
        assert near(rows.with_columns(spot=pl.lit(None, pl.Float64)), [held(680, march)]).height == 6
        assert near(rows, [held(680, march)]).height == 2
        assert near(rows, []).height == 0

    def test_a_chain_without_the_expirations_held_is_refused(self, recorder: Recorder) -> None:
        with pytest.raises(SourceFailed, match="none of the expirations held"):
            recorder.chain("SPY", chain_rows(ny(9, 45)), [held(680, date(2026, 6, 18))])

    def test_ticks_go_after_so_many_days_and_decisions_stay(
        self, recorder: Recorder, store: Store, clock: ManualClock
    ) -> None:
        tick = [held(680, date(2026, 3, 20))]
        recorder.chain("SPY", chain_rows(ny(9, 45)))
        recorder.chain("SPY", chain_rows(ny(9, 45)), tick)
        clock.set(ny(10, 0, day=date(2026, 2, 13)))
        recorder.chain("SPY", chain_rows(ny(9, 45, day=date(2026, 2, 13))), tick)
        clock.set(TEN + timedelta(days=30))
        assert recorder.prune(30) == 0
        clock.advance(timedelta(seconds=1))
        assert recorder.prune(30) == 1
        assert store.chain_days(WATCH, "SPY") == (date(2026, 2, 13),)
        assert store.chain_days(LIVE, "SPY") == (DAY,)
        assert recorder.prune(30) == 0


class TestBars:
    STARTS = tuple(day_starts(date(2026, 2, 5), DAY))

    def test_incomplete_bars_are_left_out(self, recorder: Recorder, store: Store, clock: ManualClock) -> None:
        kept = recorder.bars("SPY", Interval.DAY, bar_rows(list(self.STARTS)))
        assert (kept.written, kept.held, kept.early) == (5, 0, 1)  # today's bar is not known in session
        five = [ny(9, 30), ny(9, 55), ny(9, 56), ny(4, 0)]
        kept = recorder.bars("SPY", Interval.FIVE_MINUTES, bar_rows(five))
        assert (kept.written, kept.early) == (3, 1)
        rows = store.bars("SPY", Interval.FIVE_MINUTES)
        assert rows is not None
        assert rows.select("session", "known_at").collect().rows() == [(False, TEN), (True, TEN), (True, TEN)]
        clock.set(sessions.daily_known_at(DAY))
        kept = recorder.bars("SPY", Interval.DAY, bar_rows(list(self.STARTS)))
        assert (kept.written, kept.held, kept.early) == (1, 5, 0)

    def test_a_half_day_ends_the_last_bar(self, store: Store) -> None:
        half = date(2025, 11, 28)
        recorder = Recorder(store, FixedClock(ny(13, 0, day=half)))
        assert recorder.bars("SPY", Interval.HOUR, bar_rows([ny(12, 30, day=half)])).written == 1

    async def test_a_changed_value_is_kept_beside_the_old_one(
        self, recorder: Recorder, store: Store, clock: ManualClock
    ) -> None:
        starts = list(self.STARTS[:5])
        recorder.bars("SPY", Interval.DAY, bar_rows(starts))
        before = await RecordedMarket(store.folder, LIVE).bars("SPY", Interval.DAY, TEN, 10)
        clock.advance(timedelta(hours=1))
        fixed = bar_rows(starts).with_columns(
            close=pl.when(pl.col("start") == starts[2]).then(pl.lit(1.0)).otherwise(pl.col("close"))
        )
        assert recorder.bars("SPY", Interval.DAY, fixed)[2:5] == (1, 4, 0)
        assert recorder.bars("SPY", Interval.DAY, fixed)[2:5] == (0, 5, 0)
        market = RecordedMarket(store.folder, LIVE)
        after = await market.bars("SPY", Interval.DAY, TEN, 10)
        later = await market.bars("SPY", Interval.DAY, TEN + timedelta(hours=1), 10)
        assert isinstance(before, BarSeries)
        assert isinstance(after, BarSeries)
        assert isinstance(later, BarSeries)
        assert after.close.tolist() == before.close.tolist() == [680, 681, 682, 683, 684]
        assert later.close.tolist() == [680, 681, 1, 683, 684]
        clock.advance(timedelta(hours=1))
        assert recorder.bars("SPY", Interval.DAY, bar_rows(starts)).written == 1  # back again: new, too

    def test_other_sources_rows_are_others(self, recorder: Recorder) -> None:
        starts = list(self.STARTS[:5])
        assert recorder.bars("SPY", Interval.DAY, bar_rows(starts)).written == 5
        assert recorder.bars("SPY", Interval.DAY, bar_rows(starts, source="two")).written == 5
        assert recorder.bars("SPY", Interval.DAY, bar_rows(starts, adjusted=True)).written == 5

    def test_unknown_volume_is_the_same_unknown_volume(self, recorder: Recorder) -> None:
        for volume in (None, float("nan")):
            rows = bar_rows(list(self.STARTS[:2])).with_columns(volume=pl.lit(volume, pl.Float64))
            recorder.bars("SPY", Interval.DAY, rows)
        assert recorder.bars("SPY", Interval.DAY, rows).held == 2

    def test_a_month_has_a_file_of_its_own(self, recorder: Recorder, store: Store, clock: ManualClock) -> None:
        recorder.bars("SPY", Interval.DAY, bar_rows(list(self.STARTS[:4])))
        clock.set(ny(10, 0, day=date(2026, 3, 2)))
        assert recorder.bars("SPY", Interval.DAY, bar_rows(list(self.STARTS))).written == 2
        files = [path.name for path in (store.folder / "reference" / "bars").rglob("*.parquet")]
        assert sorted(files) == ["live-2026-02.parquet", "live-2026-03.parquet"]


class TestOtherRows:
    def test_todays_index_value_waits_for_the_close(self, recorder: Recorder, clock: ManualClock) -> None:
        days = (date(2026, 2, 10), date(2026, 2, 11), DAY)
        assert recorder.rows("indices", "VIX", index_rows(days))[2:5] == (2, 0, 1)
        clock.set(sessions.daily_known_at(DAY))
        assert recorder.rows("indices", "VIX", index_rows(days))[2:5] == (1, 2, 0)

    async def test_a_revised_curve_changes_no_earlier_answer(
        self, recorder: Recorder, store: Store, clock: ManualClock
    ) -> None:
        def rates(source: str, *yields: float) -> pl.DataFrame:
            return pl.DataFrame({"day": [DAY] * 2, "tenor": [0.25, 1.0], "yield": yields, "source": [source] * 2})

        recorder.rows("rates", "", rates("t", 0.037, 0.035))
        clock.advance(timedelta(hours=1))
        recorder.rows("rates", "", rates("t", 0.037, 0.036))
        clock.advance(timedelta(hours=1))
        recorder.rows("rates", "", rates("a", 0.038, 0.038))
        market = RecordedMarket(store.folder, LIVE)
        seen = [await market.rates(TEN + timedelta(hours=i)) for i in range(-1, 3)]
        assert isinstance(seen[0], Absent)
        assert [curve.yields for curve in seen if isinstance(curve, RateCurve)] == [
            (0.037, 0.035), (0.037, 0.036), (0.038, 0.038),
        ]  # fmt: skip

    async def test_a_revised_index_value_changes_no_earlier_answer(
        self, recorder: Recorder, store: Store, clock: ManualClock
    ) -> None:
        recorder.rows("indices", "VIX", index_rows((date(2026, 2, 11),)))
        clock.advance(timedelta(hours=1))
        recorder.rows("indices", "VIX", index_rows((date(2026, 2, 11),), close=19.0))
        market = RecordedMarket(store.folder, LIVE)
        levels = [await market.index("VIX", TEN + timedelta(hours=i)) for i in (0, 1)]
        assert [level.value for level in levels if isinstance(level, IndexLevel)] == [17.0, 19.0]

    def test_rates_events_and_actions(self, recorder: Recorder, store: Store, clock: ManualClock) -> None:
        rates = pl.DataFrame({"day": [DAY] * 2, "tenor": [0.25, 1.0], "yield": [0.037, 0.035], "source": ["t"] * 2})
        assert recorder.rows("rates", "", rates).written == 2
        assert recorder.rows("rates", "", rates).held == 2
        event = {"kind": ["earnings"], "day": [date(2026, 4, 30)], "source": ["t"]}
        guess = pl.DataFrame(event | {"confirmed": [False], "before_open": [None]})
        recorder.rows("events", "AAPL", guess)
        clock.advance(timedelta(days=1))
        recorder.rows("events", "AAPL", guess.with_columns(confirmed=True))
        lazy = store.rows("events", "AAPL")
        assert lazy is not None
        assert lazy.select("confirmed", "known_at").collect().rows() == [(False, TEN), (True, TEN + timedelta(days=1))]
        split = pl.DataFrame({"kind": ["split"], "day": [DAY], "ratio": [2.0], "note": [""], "source": ["t"]})
        assert recorder.rows("actions", "AAPL", split).written == 1


def test_a_store_of_another_version_is_left_alone(recorder: Recorder, store: Store) -> None:
    recorder.chain("SPY", chain_rows(ny(9, 45)))
    manifest = store.folder / "manifest.json"
    assert store.manifest() == {}
    manifest.write_text(manifest.read_text().replace('"version": ', '"version": 9'))
    with pytest.raises(BadInput, match="layout version"):
        recorder.chain("SPY", chain_rows(ny(9, 46)))
    assert len(store.chain_moments(LIVE, "SPY", DAY)) == 1


def test_an_imports_manifest_stands(recorder: Recorder, store: Store) -> None:
    store.save_manifest({"abc": {"name": "x"}})
    recorder.chain("SPY", chain_rows(ny(9, 45)))
    assert store.manifest() == {"abc": {"name": "x"}}


def test_whole_seconds() -> None:
    assert whole_second(TEN) == TEN
    assert whole_second(TEN + timedelta(microseconds=1)) == TEN + timedelta(seconds=1)


def _record_many(folder: str, moment: datetime, first: int) -> None:
    recorder = Recorder(Store(Path(folder)), FixedClock(moment))
    starts = day_starts(date(2026, 1, 2), date(2026, 2, 11))
    for i in range(first, first + 12):
        flat = [pl.lit(1.0).alias(name) for name in ("open", "high", "low", "close")]
        recorder.bars("SPY", Interval.DAY, bar_rows(starts[i : i + 12]).with_columns(flat))
        recorder.chain("SPY", chain_rows(ny(9, 45), bid=float(i)))


def test_two_processes_lose_nothing_and_write_nothing_twice(store: Store) -> None:
    """Both write overlapping bars and chains at the same moment, over the same files."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_record_many, args=(str(store.folder), TEN, first)) for first in (0, 4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    lazy = store.bars("SPY", Interval.DAY)
    assert lazy is not None
    bars = lazy.collect()
    assert bars.height == bars["start"].n_unique() == 27
    moments = store.chain_moments(LIVE, "SPY", DAY)
    assert len(moments) == 16
    bids = {store.chain(LIVE, "SPY", DAY, moment).collect()["bid"].unique().to_list()[0] for moment in moments}
    assert bids == {float(i) for i in range(16)}


@settings(max_examples=12, deadline=None)
@given(
    answers=st.lists(
        st.tuples(
            st.integers(1, 3000),  # minutes since the answer before
            st.integers(0, 20),  # its first bar
            st.integers(1, 12),  # how many
            st.sampled_from((680.0, 680.0, 100.0)),  # what it says
        ),
        min_size=1,
        max_size=5,
    ),
    back=st.integers(0, 4000),
)
def test_what_a_moment_sees_is_what_was_received_by_then(answers: list[tuple[int, int, int, float]], back: int) -> None:
    """Overlapping, late and revised answers: recording what came later changes nothing that was seen before."""
    starts = day_starts(date(2026, 1, 5), DAY)

    def recorded(folder: str, until: datetime) -> BarSeries | Absent:
        store, clock = Store(Path(folder)), ManualClock(TEN)
        recorder = Recorder(store, clock)
        recorder.prune(1)  # makes the set
        for wait, first, count, close in answers:
            if clock.now() + timedelta(minutes=wait) > until:
                break
            clock.advance(timedelta(minutes=wait))
            recorder.bars("SPY", Interval.DAY, bar_rows(starts[first : first + count], close=close))
        market = RecordedMarket(store.folder, LIVE)
        return asyncio.run(market.bars("SPY", Interval.DAY, moment, 100))

    end = TEN + timedelta(minutes=sum(wait for wait, *_ in answers))
    moment = max(TEN, end - timedelta(minutes=back))
    with TemporaryDirectory() as whole, TemporaryDirectory() as past:
        seen, alone = recorded(whole, end), recorded(past, moment)
    if isinstance(seen, Absent) or isinstance(alone, Absent):
        assert seen == alone
        return
    for name in ("start", "known_at", "open", "close"):
        assert getattr(seen, name).tolist() == getattr(alone, name).tolist(), name
    assert seen.known_at.max() <= moment.timestamp()
