"""Parameters found again, misfits told, and what the quotes cannot tell named."""

from __future__ import annotations

import asyncio
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from domain.codec import dumps, loads
from domain.errors import BadChain, BadInput
from domain.market import OptionChain, RateCurve
from quant.heston.calibration import Calibration, calibrate, decoded, encoded, term_structure
from quant.heston.chain import grid, prices
from quant.heston.params import BatesParams, HestonParams, Jump
from quant.heston.quotes import ChainQuotes, calibrate_chain, chain_quotes
from quant.surface import fit
from quant.vanilla.black import black76
from quant.vanilla.implied import implied_vol

TRUE = HestonParams(v0=0.04, kappa=2.0, theta=0.06, sigma=0.6, rho=-0.7)
JUMPY = BatesParams(diffusion=TRUE, jumps=(Jump(intensity=0.8, mean=-0.12, sd=0.09),))
Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def columns(days: tuple[int, ...] = (14, 30, 45, 60, 91, 122, 182, 273, 365, 730)) -> Columns:
    """Strikes, years, forwards, discounts, is_call: twelve strikes a maturity."""
    years = np.repeat(np.array(days) / 365, 12)
    forwards = 100 * np.exp(0.03 * years)
    strikes = forwards * np.exp(np.tile(np.linspace(-1.8, 1.5, 12), len(days)) * 0.22 * np.sqrt(years))
    return strikes, years, forwards, np.exp(-0.04 * years), strikes > 100


def made(params: HestonParams | BatesParams, at: Columns, events: float = 0.0) -> np.ndarray:
    return np.asarray(prices(params, grid(*at, events), 1e-14))


def fitted(price: np.ndarray, at: Columns, **rest: object) -> Calibration:
    return calibrate(at[0], at[1], at[2], at[3], price, at[4], **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "params",
    [
        TRUE,
        HestonParams(v0=0.09, kappa=0.8, theta=0.03, sigma=0.9, rho=-0.4),
        HestonParams(v0=0.02, kappa=6.0, theta=0.05, sigma=1.2, rho=-0.85),
        HestonParams(v0=0.3, kappa=3.0, theta=0.2, sigma=0.7, rho=0.3),
    ],
)
def test_parameters_are_found_again(params: HestonParams) -> None:
    at = columns()
    found = fitted(made(params, at), at)
    assert found.failure == ""
    assert encoded(found.params) == pytest.approx(encoded(params), abs=1e-9)
    assert found.rms < 1e-9
    assert found.quotes == 120
    assert found.iterations < 60
    assert 1 < found.condition < 1e4


def test_a_jump_is_found_again() -> None:
    at = columns()
    found = fitted(made(JUMPY, at), at, jumps=True)
    assert found.failure == ""
    assert encoded(found.params) == pytest.approx(encoded(JUMPY), abs=1e-8)
    without = fitted(made(JUMPY, at), at)
    assert without.rms > 0.1
    assert isinstance(without.params, HestonParams)


def test_an_event_is_not_taken_for_the_models_own_variance() -> None:
    at = columns()
    found = fitted(made(TRUE, at, 0.002), at, events=0.002)
    assert encoded(found.params) == pytest.approx(encoded(TRUE), abs=1e-8)
    assert found.rms < 1e-8
    assert fitted(made(TRUE, at, 0.002), at).rms > 0.1


def test_rows_may_stand_in_any_order_and_a_start_may_be_given() -> None:
    at = columns()
    price, shuffled = made(TRUE, at), np.random.default_rng(1).permutation(120)
    mixed = (at[0][shuffled], at[1][shuffled], at[2][shuffled], at[3][shuffled], at[4][shuffled])
    far = HestonParams(v0=0.09, kappa=1.0, theta=0.09, sigma=0.3, rho=-0.3)
    for start in (far, TRUE, JUMPY):
        found = fitted(price[shuffled], mixed, start=start)
        assert encoded(found.params) == pytest.approx(encoded(TRUE), abs=1e-9)
        assert found.failure == ""


def test_robust_weights_bear_a_few_wrong_quotes() -> None:
    at = columns()
    price = made(TRUE, at)
    wrong = [5, 40, 77, 110]
    price[wrong] *= 1.4
    plain, robust = fitted(price, at), fitted(price, at, robust=True)
    assert np.max(np.abs(encoded(plain.params) - encoded(TRUE))) > 0.05
    assert np.max(np.abs(encoded(robust.params) - encoded(TRUE))) < 0.01
    assert robust.median < 0.02 < robust.rms
    weights = np.ones(120)
    weights[wrong] = 0.0
    without = fitted(price, at, weights=weights)
    assert encoded(without.params) == pytest.approx(encoded(TRUE), abs=1e-9)
    assert (without.quotes, without.left_out) == (116, 4)


