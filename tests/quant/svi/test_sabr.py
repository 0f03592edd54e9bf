"""SABR as an oracle: P. Hagan's lognormal volatility at published values, and SVI on its smile."""

from __future__ import annotations

import numpy as np
import pytest

from quant.svi.arbitrage import butterfly
from quant.svi.batch import OUTCOMES, fit_slices
from quant.svi.quotes import SmileQuotes
from quant.svi.raw import Raw, total_variance


def hagan(forward: float, strike: np.ndarray, t: float, alpha: float, beta: float, nu: float, rho: float) -> np.ndarray:
    """P. Hagan et al., "Managing smile risk", Wilmott 2002, eq. 2.17a."""
    log, mean = np.log(forward / strike), (forward * strike) ** (0.5 * (1.0 - beta))
    z = nu / alpha * mean * log
    x = np.log((np.sqrt(1.0 - 2.0 * rho * z + z * z) + z - rho) / (1.0 - rho))
    ratio = np.where(np.abs(z) < 1e-12, 1.0, z / np.where(np.abs(z) < 1e-12, 1.0, x))
    one = (1.0 - beta) ** 2
    bent = 1.0 + one / 24.0 * log**2 + one**2 / 1920.0 * log**4
    late = one / 24.0 * alpha**2 / mean**2 + 0.25 * rho * beta * nu * alpha / mean + (2.0 - 3.0 * rho**2) / 24.0 * nu**2
    return np.asarray(alpha / (mean * bent) * ratio * (1.0 + late * t))


def test_the_oracle_gives_the_published_values() -> None:
    """F. Le Floc'h and G. Kennedy's example, and SPX with beta = 1; agreed by QuantLib, pyfeng and mpmath."""
    found = hagan(1.0, np.array([0.5, 1.0, 1.5]), 2.0, 0.35, 0.25, 1.0, 0.25)
    assert found == pytest.approx([0.5985375104366073, 0.4087024739583333, 0.4610287833571543], rel=1e-13)
    found = hagan(2016.0, np.array([1600.0, 1800.0, 2016.0, 2200.0]), 0.479, 0.255, 1.0, 0.629, -0.370)
    expected = [0.2915447762495843, 0.2719400089926303, 0.2563879506401287, 0.247902284760605]
    assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("t", "alpha", "nu", "rho"), [(0.479, 0.255, 0.629, -0.370), (0.1, 0.2, 1.5, -0.6), (2.0, 0.18, 0.4, -0.5)]
)
def test_svi_follows_a_sabr_smile(t: float, alpha: float, nu: float, rho: float) -> None:
    """Within three deviations to a fifth of a vol point, free of arbitrage, though no model of that family."""
    k = np.linspace(-3.0, 2.0, 41) * alpha * np.sqrt(t)
    vol = hagan(100.0, 100.0 * np.exp(k), t, alpha, 1.0, nu, rho)
    quotes = SmileQuotes(np.arange(41), k, vol, np.full(41, 0.002), True)
    batch = fit_slices((quotes,), np.array([t]))
    p = Raw(*batch.raw[0].tolist())
    assert OUTCOMES[batch.outcome[0]] != "failed"
    assert butterfly(p).free
    assert np.abs(np.sqrt(total_variance(k, p) / t) - vol).max() < 0.002
