"""Chains that make no sense end their ticker with a clear reason, and nothing of them is recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from domain.market import OptionChain
from tests.desk import demo_spec, desk_house
from tools.market.open import open_market


def _rows(chain: OptionChain, keep: Any) -> OptionChain:
    """The chain with some rows only."""
    arrays = {
        field.name: getattr(chain, field.name)[keep]
        for field in dataclasses.fields(chain)
        if isinstance(getattr(chain, field.name), np.ndarray)
    }
    return dataclasses.replace(chain, **arrays)


SPOILT: dict[str, Callable[[OptionChain], OptionChain]] = {
    "no rows": lambda chain: _rows(chain, np.zeros(len(chain), dtype=bool)),
    "one strike": lambda chain: _rows(chain, chain.strike == np.median(np.unique(chain.strike).astype(int))),
    "all bids zero": lambda chain: dataclasses.replace(chain, bid=np.zeros(len(chain))),
    "quotes are NaN": lambda chain: dataclasses.replace(
        chain, bid=np.full(len(chain), np.nan), ask=np.full(len(chain), np.nan)
    ),
    "negative spot": lambda chain: dataclasses.replace(chain, spot=-1.0),
    "spot is NaN": lambda chain: dataclasses.replace(chain, spot=float("nan")),
    "everything expired": lambda chain: dataclasses.replace(
        chain, settles_at=np.full(len(chain), int((chain.quoted_at - timedelta(hours=1)).timestamp()))
    ),
    "crossed": lambda chain: dataclasses.replace(chain, bid=chain.ask + 1.0, ask=chain.bid),
}


@pytest.mark.parametrize("name", SPOILT)
async def test_a_chain_that_makes_no_sense_is_refused(postgres_uri: str, name: str) -> None:
    class Spoilt:
        def __init__(self, market: Any) -> None:
            self._market = market

        def __getattr__(self, attribute: str) -> Any:
            return getattr(self._market, attribute)

        async def chain(self, ticker: str, as_of: Any) -> Any:
            return SPOILT[name](await self._market.chain(ticker, as_of))

    def markets(market: str) -> Any:
        return Spoilt(open_market(market, Path("/nonexistent"), 43))

    async with desk_house(postgres_uri, markets=markets) as house:
        row = await house.runs.start(demo_spec(house))
    assert row.decision is not None
    assert row.decision.scans == ()
    assert row.decision.tickets == ()
    (refused,) = row.decision.refused
    assert (refused.ticker, refused.stage) == ("SPX", "snapshot")
    assert "SPX" in refused.reason
    assert "Error" not in refused.reason, "a reason in words, not the name of an exception"
    with psycopg.connect(postgres_uri) as conn:
        assert conn.execute("select count(*) from snapshots").fetchone() == (0,)
        assert conn.execute("select count(*) from facts").fetchone() == (0,)
