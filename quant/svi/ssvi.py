"""SSVI: one surface of SVI slices without static arbitrage by construction (Gatheral and Jacquier 2014, section 4).

    w(k, theta) = theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)),
    phi(theta) = eta / (theta^gamma (1 + theta)^(1 - gamma)),    0 < gamma <= 1/2, eta (1 + |rho|) <= 2

(their remark 4.4: those bounds suffice against butterfly and calendar arbitrage while theta does not fall with
maturity). theta is the ATM total variance of each slice, made monotone by weighted isotonic regression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, least_squares

from quant.svi.raw import Floats, Raw

Ints = NDArray[np.int64]

_EDGE = 1e-6  # the fit stays that far inside its bounds
_HUBER = 1.5


@dataclass(frozen=True, slots=True)
class Ssvi:
    """The surface. `theta` (n,): ATM total variances of the slices fitted, not falling; `rms`: weighted, in `vol`."""

    rho: float
    eta: float
    gamma: float
    theta: Floats
    rms: float

    def phi(self, theta: ArrayLike) -> Floats:
        """The curvature at an ATM total variance."""
        level = np.asarray(theta, dtype=np.float64)
        return np.asarray(self.eta / (level**self.gamma * (1.0 + level) ** (1.0 - self.gamma)))

    def total_variance(self, k: ArrayLike, theta: ArrayLike) -> Floats:
        """w(k, theta), shapes broadcast (eq. 4.1)."""
        at, level = np.asarray(k, dtype=np.float64), np.asarray(theta, dtype=np.float64)
        z = self.phi(level) * at
        root = np.sqrt((z + self.rho) ** 2 + 1.0 - self.rho * self.rho)
        return np.asarray(0.5 * level * (1.0 + self.rho * z + root))

    def slice(self, theta: float) -> Raw:
        """The raw SVI slice at an ATM total variance (eq. 4.1 as 3.1)."""
        flat = 1.0 - self.rho * self.rho
        phi = float(self.phi(theta))
        return Raw(0.5 * theta * flat, 0.5 * theta * phi, self.rho, -self.rho / phi, float(np.sqrt(flat)) / phi)

    @property
    def free(self) -> bool:
        """Whether the sufficient conditions hold: no butterfly, no calendar arbitrage."""
        bounds = self.eta * (1.0 + abs(self.rho)) <= 2.0 and 0.0 < self.gamma <= 0.5 and abs(self.rho) < 1.0
        return bool(bounds and np.all(self.theta > 0.0) and np.all(np.diff(self.theta) >= 0.0))


def monotone(theta: Floats, weight: Floats) -> Floats:
    """The nearest ATM total variances that do not fall, by weighted least squares (R. Barlow et al., 1972)."""
    return np.asarray(isotonic_regression(theta, weights=weight, increasing=True).x, dtype=np.float64)


def _parameters(x: Floats) -> tuple[float, float, float]:
    """(rho, eta, gamma) of unbounded coordinates: tanh, and two logistic functions of what the bounds allow."""
    rho = float(np.tanh(x[0])) * (1.0 - _EDGE)
    share, power = (1.0 / (1.0 + np.exp(-x[1:]))).tolist()
    return rho, 2.0 * (1.0 - _EDGE) * share / (1.0 + abs(rho)), 0.5 * max(power, 1e-9)


def _chain(x: Floats) -> Floats:
    """d(rho, eta, gamma)/dx, shape (3, 3)."""
    rho, eta, _ = _parameters(x)
    share, power = (1.0 / (1.0 + np.exp(-x[1:]))).tolist()
    d_rho = (1.0 - float(np.tanh(x[0])) ** 2) * (1.0 - _EDGE)
    return np.array(
        [
            [d_rho, 0.0, 0.0],
            [-eta * np.sign(rho) / (1.0 + abs(rho)) * d_rho, eta * (1.0 - share), 0.0],
            [0.0, 0.0, 0.5 * power * (1.0 - power)],
        ]
    )


def gradient(k: Floats, theta: Floats, one: Ssvi) -> Floats:
    """dw/d(rho, eta, gamma), shape (n, 3)."""
    rho, phi = one.rho, one.phi(theta)
    z = phi * k
    root = np.sqrt((z + rho) ** 2 + 1.0 - rho * rho)
    of_z = 0.5 * theta * (rho + (z + rho) / root)
    of_rho = 0.5 * theta * (z + z / root)
    return np.stack([of_rho, of_z * z / one.eta, of_z * z * np.log((1.0 + theta) / theta)], axis=-1)


def fit(k: Floats, vol: Floats, weight: Floats, t: Floats, which: Ints, theta: Floats) -> Ssvi:
    """rho, eta, gamma by Huber-weighted least squares in volatility, analytic gradient.

    Quotes of all slices, shape (n,): log-moneyness, volatility, weight (1 / its error squared), maturity, and the
    number of its slice; `theta` (slices,) must not fall.
    """
    level, root = theta[which], np.sqrt(weight)

    def made(x: Floats) -> Ssvi:
        rho, eta, gamma = _parameters(x)
        return Ssvi(rho, eta, gamma, theta, 0.0)

    def misses(x: Floats) -> Floats:
        return np.asarray(root * (np.sqrt(made(x).total_variance(k, level) / t) - vol))

    def jacobian(x: Floats) -> Floats:
        one = made(x)
        sd = np.sqrt(one.total_variance(k, level) / t)
        return np.asarray((root * 0.5 / (t * sd))[:, None] * (gradient(k, level, one) @ _chain(x)))

    start = np.array([-0.6, 0.0, 1.0])
    scale = max(float(np.median(np.abs(misses(start)))), 1.0)
    for _ in range(2):
        found = least_squares(
            misses, start, jac=jacobian, method="trf", loss="huber", f_scale=_HUBER * scale, xtol=1e-10, max_nfev=100
        )
        start, scale = found.x, max(1.4826 * float(np.median(np.abs(misses(found.x)))), 0.5)
    rest = misses(start)
    rho, eta, gamma = _parameters(start)
    return Ssvi(rho, eta, gamma, theta, float(np.sqrt(rest @ rest / weight.sum())))
