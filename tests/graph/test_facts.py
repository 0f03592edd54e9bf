"""Facts are computed once per snapshot and version, kept, and shared by all who ask."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from domain.errors import BadChain
from graph.compute import Compute
from graph.facts import FactCache
from memory.store import open_store
from quant import surface as surfaces
from tests.desk import MARKET, demo_moment, desk_house
from tools.market.snapshot import take_snapshot


async def _snapshot(uri: str) -> Any:
    async with desk_house(uri) as house:
        return await take_snapshot(house.markets(MARKET), "SPX", demo_moment(house))


async def test_one_computation_serves_all(postgres_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = await _snapshot(postgres_uri)
    calls = []
    real = surfaces.fit

    def counted(*args: Any) -> Any:
        calls.append(1)
        return real(*args)

    monkeypatch.setattr(surfaces, "fit", counted)
    store = await open_store(postgres_uri)
    compute = Compute(2)
    try:
        cache = FactCache(store.facts, compute)
        fitted = await asyncio.gather(*(cache.surface("hash", snapshot) for _ in range(4)))
        assert len(calls) == 1
        assert all(one is fitted[0] for one in fitted)
        again = await FactCache(store.facts, compute).surface("hash", snapshot)
        assert len(calls) == 1, "a new process reads it back"
        assert again is not None
        assert fitted[0] is not None
        np.testing.assert_array_equal(again.slices[0].knots_vol, fitted[0].slices[0].knots_vol)
        await FactCache(store.facts, compute).surface("other", snapshot)
        assert len(calls) == 2
    finally:
        compute.close()
        await store.close()


async def test_a_failure_reaches_everyone_and_is_not_kept(postgres_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = await _snapshot(postgres_uri)
    monkeypatch.setattr(surfaces, "fit", lambda *args: (_ for _ in ()).throw(BadChain("one strike")))
    store = await open_store(postgres_uri)
    compute = Compute(2)
    try:
        cache = FactCache(store.facts, compute)
        results = await asyncio.gather(*(cache.surface("h", snapshot) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(result, BadChain) for result in results)
        assert await store.facts.get("h", surfaces.VERSION) is None
    finally:
        compute.close()
        await store.close()
