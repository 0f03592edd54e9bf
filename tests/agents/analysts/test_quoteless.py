"""The four analysts on a recorded day whose chains have neither bid nor ask."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from agents.aggregate import COST_EVIDENCE, UNKNOWN_COST, round_trip_cost
from agents.analysts import flow, social, technical, vol_surface
from domain.market import MarketSnapshot, Quotes
from domain.views import Abstained, Reading, Signal
from quant.surface import UNQUOTED, Surface, fit
from tools import sessions
from tools.market.recorded import RecordedMarket
from tools.market.snapshot import take_snapshot

pytestmark = pytest.mark.data


@pytest.fixture
async def scene(store_dir: Path) -> tuple[MarketSnapshot, Surface]:
    """SPY at the close of 2026-06-15, with its surface."""
    market, at = RecordedMarket(store_dir, "eod-2026"), sessions.new_york(date(2026, 6, 15), 16, 0)
    snapshot = await take_snapshot(market, "SPY", at)
    assert snapshot.chain is not None
    assert snapshot.chain.quotes is Quotes.NONE
    return snapshot, fit(snapshot.chain, snapshot.as_of, snapshot.rates)


def values(reading: Reading) -> dict[str, float]:
    return {item.name: item.value for item in reading.evidence}


async def test_volatility_is_read_and_its_cost_is_missing_not_zero(scene: tuple[MarketSnapshot, Surface]) -> None:
    reading = vol_surface.read(*scene)
    found = values(reading)
    assert 0.10 < found["atm_iv_30d"] < 0.20
    assert 0.0 < found["skew_25d"] < 0.8
    assert found["liquid_slices"] > 25
    assert UNQUOTED in next(item.note for item in reading.evidence if item.name == "liquid_slices")
    assert COST_EVIDENCE not in found
    assert isinstance(reading.signal, Signal)
    assert "what a round trip costs, for the chain has no quotes" in reading.signal.why
    assert round_trip_cost((reading,)) == UNKNOWN_COST


async def test_flow_is_read_off_the_surface(scene: tuple[MarketSnapshot, Surface]) -> None:
    snapshot, _ = scene
    reading = flow.read(*scene)
    found = values(reading)
    assert found["net_gex"] != 0.0
    assert 0.8 * snapshot.spot < found["zero_gamma"] < 1.2 * snapshot.spot
    assert abs(found["max_pain_distance"]) < 20.0
    assert found["unusual_contracts"] > 0
    assert found["unusual_premium"] > 0.0
    note = next(item.note for item in reading.evidence if item.name == "unusual_premium")
    assert "at the fitted smile, no quotes" in note
    assert isinstance(reading.signal, Signal)


async def test_stale_last_trades_are_not_what_premium_is_counted_in(scene: tuple[MarketSnapshot, Surface]) -> None:
    snapshot, surface = scene
    assert snapshot.chain is not None
    wild = dataclasses.replace(snapshot.chain, last=np.full(len(snapshot.chain), 1e6))
    assert values(flow.read(dataclasses.replace(snapshot, chain=wild), surface)) == values(flow.read(*scene))


async def test_the_others_need_no_quotes(scene: tuple[MarketSnapshot, Surface]) -> None:
    assert values(technical.read(*scene))["sma50_over_sma200"] != 0.0
    assert isinstance(social.read(*scene).signal, Abstained | Signal)
