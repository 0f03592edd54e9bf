"""The live market over sources that answer, fail and lie: what is kept, what is noted, and what a moment sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from domain.codec import digest
from domain.errors import BadInput, DataAbsent, SourceFailed
from domain.market import Absent, BarSeries, Calendar, EventKind, IndexLevel, Interval, MarketSnapshot, OptionChain
from domain.market import SourceUse as Use
from domain.ports import Market
from domain.structures import Option
from tests.tools.market.feeds import DAY, FakeSource, bar_rows, chain_rows, day_starts, index_rows, ny
from tests.tools.market.test_recording import held
from tools import sessions
from tools.clock import ManualClock
from tools.market.collecting import AT_ONCE, QUICK_S, SLOW_S, Allowed, Collector
from tools.market.live import LiveMarket
from tools.market.recorded import RecordedMarket
from tools.market.recording import LIVE, WATCH
from tools.market.snapshot import INDICES, take_snapshot
from tools.market.sources.asking import Asker, Patience
from tools.market.store import Store

TEN = ny(10, 0)
BOTH = ("one", "two")
ALLOWED = Allowed(
    chains=BOTH,
    greeks=BOTH,
    bars=("one", "store"),
    indices=("one", "store"),
    rates=("one", "store"),
    events=("file", "shipped", "one"),
)
DOWN = SourceFailed("HTTP 503")
LAST_WEEK = tuple(sessions.between(date(2026, 2, 5), date(2026, 2, 11)))


def bars(ticker: str, interval: str) -> pl.DataFrame:
    """A month of days, and today's five-minute bars so far with one that is not over."""
    if interval == "1d":
        return bar_rows(day_starts(date(2026, 1, 5), DAY))
    return bar_rows([ny(9, 30) + timedelta(minutes=5 * i) for i in range(7)])


def whole_source(name: str = "one", **changes: Any) -> FakeSource:
    answers: dict[str, Any] = {
        "chain": lambda ticker: chain_rows(ny(9, 59), ticker=ticker, source=name),
        "bars": bars,
        "index": lambda index: index_rows(LAST_WEEK, source=name),
        "rates": pl.DataFrame({"day": [DAY], "tenor": [0.25], "yield": [0.037], "source": [name]}),
        "events": Absent(what="events", why="none listed"),
        "actions": Absent(what="actions", why="none listed"),
    }
    return FakeSource(name, **{**answers, **changes})


class Scene:
    """One process: sources, clock, market."""

    def __init__(self, folder: Path, *sources: FakeSource, allowed: Allowed = ALLOWED, at: datetime = TEN) -> None:
        self.folder = folder
        self.clock = ManualClock(at)
        self.store = Store(folder)
        asker = Asker(self.clock, Patience(attempts=1, failures=100))
        named = {source.name: source for source in sources}
        self.market = LiveMarket(
            folder, Collector(self.store, named, allowed, self.clock, asker), self.clock, self.recorded
        )

    def recorded(self, name: str) -> Market:
        return RecordedMarket(self.folder, name)


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Scene]:
    return lambda *sources, **changes: Scene(tmp_path / "store", *sources, **changes)


async def test_before_anything_was_received_everything_is_absent(scene: Callable[..., Scene]) -> None:
    market = scene(whole_source(), whole_source("two")).market
    for answer in (
        await market.chain("SPY", TEN),
        await market.instrument("SPY", TEN),
        await market.bars("SPY", Interval.DAY, TEN, 5),
        await market.index("VIX", TEN),
        await market.index_history("VIX", TEN, 5),
        await market.rates(TEN),
        await market.social("SPY", TEN),
    ):
        assert isinstance(answer, Absent)
        assert answer.why == "nothing was received yet"
    assert await market.calendar("SPY", TEN) == Calendar(events=(), unknown=tuple(EventKind))
    assert market.snapshot_times(DAY, DAY) == ()
    with pytest.raises(DataAbsent, match="`parley record` starts it"):
        market.snapshot_time(DAY)
    assert (market.label, market.simulated, market.delayed, market.live, market.one_shot) == (
        "live", False, True, True, False,
    )  # fmt: skip


