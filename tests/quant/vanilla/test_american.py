"""American prices: published and independently computed values, limits, the conditions at the boundary, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from quant.vanilla import american
from quant.vanilla.american import FAST, FINE, REASONS, STANDARD, Scheme
from quant.vanilla.black import greeks as european_greeks
from quant.vanilla.black import price as european

# F. Longstaff and E. Schwartz (2001), Table 1: puts of strike 40, r = 6 %, no dividends. (spot, sigma, t): the American
# value to ten decimals: QuantLib's QdFp at high precision with the equation FP-A, and with FP-B at thirty iterations.
# (At its default, FP-B after ten, QuantLib has not converged here: 4.848304033 for 4.848303800.)
LONGSTAFF_SCHWARTZ = {
    (36.0, 0.2, 1.0): 4.4866743567,
    (36.0, 0.2, 2.0): 4.8483037997,
    (36.0, 0.4, 1.0): 7.1089802798,
    (36.0, 0.4, 2.0): 8.5141848774,
    (40.0, 0.2, 1.0): 2.3195742487,
    (40.0, 0.2, 2.0): 2.8899511604,
    (40.0, 0.4, 1.0): 5.3182938353,
    (40.0, 0.4, 2.0): 6.9234576100,
    (44.0, 0.2, 1.0): 1.1129621219,
    (44.0, 0.2, 2.0): 1.6933303845,
    (44.0, 0.4, 1.0): 3.9527848661,
    (44.0, 0.4, 2.0): 5.6467313273,
}
# Calls of strike 100, r = 3 %, q = 7 %, t = 3, sigma = 20 %, by spot.
CALLS = {80.0: 2.5799553149, 90.0: 5.1669651550, 100.0: 9.0660315927}


@pytest.mark.parametrize(("scheme", "within"), [(FAST, 2e-5), (STANDARD, 1e-6), (FINE, 2e-9)])
def test_longstaff_schwartz(scheme: Scheme, within: float) -> None:
    spot, sigma, t = np.array(list(LONGSTAFF_SCHWARTZ)).T
    found = american.price(spot, 40.0, t, sigma, 0.06, 0.0, False, scheme=scheme)
    assert np.abs(found.value - list(LONGSTAFF_SCHWARTZ.values())).max() < within


@pytest.mark.parametrize(("scheme", "within"), [(FAST, 1e-4), (STANDARD, 1e-6), (FINE, 1e-8)])
def test_put_of_andersen_lake_offengenden(scheme: Scheme, within: float) -> None:
    """Their premium for S = K = 100, r = q = 5 %, sigma = 25 %, t = 1, as printed and to more digits."""
    found = american.price(100.0, 100.0, 1.0, 0.25, 0.05, 0.05, False, scheme=scheme)
    assert float(found.premium) == pytest.approx(0.106952702747, abs=within)
    assert float(found.value) == pytest.approx(9.569445298914017, abs=within)


@pytest.mark.parametrize(("scheme", "within"), [(FAST, 1e-4), (STANDARD, 2e-6), (FINE, 2e-9)])
def test_calls_with_a_dividend_above_the_rate(scheme: Scheme, within: float) -> None:
    found = american.price(np.array(list(CALLS)), 100.0, 3.0, 0.2, 0.03, 0.07, True, scheme=scheme)
    assert np.abs(found.value - list(CALLS.values())).max() < within


def _sample(n: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    t, sigma = np.exp(rng.uniform(np.log(2 / 365), np.log(3.0), n)), np.exp(rng.uniform(np.log(0.06), 0.0, n))
    r, q = rng.uniform(0.001, 0.09, n), rng.choice([0.0, 1.0, 1.0], n) * rng.uniform(0.001, 0.09, n)
    strike = 100.0 * np.exp(rng.uniform(-2.0, 2.0, n) * sigma * np.sqrt(t))
    return strike, t, sigma, r, q, rng.random(n) < 0.5


def test_put_call_symmetry() -> None:
    strike, t, sigma, r, q, call = _sample(300, 1)
    ours = american.price(100.0, strike, t, sigma, r, q, call)
    other = american.price(strike, 100.0, t, sigma, q, r, ~call)
    np.testing.assert_allclose(ours.value, other.value, rtol=1e-14, atol=1e-12)


def test_a_call_without_dividends_is_european() -> None:
    strike, t, sigma, r, _, _ = _sample(300, 2)
    found = american.price(100.0, strike, t, sigma, r, 0.0, True)
    np.testing.assert_allclose(found.value, european(100.0, strike, t, sigma, r, 0.0, True), rtol=1e-13, atol=1e-13)
    assert not found.premium.any()
    assert np.isnan(found.boundary).all()  # exercise is never optimal


@pytest.mark.parametrize(("r", "q"), [(0.0, 0.0), (0.0, 0.03), (-0.01, 0.0), (-0.02, -0.02), (-0.02, -0.01)])
def test_a_put_that_earns_nothing_by_waiting_less(r: float, q: float) -> None:
    found = american.price(80.0, 100.0, 1.0, 0.2, r, q, False)
    assert found.reason == 0
    assert float(found.premium) == 0.0
    assert float(found.value) == pytest.approx(float(european(80.0, 100.0, 1.0, 0.2, r, q, False)), rel=1e-14)


def test_negative_rates_with_a_boundary() -> None:
    """r = 0 > q, and a negative dividend: one boundary; the value lies over both bounds."""
    for r, q in ((0.0, -0.03), (0.02, -0.03), (0.05, -0.001)):
        found = american.price(np.array([70.0, 95.0, 120.0]), 100.0, 1.0, 0.2, r, q, False)
        assert not found.reason.any()
        assert np.all(found.value >= np.maximum(100.0 - np.array([70.0, 95.0, 120.0]), 0.0))
        assert np.all(found.premium > 0.0)


def test_refusals_have_names() -> None:
    found = american.price(
        np.array([100.0, np.nan, -1.0, 100.0, 100.0]), 100.0, 1.0, np.array([0.2, 0.2, 0.2, -0.1, np.inf]),
        np.array([-0.02, 0.01, 0.01, 0.01, 0.01]), np.array([-0.05, 0.0, 0.0, 0.0, 0.0]), False,
    )  # fmt: skip
    names = [REASONS[code] for code in found.reason]
    assert names == ["double_boundary", "bad_input", "bad_input", "bad_input", "bad_input"]
    assert np.isnan(found.value).all()
    assert american.reason_name(1) == "double_boundary"
    assert american.price([], 1.0, 1.0, 0.2, 0.0, 0.0, True).value.shape == (0,)


def test_no_time_and_no_volatility() -> None:
    spot = np.array([80.0, 100.0, 120.0])
    for t in (0.0, -1.0):
        assert american.price(spot, 100.0, t, 0.2, 0.05, 0.02, False).value.tolist() == [20.0, 0.0, 0.0]
        assert american.price(spot, 100.0, t, 0.2, 0.05, 0.02, True).value.tolist() == [0.0, 0.0, 20.0]
    short = american.price(spot, 100.0, 1e-9, 0.2, 0.05, 0.02, False).value
    assert short == pytest.approx([20.0, 0.0, 0.0], abs=1e-3)
    certain = american.price(spot, 100.0, 2.0, 0.0, 0.01, 0.08, False).value
    waits = 100.0 * np.exp(-0.01 * 2.0) - spot * np.exp(-0.08 * 2.0)  # a dividend that falls faster than the strike
    assert certain == pytest.approx(np.maximum(waits, 0.0), rel=1e-12)
    near = american.price(spot, 100.0, 2.0, 1e-3, 0.01, 0.08, False).value
    assert near == pytest.approx(certain, abs=1e-3)
    gone = american.price(np.array([0.0, 100.0, 0.0]), np.array([100.0, 0.0, 100.0]), 1.0, 0.2, 0.05, 0.02, False)
    assert gone.value[:2].tolist() == [100.0, 0.0]
    assert float(american.price(0.0, 100.0, 1.0, 0.2, 0.05, 0.02, True).value) == 0.0


def test_deep_in_the_money_is_intrinsic() -> None:
    put = american.price(30.0, 100.0, 1.0, 0.3, 0.05, 0.01, False)
    assert float(put.value) == 70.0
    assert 30.0 < float(put.boundary) < 100.0
    call = american.price(400.0, 100.0, 1.0, 0.3, 0.03, 0.06, True)
    assert float(call.value) == 300.0
    assert 100.0 < float(call.boundary) < 400.0
    g = american.greeks(np.array([30.0, 30.0]), 100.0, 1.0, 0.3, 0.05, 0.01, False)
    assert [g.delta[0], g.gamma[0], g.vega[0], g.theta[0], g.rho[0]] == [-1.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(("r", "q"), [(0.05, 0.01), (0.05, 0.05), (0.02, 0.06), (0.08, 0.0)])
def test_value_and_slope_meet_the_intrinsic_line_at_the_boundary(r: float, q: float) -> None:
    """Value matching, smooth fit, and the curvature that the Black-Scholes equation leaves: 2 (rK - qB)/(sigma B)^2."""
    edge = float(american.price(100.0, 100.0, 0.75, 0.25, r, q, False, scheme=FINE).boundary)
    spot = edge * (1.0 + np.array([1e-3, 3e-3]))
    found = american.price(spot, 100.0, 0.75, 0.25, r, q, False, scheme=FINE)
    curve = 2.0 * (r * 100.0 - q * edge) / (0.25 * edge) ** 2
    above = found.value - (100.0 - spot)
    assert above == pytest.approx(0.5 * curve * (spot - edge) ** 2, rel=0.05, abs=1e-7)
    slopes = american.greeks(spot, 100.0, 0.75, 0.25, r, q, False, scheme=FINE)
    assert slopes.delta + 1.0 == pytest.approx(curve * (spot - edge), rel=0.05)
    assert slopes.gamma == pytest.approx(curve, rel=0.1)


def test_boundary_moves_from_its_limit_at_expiry_to_the_perpetual_one() -> None:
    t = np.array([1e-8, 1e-4, 0.01, 0.1, 1.0, 10.0, 300.0])
    for r, q in ((0.05, 0.02), (0.05, 0.05), (0.02, 0.05)):
        edge = american.price(100.0, 100.0, t, 0.3, r, q, False).boundary
        assert np.all(np.diff(edge) < 0.0)
        assert edge[0] == pytest.approx(100.0 * min(1.0, r / q), rel=1e-3)
        half = 0.5 - (r - q) / 0.09
        exponent = half - np.sqrt(half * half + 2.0 * r / 0.09)
        assert edge[-1] == pytest.approx(100.0 * exponent / (exponent - 1.0), rel=2e-3)
    calls = american.price(100.0, 100.0, t, 0.3, 0.02, 0.05, True).boundary
    assert np.all(np.diff(calls) > 0.0)
    assert calls[0] == pytest.approx(100.0, rel=1e-3)


def test_prices_are_monotone_and_bounded() -> None:
    strike, t, sigma, r, q, call = _sample(400, 3)
    value = american.price(100.0, strike, t, sigma, r, q, call).value
    assert np.all(value >= np.maximum(np.where(call, 100.0 - strike, strike - 100.0), 0.0))
    assert np.all(value >= european(100.0, strike, t, sigma, r, q, call) - 1e-9)
    assert np.all(value <= np.where(call, 100.0, strike))
    slack = 2e-5  # the scheme's error near the boundary
    assert np.all(american.price(100.0, strike, t, 1.05 * sigma, r, q, call).value >= value - slack)
    assert np.all(american.price(100.0, strike, 1.1 * t, sigma, r, q, call).value >= value - slack)
    moved = american.price(101.0, strike, t, sigma, r, q, call).value - value
    assert np.all(np.where(call, moved, -moved) >= -slack)
    assert np.all(np.abs(moved) <= 1.0 + slack)


def test_splitting_a_batch_changes_nothing() -> None:
    strike, t, sigma, r, q, call = _sample(101, 4)
    whole = american.price(100.0, strike, t, sigma, r, q, call)
    cuts = [slice(i, i + 7) for i in range(0, 101, 7)]
    parts = [american.price(100.0, strike[c], t[c], sigma[c], r[c], q[c], call[c]) for c in cuts]
    assert np.concatenate([one.value for one in parts]).tobytes() == whole.value.tobytes()
    grid = american.price(100.0, strike[:5, None], t[None, :4], 0.2, 0.04, 0.01, False)
    assert grid.value.shape == grid.reason.shape == (5, 4)


@pytest.mark.parametrize(
    ("scheme", "within"),
    [(STANDARD, (2e-6, 3e-5, 5e-6, 3e-5, 5e-4)), (FINE, (1e-7, 5e-6, 5e-6, 5e-6, 5e-4))],
)
def test_greeks_against_differences_of_high_order(scheme: Scheme, within: tuple[float, ...]) -> None:
    """Each in its natural size (delta 1, gamma 1/(S sd), vega S sqrt(t), theta S sigma/sqrt(t), rho S t), a tenth of a
    deviation and more from the boundary. rho's error lies where its step crosses r = q."""
    strike, t, sigma, r, q, call = _sample(250, 5)
    spot = np.full(250, 100.0)
    args = (spot, strike, t, sigma, r, q)

    def moved(index: int, by: np.ndarray) -> np.ndarray:
        s, k, years, vol, rate, carry = (column + by if i == index else column for i, column in enumerate(args))
        return american.price(s, k, years, vol, rate, carry, call, scheme=FINE).value

    def slope(index: int, h: np.ndarray) -> np.ndarray:
        near, far = moved(index, h) - moved(index, -h), moved(index, 2 * h) - moved(index, -2 * h)
        return np.asarray((8.0 * near - far) / (12.0 * h))

    sd = sigma * np.sqrt(t)
    h = 0.01 * sd * spot
    here = moved(0, np.zeros(250))
    curve = 16.0 * (moved(0, h) + moved(0, -h)) - (moved(0, 2 * h) + moved(0, -2 * h)) - 30.0 * here
    expected = (
        slope(0, h),
        curve / (12.0 * h * h),
        slope(3, 0.003 * sigma),
        -slope(2, 0.002 * t),
        slope(4, 2e-4 + 0 * t),
    )
    sizes = (1.0, 1.0 / (spot * sd), spot * np.sqrt(t), spot * sigma / np.sqrt(t), spot * t)
    edge = american.price(*args, call, scheme=FINE).boundary
    apart = np.where(np.isnan(edge), 9.0, np.abs(np.log(spot / edge))) / sd > 0.1
    g = american.greeks(*args, call, scheme=scheme)
    for ours, true, size, limit in zip(
        (g.delta, g.gamma, g.vega, g.theta, g.rho), expected, sizes, within, strict=True
    ):
        assert np.abs((ours - true) / size)[apart].max() < limit


def test_greeks_without_early_exercise_are_european() -> None:
    g = american.greeks(100.0, 105.0, 0.5, 0.2, 0.04, 0.0, True)
    e = european_greeks(100.0, 105.0, 0.5, 0.2, 0.04, 0.0, True)
    assert float(g.delta) == pytest.approx(float(e.delta), rel=1e-12)
    assert float(g.gamma) == pytest.approx(float(e.gamma), rel=1e-12)
    assert float(g.vega) == pytest.approx(float(e.vega), rel=1e-5)
    assert float(g.theta) == pytest.approx(float(e.theta), rel=1e-11)
    assert float(g.rho) == pytest.approx(float(e.rho), rel=1e-6)
