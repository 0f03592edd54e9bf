"""European prices under Heston by one Fourier integral per maturity, with Black–Scholes as control variate.

Lewis (2001), eq. 3.11 on the contour Im z = −½: with F the forward, D the discount factor, k = ln(F/K), φ the
characteristic function of ln(S_T/F),

    C(K) = D [ F − √(FK)/π ∫₀^∞ Re( e^{iuk} φ(u − i/2) ) / (u² + ¼) du ].

Subtracting the same integral for a lognormal of equal expected variance w = T·(average variance) leaves

    price(K) = Black(K; w) + D √(FK)/π ∫₀^∞ Re( e^{iuk} [φ_BS − φ](u − i/2) ) / (u² + ¼) du,

whose integrand is small and the same for calls and puts, so that far wings keep their digits. Gauss–Legendre nodes on
u = U y³ (they crowd near 0, where the difference lives); the node count doubles until two counts agree.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.errors import BadInput, ParleyError
from quant.heston.params import HestonParams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Complexes = NDArray[np.complex128]

_DECAY = 34.0  # −ln of the relative size at which the integrand is cut off (e^−34 ≈ 2e−15)
_COUNTS = (64, 128, 256, 512, 1024, 2048)


@lru_cache(maxsize=16)
def _nodes(count: int) -> tuple[Any, Any]:
    """Gauss–Legendre nodes and weights on (0, 1). Arrays of shape (count,)."""
    x, w = np.polynomial.legendre.leggauss(count)
    return (x + 1) / 2, w / 2


def _log1p(z: Complexes) -> Complexes:
    """ln(1 + z) without losing a small z. (numpy's own loses it.)"""
    real = 0.5 * np.log1p(2 * z.real + z.real**2 + z.imag**2)
    return np.asarray(real + 1j * np.arctan2(z.imag, 1 + z.real), dtype=np.complex128)


def log_characteristic(params: HestonParams, u: Floats, years: float) -> Complexes:
    """ln φ(u − i/2) of ln(S_T/F). `u` real, shape (n,); result of shape (n,).

    The form of Albrecher et al. (2007, "the little Heston trap") that needs no branch tracking, rewritten with
    (β − d)/σ² = −(z² + iz)/(β + d) so that σ → 0 stays exact.
    """
    kappa, sigma, rho = params.kappa, params.sigma, params.rho
    quadratic = u * u + 0.25  # z² + iz at z = u − i/2
    beta = (kappa - 0.5 * rho * sigma) - 1j * rho * sigma * u
    d = np.sqrt(beta * beta + sigma * sigma * quadratic)
    ratio = quadratic / (beta + d)  # = −(β − d)/σ²
    g = -sigma * sigma * ratio / (beta + d)
    decay = -np.expm1(-d * years)  # 1 − e^{−dT}
    one_minus = 1 - g * (1 - decay)
    level = -ratio * years - 2 / (sigma * sigma) * _log1p(g * decay / (1 - g))
    return np.asarray(kappa * params.theta * level - params.v0 * ratio * decay / one_minus, dtype=np.complex128)


def _black(forward: float, strikes: Floats, w: float, discount: float, is_call: Bools) -> Floats:
    """Black (1976) at total variance w > 0."""
    from scipy.special import ndtr

    root = sqrt(w)
    d1 = np.log(forward / strikes) / root + 0.5 * root
    sign = np.where(is_call, 1.0, -1.0)
    value = discount * sign * (forward * ndtr(sign * d1) - strikes * ndtr(sign * (d1 - root)))
    return np.asarray(value, dtype=np.float64)


def european(
    params: HestonParams,
    forward: float,
    strikes: Floats,
    years: float,
    discount: float,
    is_call: Bools,
    tolerance: float = 1e-13,
) -> Floats:
    """Prices of European options of one maturity. `strikes`, `is_call`: shape (n,); result: shape (n,), dollars.

    `years` is the time over which the variance runs; `discount` the price today of one dollar at settlement.
    `tolerance` is relative to the larger of forward and strike. Raises BadInput for a maturity, forward, strike or
    discount that is not positive, ParleyError when 2048 nodes do not reach the tolerance. Never below zero.
    """
    strikes = np.asarray(strikes, dtype=np.float64)
    positive = np.isfinite(strikes).all() and (strikes > 0).all()
    if not (positive and years > 0 and forward > 0 and discount > 0 and np.isfinite([years, forward, discount]).all()):
        raise BadInput("Heston prices need a positive forward, maturity and discount and positive strikes")
    w = params.average_variance(years) * years
    base = _black(forward, strikes, w, discount, np.asarray(is_call, dtype=np.bool_))
    scale = discount * np.sqrt(forward * strikes)
    limit = tolerance * np.maximum(forward, strikes)
    spread = sqrt(1 - params.rho**2) * (params.v0 + params.kappa * params.theta * years) / params.sigma
    reach = max(_DECAY / spread, sqrt(2 * _DECAY / w))
    k = np.log(forward / strikes)
    last: Floats | None = None
    for count in _COUNTS:
        y, weights = _nodes(count)
        u = reach * y**3
        quadratic = u * u + 0.25
        difference = np.exp(-0.5 * w * quadratic) - np.exp(log_characteristic(params, u, years))
        density = difference * (3 * reach * y * y * weights / quadratic)
        phase = k[:, None] * u
        correction = scale / pi * (np.cos(phase) @ density.real - np.sin(phase) @ density.imag)
        if last is not None and bool((np.abs(correction - last) <= limit).all()):
            return np.asarray(np.maximum(base + correction, 0.0), dtype=np.float64)
        last = correction
    raise ParleyError(f"the Heston integral does not settle to {tolerance} for {params}, T = {years}")
