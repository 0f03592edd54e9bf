"""Arbitrage-free surfaces of real days: every set once or twice; fit errors reported, no arbitrage left."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from domain.market import OptionChain, Quotes, RateCurve
from quant.surface import Surface
from quant.surface import fit as smooth
from quant.svi.anomalies import MOST_A_SLICE, anomalies
from quant.svi.fit import SviSurface, fit, remaining

pytestmark = pytest.mark.data

# (set, ticker, which of its chains): European and American, quoted and not, calm and short.
DAYS = (
    ("spx-2019", "SPX", 0),
    ("spx-2019", "SPX", 20),
    ("cboe-2022", "SPX", -1),
    ("yahoo-2026-02", "SPY", -1),
    ("yahoo-2026-02", "NVDA", 0),
    ("yahoo-2025-11", "NVDA", 0),
    ("greeks-2026-07", "TSLA", -1),
    ("eod-2026", "SPY", -1),
    ("eod-2026", "AMZN", 10),
)


def fitted(store: Path, name: str, ticker: str, index: int) -> tuple[OptionChain, Surface, SviSurface]:
    from tools.market.recorded import RecordedMarket
    from tools.market.store import Store

    held = Store(store)
    moments: list[datetime] = [
        at for day in held.chain_days(name, ticker) for at in held.chain_moments(name, ticker, day)
    ]
    at = moments[index]
    market = RecordedMarket(store, name)
    chain, rates = asyncio.run(market.chain(ticker, at)), asyncio.run(market.rates(at))
    assert isinstance(chain, OptionChain)
    surface = smooth(chain, at, rates if isinstance(rates, RateCurve) else None)
    return chain, surface, fit(surface, chain)


@pytest.mark.parametrize(("name", "ticker", "index"), DAYS)
def test_a_real_day_is_fitted_closely_and_without_arbitrage(
    store_dir: Path, name: str, ticker: str, index: int
) -> None:
    chain, surface, found = fitted(store_dir, name, ticker, index)
    assert remaining(found) == ((), ())
    assert found.ssvi.free
    liquid = [one for one in found.slices if one.liquid]
    errors = 100 * np.array([one.fit_error for one in liquid])
    odd = anomalies(chain, surface, found)
    left = found.failures[len(surface.skipped) :]
    print(
        f"\n{name} {ticker} {found.as_of:%Y-%m-%d %H:%M}: {len(found.slices)} slices, {len(liquid)} liquid, error"
        f" {np.median(errors):.2f}, worst {errors.max():.2f}; before: {found.butterflies} butterflies,"
        f" {found.crossings} crossings; {len(left)} failures; {len(odd.found)} anomalies of {odd.quotes}"
    )
    assert len(liquid) >= 5
    assert np.median(errors) < 1.0
    assert np.quantile(errors, 0.9) < 2.0
    assert len(found.slices) + len(left) == len(surface.slices)
    assert all(reason for reason in left)
    assert len(left) <= 0.1 * len(surface.slices)
    assert len(odd.found) <= MOST_A_SLICE * len(found.slices)
    assert (odd.note != "") == (chain.quotes is Quotes.NONE)
    for one in odd.found:
        assert one.bid > one.value if one.rich else one.ask < one.value
        assert one.spreads > 1.0


def test_prices_of_a_real_surface_are_monotone_and_convex_in_strike_and_rise_with_maturity(store_dir: Path) -> None:
    """The arbitrage itself, on prices and not on parameters: SPX, every slice, 400 strikes."""
    _, _, found = fitted(store_dir, "spx-2019", "SPX", 30)
    before, reach, k = np.zeros(400), 0.0, np.linspace(-0.6, 0.4, 400)
    for one in found.slices:
        strike = one.forward * np.exp(k)
        call = one.price(strike, True) / (one.discount * one.forward)
        ratio = np.exp(k)
        slope = np.diff(call) / np.diff(ratio)
        assert np.all(slope <= 1e-12)
        assert np.all(slope >= -1.0 - 1e-12)
        assert np.all(np.diff(slope) >= -1e-9)
        compared = np.abs(k) <= max(reach, one.reach)
        assert np.all((call >= before - 1e-15)[compared])
        before, reach = call, one.reach
    assert reach > 0.6