async def test_a_refresh_is_seen_from_its_return_on_and_never_before(scene: Callable[..., Scene]) -> None:
    one = scene(whole_source(), whole_source("two"))
    await one.market.refresh(("SPY",))
    chain = await one.market.chain("SPY", one.clock.now())
    assert isinstance(chain, OptionChain)
    assert (chain.quoted_at, chain.known_at, chain.delayed, chain.source) == (ny(9, 59), TEN, True, "one")
    daily = await one.market.bars("SPY", Interval.DAY, TEN, 100)
    assert isinstance(daily, BarSeries)
    assert len(daily) == 27  # today's is not over
    five = await one.market.bars("SPY", Interval.FIVE_MINUTES, TEN, 100)
    assert isinstance(five, BarSeries)
    assert len(five) == 6
    level = await one.market.index("VIX", TEN)
    assert isinstance(level, IndexLevel)
    assert level.day == date(2026, 2, 11)
    assert not isinstance(await one.market.rates(TEN), Absent)
    assert one.market.snapshot_time(DAY) == TEN
    early = TEN - timedelta(seconds=1)
    for answer in (
        await one.market.chain("SPY", early),
        await one.market.bars("SPY", Interval.DAY, early, 5),
        await one.market.index("VIX", early),
        await one.market.rates(early),
    ):
        assert isinstance(answer, Absent)


async def test_a_fall_back_is_noted_and_shown_on_the_snapshot(scene: Callable[..., Scene]) -> None:
    one = scene(whole_source(chain=DOWN), whole_source("two"))
    await one.market.refresh(("SPY",))
    noted = {use.datum: use for use in one.market.uses("SPY")}
    assert noted["chain"] == Use(datum="chain", source="two", failed=("one: HTTP 503",))
    assert noted["Greeks"] == Use(datum="Greeks", source="two", failed=("one: failed for the chain",))
    snapshot = await take_snapshot(one.market, "SPY", one.clock.now())
    assert snapshot.chain is not None
    assert snapshot.chain.source == "two"
    assert noted["chain"] in snapshot.sources
    assert one.market.uses("QQQ") == tuple(use for use in one.market.uses("SPY") if use.datum in (*INDICES, "rates"))


async def test_a_source_that_works_again_is_no_fall_back_any_more(scene: Callable[..., Scene]) -> None:
    first = whole_source(chain=DOWN)
    one = scene(first, whole_source("two"))
    await one.market.refresh(("SPY",))
    first.answers["chain"] = chain_rows(ny(10, 1))
    one.clock.advance(timedelta(minutes=2))
    await one.market.refresh(("SPY",))
    assert {use.datum for use in one.market.uses("SPY")} == {"events", "actions"}
    chain = await one.market.chain("SPY", one.clock.now())
    assert isinstance(chain, OptionChain)
    assert chain.source == "one"


async def test_when_every_source_fails_the_older_chain_answers_and_its_age_is_judged(
    scene: Callable[..., Scene],
) -> None:
    sources = [whole_source(), whole_source("two")]
    one = scene(*sources)
    await one.market.refresh(("SPY",))
    for source in sources:
        source.answers = dict.fromkeys(("chain", "bars", "index", "rates", "events", "actions"), DOWN)
    one.clock.advance(timedelta(hours=1))
    await one.market.refresh(("SPY",))
    noted = {use.datum: use for use in one.market.uses("SPY")}
    assert noted["chain"] == Use(datum="chain", source="", failed=("one: HTTP 503", "two: HTTP 503"))
    assert noted["1d bars"] == Use(datum="1d bars", source="store", failed=("one: HTTP 503",))
    assert noted["VIX"] == Use(datum="VIX", source="store", failed=("one: HTTP 503",))
    assert noted["rates"].source == "store"
    assert noted["events"] == Use(datum="events", source="file", failed=("one: HTTP 503",))
    chain = await one.market.chain("SPY", one.clock.now())
    assert isinstance(chain, OptionChain)
    assert chain.known_at == TEN
    await one.market.refresh(("QQQ",))
    with pytest.raises(SourceFailed, match="no chain of QQQ: one: HTTP 503; two: HTTP 503"):
        await take_snapshot(one.market, "QQQ", one.clock.now())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (chain_rows(ny(10, 30)), "a chain of SPY stamped 2026-02-12 15:30:00 UTC, later than its receipt"),
        (chain_rows(ny(9, 59)).clear(), "an empty chain of SPY"),
        (chain_rows(ny(9, 59)).with_columns(quoted_at=None), "a chain of SPY that does not say when it was quoted"),
        (Absent(what="a chain", why="unknown symbol"), "absent, unknown symbol"),
    ],
)
async def test_an_answer_that_cannot_be_kept_is_a_failure(
    scene: Callable[..., Scene], answer: pl.DataFrame | Absent, why: str
) -> None:
    one = scene(whole_source(chain=answer), whole_source("two"))
    await one.market.refresh(("SPY",))
    noted = {use.datum: use for use in one.market.uses("SPY")}
    assert noted["chain"] == Use(datum="chain", source="two", failed=(f"one: {why}",))


