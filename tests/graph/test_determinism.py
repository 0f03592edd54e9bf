"""The same market, replies, seed and settings give the same record to the bit, whatever finishes first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.desk import demo_spec, desk_house
from tools.market.open import open_market
from tools.randomness import generator

TICKERS = ("SPX", "SPY", "NVDA")


class Shuffled:
    """A market whose answers come in another order each time."""

    def __init__(self, market: Any, seed: int) -> None:
        self._market = market
        self._chance = generator(seed)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._market, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def late(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(float(self._chance.random()) * 0.02)
            return await found(*args, **kwargs)

        return late


async def _hash(uri: str, seed: int, threads: int) -> tuple[str, str]:
    def markets(name: str) -> Any:
        return Shuffled(open_market(name, Path("/nonexistent"), 7), seed)

    async with desk_house(uri, change={"threads": threads}, markets=markets) as house:
        row = await house.runs.start(demo_spec(house, TICKERS))
        assert row.decision_hash is not None
        return row.decision_hash, row.run_id


async def test_same_record_with_one_and_two_threads_and_shuffled_completion(
    make_database: Callable[[], str],
) -> None:
    first = await _hash(make_database(), 1, 1)
    second = await _hash(make_database(), 2, 2)
    assert first == second


async def test_the_same_run_again_is_another_run_of_the_same_record(postgres_uri: str) -> None:
    """A decision never recalls itself: running the same moment twice gives the same views both times."""
    async with desk_house(postgres_uri) as house:
        one = (await house.runs.start(demo_spec(house, ("NVDA",), account="paper/one"))).decision
        two = (await house.runs.start(demo_spec(house, ("NVDA",), account="paper/two"))).decision
    assert one is not None
    assert two is not None
    assert one.scans == two.scans
    assert one.debates == two.debates
