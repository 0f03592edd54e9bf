"""Jumps and events in the transform against Merton's series; the strip against the tight integral; moments."""

from __future__ import annotations

from math import exp, factorial, sqrt

import numpy as np
import pytest

from domain.errors import BadInput, ParleyError
from quant.heston.params import BatesParams, HestonParams, Jump
from quant.heston.strip import strip
from quant.heston.transform import european
from quant.vanilla.black import black76

STILL = HestonParams(v0=0.04, kappa=1.0, theta=0.04, sigma=1e-5, rho=0.0)
LIVELY = HestonParams(v0=0.03, kappa=5.0, theta=0.04, sigma=0.7, rho=-0.8)
CRASH = Jump(intensity=1.5, mean=-0.05, sd=0.06)
EITHER = Jump(intensity=3.0, mean=0.02, sd=0.08)
STRIKES = np.linspace(60.0, 150.0, 91)
CALLS = STRIKES >= 100.0


def merton(jump: Jump, years: float, event: float) -> np.ndarray:
    """Merton (1976), eq. 19: Black's prices weighed by the number of jumps."""
    total = np.zeros(len(STRIKES))
    for n in range(60):
        mean = n * (jump.mean + 0.5 * jump.sd**2) - jump.intensity * jump.compensator * years
        variance = 0.04 * years + n * jump.sd**2 + event
        weight = exp(-jump.intensity * years) * (jump.intensity * years) ** n / factorial(n)
        total += weight * black76(100 * exp(mean), STRIKES, years, sqrt(variance / years), 0.97, CALLS)
    return total


@pytest.mark.parametrize("years", [0.02, 0.25, 2.0])
@pytest.mark.parametrize("event", [0.0, 0.01])
@pytest.mark.parametrize("price", [european, strip])
def test_still_volatility_with_jumps_is_mertons_model(years: float, event: float, price: object) -> None:
    law = BatesParams(diffusion=STILL, jumps=(CRASH,))
    found = price(law, 100.0, STRIKES, years, 0.97, CALLS, 1e-11, event)  # type: ignore[operator]
    assert found == pytest.approx(merton(CRASH, years, event), abs=2e-8)


@pytest.mark.parametrize("years", [5 / (252 * 78), 1 / 252, 0.04, 0.5, 3.0])
@pytest.mark.parametrize("event", [0.0, 0.005])
@pytest.mark.parametrize("jumps", [(), (CRASH,), (CRASH, EITHER)])
def test_the_strip_is_within_its_tolerance_of_the_integral(years: float, event: float, jumps: tuple[Jump, ...]) -> None:
    law = BatesParams(diffusion=LIVELY, jumps=jumps)
    exact = european(law, 100.0, STRIKES, years, 0.98, CALLS, 1e-12, event)
    for tolerance in (1e-6, 2e-8):
        quick = strip(law, 100.0, STRIKES, years, 0.98, CALLS, tolerance, event)
        assert np.abs(quick - exact).max() <= tolerance * STRIKES.max()
    puts = strip(law, 100.0, STRIKES, years, 0.98, ~CALLS, 1e-10, event)
    calls = strip(law, 100.0, STRIKES, years, 0.98, CALLS, 1e-10, event)
    assert np.where(CALLS, calls - puts, puts - calls) == pytest.approx(0.98 * (100 - STRIKES), abs=1e-6)


def test_scaling_multiplies_all_variance_by_m() -> None:
    law = BatesParams(diffusion=LIVELY, jumps=(CRASH, EITHER))
    scaled = law.scaled(0.75)
    for years in (0.1, 1.0, 4.0):
        assert scaled.average_variance(years) == pytest.approx(0.75 * law.average_variance(years))
        assert scaled.log_contract(years) == pytest.approx(0.75 * law.log_contract(years))
    assert [jump.sd for jump in scaled.jumps] == [jump.sd for jump in law.jumps]


def test_the_log_contract_is_what_a_strip_of_options_measures() -> None:
    """−2·E ln(S_T/F) = 2·∫ Q(K)/K² dK (Carr & Madan 1998), jumps and all."""
    law = BatesParams(diffusion=LIVELY, jumps=(CRASH, EITHER))
    x = np.linspace(-3.5, 2.5, 12_001)
    strikes = 100 * np.exp(x)
    out = strip(law, 100.0, strikes, 0.25, 1.0, strikes >= 100, 1e-12)
    measured = 2 * np.trapezoid(out / strikes, x)
    assert measured == pytest.approx(0.25 * law.log_contract(0.25), rel=1e-4)


def test_senseless_arguments_are_refused() -> None:
    for jump in (
        {"intensity": -1.0, "mean": 0.0, "sd": 0.1},
        {"intensity": 1.0, "mean": float("nan"), "sd": 0.1},
        {"intensity": 1.0, "mean": 0.0, "sd": -0.1},
    ):
        with pytest.raises(BadInput):
            Jump(**jump)
    for forward, years, discount, tolerance, event in (
        (0.0, 1.0, 1.0, 1e-8, 0.0),
        (1.0, 0.0, 1.0, 1e-8, 0.0),
        (1.0, 1.0, float("nan"), 1e-8, 0.0),
        (1.0, 1.0, 1.0, 0.0, 0.0),
        (1.0, 1.0, 1.0, 1e-8, -0.1),
    ):
        with pytest.raises(BadInput):
            strip(LIVELY, forward, STRIKES, years, discount, CALLS, tolerance, event)
    assert len(strip(LIVELY, 1.0, np.array([]), 1.0, 1.0, np.array([], dtype=bool))) == 0


def test_a_strip_without_end_is_said() -> None:
    slow = HestonParams(v0=1e-6, kappa=0.01, theta=1e-6, sigma=3.0, rho=-0.99)
    with pytest.raises(ParleyError, match="more than"):
        strip(slow, 100.0, STRIKES, 1e-4, 1.0, CALLS, 1e-12)
