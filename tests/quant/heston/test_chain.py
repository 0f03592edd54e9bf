"""A whole chain in one pass: reference values, the tight integral, COS, probabilities and the gradient."""

from __future__ import annotations

from math import exp, pi

import numpy as np
import pytest

from domain.errors import BadInput, ParleyError
from quant.heston.chain import gradient, grid, prices, probabilities
from quant.heston.params import BatesParams, HestonParams, Jump
from quant.heston.transform import european


def law(v0: float, kappa: float, theta: float, sigma: float, rho: float) -> HestonParams:
    return HestonParams(v0=v0, kappa=kappa, theta=theta, sigma=sigma, rho=rho)


FANG_OOSTERLEE = law(0.0175, 1.5768, 0.0398, 0.5751, -0.5711)  # Fang & Oosterlee 2008
ANDERSEN_I = law(0.04, 0.5, 0.04, 1, -0.9)  # Andersen 2008
ANDERSEN_III = law(0.09, 1, 0.09, 1, -0.3)
LEWIS = law(0.04, 4, 0.25, 1, -0.5)
EQUITY = law(0.04, 3, 0.045, 0.6, -0.7)
ODD_YEARS = 5 / 366 + 86 / 365
# By mpmath to 40 digits, agreeing with QuantLib's Lobatto integration to 13; params, r, q, T, S, K, call, value
REFERENCE = [
    (FANG_OOSTERLEE, 0, 0, 1, 100, 100, True, 5.7851554343761890281),
    (FANG_OOSTERLEE, 0, 0, 10, 100, 100, True, 22.318945791154489180),
    (law(0.010201, 6.21, 0.019, 0.61, -0.70), 0.0319, 0, 1, 100, 100, True, 6.8061133134620266532),
    (law(0.09, 2, 0.09, 1, -0.3), 0.05, 0, 5, 100, 100, True, 34.999758351183806077),
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
    (law(0.16, 1, 0.16, 2, -0.8), 0, 0, 10, 100, 200, True, 4.9521147208797647304),
    (law(0.1, 4, 0.22, 1.8, -0.75), 0.15, 0.07, 1, 100, 120, True, 9.3644105884260209),
    (law(0.1, 4, 0.22, 1.8, -0.75), 0.15, 0.07, 1, 100, 250, True, 0.010367976581391832),
    (law(0.1, 4, 0.22, 1.8, -0.75), 0.15, 0.07, 1, 100, 80, False, 5.3190929718366402),
    (law(0.1, 4, 0.22, 1.8, -0.75), 0.15, 0.07, 1, 100, 10, False, 0.010326819063325288),
    (law(0.1, 3.16, 0.09, 0.4, -0.2), 0.0225, 0.02, ODD_YEARS, 1, 1.05, True, 0.0404774514913745149),
    (law(0.3, 1.16, 0.2, 0.8, 0.8), 0.7, 0.4, ODD_YEARS, 1.05, 1.05, False, 0.0632851308977150028),
]
JUMP = Jump(intensity=0.8, mean=-0.12, sd=0.09)


@pytest.mark.parametrize(("params", "r", "q", "years", "spot", "strike", "is_call", "value"), REFERENCE)
def test_reference_values(
    params: HestonParams, r: float, q: float, years: float, spot: float, strike: float, is_call: bool, value: float
) -> None:
    of = grid(strike, years, spot * exp((r - q) * years), exp(-r * years), is_call)
    assert prices(params, of)[0] == pytest.approx(value, rel=2e-14, abs=1e-13)


