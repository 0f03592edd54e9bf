"""SSVI: its golden row, its slices, its conditions, its fit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from quant.svi.arbitrage import butterfly, certified, crossing
from quant.svi.raw import total_variance
from quant.svi.ssvi import Ssvi, fit, gradient, monotone

THETA = np.array([0.002, 0.01, 0.04, 0.1])
TIMES = np.array([0.05, 0.25, 1.0, 2.5])


def test_the_golden_row() -> None:
    one = Ssvi(-0.7, 1.0, 0.5, np.array([0.04]), 0.0)
    assert float(one.phi(0.04)) == pytest.approx(4.90290337845, rel=1e-11)
    k, expected = np.array([-0.3, 0.0, 0.2]), [0.08629856555023964, 0.04, 0.02161756069191265]
    assert one.total_variance(k, 0.04) == pytest.approx(expected, rel=1e-14)
    assert total_variance(k, one.slice(0.04)) == pytest.approx(expected, rel=1e-14)
    assert one.free
    assert not Ssvi(-0.7, 1.2, 0.5, np.array([0.04]), 0.0).free  # eta (1 + |rho|) = 2.04
    assert not Ssvi(-0.7, 1.0, 0.5, np.array([0.04, 0.03]), 0.0).free


def test_slices_within_the_conditions_hold_and_never_cross() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        rho = rng.uniform(-0.95, 0.95)
        one = Ssvi(rho, 2.0 / (1.0 + abs(rho)) * rng.uniform(0.1, 1.0), rng.uniform(0.02, 0.5), THETA, 0.0)
        assert one.free
        slices = [one.slice(float(level)) for level in THETA]
        assert certified(np.array(slices)).all()
        assert all(butterfly(item).free for item in slices)
        assert all(crossing(a, b, 20.0) is None for a, b in pairwise(slices))


def sample(one: Ssvi) -> tuple[np.ndarray, ...]:
    k = np.tile(np.linspace(-3.0, 2.0, 21), 4) * np.repeat(np.sqrt(THETA), 21)
    which, t = np.repeat(np.arange(4), 21), np.repeat(TIMES, 21)
    return k, np.sqrt(one.total_variance(k, THETA[which]) / t), t, which


def test_the_fit_recovers_and_shrugs_off_bad_quotes() -> None:
    true = Ssvi(-0.55, 0.9, 0.4, THETA, 0.0)
    k, vol, t, which = sample(true)
    weight = np.full(len(k), 1.0 / 0.0025**2)
    found = fit(k, vol, weight, t, which, THETA)
    assert (found.rho, found.eta, found.gamma) == pytest.approx((-0.55, 0.9, 0.4), rel=1e-6)
    vol = vol.copy()
    vol[::17] += 0.3
    found = fit(k, vol, weight, t, which, THETA)
    assert (found.rho, found.eta, found.gamma) == pytest.approx((-0.55, 0.9, 0.4), rel=0.03)
    assert found.free


def test_the_gradient_is_that_of_differences() -> None:
    one = Ssvi(-0.4, 0.7, 0.3, THETA, 0.0)
    k, _, _, which = sample(one)
    theta, e = THETA[which], 1e-6
    found = gradient(k, theta, one)
    for i, name in enumerate(("rho", "eta", "gamma")):
        base = {"rho": one.rho, "eta": one.eta, "gamma": one.gamma}
        up, down = (
            Ssvi(**(base | {name: base[name] + sign * e}), theta=THETA, rms=0.0).total_variance(k, theta)
            for sign in (1, -1)
        )
        assert np.allclose(found[:, i], (up - down) / (2 * e), rtol=1e-5, atol=1e-10)


def test_thetas_are_made_monotone_by_weight() -> None:
    made = monotone(np.array([0.01, 0.03, 0.02, 0.05]), np.array([1.0, 3.0, 1.0, 1.0]))
    assert made == pytest.approx([0.01, 0.0275, 0.0275, 0.05])
