"""Raw SVI slices: total variance, its derivatives in log-moneyness and in the parameters, jump-wings, Gatheral's g.

    w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)),    k = ln(K/F), w = vol^2 t

(J. Gatheral, "A parsimonious arbitrage-free implied volatility parameterization", 2004; J. Gatheral and A. Jacquier,
"Arbitrage-free SVI volatility surfaces", Quantitative Finance 2014, section 3). Free functions; k of any shape.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Raw(NamedTuple):
    """The five raw parameters: b >= 0, |rho| <= 1, sigma > 0."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    @property
    def least(self) -> float:
        """The smallest total variance of the slice."""
        return float(self.a + self.b * self.sigma * np.sqrt(1.0 - self.rho * self.rho))

    @property
    def slopes(self) -> tuple[float, float]:
        """|dw/dk| far left and far right, b (1 - rho) and b (1 + rho); above 2 they break R. Lee's bound (2004)."""
        return self.b * (1.0 - self.rho), self.b * (1.0 + self.rho)


class JumpWings(NamedTuple):
    """What a trader reads off a slice (Gatheral-Jacquier 2014, eq. 3.5): variances a year and slopes over sqrt(w).

    v: ATM variance; psi: ATM skew; p, c: slopes of the put and call wing; least: the smallest variance.
    """

    v: float
    psi: float
    p: float
    c: float
    least: float


def _bent(k: ArrayLike, p: Raw) -> tuple[Floats, Floats]:
    y = np.asarray(k, dtype=np.float64) - p.m
    return y, np.hypot(y, p.sigma)


def total_variance(k: ArrayLike, p: Raw) -> Floats:
    """w(k)."""
    y, r = _bent(k, p)
    return np.asarray(p.a + p.b * (p.rho * y + r), dtype=np.float64)


def derivatives(k: ArrayLike, p: Raw) -> tuple[Floats, Floats, Floats]:
    """(w', w'', w''') in k."""
    y, r = _bent(k, p)
    bend = p.b * p.sigma**2 / r**3
    return np.asarray(p.b * (p.rho + y / r)), np.asarray(bend), np.asarray(-3.0 * bend * y / (r * r))


def parameter_gradient(k: ArrayLike, p: Raw) -> Floats:
    """dw/d(a, b, rho, m, sigma), shape k.shape + (5,)."""
    y, r = _bent(k, p)
    parts = [np.ones_like(y), p.rho * y + r, p.b * y, -p.b * (p.rho + y / r), p.b * p.sigma / r]
    return np.stack(parts, axis=-1)


def durrleman(k: ArrayLike, p: Raw) -> Floats:
    """Gatheral's g(k) (V. Durrleman's condition; Gatheral-Jacquier 2014, eq. 2.1): the density's sign.

    g = (1 - k w'/2w)^2 - w'^2/4 (1/w + 1/4) + w''/2; a slice is free of butterfly arbitrage when g >= 0 everywhere and
    its wings' slopes stay within 2.
    """
    at = np.asarray(k, dtype=np.float64)
    w = total_variance(at, p)
    first, second, _ = derivatives(at, p)
    u = 1.0 - 0.5 * at * first / w
    return np.asarray(u * u - 0.25 * first * first * (1.0 / w + 0.25) + 0.5 * second)


def durrleman_slope(k: ArrayLike, p: Raw) -> Floats:
    """dg/dk, closed form."""
    at = np.asarray(k, dtype=np.float64)
    w = total_variance(at, p)
    first, second, third = derivatives(at, p)
    u = 1.0 - 0.5 * at * first / w
    du = -0.5 * (first / w + at * second / w - at * first * first / (w * w))
    return np.asarray(2.0 * u * du - 0.5 * first * second * (1.0 / w + 0.25) + 0.25 * first**3 / (w * w) + 0.5 * third)


def jump_wings(p: Raw, t: float) -> JumpWings:
    """The jump-wing parameters of a raw slice at maturity t (Gatheral-Jacquier 2014, eq. 3.5)."""
    w = float(total_variance(0.0, p))
    root = np.sqrt(w)
    psi = 0.5 * p.b / root * (p.rho - p.m / np.hypot(p.m, p.sigma))
    return JumpWings(
        v=w / t, psi=float(psi), p=float(p.slopes[0] / root), c=float(p.slopes[1] / root), least=p.least / t
    )


def from_jump_wings(j: JumpWings, t: float) -> Raw:
    """The raw slice of jump-wing parameters (Gatheral-Jacquier 2014, lemma 3.2); ValueError: there is none."""
    w = j.v * t
    root = np.sqrt(w)
    b = 0.5 * root * (j.c + j.p)
    rho = 1.0 - j.p * root / b
    beta = rho - 2.0 * j.psi * root / b
    if not (b > 0.0 and abs(beta) <= 1.0 and abs(rho) < 1.0):
        raise ValueError(f"no convex SVI slice has psi {j.psi:.4g} between wings of {j.p:.4g} and {j.c:.4g}")
    flat = np.sqrt(1.0 - rho * rho)
    if abs(beta) < 1e-14 and flat == 1.0:
        raise ValueError("symmetric about the forward: jump wings do not tell sigma")
    if abs(beta) < 1e-14:
        sigma = (w - j.least * t) / (b * (1.0 - flat))
        return Raw(float(w - b * sigma), float(b), float(rho), 0.0, float(sigma))
    alpha = np.sign(beta) * np.sqrt(1.0 / (beta * beta) - 1.0)
    m = (j.v - j.least) * t / (b * (-rho + np.sign(alpha) * np.sqrt(1.0 + alpha * alpha) - alpha * flat))
    sigma = alpha * m if alpha != 0.0 else 0.0
    return Raw(float(j.least * t - b * sigma * flat), float(b), float(rho), float(m), float(sigma))