def mixed(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Strikes, years, forwards, discounts, is_call of a small chain in no order."""
    rng = np.random.default_rng(5)
    years = rng.choice([0.02, 0.1, 0.5, 2.0], n)
    forwards = 100 * np.exp(0.03 * years)
    strikes = forwards * np.exp(rng.uniform(-2.5, 2.0, n) * 0.25 * np.sqrt(years))
    return strikes, years, forwards, np.exp(-0.04 * years), rng.random(n) < 0.5


@pytest.mark.parametrize(
    "params",
    [EQUITY, ANDERSEN_I, BatesParams(diffusion=EQUITY, jumps=(JUMP,), floor=0.003), BatesParams(diffusion=EQUITY)],
)
@pytest.mark.parametrize("event", [0.0, 0.004])
def test_a_chain_in_no_order_is_the_integral_of_each_of_its_options(
    params: HestonParams | BatesParams, event: float
) -> None:
    strikes, years, forwards, discounts, calls = mixed()
    found = prices(params, grid(strikes, years, forwards, discounts, calls, event))
    for i in range(len(strikes)):
        one = slice(i, i + 1)
        exact = european(params, forwards[i], strikes[one], years[i], discounts[i], calls[one], 1e-14, event)
        assert found[i] == pytest.approx(exact[0], abs=1e-12)


def test_hostile_parameters() -> None:
    """Feller violated, correlations near one, minutes and decades: the tight integral, wherever that settles."""
    rng, compared = np.random.default_rng(11), 0
    for _ in range(60):
        params = law(
            10 ** rng.uniform(-3, 0), 10 ** rng.uniform(-2, 1.3), 10 ** rng.uniform(-3, 0), 10 ** rng.uniform(-2, 0.6),
            float(rng.choice([-0.99, -0.7, 0.0, 0.5, 0.99])),
        )  # fmt: skip
        years = 10 ** rng.uniform(-4.5, 1.3)
        reach = np.sqrt(params.average_variance(years) * years)
        strikes = 100 * np.exp(np.array([-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]) * reach)
        strikes = strikes[(strikes > 1) & (strikes < 1e4)]
        found = prices(params, grid(strikes, years, 100.0, 1.0, strikes > 100))
        try:
            exact = european(params, 100.0, strikes, years, 1.0, strikes > 100, 1e-14)
        except ParleyError:
            continue
        compared += 1
        assert (np.abs(found - exact) <= 1e-12 * np.maximum(100, strikes)).all(), params
    assert compared > 50


def cosine(params: HestonParams, strikes: np.ndarray, years: float, terms: int = 4096) -> np.ndarray:
    """Undiscounted puts on a forward of 1 by Fang & Oosterlee's cosine series (2008, eqs 19-30).

    The range holds all but 1e-14 of the law: Markov's inequality on the eighth central moment of log price, as Junike &
    Pankrashkin (2022, theorem 3.8) choose it; the moment is taken from the cumulant function by Cauchy's integral.
    """

    def log_phi(z: np.ndarray) -> np.ndarray:
        beta = params.kappa - 1j * params.rho * params.sigma * z
        d = np.sqrt(beta**2 + params.sigma**2 * (z * z + 1j * z))
        g = (beta - d) / (beta + d)
        e = np.exp(-d * years)
        a = params.kappa * params.theta / params.sigma**2
        level = a * ((beta - d) * years - 2 * np.log((1 - g * e) / (1 - g)))
        return np.asarray(level + params.v0 / params.sigma**2 * (beta - d) * (1 - e) / (1 - g * e))

    circle = 0.5 / np.sqrt(years) * np.exp(2j * pi * (np.arange(64) + 0.5) / 64)
    mean = float((log_phi(circle) / (1j * circle)).mean().real)
    centred = np.exp(log_phi(circle) - 1j * circle * mean)
    eighth = float((centred / circle**8).mean().real) * 40320  # phi's eighth derivative at 0 is the moment, i^8 = 1
    half = (eighth / 1e-14) ** (1 / 8)
    a, b = mean - half, mean + half
    u = np.arange(terms) * pi / (b - a)
    phi = np.exp(log_phi(u + 0j) - 1j * u * a)
    phi[0] *= 0.5
    top = np.clip(np.log(strikes), a, b)[:, None]
    angle = u * (top - a)
    chi = (np.cos(angle) * np.exp(top) - np.exp(a) + u * np.sin(angle) * np.exp(top)) / (1 + u * u)
    psi = np.where(u == 0, top - a, np.sin(angle) / np.where(u == 0, 1, u))
    return np.asarray(2 / (b - a) * ((strikes[:, None] * psi - chi) @ phi.real))


@pytest.mark.parametrize("params", [EQUITY, LEWIS, FANG_OOSTERLEE])
@pytest.mark.parametrize("years", [0.1, 1.0, 3.0])
def test_the_cosine_series_agrees(params: HestonParams, years: float) -> None:
    strikes = np.exp(np.linspace(-1.0, 0.8, 9) * np.sqrt(years) * 0.5)
    found = prices(params, grid(strikes, years, 1.0, 1.0, False))
    assert cosine(params, strikes, years) == pytest.approx(found, abs=2e-11)


def test_probabilities_of_reference() -> None:
    """P(S_T > K): Gil-Pelaez at 40 digits by mpmath."""
    of = grid([80.0, 100.0, 120.0], 1.0, 100 * exp(-0.01), exp(-0.01), True)
    expected = [0.6398275171453489, 0.4431794861458493, 0.275780926631933]
    assert probabilities(LEWIS, of) == pytest.approx(expected, abs=2e-15)
    t = 45 / 365
    strikes = np.array([85.0, 90.0, 95.0, 100.0, 105.0, 110.0, 115.0])
    of = grid(strikes, t, 100 * exp(0.04 * t), exp(-0.04 * t), True)
    expected = [0.9717744854346524, 0.919825622866357, 0.8021265845961397, 0.5816314691614457, 0.2737198893273168,
                0.05568562605661065, 0.005409343427383284]  # fmt: skip
    assert probabilities(EQUITY, of) == pytest.approx(expected, abs=3e-15)
    expected = [15.53341136842165, 10.80838963257724, 6.48898719246332, 2.999229004522289, 0.8573484429419612,
                0.1218663764106225, 0.01025021442913152]  # fmt: skip
    assert prices(EQUITY, of) == pytest.approx(expected, abs=2e-14)


def test_an_iron_condor_makes_money_as_often_as_its_break_evens_say() -> None:
    t = 45 / 365
    legs = grid([85.0, 90.0, 110.0, 115.0], t, 100 * exp(0.04 * t), exp(-0.04 * t), [False, False, True, True])
    value = prices(EQUITY, legs)
    credit = value[1] + value[2] - value[0] - value[3]
    assert credit == pytest.approx(0.361997591468904, abs=1e-13)
    ends = grid([90 - credit, 110 + credit], t, 100 * exp(0.04 * t), 1.0, True)
    above = probabilities(EQUITY, ends)
    assert above[0] - above[1] == pytest.approx(0.877377760546527, abs=1e-13)


@pytest.mark.parametrize("params", [ANDERSEN_I, BatesParams(diffusion=EQUITY, jumps=(JUMP,), floor=0.003)])
def test_probability_is_the_slope_of_the_price_in_the_strike(params: HestonParams | BatesParams) -> None:
    strikes, h = np.array([40.0, 85.0, 100.0, 108.0, 150.0]), 0.02
    near, far = (
        prices(params, grid(strikes - x, 0.5, 100.0, 1.0, True))
        - prices(params, grid(strikes + x, 0.5, 100, 1.0, True))
        for x in (h, 2 * h)
    )
    slope = (8 * near - far) / (12 * h)
    assert probabilities(params, grid(strikes, 0.5, 100.0, 1.0, True)) == pytest.approx(slope, abs=2e-8)


def stretched(params: HestonParams | BatesParams, name: str, by: float) -> HestonParams | BatesParams:
    diffusion = params.diffusion if isinstance(params, BatesParams) else params
    jump = params.jumps[0] if isinstance(params, BatesParams) else JUMP
    one = {key: getattr(diffusion, key) for key in ("v0", "kappa", "theta", "sigma", "rho")}
    two = {key: getattr(jump, key) for key in ("intensity", "mean", "sd")}
    (one if name in one else two)[name] += by
    if isinstance(params, HestonParams):
        return HestonParams(**one)
    return BatesParams(diffusion=HestonParams(**one), jumps=(Jump(**two),), floor=params.floor)


@pytest.mark.parametrize(
    "params",
    [EQUITY, ANDERSEN_III, law(0.02, 6, 0.05, 0.3, 0.3), BatesParams(diffusion=EQUITY, jumps=(JUMP,), floor=0.003)],
)
def test_the_gradient_is_that_of_the_prices(params: HestonParams | BatesParams) -> None:
    """Eighth-order central differences, relative to the largest derivative."""
    of = grid(*mixed())
    value, slopes = gradient(params, of)
    assert value == pytest.approx(prices(params, of), abs=1e-12)
    names = ("v0", "kappa", "theta", "sigma", "rho", "intensity", "mean", "sd")[: slopes.shape[1]]
    assert len(names) == (8 if isinstance(params, BatesParams) else 5)
    for j, name in enumerate(names):
        base = params.diffusion if isinstance(params, BatesParams) else params
        at = getattr(base, name) if hasattr(base, name) else getattr(JUMP, name)
        h = 0.01 * abs(at)
        found = np.zeros(len(value))
        for m, weight in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
            up, down = (prices(stretched(params, name, side * m * h), of, 1e-14) for side in (1, -1))
            found += weight * (up - down) / h
        assert np.max(np.abs(found - slopes[:, j])) <= 1e-9 * np.max(np.abs(slopes[:, j])), name


def test_what_cannot_be_priced_is_refused() -> None:
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        for column in range(4):
            arguments = [100.0, 1.0, 100.0, 1.0]
            arguments[column] = bad
            with pytest.raises(BadInput):
                grid(arguments[0], arguments[1], arguments[2], arguments[3], True)
    with pytest.raises(BadInput, match="one option"):
        grid([], 1.0, 100.0, 1.0, True)
    with pytest.raises(BadInput, match="events"):
        grid(100.0, 1.0, 100.0, 1.0, True, -0.1)
    with pytest.raises(BadInput, match="one kind"):
        prices(BatesParams(diffusion=EQUITY, jumps=(JUMP, JUMP)), grid(100.0, 1.0, 100.0, 1.0, True))
    with pytest.raises(BadInput, match="tolerance"):
        prices(EQUITY, grid(100.0, 1.0, 100.0, 1.0, True), 0.0)


def test_an_integral_that_does_not_settle_is_said() -> None:
    """A variance that all but vanishes in minutes with correlation one: more nodes than allowed."""
    with pytest.raises(ParleyError, match="does not settle"):
        prices(law(1e-5, 0.01, 1e-5, 3, 0.9999), grid(100.0, 20.0, 100.0, 1.0, True))
