"""Implied volatility against normalised Black values at 40 digits, round trips, and every named reason."""

from __future__ import annotations

import numpy as np
import pytest

from quant.vanilla.black import black76
from quant.vanilla.implied import REASONS, implied_vol, normalised_black, reason_name
from tools.randomness import generator

# (x, s, beta(x, s)) by mpmath at 40 digits, as inverted by Jaeckel's "Let's Be Rational" to 2e-15
POINTS = [
    (0.0, 0.2, 0.079655674554057962),
    (-0.1, 0.05, 4.2443083085118717e-4),
    (-0.1, 0.2, 0.039458602641806999),
    (-1.0, 0.1, 7.4653976115686172e-26),
    (-1.0, 1.0, 0.076991023141674136),
    (-16.0, 1.0, 3.5001061087397043e-59),
    (-0.001, 0.0001, 7.4745602454210833e-29),
    (-2.0, 6.0, 0.36530401600172191),
    (-1e-6, 1e-6, 8.331547058767969e-08),
    (-0.01, 2.0, 0.67770405420826962),
]


@pytest.mark.parametrize(("x", "s", "beta"), POINTS)
def test_reference_points(x: float, s: float, beta: float) -> None:
    assert float(normalised_black(x, s)) == pytest.approx(beta, rel=2e-14)
    found = implied_vol(beta, np.exp(0.5 * x), np.exp(-0.5 * x), 1.0, 1.0, True)
    # exp and log of x lose up to 1e-10 of it at x = -1e-6
    assert found.sigma[0] == pytest.approx(s, rel=1e-9 if x == -1e-6 else 1e-12)


def test_round_trip_over_the_normal_region() -> None:
    rng = generator(11)
    n = 40_000
    t, vol = rng.uniform(0.002, 3.0, n), rng.uniform(0.05, 1.5, n)
    strike = 100.0 * np.exp(rng.normal(0.0, 1.2, n) * vol * np.sqrt(t))
    call = strike > 100.0
    found = implied_vol(black76(100.0, strike, t, vol, 0.97, call), 100.0, strike, t, 0.97, call)
    assert not np.any(found.reason)
    assert np.max(np.abs(found.sigma / vol - 1.0)) < 1e-10


def test_in_the_money_goes_through_the_time_value() -> None:
    strike = np.array([70.0, 90.0, 110.0, 130.0])
    call = np.array([True, True, False, False])
    found = implied_vol(black76(100.0, strike, 0.5, 0.25, 0.98, call), 100.0, strike, 0.5, 0.98, call)
    np.testing.assert_allclose(found.sigma, 0.25, rtol=1e-10)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((9.0, 110.0, 100.0, 1.0, 1.0, True), "below_intrinsic"),
        ((10.0, 110.0, 100.0, 1.0, 1.0, True), "below_intrinsic"),
        ((110.0, 110.0, 100.0, 1.0, 1.0, True), "above_bound"),
        ((101.0, 110.0, 100.0, 1.0, 1.0, False), "above_bound"),
        ((0.0, 110.0, 120.0, 1.0, 1.0, True), "nonpositive_price"),
        ((-1.0, 110.0, 120.0, 1.0, 1.0, True), "nonpositive_price"),
        ((1.0, 110.0, 120.0, 0.0, 1.0, True), "no_time"),
        ((np.nan, 110.0, 120.0, 1.0, 1.0, True), "bad_input"),
        ((1.0, -5.0, 120.0, 1.0, 1.0, True), "bad_input"),
        ((1.0, 110.0, 120.0, 1.0, np.inf, True), "bad_input"),
    ],
)
def test_no_volatility_has_a_name(args: tuple[float, float, float, float, float, bool], reason: str) -> None:
    found = implied_vol(*args)
    assert np.isnan(found.sigma[0])
    assert reason_name(int(found.reason[0])) == reason


def test_below_the_range_of_doubles_is_no_price() -> None:
    """beta(-.5, .013) = 2.09e-327 underflows to zero."""
    found = implied_vol(2.09e-327, np.exp(-0.25), np.exp(0.25), 1.0, 1.0, True)
    assert REASONS[found.reason[0]] == "nonpositive_price"
