"""Surfaces of chains without quotes: what a vendor's volatilities say, and what they cannot."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtr

from domain.errors import BadChain
from domain.market import Exercise, OptionChain, Quotes, RateCurve
from quant.surface import UNQUOTED, fit
from quant.vanilla.clock import YEAR_S
from quant.vanilla.forwards import survey
from quant.vanilla.implied import implied_vol
from tools.randomness import generator

Make = Callable[..., OptionChain]


def bare(chain: OptionChain) -> OptionChain:
    """The chain without its quotes."""
    nothing = np.full(len(chain), np.nan)
    return dataclasses.replace(chain, bid=nothing, ask=nothing, quotes=Quotes.NONE)


def as_vendor(
    chain: OptionChain, carry: float, *, rate: float = 0.04, decimals: int = 6, deltas: bool = True
) -> OptionChain:
    """The chain as a vendor without quotes gives it: volatilities and deltas of its mids at spot grown at `carry`."""
    t = (chain.settles_at - chain.quoted_at.timestamp()) / YEAR_S
    forward, mid = chain.spot * np.exp(carry * t), 0.5 * (chain.bid + chain.ask)
    vol = implied_vol(mid, forward, chain.strike, t, np.exp(-rate * t), chain.is_call).sigma
    sd = vol * np.sqrt(t)
    delta = ndtr(np.log(forward / chain.strike) / sd + 0.5 * sd) - np.where(chain.is_call, 0.0, 1.0)
    told = np.round(delta, decimals) if deltas else np.full(len(chain), np.nan)
    return dataclasses.replace(bare(chain), vendor_iv=vol, vendor_delta=told)


@pytest.fixture
def rates(make_flat_rates: Callable[..., RateCurve]) -> RateCurve:
    return make_flat_rates()


def _true(k: np.ndarray) -> np.ndarray:
    return 0.2 - 0.25 * k + 0.6 * k * k


def _agrees(chain: OptionChain, as_of: datetime, rates: RateCurve, *, forward: float, vol: float) -> set[str]:
    """Hold a fitted chain against the truth (carry 3 %); give the sources of its forwards."""
    surface = fit(chain, as_of, rates)
    assert len(surface.slices) == 4
    for one in surface.slices:
        assert one.forward == pytest.approx(500.0 * np.exp(0.03 * one.t), rel=forward)
        assert one.discount == pytest.approx(np.exp(-0.04 * one.t), rel=1e-9)
        k = np.linspace(-1.5, 1.5, 21) * 0.2 * np.sqrt(one.t)
        np.testing.assert_allclose(one.vol(k), _true(k), atol=vol)
        assert one.quality.startswith(UNQUOTED)
    return {one.source for one in surface.slices}


def test_a_vendor_who_has_the_forward(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    chain = as_vendor(make_black_chain(), 0.03)
    told = _agrees(chain, black_as_of, rates, forward=2e-5, vol=6e-4)
    assert told == {"vendor IV, parity at delta forward"}
    one = fit(chain, black_as_of, rates).slices[1]
    near = np.abs(np.log(chain.strike[one.rows] / one.forward)) < 0.1
    np.testing.assert_allclose(one.row_iv[near], chain.vendor_iv[one.rows][near], atol=2e-4)


def test_a_vendor_who_leaves_a_dividend_out(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    """His calls and puts disagree; the forward that reconciles them is the true one, and so is the smile there."""
    chain = as_vendor(make_black_chain(), 0.055)
    own = [one.vendor_forward for one in survey(chain, black_as_of, rates).slices]
    assert own[3] == pytest.approx(500.0 * np.exp(0.055 * 74 / 365), rel=1e-3)
    _agrees(chain, black_as_of, rates, forward=1e-4, vol=1e-3)


def test_deltas_of_two_decimals_tell_one_carry(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    chain = as_vendor(make_black_chain(), 0.03, decimals=2)
    told = _agrees(chain, black_as_of, rates, forward=3e-4, vol=1.5e-3)
    assert told == {"vendor IV, parity at delta carry of all expiries"}
    carries = {round(np.log(one.vendor_forward / 500.0) / one.t, 9) for one in survey(chain, black_as_of, rates).slices}
    assert len(carries) == 1


def test_without_deltas_the_curve_stands_in(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    chain = as_vendor(make_black_chain(), 0.04, deltas=False)
    told = _agrees(chain, black_as_of, rates, forward=1e-4, vol=1e-3)
    assert told == {"vendor IV, parity at curve forward"}


def test_without_pairs_the_vendors_forward_stands(
    make_black_chain: Make, rates: RateCurve, black_as_of: datetime
) -> None:
    chain = as_vendor(make_black_chain(), 0.03)
    outside = np.where(chain.is_call, chain.strike >= 510.0, chain.strike < 500.0)
    chain = dataclasses.replace(chain, vendor_iv=np.where(outside, chain.vendor_iv, np.nan))
    assert {one.source for one in survey(chain, black_as_of, rates).slices} == {"vendor IV, delta forward"}


def test_absurd_volatilities_are_no_answer(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    chain = as_vendor(make_black_chain(), 0.03)
    vol = chain.vendor_iv.copy()
    hit = generator(3).choice(len(chain), len(chain) // 7, replace=False)
    vol[hit] = np.resize([0.0, 7.0, np.nan, -1.0], len(hit))
    spoiled = dataclasses.replace(chain, vendor_iv=vol)
    _agrees(spoiled, black_as_of, rates, forward=1e-4, vol=2e-3)
    own = np.concatenate([one.row_iv[np.isin(one.rows, hit)] for one in fit(spoiled, black_as_of, rates).slices])
    assert len(own) == len(hit)
    assert np.isnan(own).all()


def test_wild_volatilities_do_not_bend_the_smile(
    make_black_chain: Make, rates: RateCurve, black_as_of: datetime
) -> None:
    chain = as_vendor(make_black_chain(), 0.03)
    vol = chain.vendor_iv.copy()
    hit = generator(4).choice(len(chain), len(chain) // 20, replace=False)
    vol[hit] *= 1.8
    _agrees(dataclasses.replace(chain, vendor_iv=vol), black_as_of, rates, forward=2e-3, vol=8e-3)


def test_without_rates_nothing_is_guessed(make_black_chain: Make, black_as_of: datetime) -> None:
    with pytest.raises(BadChain, match="no quotes, and no rates curve to discount with"):
        fit(as_vendor(make_black_chain(), 0.03), black_as_of, None)


@pytest.mark.parametrize("vol", [0.0, np.nan, 9.0])
def test_without_volatilities_it_is_refused(
    vol: float, make_black_chain: Make, rates: RateCurve, black_as_of: datetime
) -> None:
    chain = as_vendor(make_black_chain(), 0.03)
    empty = dataclasses.replace(chain, vendor_iv=np.full(len(chain), vol))
    with pytest.raises(BadChain, match=r"usable vendor IVs 0.*neither quotes nor usable implied volatilities"):
        fit(empty, black_as_of, rates)


def test_a_forward_far_from_spot_is_left_out(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    chain = as_vendor(make_black_chain(), 0.03)
    lifted = dataclasses.replace(chain, vendor_iv=np.where(chain.is_call, 3.0, 0.01), vendor_delta=chain.vendor_iv)
    found = survey(lifted, black_as_of, rates)
    assert not found.slices
    assert "the vendor's volatilities give the forward" in found.skipped[0]


@pytest.mark.data
def test_quotes_of_spx_are_met(spx_chain: Callable[[date], OptionChain], rates_of: Callable[[date], RateCurve]) -> None:
    """2019-06-11, a day on which the vendor saw the quotes: forwards within a basis point, volatilities 0.05 points."""
    day = date(2019, 6, 11)
    chain, rates = spx_chain(day), rates_of(day)
    quoted, read = fit(chain, chain.quoted_at, rates), fit(bare(chain), chain.quoted_at, rates)
    assert len(read.slices) >= len(quoted.slices) - 1
    pairs = [(one, read.find(one.root, one.expiry)) for one in quoted.slices if one.t > 2 / 365]
    basis = [abs(1e4 * np.log(other.forward / one.forward)) for one, other in pairs if other]
    level = [100 * abs(other.atm_vol - one.atm_vol) for one, other in pairs if other]
    wing = [100 * abs(float(other.vol(-0.08) - one.vol(-0.08))) for one, other in pairs if other and one.t > 0.08]
    assert np.median(basis) < 1.0
    assert np.median(level) < 0.05
    assert max(level) < 0.3
    assert np.median(wing) < 0.1


@pytest.mark.data
@pytest.mark.parametrize(
    ("ticker", "carry"), [("SPY", (0.015, 0.04)), ("NVDA", (0.025, 0.045)), ("TLT", (-0.02, 0.01))]
)
def test_a_recorded_day_without_quotes(
    ticker: str,
    carry: tuple[float, float],
    shared_data: Path,
    make_chain_of: Callable[..., OptionChain],
    rates_of: Callable[[date], RateCurve],
) -> None:
    """2026-07-15: forwards grow at rate less yield, though the vendor's volatilities were made at another carry."""
    day = date(2026, 7, 15)
    file = shared_data / "options" / "chain_eod_2026" / f"{ticker}_2026-05-26_2026-07-31.parquet"
    frame = pl.read_parquet(file).filter(pl.col("quote_ts").dt.date() == day)
    chain = bare(make_chain_of(frame, ticker, datetime.fromisoformat("2026-07-15T20:00:00+00:00"), Exercise.AMERICAN))
    surface = fit(chain, chain.quoted_at, rates_of(day))
    assert len(surface.slices) >= 20
    grown = [np.log(one.forward / chain.spot) / one.t for one in surface.slices if one.t > 0.2]
    assert carry[0] < min(grown) <= max(grown) < carry[1]
    assert all(0.05 < one.atm_vol < 0.9 for one in surface.slices)
    assert np.median([one.fit_error for one in surface.slices]) < 0.002
    assert all(one.quality.startswith(UNQUOTED) for one in surface.slices)
