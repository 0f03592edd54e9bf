"""Implied volatility against the normalised Black function at 60 digits, round trips, and every named reason."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import QuantLib as ql
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quant.vanilla.black import black76
from quant.vanilla.implied import REASONS, implied_vol, normalised_black, normalised_vol, reason_name
from tools.randomness import generator

ROOT = Path(__file__).resolve().parents[3]
HALF_ULP = 2.0**-53

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


def _beta(x: Any, s: Any) -> Any:
    """Jaeckel (2015), eq. 2.3, at the working precision."""
    x, s = mp.mpf(x), mp.mpf(s)
    return mp.ncdf(x / s + s / 2) * mp.exp(x / 2) - mp.ncdf(x / s - s / 2) * mp.exp(-x / 2)


def _price(f: Any, k: Any, t: Any, v: Any, d: Any, call: bool) -> float:
    f, k, t, v, d = (mp.mpf(item) for item in (f, k, t, v, d))
    sd, sign = v * mp.sqrt(t), 1 if call else -1
    d1 = mp.log(f / k) / sd + sd / 2
    return float(d * sign * (f * mp.ncdf(sign * d1) - k * mp.ncdf(sign * (d1 - sd))))


def _sensitivity(x: Any, s: Any, beta: Any) -> Any:
    """Relative change of s for a relative change of beta."""
    return beta / (s * np.exp(-0.5 * ((x / s) ** 2 + 0.25 * s * s)) / 2.5066282746310002)


@pytest.mark.parametrize(("x", "s", "beta"), POINTS)
def test_reference_points(x: float, s: float, beta: float) -> None:
    found = normalised_vol(x, beta)
    assert REASONS[found.reason[0]] == "ok"
    assert found.sigma[0] == pytest.approx(s, rel=2e-15, abs=0.0)
    assert float(normalised_black(x, s)) == pytest.approx(beta, rel=2e-15, abs=0.0)
    assert normalised_vol(-x, beta).sigma[0] == found.sigma[0]


@pytest.mark.parametrize(("x", "s"), [(x, s) for x, s, _ in POINTS])
@pytest.mark.parametrize("call", [True, False])
def test_reference_points_as_options(x: float, s: float, call: bool) -> None:
    """The price at 60 digits of the very doubles F and K: nothing of ln(F/K) is lost near 0."""
    forward, strike = (np.exp(x / 2), np.exp(-x / 2)) if call else (np.exp(-x / 2), np.exp(x / 2))
    with mp.workdps(60):
        price = _price(forward, strike, 0.25, 2.0 * s, 0.9, call)
    found = implied_vol(price, forward, strike, 0.25, 0.9, call)
    assert found.sigma[0] == pytest.approx(2.0 * s, rel=3e-15 if x == -2.0 else 2e-15, abs=0.0)


def test_the_whole_domain_is_inverted_to_what_the_price_determines() -> None:
    """Prices rounded once from 60 digits; the answer may be off by what one ulp of beta moves it, plus 1e-15."""
    rng = generator(11)
    n = 2500
    s = 10 ** rng.uniform(-7.0, np.log10(30.0), n)
    x = -np.minimum(30.0, s * 37.0 * rng.uniform(0.0, 1.0, n) ** 1.5)
    x[::9] *= 10 ** rng.uniform(-14.0, 0.0, len(x[::9]))
    with mp.workdps(60):
        beta = np.array([float(_beta(a, b)) for a, b in zip(x.tolist(), s.tolist(), strict=True)])
    inside = (beta > 2.3e-308) & (beta < np.exp(0.5 * x) * (1.0 - 1e-15))
    x, s, beta = x[inside], s[inside], beta[inside]
    assert len(x) > 1500
    found = normalised_vol(x, beta)
    assert not np.any(found.reason)
    sharp = _sensitivity(x, s, beta)
    error = np.abs(found.sigma / s - 1.0)
    assert np.all(error <= 1e-15 + 2.0 * HALF_ULP * sharp)
    assert np.max(error[sharp < 4.0]) <= 2e-15


def test_the_normal_region_is_right_to_a_few_ulp_through_forward_and_strike() -> None:
    rng = generator(12)
    n = 1500
    forward = 100.0 * np.exp(rng.uniform(-2.0, 2.0, n))
    t, sigma = 10 ** rng.uniform(-5.0, 0.5, n), rng.uniform(0.05, 1.0, n)
    strike = forward * np.exp(rng.uniform(-5.0, 5.0, n) * sigma * np.sqrt(t))
    call = strike > forward
    columns = [item.tolist() for item in (forward, strike, t, sigma, call)]
    with mp.workdps(60):
        price = np.array([_price(f, k, y, v, 0.97, c) for f, k, y, v, c in zip(*columns, strict=True)])
    found = implied_vol(price, forward, strike, t, 0.97, call)
    assert not np.any(found.reason)
    assert np.max(np.abs(found.sigma / sigma - 1.0)) <= 2e-15


def test_an_in_the_money_price_gives_what_its_digits_hold() -> None:
    """The time value is taken from the rounded price without a further loss, also where F is not near K."""
    rng = generator(13)
    n = 1500
    forward = 100.0 * np.exp(rng.uniform(-2.0, 2.0, n))
    t, sigma = 10 ** rng.uniform(-3.0, 0.5, n), rng.uniform(0.05, 1.0, n)
    strike = forward * np.exp(rng.uniform(-3.0, 3.0, n) * sigma * np.sqrt(t))
    call = strike < forward
    columns = [item.tolist() for item in (forward, strike, t, sigma, call)]
    with mp.workdps(60):
        price = np.array([_price(f, k, y, v, 0.97, c) for f, k, y, v, c in zip(*columns, strict=True)])
    found = implied_vol(price, forward, strike, t, 0.97, call)
    sd = sigma * np.sqrt(t)
    d1 = np.log(forward / strike) / sd + 0.5 * sd
    moved = 0.5 * np.spacing(price) / (0.97 * forward * sd * np.exp(-0.5 * d1 * d1) / 2.5066282746310002)
    good = found.reason == 0
    assert np.count_nonzero(good) > n - 20
    assert np.all(np.abs(found.sigma / sigma - 1.0)[good] <= (1e-15 + 1.5 * moved + moved**2 * 50.0)[good])


@given(
    x=st.floats(-30.0, 30.0),
    s=st.floats(-7.0, 1.477).map(lambda power: 10.0**power),
    closer=st.floats(-16.0, 0.0).map(lambda power: 10.0**power),
)
@settings(max_examples=400, deadline=None)
def test_round_trip(x: float, s: float, closer: float) -> None:
    """What normalised_black says, normalised_vol undoes, to the digits that beta holds."""
    x *= closer
    beta = float(normalised_black(x, s))
    assume(2.3e-308 < beta < np.exp(-0.5 * abs(x)) * (1.0 - 1e-14))
    sharp = _sensitivity(x, s, beta)
    assume(sharp < 1e8)  # beyond, beta tells s from its neighbours no more
    found = normalised_vol(x, beta)
    assert found.reason[0] == 0
    assert abs(found.sigma[0] / s - 1.0) <= 1e-15 + 4e-15 * sharp


@given(
    x=st.floats(-30.0, 30.0),
    share=st.floats(-300.0, 0.0).map(lambda power: 10.0**power),
    more=st.floats(1e-12, 0.5),
)
@settings(max_examples=300, deadline=None)
def test_a_higher_price_never_has_a_lower_volatility(x: float, share: float, more: float) -> None:
    top = np.exp(-0.5 * abs(x))
    beta = share * top * 0.999
    higher = min(beta * (1.0 + more), top * (1.0 - 1e-15))
    assume(beta > 2.3e-308)
    found = normalised_vol(x, [beta, higher])
    assert not np.any(found.reason)
    assert found.sigma[0] <= found.sigma[1] * (1.0 + 1e-15)


def test_prices_of_the_product_come_back() -> None:
    rng = generator(14)
    n = 40_000
    t, vol = rng.uniform(0.002, 3.0, n), rng.uniform(0.05, 1.5, n)
    strike = 100.0 * np.exp(rng.normal(0.0, 1.2, n) * vol * np.sqrt(t))
    call = strike > 100.0
    found = implied_vol(black76(100.0, strike, t, vol, 0.97, call), 100.0, strike, t, 0.97, call)
    assert not np.any(found.reason)
    assert np.max(np.abs(found.sigma / vol - 1.0)) < 2e-14
    inner = implied_vol(black76(100.0, 90.0, 0.5, 0.25, 0.98, True), 100.0, 90.0, 0.5, 0.98, True)
    assert inner.sigma[0] == pytest.approx(0.25, rel=1e-13)


def test_quantlib_agrees() -> None:
    for forward, strike, t, vol in [(100.0, 130.0, 0.5, 0.3), (5000.0, 5001.0, 0.001, 0.1), (100.0, 20.0, 2.0, 0.6)]:
        kind = ql.Option.Call if strike > forward else ql.Option.Put
        price = ql.blackFormula(kind, strike, forward, vol * t**0.5, 0.95)
        theirs = ql.blackFormulaImpliedStdDev(kind, strike, forward, price, 0.95, 0.0, 0.2, 1e-14, 200) / t**0.5
        ours = implied_vol(price, forward, strike, t, 0.95, strike > forward).sigma[0]
        assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((9.0, 110.0, 100.0, 1.0, 1.0, True), "below_intrinsic"),
        ((10.0, 110.0, 100.0, 1.0, 1.0, True), "below_intrinsic"),
        ((9.999, 100.0, 110.0, 1.0, 1.0, False), "below_intrinsic"),
        ((110.0, 110.0, 100.0, 1.0, 1.0, True), "above_bound"),
        ((101.0, 110.0, 100.0, 1.0, 1.0, False), "above_bound"),
        ((100.0, 110.0, 100.0, 1.0, 1.0, False), "above_bound"),
        ((0.0, 110.0, 120.0, 1.0, 1.0, True), "nonpositive_price"),
        ((-1.0, 110.0, 120.0, 1.0, 1.0, True), "nonpositive_price"),
        ((0.0, 110.0, 100.0, 1.0, 1.0, True), "nonpositive_price"),
        ((1.0, 110.0, 120.0, 0.0, 1.0, True), "no_time"),
        ((1.0, 110.0, 120.0, -0.1, 1.0, True), "no_time"),
        ((np.nan, 110.0, 120.0, 1.0, 1.0, True), "bad_input"),
        ((1.0, np.inf, 120.0, 1.0, 1.0, True), "bad_input"),
        ((1.0, 110.0, 0.0, 1.0, 1.0, True), "bad_input"),
        ((1.0, 110.0, 120.0, np.nan, 1.0, True), "bad_input"),
        ((1.0, -5.0, 120.0, 1.0, 1.0, True), "bad_input"),
        ((1.0, 110.0, 120.0, 1.0, np.inf, True), "bad_input"),
        ((1.0, 1e-300, 1e300, 1.0, 1.0, True), "bad_input"),
        ((1e300, 1e200, 1.0, 1.0, 1e200, True), "bad_input"),
        ((1e-308, 110.0, 120.0, 1.0, 1.0, True), "underflow"),
        ((5e-324, 1.0, 1.0, 1.0, 1.0, True), "underflow"),
        ((1e-300, 1.0, 1.0, 1e308, 1.0, True), "underflow"),
    ],
)
def test_no_volatility_has_a_name(args: tuple[float, float, float, float, float, bool], reason: str) -> None:
    found = implied_vol(*args)
    assert np.isnan(found.sigma[0])
    assert reason_name(int(found.reason[0])) == reason


def test_a_value_below_the_range_of_doubles_has_no_volatility() -> None:
    """beta(-.5, .013) = 2.09e-327 is 0 as a double."""
    assert float(normalised_black(-0.5, 0.013)) == 0.0
    beta = 2.09e-327
    assert REASONS[normalised_vol(-0.5, beta).reason[0]] == "nonpositive_price"
    assert REASONS[implied_vol(beta, np.exp(-0.25), np.exp(0.25), 1.0, 1.0, True).reason[0]] == "nonpositive_price"
    for beta, reason in [(1e-310, "underflow"), (np.exp(-0.25), "above_bound"), (np.nan, "bad_input")]:
        found = normalised_vol(-0.5, beta)
        assert np.isnan(found.sigma[0])
        assert REASONS[found.reason[0]] == reason


def test_nothing_hangs_and_nothing_is_silently_wrong_on_garbage() -> None:
    """Any doubles at all: a positive finite volatility and no reason, or NaN and a reason."""
    rng = generator(15)
    n = 40_000
    wild = [10 ** rng.uniform(-300.0, 300.0, n) for _ in range(5)]
    odd = np.array([0.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 1e-320, 1e308, 1.0, 1.0 + 2.0**-52, 2.0, 100.0])
    for columns in (wild, [rng.choice(odd, n) for _ in range(5)]):
        price, forward, strike, t, discount = columns
        call = rng.uniform(size=n) < 0.5
        found = implied_vol(*columns, call)
        good = found.reason == 0
        again = black76(forward, strike, t, found.sigma, discount, call)[good]
        assert np.max(np.abs(again / price[good] - 1.0), initial=0.0) < 1e-11
        assert np.all(np.isnan(found.sigma) == ~good)
        assert np.all((found.sigma[good] > 0.0) & np.isfinite(found.sigma[good]))
    x = -(10 ** rng.uniform(-300.0, 2.8, n))
    beta = np.exp(0.5 * x) * np.where(rng.uniform(size=n) < 0.5, 10 ** rng.uniform(-250.0, 0.0, n), 0.999)
    found = normalised_vol(x, beta)
    good = found.reason == 0
    assert np.count_nonzero(good) > 0.99 * n
    assert np.max(np.abs(normalised_black(x[good], found.sigma[good]) / beta[good] - 1.0)) < 1e-12


def test_shapes() -> None:
    assert implied_vol(1.0, 100.0, 110.0, 0.5, 1.0, True).sigma.shape == (1,)
    assert implied_vol(np.empty(0), 100.0, 110.0, 0.5, 1.0, True).sigma.shape == (0,)
    assert normalised_vol(np.empty(0), 0.1).sigma.shape == (0,)
    strikes, times = np.array([90.0, 100.0, 115.0])[:, None], np.array([0.1, 1.0])
    call = strikes > 100.0
    prices = black76(100.0, strikes, times, 0.3, 0.99, call)
    found = implied_vol(prices, 100.0, strikes, times, 0.99, call)
    assert found.sigma.shape == found.reason.shape == (3, 2)
    np.testing.assert_allclose(found.sigma, 0.3, rtol=1e-14)
    turned = implied_vol(prices.T[::-1], 100.0, strikes.T, times[::-1, None], 0.99, call.T)
    assert np.array_equal(turned.sigma, found.sigma.T[::-1])
    assert normalised_black(np.zeros((2, 1)), np.ones(3)).shape == (2, 3)


def test_one_option_does_not_touch_another_and_threads_change_nothing() -> None:
    """Vector code and its remainder, alone, in blocks and in threads: the same bits."""
    rng = generator(16)
    n = 5003
    t, vol = rng.uniform(0.003, 2.0, n), rng.uniform(0.05, 1.5, n)
    strike = 100.0 * np.exp(rng.normal(0.0, 1.5, n) * vol * np.sqrt(t))
    call = rng.uniform(size=n) < 0.5
    price = black76(100.0, strike, t, vol, 0.97, call)
    price[::17] = np.nan
    whole = implied_vol(price, 100.0, strike, t, 0.97, call)

    def part(start: int) -> np.ndarray[Any, Any]:
        cut = slice(start, start + 7)
        return implied_vol(price[cut], 100.0, strike[cut], t[cut], 0.97, call[cut]).sigma

    with ThreadPoolExecutor(4) as pool:
        pieces = np.concatenate(list(pool.map(part, range(0, n, 7))))
    assert np.array_equal(pieces, whole.sigma, equal_nan=True)
    assert np.all(whole.reason[::17] == REASONS.index("bad_input"))


def test_both_passes_find_the_same_root() -> None:
    """The four-branch search, where the vector code has already proven its root."""
    from quant.vanilla import kernel

    rng = generator(17)
    s = 10 ** rng.uniform(-2.5, 0.25, 400)
    x = -np.minimum(2.0, s * rng.uniform(0.0, 8.0, 400))
    beta = normalised_black(x, s)
    first = normalised_vol(x, beta).sigma
    second = np.array([kernel._everywhere(b, np.exp(0.5 * y) - b, y) for b, y in zip(beta, x, strict=True)])
    proven = [kernel._proven(b, y, np.exp(-0.5 * y) - np.exp(0.5 * y))[1] for b, y in zip(beta, x, strict=True)]
    assert np.count_nonzero(proven) > 380
    assert np.max(np.abs(second / first - 1.0)) <= 2e-15


def test_without_a_place_for_compiled_code_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that nobody may write to, and no cache of the user's either."""
    import numba.core.caching as caching

    from quant.vanilla import kernel

    def double(out: Any) -> None:
        for i in range(len(out)):
            out[i] *= 2.0

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    out = np.ones(3)
    kernel._compiled(double)(out)
    assert out.tolist() == [2.0, 2.0, 2.0]


def test_importing_loads_no_compiler() -> None:
    code = "import sys, quant.vanilla.implied, quant.vanilla.black; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