async def test_empty_bars_are_a_failure_and_nothing_is_written(scene: Callable[..., Scene]) -> None:
    one = scene(whole_source(bars=lambda ticker, interval: bars(ticker, interval).clear()), whole_source("two"))
    await one.market.refresh(("SPY",))
    noted = {use.datum: use for use in one.market.uses("SPY")}
    assert noted["1d bars"] == Use(datum="1d bars", source="", failed=("one: an empty answer for 1d bars SPY",))
    assert one.store.bars("SPY", Interval.DAY) is None


class TestGreeks:
    async def vendor(self, one: Scene) -> tuple[list[float | None], str]:
        await one.market.refresh(("SPY",))
        rows = one.store.chains(LIVE, "SPY").collect()
        return rows["vendor_iv"].unique().sort().to_list(), str(rows["source"][0])

    async def test_of_the_first_allowed_source_that_gives_them(self, scene: Callable[..., Scene]) -> None:
        other = whole_source("two", chain=chain_rows(ny(9, 58), source="two", iv=0.3))
        allowed = ALLOWED._replace(greeks=("two", "one"))
        assert await self.vendor(scene(whole_source(), other, allowed=allowed)) == ([0.3], "one")

    async def test_a_source_without_any_is_passed_over(self, scene: Callable[..., Scene]) -> None:
        bare = whole_source(chain=chain_rows(ny(9, 59), iv=None))
        one = scene(bare, whole_source("two"))
        assert await self.vendor(one) == ([0.2], "one")
        noted = {use.datum: use for use in one.market.uses("SPY")}
        assert noted["Greeks"] == Use(datum="Greeks", source="two", failed=("one: absent, its chain has none",))
        assert [words for words in bare.asked if words[0] == "chain"] == [("chain", "SPY")]  # asked once

    async def test_contracts_that_the_other_does_not_list_have_none(self, scene: Callable[..., Scene]) -> None:
        other = whole_source("two", chain=chain_rows(ny(9, 58), source="two", strikes=(680.0,), iv=0.3))
        allowed = ALLOWED._replace(greeks=("two",))
        assert await self.vendor(scene(whole_source(), other, allowed=allowed)) == ([None, 0.3], "one")

    async def test_none_allowed_none_kept(self, scene: Callable[..., Scene]) -> None:
        assert await self.vendor(scene(whole_source(), allowed=ALLOWED._replace(chains=("one",), greeks=()))) == (
            [None], "one",
        )  # fmt: skip


class TestWhenAndHowOften:
    async def test_not_again_within_its_time_unless_forced(self, scene: Callable[..., Scene]) -> None:
        source = whole_source()
        one = scene(source, whole_source("two"))
        chains = lambda: source.asked.count(("chain", "SPY"))  # noqa: E731
        await one.market.refresh(("SPY",))
        await one.market.refresh(("SPY",))
        assert (chains(), source.asked.count(("index", "VIX"))) == (1, 1)
        await one.market.refresh(("SPY",), force=True)
        assert (chains(), source.asked.count(("index", "VIX"))) == (2, 1)
        one.clock.advance(timedelta(seconds=QUICK_S))
        await one.market.refresh(("SPY",))
        assert (chains(), source.asked.count(("index", "VIX"))) == (3, 1)
        assert source.asked.count(("bars", "SPY", "5m")) == 3
        assert source.asked.count(("bars", "SPY", "1d")) == 1
        one.clock.advance(timedelta(seconds=SLOW_S))
        await one.market.refresh(("SPY",))
        assert (source.asked.count(("index", "VIX")), source.asked.count(("bars", "SPY", "1d"))) == (2, 2)

    async def test_two_that_ask_at_once_ask_once(self, scene: Callable[..., Scene]) -> None:
        import asyncio

        source = whole_source()
        one = scene(source, whole_source("two"))
        await asyncio.gather(*(one.market.refresh(("SPY",)) for _ in range(3)))
        assert source.asked.count(("chain", "SPY")) == 1

    async def test_tickers_are_asked_side_by_side_within_bounds(self, scene: Callable[..., Scene]) -> None:
        source = whole_source(index=Absent(what="", why="no"), rates=Absent(what="", why="no"))
        one = scene(source, whole_source("two"), allowed=ALLOWED._replace(indices=("store",), rates=("store",)))
        await one.market.refresh(tuple(f"T{i}" for i in range(12)))
        assert 1 < source.most_at_once <= AT_ONCE

    async def test_what_the_store_holds_comes_first_where_it_is_named_first(self, scene: Callable[..., Scene]) -> None:
        source = whole_source()
        one = scene(source, whole_source("two"), allowed=ALLOWED._replace(rates=("store", "one")))
        await one.market.refresh(("SPY",))
        one.clock.advance(timedelta(seconds=SLOW_S))
        await one.market.refresh(("SPY",))
        assert source.asked.count(("rates",)) == 1
        assert source.asked.count(("index", "VIX")) == 2

    async def test_indices_have_no_earnings_to_ask_for(self, scene: Callable[..., Scene]) -> None:
        source = whole_source()
        await scene(source, whole_source("two")).market.refresh(("SPX", "SPY"))
        assert [words for words in source.asked if words[0] in ("events", "actions")] == [
            ("events", "SPY"), ("actions", "SPY"),
        ]  # fmt: skip