def test_quotes_without_a_volatility_are_left_out_and_counted() -> None:
    at = columns()
    price = made(TRUE, at)
    price[[3, 50]] = 0.0, 1e6
    found = fitted(price, at)
    assert (found.quotes, found.left_out) == (118, 2)
    assert encoded(found.params) == pytest.approx(encoded(TRUE), abs=1e-9)


def test_the_misfit_is_in_vol_points() -> None:
    """Every other quote one vol point too high and too low: an rms and a median of one, whatever the vega."""
    at = columns((60, 365))
    strikes, years, forwards, discounts, calls = at
    flat = HestonParams(v0=0.04, kappa=2.0, theta=0.04, sigma=0.01, rho=0.0)
    vol = 0.2 + 0.01 * np.where(np.arange(24) % 2 == 0, 1, -1)
    price = black76(forwards, strikes, years, vol, discounts, calls)
    found = fitted(price, at, start=flat)
    assert 0.9 < found.median < 1.1
    assert 0.9 < found.rms < 1.05


def test_what_the_quotes_do_not_tell_is_named() -> None:
    at = columns()
    strikes, years, forwards, discounts, calls = at
    flat = black76(forwards, strikes, years, 0.2, discounts, calls)
    found = fitted(flat, at)
    assert "do not determine" in found.failure
    assert found.rms < 1e-3
    alike = columns((91,))
    one = (np.full(12, 100.0), *alike[1:])
    same = fitted(made(TRUE, one), one)
    assert "do not determine" in same.failure
    with pytest.raises(BadInput, match="4 usable quotes cannot determine 5"):
        calibrate(strikes[:4], years[:4], forwards[:4], discounts[:4], flat[:4], calls[:4])
    with pytest.raises(BadInput, match="weights"):
        fitted(flat, at, weights=-1.0)


@pytest.mark.parametrize("jumps", [False, True])
def test_a_fit_is_written_and_read(jumps: bool) -> None:
    at = columns()
    found = fitted(made(JUMPY, at), at, jumps=jumps)
    assert loads(dumps(found), Calibration) == found


def test_coordinates_and_back() -> None:
    assert decoded(encoded(TRUE)).rho == pytest.approx(TRUE.rho, rel=1e-14)  # type: ignore[union-attr]
    back = decoded(encoded(JUMPY))
    assert isinstance(back, BatesParams)
    assert back.jumps[0].sd == pytest.approx(0.09, rel=1e-14)
    assert back.diffusion.kappa == pytest.approx(2.0, rel=1e-14)


def test_the_term_structure_is_met_where_it_is_the_models() -> None:
    years = np.array([0.05, 0.2, 0.5, 1.0, 2.0])
    for kappa in (0.25, 2.0, 16.0):
        law = HestonParams(v0=0.03, kappa=kappa, theta=0.08, sigma=0.5, rho=0.0)
        variance = np.array([law.average_variance(t) for t in years])
        v0, speed, theta = term_structure(years, variance)
        assert (v0, speed, theta) == pytest.approx((0.03, kappa, 0.08), rel=1e-9)


@pytest.mark.data
@pytest.mark.parametrize("jumps", [False, True])
def test_a_real_day(store_dir: Path, jumps: bool) -> None:
    """SPX of one day of 2019, one week to two years: the misfit by days to expiry."""
    from tools.market.recorded import RecordedMarket
    from tools.market.store import Store

    held = Store(store_dir)
    day = held.chain_days("spx-2019", "SPX")[20]
    at = held.chain_moments("spx-2019", "SPX", day)[0]
    market = RecordedMarket(store_dir, "spx-2019")
    chain, rates = asyncio.run(market.chain("SPX", at)), asyncio.run(market.rates(at))
    assert isinstance(chain, OptionChain)
    surface = fit(chain, at, rates if isinstance(rates, RateCurve) else None)
    every = chain_quotes(surface, chain)
    for t in np.unique(every.years):
        assert np.sum(every.weight[every.years == t]) == pytest.approx(1.0)
    quotes = ChainQuotes._make([column[::4] for column in every])
    found = calibrate_chain(quotes, jumps)
    t, call = quotes.years, quotes.is_call
    model = prices(found.params, grid(quotes.strike, t, quotes.forward, quotes.discount, call))
    assert np.all(model >= 0)
    vol = implied_vol(model, quotes.forward, quotes.strike, t, quotes.discount, call).sigma
    miss = 100 * np.abs(vol - quotes.vol)
    told = ", ".join(
        f"{low}-{high} d {np.nanmedian(miss[(365 * t > low) & (365 * t <= high)]):.2f}"
        for low, high in ((7, 30), (30, 90), (90, 365), (365, 730))
    )
    print(f"\n{day} {found}\n  median misfit {told}")
    assert found.failure == ""
    assert found.median < (1.5 if not jumps else 1.0)
    assert sqrt(found.params.average_variance(30 / 365)) == pytest.approx(0.15, abs=0.06)
    with pytest.raises(BadChain, match="no liquid slice"):
        chain_quotes(surface, chain, 9.0, 10.0)
