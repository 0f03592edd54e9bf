"""What a decision saw is kept for ever; what only marked a position, for a time, near its contracts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from domain.structures import Option
from tests.desk import MARKET, desk_house
from tests.graph.test_watch import OPENED, _holding, _spec, _with_exits
from tools.clock import ManualClock
from tools.market.open import open_market
from tools.sessions import new_york


def endings(uri: str) -> dict[bool, int]:
    """How many snapshots end (True) and how many are kept for ever."""
    with psycopg.connect(uri) as conn:
        rows = conn.execute("select kept_until is not null, count(*) from snapshots group by 1").fetchall()
    return {bool(ends): int(count) for ends, count in rows}


async def test_marks_end_and_decisions_stay(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, _):
        decided = endings(postgres_uri)
        assert decided.keys() == {False}
        clock.advance(timedelta(minutes=30))
        assert len((await house.runs.watch(_spec(house, clock.now())))["marks"]) == 1
        assert endings(postgres_uri) == {**decided, True: 1}
        with psycopg.connect(postgres_uri) as conn:
            (days,) = conn.execute("select extract(day from max(kept_until) - now()) from snapshots").fetchone() or ()
        assert 29 <= int(days) <= 30
    async with desk_house(postgres_uri, clock_for=lambda market, as_of: clock) as house:
        row = await house.runs.start(_spec(house, clock.now()))  # a decision at the same moment sees the same
        assert row.decision is not None
        assert True not in endings(postgres_uri)


class Noted:
    """A market that notes how it is refreshed; live where the test says so."""

    def __init__(self, market: Any, clock: ManualClock, live: bool = False) -> None:
        self._market = market
        self._clock = clock
        self.live = live
        self.asked: list[tuple[tuple[str, ...], Any, datetime]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market, name)

    async def refresh(self, tickers: tuple[str, ...], held: Any = None) -> None:
        self.asked.append((tickers, held, self._clock.now()))
        if self.live and held is None:
            self._clock.advance(timedelta(seconds=1))  # asking takes a while


async def test_a_market_is_told_what_it_is_watched_for(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (_, _, position):
        legs = tuple(leg.instrument for leg in position.legs if isinstance(leg.instrument, Option))
    clock = ManualClock(OPENED + timedelta(minutes=30))
    noted = Noted(open_market(MARKET, Path("/nonexistent"), 43), clock)
    async with desk_house(postgres_uri, clock_for=lambda market, as_of: clock, markets=lambda name: noted) as house:
        state = await house.runs.watch(_spec(house, clock.now()))
        assert len(state["marks"]) == 1
    assert (("SPX",), {"SPX": legs}, clock.now()) in noted.asked
    assert len(legs) == 4


async def test_a_roll_on_a_live_market_is_decided_on_the_whole_chain_as_of_then(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (_, _, _):
        pass
    clock = ManualClock(new_york(date(2026, 6, 15), 12, 45))
    noted = Noted(open_market(MARKET, Path("/nonexistent"), 43), clock, live=True)
    wiring = {"clock_for": lambda market, as_of: clock, "markets": lambda name: noted, "answers_itself": "watcher"}
    async with desk_house(postgres_uri, **wiring) as house:
        looked = clock.now()
        state = await _with_exits(house.runs, roll=True).watch(_spec(house, looked))
        assert len(state["rolls"]) == 1
        (rolled,) = [row for row in await house.store.decisions.runs(10) if "-roll-" in row.run_id]
        assert looked < rolled.spec.as_of <= clock.now()
        exit_order = (True,)  # the paper broker looks for its quote
        before = [held is None for _, held, at in noted.asked if at < rolled.spec.as_of]
        assert before == [False, *exit_order, True]
