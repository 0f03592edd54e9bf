"""Golden values: Haug (2007) as printed, and derivatives of the price at 40 digits (mpmath) for the full sets."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.vanilla.black import Greeks, black76, greeks, price
from tools.randomness import generator

# call S=100 K=105 t=.25 r=.05 b=.03 v=.2: derivatives of the Black-Scholes-Merton price at 40 digits
CALL = {
    "delta": 0.356551956053257,
    "gamma": 0.0371655721162421,
    "vega": 18.58278605812105,
    "theta": -8.38804574638954,
    "rho": 8.340176176238165,
    "vanna": 0.8602002173558557,
    "charm": -0.4484457641700035,
    "vomma": 15.60840355321255,
    "veta": -45.06039488668864,
    "speed": 0.0009770889923868693,
    "zomma": -0.1546110534747854,
    "color": 0.05854149869159114,
    "ultima": -225.6616456163959,
}
PUT = CALL | {
    "delta": -0.6384605231394253,
    "theta": -5.193287252182027,
    "charm": -0.4683460137538571,
    "rho": -17.58374108672622,
}
SHORT = {  # call S=100 K=101 t=.002 r=b=.05 v=.15
    "delta": 0.0714541125145458,
    "gamma": 0.2033421310935743,
    "vega": 0.6100263932807229,
    "theta": -23.23219911073436,
    "vanna": 1.33837497707306,
    "charm": -51.2057722957076,
    "vomma": 8.768881928524493,
    "speed": 0.442058149735815,
    "color": -60.99594918839635,
    "ultima": -49.32973825182627,
}


def _check(found: Greeks, wanted: dict[str, float]) -> None:
    for name, value in wanted.items():
        assert float(getattr(found, name)) == pytest.approx(value, rel=2e-12), name


def test_full_set_of_a_call_and_a_put() -> None:
    _check(greeks(100.0, 105.0, 0.25, 0.2, 0.05, 0.02, True), CALL)
    _check(greeks(100.0, 105.0, 0.25, 0.2, 0.05, 0.02, False), PUT)
    assert float(price(100.0, 105.0, 0.25, 0.2, 0.05, 0.02, True)) == pytest.approx(2.294490900373041, rel=1e-12)
    assert float(price(100.0, 105.0, 0.25, 0.2, 0.05, 0.02, False)) == pytest.approx(6.48891203296236, rel=1e-12)


def test_hours_before_expiry() -> None:
    _check(greeks(100.0, 101.0, 0.002, 0.15, 0.05, 0.0, True), SHORT)
    assert float(price(100.0, 101.0, 0.002, 0.15, 0.05, 0.0, True)) == pytest.approx(0.02122399730946648, rel=1e-9)


def test_values_printed_by_haug() -> None:
    """E. G. Haug, The Complete Guide to Option Pricing Formulas, 2nd ed., chapter 2; digits beyond his by mpmath."""
    put = greeks(105.0, 90.0, 0.25, 0.24, 0.14, 0.14, False)
    assert float(put.charm) == pytest.approx(0.3699894525239416, rel=1e-9)
    assert float(greeks(90.0, 130.0, 0.75, 0.28, 0.05, 0.05, True).vomma) == pytest.approx(92.34440207983103, rel=1e-9)
    speed = greeks(50.0, 48.0, 1 / 12, 0.20, 0.06, 0.05, True).speed
    assert float(speed) == pytest.approx(-0.02907243137565961, rel=1e-9)
    assert float(greeks(100.0, 80.0, 0.25, 0.26, 0.05, 0.05, True).zomma) == pytest.approx(
        0.04631029342275406, rel=1e-9
    )
    both = greeks(55.0, 60.0, 0.75, 0.30, 0.10, 0.0, True)
    assert float(both.vega) == pytest.approx(18.93577734961786, rel=1e-9)
    assert float(both.gamma) == pytest.approx(0.02782116047694084, rel=1e-9)


def test_values_printed_by_quantlib_and_vollib() -> None:
    """QuantLib's testGreekValues, which quotes Haug; vollib's documentation."""
    assert float(greeks(105.0, 100.0, 0.5, 0.36, 0.1, 0.1, True).delta) == pytest.approx(0.5946, abs=5e-5)
    assert float(greeks(105.0, 100.0, 0.5, 0.36, 0.1, 0.1, False).delta) == pytest.approx(-0.3566, abs=5e-5)
    assert float(greeks(430.0, 405.0, 1 / 12, 0.20, 0.07, 0.05, False).theta) == pytest.approx(-31.1924, abs=5e-5)
    assert float(greeks(72.0, 75.0, 1.0, 0.19, 0.09, 0.0, True).rho) == pytest.approx(38.7325, abs=5e-5)
    assert float(price(100.0, 90.0, 0.5, 0.2, 0.01, 0.0, True)) == pytest.approx(12.11158143496968, rel=1e-14)
    assert float(price(100.0, 90.0, 0.5, 0.2, 0.01, 0.0, False)) == pytest.approx(1.662704562311085, rel=1e-14)


def test_quantlib_agrees() -> None:
    """First and second order against QuantLib's BlackCalculator on a grid of hostile cases."""
    for spot, strike, t, vol, r, q in [
        (100, 50, 2.0, 0.9, 0.1, 0.0),
        (100, 180, 0.5, 0.12, -0.01, 0.03),
        (3000, 2990, 0.003, 0.08, 0.05, 0.02),
    ]:
        spot = float(spot)
        forward, disc = float(spot * np.exp((r - q) * t)), float(np.exp(-r * t))
        for call in (True, False):
            kind = ql.Option.Call if call else ql.Option.Put
            struck = ql.PlainVanillaPayoff(kind, float(strike))
            theirs = ql.BlackCalculator(struck, forward, float(vol * np.sqrt(t)), disc)
            ours = greeks(spot, strike, t, vol, r, q, call)
            assert float(price(spot, strike, t, vol, r, q, call)) == pytest.approx(theirs.value(), rel=1e-10, abs=1e-12)
            assert float(ours.delta) == pytest.approx(theirs.delta(spot), rel=1e-10, abs=1e-14)
            assert float(ours.gamma) == pytest.approx(theirs.gamma(spot), rel=1e-9, abs=1e-14)
            assert float(ours.vega) == pytest.approx(theirs.vega(t), rel=1e-9, abs=1e-12)
            assert float(ours.rho) == pytest.approx(theirs.rho(t), rel=1e-9, abs=1e-12)
            assert float(ours.theta) == pytest.approx(theirs.theta(spot, t), rel=1e-9, abs=1e-9)


