"""The recorder: every node leaves one row, a ticker's failure refuses that ticker alone, fatal errors raise through."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from domain.decision import RunStatus
from domain.errors import DatabaseDown, RunFatal, SourceFailed
from graph.recorder import refusal
from tests.desk import demo_spec, desk_house
from tools.market.open import open_market


def _failing(ticker: str, error: Exception) -> Any:
    """Markets whose chain of one ticker fails."""

    class Failing:
        def __init__(self, market: Any) -> None:
            self._market = market

        def __getattr__(self, name: str) -> Any:
            return getattr(self._market, name)

        async def chain(self, asked: str, as_of: Any) -> Any:
            if asked == ticker:
                raise error
            return await self._market.chain(asked, as_of)

    from pathlib import Path

    return lambda name: Failing(open_market(name, Path("/nonexistent"), 7))


async def test_every_node_leaves_one_row(postgres_uri: str) -> None:
    events: Counter[tuple[str, str]] = Counter()

    def progress(node: str, ticker: str, event: str) -> None:
        events[(node, event)] += 1

    async with desk_house(postgres_uri, progress=progress) as house:
        row = await house.runs.start(demo_spec(house, ("SPX", "NVDA")))
        nodes = await house.store.decisions.nodes(row.run_id)
    names = Counter(node.node for node in nodes)
    assert names["open"] == names["rank"] == names["journal"] == 1
    assert names["snapshot"] == names["flow"] == names["aggregate"] == names["debate"] == 2
    assert all(len(node.in_hash) == 64 and node.duration_ms >= 0 for node in nodes)
    assert events[("snapshot", "started")] == 2
    assert events[("snapshot", "done")] == 2


async def test_a_failed_ticker_is_refused_and_the_others_go_on(postgres_uri: str) -> None:
    markets = _failing("NVDA", SourceFailed("the vendor answered 502; try again"))
    async with desk_house(postgres_uri, markets=markets) as house:
        row = await house.runs.start(demo_spec(house, ("SPX", "NVDA")))
        assert row.decision is not None
        (refused,) = [one for one in row.decision.refused if one.ticker == "NVDA"]
        assert (refused.stage, refused.reason) == ("snapshot", "the vendor answered 502; try again")
        assert [scan.ticker for scan in row.decision.scans] == ["SPX"]


async def test_a_bug_in_one_ticker_is_refused_with_its_name(postgres_uri: str) -> None:
    async with desk_house(postgres_uri, markets=_failing("NVDA", KeyError("oops"))) as house:
        row = await house.runs.start(demo_spec(house, ("SPX", "NVDA")))
        assert row.decision is not None
        assert any("KeyError" in one.reason for one in row.decision.refused if one.ticker == "NVDA")


async def test_what_makes_the_run_meaningless_raises_through(postgres_uri: str) -> None:
    async with desk_house(postgres_uri, markets=_failing("NVDA", DatabaseDown("gone"))) as house:
        with pytest.raises(RunFatal, match="gone"):
            await house.runs.start(demo_spec(house, ("SPX", "NVDA")))
        (row,) = await house.store.decisions.runs(5)
        assert row.status == RunStatus.RUNNING
    async with desk_house(postgres_uri) as house:
        done = await house.runs.go_on(row.run_id)
        assert done.decision is not None
        assert {scan.ticker for scan in done.decision.scans} == {"SPX", "NVDA"}


def test_a_fatal_error_is_nobodys_refusal() -> None:
    with pytest.raises(DatabaseDown):
        refusal("SPY", "price", DatabaseDown("gone"))
    assert refusal("SPY", "price", ValueError("x")).reason == "ValueError: x"


async def test_an_unknown_ticker_is_refused_with_a_reason(postgres_uri: str) -> None:
    async with desk_house(postgres_uri) as house:
        row = await house.runs.start(demo_spec(house, ("ZZZZ",)))
        assert row.decision is not None
        assert [one.ticker for one in row.decision.refused] == ["ZZZZ"]
        assert row.status == RunStatus.DONE
