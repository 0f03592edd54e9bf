"""Fits on exact, noisy, bad and crossing quotes: always free of arbitrage, and near what is believable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from domain.errors import BadChain
from domain.market import OptionChain, RateCurve
from quant.surface import fit as smooth
from quant.svi.arbitrage import butterfly, certified
from quant.svi.batch import OUTCOMES, fit_slices
from quant.svi.fit import fit, remaining
from quant.svi.quotes import SmileQuotes, smile_quotes
from quant.svi.raw import Raw, total_variance
from tests.quant.svi.test_arbitrage import random_slices
from tests.quant.svi.test_raw import VOGT


def quotes_of(p: Raw, t: float, n: int = 25, noise: float = 0.0, reach: float = 3.0) -> SmileQuotes:
    sd = float(np.sqrt(total_variance(0.0, p)))
    k = np.linspace(-reach, reach, n) * sd
    vol = np.sqrt(total_variance(k, p) / t) + np.random.default_rng(1).normal(0.0, 1.0, n) * noise
    return SmileQuotes(np.arange(n), k, vol, np.full(n, 0.002), True)


def test_exact_slices_without_arbitrage_come_back() -> None:
    slices = [p for p in random_slices(200, 7) if butterfly(p).free]
    assert len(slices) > 30
    quotes = tuple(quotes_of(p, 0.5, 41, reach=4.0) for p in slices)
    batch = fit_slices(quotes, np.full(len(slices), 0.5))
    miss = [
        np.abs(np.sqrt(total_variance(one.k, Raw(*raw)) / 0.5) - one.vol).max()
        for one, raw in zip(quotes, batch.raw.tolist(), strict=True)
    ]
    assert np.median(miss) < 1e-6
    assert np.quantile(miss, 0.9) < 1e-3
    assert certified(batch.raw).all()


def test_every_hostile_slice_is_fitted_without_arbitrage() -> None:
    """Slices with butterfly arbitrage, Vogt's among them: nearest ones without, by proof and by a dense look."""
    slices = [VOGT, *(p for p in random_slices(150, 8) if not butterfly(p).free)]
    assert len(slices) > 40
    batch = fit_slices(tuple(quotes_of(p, 0.3) for p in slices), np.full(len(slices), 0.3))
    names = {OUTCOMES[code] for code in batch.outcome}
    assert "failed" not in names
    assert "penalised" in names
    assert certified(batch.raw).all()
    for raw in batch.raw.tolist():
        found = butterfly(Raw(*raw))
        assert found.free
        assert found.least >= 0.0


def test_vogts_slice_is_repaired_as_closely_as_the_published_optimum() -> None:
    """Gatheral and Jacquier's optimised repair, (c*, v~*) = (.8564763, .0116249): ours misses its quotes by no more."""
    from quant.svi.raw import JumpWings, from_jump_wings, jump_wings

    j = jump_wings(VOGT, 1.0)
    theirs = from_jump_wings(JumpWings(j.v, j.psi, j.p, 0.8564763, 0.0116249), 1.0)
    quotes = quotes_of(VOGT, 1.0, 41, reach=6.0)
    batch = fit_slices((quotes,), np.ones(1), robust=False)
    miss = [
        float(np.sum(quotes.weight * (np.sqrt(total_variance(quotes.k, p)) - quotes.vol) ** 2))
        for p in (Raw(*batch.raw[0].tolist()), theirs)
    ]
    assert miss[0] <= miss[1]


def test_bad_quotes_do_not_move_the_slice() -> None:
    p = Raw(0.004, 0.06, -0.5, 0.02, 0.15)
    clean = quotes_of(p, 0.25, 40, noise=0.0005)
    vol = clean.vol.copy()
    vol[[3, 11, 20, 33]] += [0.25, -0.1, 0.2, 0.4]
    batch = fit_slices((clean, clean._replace(vol=vol)), np.full(2, 0.25))
    a, b = (np.sqrt(total_variance(clean.k, Raw(*raw)) / 0.25) for raw in batch.raw.tolist())
    assert np.abs(a - b).max() < 0.002
    assert (batch.weights[1][[3, 11, 20, 33]] < 0.01).all()
    plain = fit_slices((clean._replace(vol=vol),), np.full(1, 0.25), robust=False).raw[0].tolist()
    assert np.abs(np.sqrt(total_variance(clean.k, Raw(*plain)) / 0.25) - a).max() > 0.01


