"""Heston prices against published and 40-digit reference values, limits, and an independent integration."""

from __future__ import annotations

from math import exp, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr

from domain.errors import BadInput, ParleyError
from quant.heston.params import HestonParams
from quant.heston.transform import european, log_moment


def law(v0: float, kappa: float, theta: float, sigma: float, rho: float) -> HestonParams:
    return HestonParams(v0=v0, kappa=kappa, theta=theta, sigma=sigma, rho=rho)


FANG_OOSTERLEE = law(0.0175, 1.5768, 0.0398, 0.5751, -0.5711)  # Fang & Oosterlee 2008
BROADIE_KAYA = law(0.010201, 6.21, 0.019, 0.61, -0.70)  # Broadie & Kaya 2006, set 1
LORD = law(0.09, 2, 0.09, 1, -0.3)  # Broadie & Kaya 2006, set 2; Lord et al. 2010
ANDERSEN_I = law(0.04, 0.5, 0.04, 1, -0.9)  # Andersen 2008
ANDERSEN_III = law(0.09, 1, 0.09, 1, -0.3)
LEWIS = law(0.04, 4, 0.25, 1, -0.5)  # Lewis, Wilmott forum 2012; QuantLib testAlanLewisReferencePrices
KAHL_JAECKEL = law(0.16, 1, 0.16, 2, -0.8)  # Kahl & Jaeckel 2005
COS = law(0.1, 4, 0.22, 1.8, -0.75)  # QuantLib testCosHestonEngine
CACHED = law(0.1, 3.16, 0.09, 0.4, -0.2)  # QuantLib testAnalyticVsCached
MC_CACHED = law(0.3, 1.16, 0.2, 0.8, 0.8)  # QuantLib testMcVsCached
ODD_YEARS = 5 / 366 + 86 / 365

# Values to 40 digits by mpmath, agreeing with QuantLib's adaptive Lobatto integration to 13 digits and more.
REFERENCE = [
    (FANG_OOSTERLEE, 0, 0, 1, 100, 100, True, 5.7851554343761890281),
    (FANG_OOSTERLEE, 0, 0, 10, 100, 100, True, 22.318945791154489180),
    (BROADIE_KAYA, 0.0319, 0, 1, 100, 100, True, 6.8061133134620266532),
    (LORD, 0.05, 0, 5, 100, 100, True, 34.999758351183806077),
    (ANDERSEN_I, 0, 0, 10, 100, 60, True, 44.329975070174342043),
    (ANDERSEN_I, 0, 0, 10, 100, 70, True, 35.849769703837964477),
    (ANDERSEN_I, 0, 0, 10, 100, 100, True, 13.084670136992361480),
    (ANDERSEN_I, 0, 0, 10, 100, 140, True, 0.29577443579803072369),
    (ANDERSEN_III, 0.05, 0, 5, 100, 60, True, 56.575024669753268741),
    (ANDERSEN_III, 0.05, 0, 5, 100, 70, True, 50.241274744280388259),
    (ANDERSEN_III, 0.05, 0, 5, 100, 100, True, 33.596818064563706293),
    (ANDERSEN_III, 0.05, 0, 5, 100, 140, True, 18.156956893323155928),
    (LEWIS, 0.01, 0.02, 1, 100, 80, True, 26.774758743998854221),
    (LEWIS, 0.01, 0.02, 1, 100, 80, False, 7.9588781132567682852),
    (LEWIS, 0.01, 0.02, 1, 100, 100, True, 16.070154917028834278),
    (LEWIS, 0.01, 0.02, 1, 100, 100, False, 17.055270961270109414),
    (LEWIS, 0.01, 0.02, 1, 100, 120, True, 9.0249134834578356366),
    (LEWIS, 0.01, 0.02, 1, 100, 120, False, 29.811026202682471843),
    (KAHL_JAECKEL, 0, 0, 10, 100, 200, True, 4.9521147208797647304),
    (COS, 0.15, 0.07, 1, 100, 120, True, 9.3644105884260209),
    (COS, 0.15, 0.07, 1, 100, 250, True, 0.010367976581391832),
    (COS, 0.15, 0.07, 1, 100, 80, False, 5.3190929718366402),
    (COS, 0.15, 0.07, 1, 100, 10, False, 0.010326819063325288),
    (CACHED, 0.0225, 0.02, ODD_YEARS, 1, 1.05, True, 0.0404774514913745149),
    (MC_CACHED, 0.7, 0.4, ODD_YEARS, 1.05, 1.05, False, 0.0632851308977150028),
]