def test_expired_and_volatility_free_options_are_their_intrinsic_line() -> None:
    assert float(black76(110.0, 100.0, 0.0, 0.2, 0.9, True)) == pytest.approx(9.0)
    assert float(black76(90.0, 100.0, 1.0, 0.0, 0.9, True)) == 0.0
    found = greeks(np.array([110.0, 90.0]), 100.0, 0.0, 0.2, 0.05, 0.0, True)
    assert found.delta.tolist() == [1.0, 0.0]
    assert all(np.all(np.isfinite(item)) for item in found)


def test_broadcasting_parity_and_nan() -> None:
    strikes = np.linspace(50, 150, 11)[:, None]
    times = np.array([0.01, 0.5, 3.0])
    call, put = (black76(100.0, strikes, times, 0.3, 0.95, side) for side in (True, False))
    assert call.shape == (11, 3)
    np.testing.assert_allclose(call - put, np.broadcast_to(0.95 * (100.0 - strikes), (11, 3)), atol=1e-12)
    assert np.isnan(black76(np.nan, 100.0, 1.0, 0.2, 1.0, True))


def _mp_price(s: Any, k: Any, t: Any, v: Any, r: Any, q: Any, call: bool) -> Any:
    sd = v * mp.sqrt(t)
    d1 = (mp.log(s / k) + (r - q) * t) / sd + sd / 2
    sign = 1 if call else -1
    return sign * (s * mp.exp(-q * t) * mp.ncdf(sign * d1) - k * mp.exp(-r * t) * mp.ncdf(sign * (d1 - sd)))