def test_a_batch_is_its_slices_one_by_one() -> None:
    quotes = tuple(quotes_of(p, 0.4, noise=0.001) for p in random_slices(12, 9))
    whole = fit_slices(quotes, np.full(12, 0.4))
    alone = np.concatenate([fit_slices((one,), np.full(1, 0.4)).raw for one in quotes])
    assert np.array_equal(whole.raw, alone)


def test_a_clean_chain_is_met_and_every_question_answered(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    chain = make_black_chain(skew=-0.15, smile=0.2)
    surface = smooth(chain, black_as_of, make_flat_rates())
    found = fit(surface, chain)
    assert len(found.slices) == len(surface.slices) == 4
    assert remaining(found) == ((), ())
    assert not found.failures
    for one, smoothed in zip(found.slices, surface.slices, strict=True):
        k = np.linspace(-2.0, 2.0, 9) * one.atm_vol * np.sqrt(one.t)
        assert np.abs(one.vol(k) - smoothed.vol(k)).max() < 0.006
        strike = one.forward * np.exp(k)
        call, put = one.price(strike, True), one.price(strike, False)
        assert np.allclose(call - put, one.discount * (one.forward - strike), atol=1e-9)
        h = 1e-5
        first = (one.total_variance(k + h) - one.total_variance(k - h)) / (2 * h)
        assert np.allclose(one.derivatives(k)[0], first, rtol=1e-6, atol=1e-9)
        x = np.linspace(-14.0, 14.0, 40_001) * one.atm_vol * np.sqrt(one.t)
        density = one.density(x)
        assert density.min() >= 0.0
        assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-5)
        assert np.trapezoid(density * np.exp(x), x) == pytest.approx(1.0, abs=1e-5)
        assert np.allclose(np.diff(one.below(x)), 0.5 * (density[1:] + density[:-1]) * np.diff(x), atol=1e-7)
        for delta, is_call in ((0.25, True), (0.25, False), (0.5, True)):
            there = one.delta_strike(delta, is_call)
            assert abs(float(one.delta(there, is_call))) == pytest.approx(delta, abs=1e-9)
        gradient = one.vol_gradient(k)
        moved = np.sqrt(total_variance(k, one.parameters._replace(a=one.a + 1e-7)) / one.t)
        assert np.allclose(gradient[:, 0], (moved - one.vol(k)) / 1e-7, rtol=1e-4)
    w = [found.total_variance(-0.05, t) for t in np.linspace(0.0, 0.4, 60)]
    assert np.all(np.diff(w) > 0.0)


def test_crossing_maturities_are_pulled_apart(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    """The second maturity is quoted far below the first: found, repaired, and the repair is said."""
    chain = make_black_chain(vol=0.25, skew=-0.15, smile=0.2, days=(18, 32, 46, 74))
    low = make_black_chain(vol=0.15, skew=-0.15, smile=0.2, days=(18, 32, 46, 74))
    second = chain.expiry == np.unique(chain.expiry)[1]
    import dataclasses

    torn = dataclasses.replace(
        chain, bid=np.where(second, low.bid, chain.bid), ask=np.where(second, low.ask, chain.ask)
    )
    surface = smooth(torn, black_as_of, make_flat_rates())
    found = fit(surface, torn)
    assert found.crossings >= 1
    assert remaining(found) == ((), ())
    assert any("calendar" in one.repaired for one in found.slices)
    assert len(found.slices) + len(found.failures) == 4
    assert fit(smooth(chain, black_as_of, make_flat_rates()), chain).crossings == 0


def test_a_chain_too_thin_is_a_named_failure(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    chain = make_black_chain(step=25.0, days=(32,))
    with pytest.raises(BadChain, match="quotes that an SVI slice"):
        fit(smooth(chain, black_as_of, make_flat_rates()), chain)


def test_options_dearer_than_one_nearer_the_money_are_left_out(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    import dataclasses

    chain = make_black_chain(skew=-0.15, smile=0.2, days=(32, 74))
    odd = (chain.strike == 440.0) & ~chain.is_call
    dear = dataclasses.replace(chain, bid=np.where(odd, 30.0, chain.bid), ask=np.where(odd, 30.2, chain.ask))
    surface = smooth(dear, black_as_of, make_flat_rates())
    for one in surface.slices:
        quotes = smile_quotes(dear, one)
        assert quotes.senseless == 1
        assert not odd[quotes.row].any()
    assert all("dearer than one nearer the money" in one.doubts for one in fit(surface, dear).slices)
