from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from domain.codec import digest, pack, unpack
from domain.errors import BadChain, DataAbsent
from domain.market import OptionChain, RateCurve
from quant.surface import Surface, fit, require
from tools.randomness import generator

Make = Callable[..., OptionChain]


@pytest.fixture
def rates(make_flat_rates: Callable[..., RateCurve]) -> RateCurve:
    return make_flat_rates()


def _true(k: np.ndarray) -> np.ndarray:
    return 0.2 - 0.25 * k + 0.6 * k * k


def test_recovers_a_known_smile(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    surface = fit(make_black_chain(), black_as_of, rates)
    assert len(surface.slices) == 4
    for one in surface.slices:
        k = np.linspace(-1.5, 1.5, 21) * 0.2 * np.sqrt(one.t)
        np.testing.assert_allclose(one.vol(k), _true(k), atol=4e-4)
        assert one.atm_vol == pytest.approx(0.2, abs=3e-4)
    assert surface.atm_vol(30) == pytest.approx(0.2, abs=3e-4)
    assert float(surface.vol(1, 480.0)) == float(surface.slices[1].vol(np.log(480.0 / surface.slices[1].forward)))


def test_flat_beyond_the_last_quote(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    one = fit(make_black_chain(), black_as_of, rates).slices[0]
    assert float(one.vol(-3.0)) == pytest.approx(one.knots_vol[0])
    assert float(one.vol(3.0)) == pytest.approx(one.knots_vol[-1])


def test_row_iv_inverts_each_own_mid(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    chain = make_black_chain()
    one = fit(chain, black_as_of, rates).slices[2]
    mid = 0.5 * (chain.bid[one.rows] + chain.ask[one.rows])
    sound = np.isfinite(one.row_iv)
    from quant.vanilla.black import black76

    strike, call = chain.strike[one.rows], chain.is_call[one.rows]
    again = black76(one.forward, strike, one.t, one.row_iv, one.discount, call)
    np.testing.assert_allclose(again[sound], mid[sound], rtol=1e-9, atol=1e-9)
    assert np.all(np.isnan(one.row_iv[chain.bid[one.rows] == 0.0]))


def test_bad_quotes_do_not_bend_the_smile(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    chain = make_black_chain()
    bid, ask = chain.bid.copy(), chain.ask.copy()
    hit = generator(3).choice(len(chain), len(chain) // 20, replace=False)
    ask[hit] = bid[hit] * 1.6 + 1.0
    bid[hit] = bid[hit] * 1.5
    dirty = fit(dataclasses.replace(chain, bid=bid, ask=ask), black_as_of, rates)
    for one in dirty.slices:
        k = np.linspace(-1.2, 1.2, 13) * 0.2 * np.sqrt(one.t)
        np.testing.assert_allclose(one.vol(k), _true(k), atol=6e-3)


def test_delta_strikes(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    one = fit(make_black_chain(), black_as_of, rates).slices[1]
    put, call = one.delta_strike(0.25, False), one.delta_strike(0.25, True)
    assert put < one.forward < call
    assert float(one.delta(put, False)) == pytest.approx(-0.25, abs=1e-5)
    assert float(one.delta(call, True)) == pytest.approx(0.25, abs=1e-5)


def test_constant_maturity_is_linear_in_total_variance(
    make_black_chain: Make, rates: RateCurve, black_as_of: datetime
) -> None:
    surface = fit(make_black_chain(), black_as_of, rates)
    a, b = surface.slices[0], surface.slices[1]
    share = (25 / 365 - a.t) / (b.t - a.t)
    total = (1 - share) * a.atm_vol**2 * a.t + share * b.atm_vol**2 * b.t
    assert surface.atm_vol(25) == pytest.approx(np.sqrt(total / (25 / 365)))
    assert surface.atm_vol(1) == a.atm_vol
    assert surface.atm_vol(400) == surface.slices[-1].atm_vol


def test_packs_and_unpacks_to_the_same_bytes(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    surface = fit(make_black_chain(), black_as_of, rates)
    again = unpack(pack(surface))
    assert isinstance(again, Surface)
    assert digest(again) == digest(surface)
    assert float(again.slices[0].vol(0.01)) == float(surface.slices[0].vol(0.01))


def test_a_missing_slice_is_named(make_black_chain: Make, rates: RateCurve, black_as_of: datetime) -> None:
    surface = fit(make_black_chain(), black_as_of, rates)
    with pytest.raises(DataAbsent, match="no fitted slice for XYZ"):
        require(surface, "XYZ", surface.slices[0].expiry)


def _only(chain: OptionChain, keep: np.ndarray) -> OptionChain:
    names = [f.name for f in dataclasses.fields(OptionChain) if isinstance(getattr(chain, f.name), np.ndarray)]
    return dataclasses.replace(chain, **{name: getattr(chain, name)[keep] for name in names})


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda c: dataclasses.replace(c, spot=float("nan")), "price is nan"),
        (lambda c: dataclasses.replace(c, spot=-3.0), "price is -3.0"),
        (lambda c: dataclasses.replace(c, bid=np.zeros(len(c))), "zero or missing bids 648"),
        (lambda c: dataclasses.replace(c, bid=np.full(len(c), np.nan)), "zero or missing bids 648"),
        (lambda c: _only(c, c.strike == 500.0), "strikes 1"),
        (lambda c: dataclasses.replace(c, settles_at=c.settles_at - 400 * 86_400), "expired rows 648"),
        (lambda c: dataclasses.replace(c, ask=c.bid * 0.5), "crossed"),
        (lambda c: _only(c, np.zeros(len(c), dtype=bool)), "no rows"),
    ],
)
def test_degenerate_chains_are_refused_with_counts(
    break_it: Callable[[OptionChain], OptionChain],
    told: str,
    make_black_chain: Make,
    rates: RateCurve,
    black_as_of: datetime,
) -> None:
    with pytest.raises(BadChain, match=told):
        fit(break_it(make_black_chain()), black_as_of, rates)