async def test_an_unknown_source_is_refused(scene: Callable[..., Scene]) -> None:
    with pytest.raises(BadInput, match="no source three; there are file, one, shipped, store"):
        scene(whole_source(), allowed=ALLOWED._replace(chains=("three",), greeks=("one",)))


async def test_the_record_replays_what_a_live_run_saw(scene: Callable[..., Scene]) -> None:
    """Three refreshes, a snapshot after each; a fresh process and `recorded:live` see the same at the same moments."""
    source = whole_source()
    one = scene(source, whole_source("two"))
    seen: list[tuple[datetime, MarketSnapshot]] = []
    for i in range(3):
        source.answers["chain"] = chain_rows(ny(9, 59) + timedelta(minutes=5 * i), bid=1 + i / 10)
        await one.market.refresh(("SPY",))
        moment = one.clock.now()
        seen.append((moment, await take_snapshot(one.market, "SPY", moment)))
        one.clock.advance(timedelta(minutes=5))
    assert [snapshot.chain.bid[0] for _, snapshot in seen if snapshot.chain is not None] == [1.0, 1.1, 1.2]
    assert one.market.snapshot_times(DAY, DAY)[-1] == TEN + timedelta(minutes=10)
    resumed = scene(whole_source(), whole_source("two")).market
    replayed = RecordedMarket(one.folder, LIVE)
    for moment, snapshot in seen:
        again = await take_snapshot(resumed, "SPY", moment)
        assert digest(dataclasses.replace(again, sources=snapshot.sources)) == digest(snapshot)
        replay = await take_snapshot(replayed, "SPY", moment)
        same = {"market": "live", "sources": snapshot.sources, "absent": snapshot.absent}
        assert digest(dataclasses.replace(replay, **same)) == digest(snapshot)


async def test_another_process_is_seen_after_a_refresh(scene: Callable[..., Scene]) -> None:
    first, second = scene(whole_source(), whole_source("two")), scene(whole_source(), whole_source("two"))
    await first.market.refresh(("SPY",))
    await second.market.refresh(("SPY",))  # the same chain: nothing is written
    assert first.store.chain_moments(LIVE, "SPY", DAY) == (TEN,)
    assert isinstance(await second.market.chain("SPY", TEN), OptionChain)


class TestWatching:
    HELD: tuple[Option, ...] = (held(680, date(2026, 3, 20)),)

    async def test_a_watch_tick_stands_apart_and_answers_its_ticker(self, scene: Callable[..., Scene]) -> None:
        source = whole_source()
        one = scene(source, whole_source("two"))
        await one.market.refresh(("SPY",))
        source.answers["chain"] = chain_rows(ny(10, 4), bid=2.0)
        one.clock.advance(timedelta(minutes=5))
        await one.market.refresh(("SPY",), held={"SPY": self.HELD})
        assert one.store.chain_moments(LIVE, "SPY", DAY) == (TEN,)
        assert one.store.chain_moments(WATCH, "SPY", DAY) == (TEN + timedelta(minutes=5),)
        tick = await one.market.chain("SPY", one.clock.now())
        assert isinstance(tick, OptionChain)
        assert set(tick.bid) == {2.0}
        assert set(tick.expiry) == {date(2026, 3, 20).toordinal()}
        before = await one.market.chain("SPY", TEN)
        assert isinstance(before, OptionChain)
        assert len(before) == 20

    async def test_a_decision_after_a_tick_asks_for_the_whole_chain(self, scene: Callable[..., Scene]) -> None:
        one = scene(whole_source(), whole_source("two"))
        await one.market.refresh(("SPY",), held={"SPY": self.HELD})
        await one.market.refresh(("SPY",))
        chain = await one.market.chain("SPY", one.clock.now())
        assert isinstance(chain, OptionChain)
        assert len(chain) == 20

    async def test_old_ticks_go_at_each_recording(self, scene: Callable[..., Scene]) -> None:
        source = whole_source()
        one = scene(source, whole_source("two"))
        await one.market.refresh(("SPY",), held={"SPY": self.HELD})
        one.clock.advance(timedelta(days=31))
        source.answers["chain"] = chain_rows(ny(9, 59) + timedelta(days=31))
        await one.market.refresh(("SPY",), held={"SPY": self.HELD})
        assert len(one.store.chain_days(WATCH, "SPY")) == 1