# name: orders of derivative in (S, sigma, t, r), and the sign of the convention
DERIVATIVES = {
    "delta": ((1, 0, 0, 0), 1),
    "gamma": ((2, 0, 0, 0), 1),
    "speed": ((3, 0, 0, 0), 1),
    "vega": ((0, 1, 0, 0), 1),
    "vomma": ((0, 2, 0, 0), 1),
    "ultima": ((0, 3, 0, 0), 1),
    "vanna": ((1, 1, 0, 0), 1),
    "zomma": ((2, 1, 0, 0), 1),
    "theta": ((0, 0, 1, 0), -1),
    "charm": ((1, 0, 1, 0), -1),
    "color": ((2, 0, 1, 0), -1),
    "veta": ((0, 1, 1, 0), -1),
    "rho": ((0, 0, 0, 1), 1),
}
HOSTILE = [
    (100.0, 100.0, 1.0, 0.2, 0.05, 0.02),
    (100.0, 100.0, 1e-5, 0.15, 0.05, 0.0),  # five minutes to expiry, at the money
    (5000.0, 5010.0, 0.0007, 0.11, 0.045, 0.013),
    (100.0, 240.0, 0.4, 0.25, 0.03, 0.0),  # a deep wing
    (100.0, 30.0, 0.1, 0.5, -0.01, 0.04),  # negative rate
    (40.0, 55.0, 12.0, 0.9, 0.08, 0.1),
    (1.0, 1.0000001, 0.02, 0.05, 0.0, 0.0),
]


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("call", [True, False])
def test_every_greek_is_the_derivative_of_the_price(case: tuple[float, ...], call: bool) -> None:
    """Numerical differentiation of the price at 60 digits, orders and signs as the docstring states them."""
    found = greeks(*case, call)
    assert set(DERIVATIVES) == set(Greeks._fields)
    with mp.workdps(60):
        s, k, t, v, r, q = (mp.mpf(item) for item in case)
        scales = {"S": s, "sigma": v, "t": t}

        def value(*at: Any) -> Any:
            return _mp_price(at[0], k, at[2], at[1], at[3], q, call)

        for name, (orders, sign) in DERIVATIVES.items():
            truth = float(sign * mp.diff(value, (s, v, t, r), orders))
            # what an absolute rounding of d1 leaves where terms of the formula cancel
            size = abs(truth) + 1e-3 * float(_mp_price(s, k, t, v, r, q, call)) / float(
                scales["S"] ** orders[0] * scales["sigma"] ** orders[1] * scales["t"] ** orders[2]
            )
            assert abs(float(getattr(found, name)) - truth) <= 1e-11 * size, (name, truth)


def test_prices_are_right_to_an_ulp_of_their_inputs_in_every_wing() -> None:
    """Relative to the price itself, down to 1e-200: each ulp of x and s moves it by h^2 ulp."""
    rng = generator(5)
    n = 1500
    forward = 100.0 * np.exp(rng.uniform(-3.0, 3.0, n))
    t, sigma = 10 ** rng.uniform(-5.7, 1.0, n), 10 ** rng.uniform(-1.5, 0.5, n)
    h = rng.uniform(-30.0, 30.0, n)
    strike = forward * np.exp(np.clip(h * sigma * np.sqrt(t), -40.0, 40.0))
    call = h > 0.0
    found = black76(forward, strike, t, sigma, 0.97, call)
    with mp.workdps(60):
        for i in range(n):
            f, k, years, v = (mp.mpf(float(item[i])) for item in (forward, strike, t, sigma))
            truth = float(_mp_price(f, k, years, v, 0, 0, bool(call[i])) * mp.mpf(0.97))
            reach = float(mp.log(f / k) / (v * mp.sqrt(years))) ** 2 + 1.0
            assert found[i] == pytest.approx(truth, rel=5e-16 * (reach + 2.0), abs=1e-300), i


def test_parity_is_exact_to_rounding() -> None:
    strikes = np.geomspace(1e-3, 1e5, 301)
    call, put = (black76(100.0, strikes, 0.3, 0.4, 0.95, side) for side in (True, False))
    gap = 0.95 * np.abs(100.0 - strikes)
    outer, inner = np.minimum(call, put), np.maximum(call, put)
    assert np.array_equal(np.abs(inner - (outer + gap)) <= np.spacing(inner), np.ones(301, dtype=bool))
    assert np.all(outer[np.abs(np.log(strikes / 100.0)) < 5.0] > 0.0)


@pytest.mark.parametrize(
    ("forward", "strike", "t", "sigma", "call", "put"),
    [
        (110.0, 100.0, 0.0, 0.2, 9.0, 0.0),
        (110.0, 100.0, -1.0, 0.2, 9.0, 0.0),
        (110.0, 100.0, 1.0, 0.0, 9.0, 0.0),
        (100.0, 100.0, 0.0, 0.0, 0.0, 0.0),
        (110.0, 0.0, 1.0, 0.2, 99.0, 0.0),
        (0.0, 100.0, 1.0, 0.2, 0.0, 90.0),
        (0.0, 0.0, 1.0, 0.2, 0.0, 0.0),
        (110.0, 100.0, 1.0, 1e6, 99.0, 90.0),
        (110.0, 100.0, 1.0, np.inf, 99.0, 90.0),
    ],
)
def test_limits_of_the_price(forward: float, strike: float, t: float, sigma: float, call: float, put: float) -> None:
    assert float(black76(forward, strike, t, sigma, 0.9, True)) == pytest.approx(call)
    assert float(black76(forward, strike, t, sigma, 0.9, False)) == pytest.approx(put)