@pytest.mark.parametrize(("params", "r", "q", "years", "spot", "strike", "is_call", "value"), REFERENCE)
def test_reference_values(
    params: HestonParams, r: float, q: float, years: float, spot: float, strike: float, is_call: bool, value: float
) -> None:
    forward = spot * exp((r - q) * years)
    price = european(params, forward, np.array([float(strike)]), years, exp(-r * years), np.array([is_call]))
    assert price[0] == pytest.approx(value, rel=1e-11, abs=1e-12)


def test_no_volatility_of_variance_is_black_scholes() -> None:
    strikes = np.array([70.0, 95.0, 100.0, 130.0])
    price = european(law(0.04, 1.0, 0.04, 1e-5, 0.0), 100.0, strikes, 0.5, 0.97, np.ones(4, dtype=bool))
    root = 0.2 * sqrt(0.5)
    d1 = np.log(100 / strikes) / root + root / 2
    assert price == pytest.approx(0.97 * (100 * ndtr(d1) - strikes * ndtr(d1 - root)), abs=1e-9)


def heston_1993(params: HestonParams, forward: float, strike: float, years: float) -> float:
    """Undiscounted call by Heston's two probabilities (1993, eq. 18), each integrated adaptively."""

    def phi(z: complex) -> complex:
        beta = params.kappa - 1j * params.rho * params.sigma * z
        d = np.sqrt(beta**2 + params.sigma**2 * (z * z + 1j * z))
        g = (beta - d) / (beta + d)
        e = np.exp(-d * years)
        a = params.kappa * params.theta / params.sigma**2
        level = a * ((beta - d) * years - 2 * np.log((1 - g * e) / (1 - g)))
        return complex(np.exp(level + params.v0 / params.sigma**2 * (beta - d) * (1 - e) / (1 - g * e)))

    k = log(strike / forward)
    p1 = quad(lambda u: (np.exp(-1j * u * k) * phi(u - 1j) / (1j * u)).real, 0, 1500, limit=4000)[0]
    p2 = quad(lambda u: (np.exp(-1j * u * k) * phi(u) / (1j * u)).real, 0, 1500, limit=4000)[0]
    return forward * (0.5 + p1 / pi) - strike * (0.5 + p2 / pi)


@settings(max_examples=25, deadline=None)
@given(
    v0=st.floats(0.02, 0.4),
    kappa=st.floats(0.5, 8),
    theta=st.floats(0.02, 0.4),
    sigma=st.floats(0.1, 1.0),
    rho=st.floats(-0.9, 0.5),
    years=st.floats(0.1, 3),
    strike=st.floats(70, 140),
)
def test_agrees_with_the_original_formula(
    v0: float, kappa: float, theta: float, sigma: float, rho: float, years: float, strike: float
) -> None:
    params = law(v0, kappa, theta, sigma, rho)
    price = european(params, 100.0, np.array([strike]), years, 1.0, np.array([True]))[0]
    assert price == pytest.approx(heston_1993(params, 100.0, strike, years), abs=1e-5)


def test_parity_bounds_and_shape_over_strikes() -> None:
    strikes = np.linspace(20, 400, 191)
    calls = european(ANDERSEN_I, 110.0, strikes, 0.25, 0.99, np.ones(191, dtype=bool))
    puts = european(ANDERSEN_I, 110.0, strikes, 0.25, 0.99, np.zeros(191, dtype=bool))
    assert calls - puts == pytest.approx(0.99 * (110.0 - strikes), abs=1e-10)
    assert (np.diff(calls) <= 1e-12).all()
    assert (np.diff(calls, 2) >= -1e-10).all()
    assert (calls >= 0).all()
    assert (puts >= 0).all()


