"""Golden values: Haug (2007) as printed, and derivatives of the price at 40 digits (mpmath) for the full sets."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql

from quant.vanilla.black import Greeks, black76, greeks, price

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
        assert float(getattr(found, name)) == pytest.approx(value, rel=1e-9), name


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