def test_what_is_not_an_option_has_no_price_and_no_greeks() -> None:
    for place in range(4):
        inputs = [100.0, 100.0, 1.0, 0.2]
        for wrong in (np.nan, *([] if place == 2 else [-1.0])):  # a time past expiry is expiry
            inputs[place] = wrong
            assert np.isnan(black76(*inputs, 1.0, True))
            assert all(np.isnan(item) for item in greeks(*inputs, 0.0, 0.0, True))


def test_greeks_at_the_limits_are_those_of_the_line() -> None:
    for case in [(110.0, 100.0, 0.0, 0.2), (110.0, 100.0, 0.5, 0.0), (110.0, 0.0, 0.5, 0.2), (110.0, 100.0, -3.0, 0.2)]:
        t = max(case[2], 0.0)
        call, put = (greeks(*case, 0.05, 0.02, side) for side in (True, False))
        assert float(call.delta) == pytest.approx(np.exp(-0.02 * t))
        assert float(call.rho) == pytest.approx(t * case[1] * np.exp(-0.05 * t))
        assert float(call.theta) == pytest.approx(0.02 * 110.0 * np.exp(-0.02 * t) - 0.05 * case[1] * np.exp(-0.05 * t))
        assert float(put.delta) == float(put.theta) == float(put.rho) == 0.0
        for name in ("gamma", "vega", "vanna", "vomma", "veta", "speed", "zomma", "color", "ultima"):
            assert float(getattr(call, name)) == float(getattr(put, name)) == 0.0
    at = greeks(100.0, 100.0, 0.0, 0.2, 0.0, 0.0, np.array([True, False]))
    assert at.delta.tolist() == [0.5, -0.5]
    none = greeks(0.0, 100.0, 0.5, 0.2, 0.05, 0.0, False)
    assert float(none.delta) == -1.0
    assert float(none.gamma) == 0.0


@given(
    spot=st.floats(1e-2, 1e6),
    moneyness=st.floats(-50.0, 50.0),
    t=st.one_of(st.just(0.0), st.floats(1e-9, 100.0)),
    sigma=st.one_of(st.just(0.0), st.floats(1e-6, 50.0)),
    r=st.floats(-0.1, 0.5),
    q=st.floats(-0.1, 0.5),
    call=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_no_market_gives_a_greek_that_is_not_a_number(
    spot: float, moneyness: float, t: float, sigma: float, r: float, q: float, call: bool
) -> None:
    strike = spot * np.exp(moneyness * min(sigma * np.sqrt(t) + 1e-3, 1.0))
    assert np.isfinite(price(spot, strike, t, sigma, r, q, call))
    found = greeks(spot, strike, t, sigma, r, q, call)
    assert all(np.isfinite(item) for item in found)
    assert found.gamma >= 0.0
    assert found.vega >= 0.0


def test_greeks_broadcast() -> None:
    found = greeks(100.0, np.linspace(50, 150, 11)[:, None], np.array([0.01, 0.5, 3.0]), 0.3, 0.01, 0.0, True)
    assert all(item.shape == (11, 3) for item in found)
    assert float(found.vomma[4, 1]) == float(greeks(100.0, 90.0, 0.5, 0.3, 0.01, 0.0, True).vomma)
    assert black76(np.empty(0), 1.0, 1.0, 0.2, 1.0, True).shape == (0,)
    assert black76(100.0, np.ones((3, 0)), 1.0, 0.2, 1.0, True).shape == (3, 0)


def test_profit_and_loss_explained_by_the_greeks_of_the_morning() -> None:
    """Long call K = 100, r = 4 %: S 100 -> 101.5, 30 -> 29 days, volatility .20 -> .205; every term at 12 digits."""
    g = greeks(100.0, 100.0, 30 / 365, 0.2, 0.04, 0.0, True)
    ds, dv, dt = 1.5, 0.005, 1 / 365
    terms = [g.delta * ds, g.gamma * ds**2 / 2, g.vega * dv, g.theta * dt, g.vanna * ds * dv, g.vomma * dv**2 / 2]
    terms += [g.charm * ds * dt, g.speed * ds**3 / 6]
    wanted = [0.801404555387, 0.0779851842943, 0.05697547711, -0.043570030382, -0.000427316078325, 1.75609347e-6]
    wanted += [-0.00085463215665, -0.000974814803679]
    assert [float(term) for term in terms] == pytest.approx(wanted, rel=1e-9)
    before = price(100.0, 100.0, 30 / 365, 0.2, 0.04, 0.0, True)
    after = price(101.5, 100.0, 29 / 365, 0.205, 0.04, 0.0, True)
    assert float(after - before) == pytest.approx(0.88831803963384, rel=1e-12)
    assert float(after - before) - sum(wanted) == pytest.approx(-0.00222213983, rel=1e-6)
