"""What a decision saw is kept for ever; what only marked a position, for a time, near its contracts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from domain.structures import Option
from tests.desk import desk_house
from tests.graph.test_watch import OPENED, _holding, _spec
from tools.clock import ManualClock
from tools.market.open import open_market


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


async def test_a_market_is_told_what_it_is_watched_for(postgres_uri: str) -> None:
    asked: list[tuple[tuple[str, ...], Any]] = []

    class Noted:
        def __init__(self, market: Any) -> None:
            self._market = market

        def __getattr__(self, name: str) -> Any:
            return getattr(self._market, name)

        async def refresh(self, tickers: tuple[str, ...], held: Any = None) -> None:
            asked.append((tickers, held))

    async with _holding(postgres_uri) as (_, _, position):
        legs = tuple(leg.instrument for leg in position.legs if isinstance(leg.instrument, Option))
    clock = ManualClock(OPENED + timedelta(minutes=30))
    wiring = {
        "clock_for": lambda market, as_of: clock,
        "markets": lambda name: Noted(open_market(name, Path("/nonexistent"), 43)),
    }
    async with desk_house(postgres_uri, **wiring) as house:
        state = await house.runs.watch(_spec(house, clock.now()))
        assert len(state["marks"]) == 1
    assert (("SPX",), {"SPX": legs}) in asked
    assert len(legs) == 4