def test_short_maturities() -> None:
    """Minutes before settlement an at-the-money option is worth what its instant variance says (Bachelier's limit)."""
    years = 5 / (252 * 390)
    price = european(law(0.02, 8, 0.025, 0.6, -0.85), 100.0, np.array([100.0]), years, 1.0, np.array([True]))[0]
    assert price == pytest.approx(100 * sqrt(0.02 * years / (2 * pi)), rel=2e-3)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_senseless_input_is_refused(bad: float) -> None:
    one, call = np.array([100.0]), np.array([True])
    for forward, strikes, years, discount in (
        (bad, one, 1.0, 1.0),
        (100.0, np.array([bad]), 1.0, 1.0),
        (100.0, one, bad, 1.0),
        (100.0, one, 1.0, bad),
    ):
        with pytest.raises(BadInput):
            european(LEWIS, forward, strikes, years, discount, call)


def test_an_unreachable_tolerance_is_said() -> None:
    with pytest.raises(ParleyError, match="does not settle"):
        european(ANDERSEN_I, 100.0, np.array([100.0]), 10.0, 1.0, np.array([True]), tolerance=-1.0)


def test_scaling_the_variance_scales_its_average_only() -> None:
    scaled = LEWIS.scaled(0.75)
    for years in (1e-14, 0.1, 1.0, 30.0):
        assert scaled.average_variance(years) == pytest.approx(0.75 * LEWIS.average_variance(years), rel=1e-12)
    assert LEWIS.average_variance(1e-14) == pytest.approx(LEWIS.v0)
    assert scaled.scaled(1 / 0.75).sigma == pytest.approx(LEWIS.sigma)


@pytest.mark.parametrize("field", ["v0", "kappa", "theta", "sigma"])
def test_parameters_must_be_positive(field: str) -> None:
    values = {"v0": 0.04, "kappa": 1.0, "theta": 0.04, "sigma": 0.5, "rho": 0.0}
    for bad in (0.0, -0.1, float("nan")):
        with pytest.raises(BadInput):
            HestonParams(**(values | {field: bad}))
    for bad in (-1.0, 1.0):
        with pytest.raises(BadInput):
            HestonParams(**(values | {"rho": bad}))


@pytest.mark.parametrize("years", [0.002, 0.25, 5.0])
@pytest.mark.parametrize("params", [ANDERSEN_I, LEWIS, BROADIE_KAYA, law(1e-4, 8, 0.025, 0.6, -0.85)])
def test_strikes_called_negligible_are(params: HestonParams, years: float) -> None:
    """With a loose tolerance far strikes get their intrinsic value; that is wrong by less than the tolerance."""
    strikes = np.geomspace(30, 330, 80)
    calls = strikes > 100
    exact = european(params, 100.0, strikes, years, 1.0, calls)
    loose = european(params, 100.0, strikes, years, 1.0, calls, tolerance=1e-4)
    assert (np.abs(exact - loose) <= 1e-4 * np.maximum(100, strikes) * 1.01).all()
    assert (loose == 0).sum() >= (0 if years > 1 else 10)


@pytest.mark.parametrize("params", [LEWIS, FANG_OOSTERLEE])
def test_the_second_moment_is_that_of_the_prices(params: HestonParams) -> None:
    """E[X²] = 2 ∫ C(K) dK."""
    strikes = np.linspace(1e-9, 12, 6_001)
    calls = european(params, 1.0, strikes, 0.5, 1.0, np.ones(len(strikes), dtype=bool), tolerance=1e-10)
    moment = 2 * np.trapezoid(calls, strikes)
    assert log_moment(params, np.array([2.0]), 0.5)[0] == pytest.approx(log(moment), rel=1e-4)


def test_moments_explode() -> None:
    """ρ = 0, κ = 1, σ = 2, p = 4: D = 1 − 48 < 0, so T* = 2/√47 · (π − arctan √47) = 0.500 (Andersen & Piterbarg)."""
    params = law(0.04, 1.0, 0.04, 2.0, 0.0)
    explosion = 2 / sqrt(47) * (pi - np.arctan(sqrt(47)))
    four = np.array([4.0])
    assert np.isfinite(log_moment(params, four, 0.97 * explosion)[0])
    assert log_moment(params, four, 1.01 * explosion)[0] == np.inf
