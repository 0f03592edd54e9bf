"""European prices under Heston and Bates by one Fourier integral per maturity, with Black–Scholes as control variate.

Lewis (2001), eq. 3.11 on the contour Im z = −½: with F the forward, D the discount factor, k = ln(F/K), φ the
characteristic function of ln(S_T/F),

    C(K) = D [ F − √(FK)/π ∫₀^∞ Re( e^{iuk} φ(u − i/2) ) / (u² + ¼) du ].

Subtracting the same integral for a lognormal of equal expected variance w = T·(average variance) leaves

    price(K) = Black(K; w) + D √(FK)/π ∫₀^∞ Re( e^{iuk} [φ_BS − φ](u − i/2) ) / (u² + ¼) du,

whose integrand is small and the same for calls and puts, so that far wings keep their digits. Gauss–Legendre panels on
u = U y³ (they crowd near 0, where the difference lives); their number doubles until two counts agree. Strikes so far
away that Markov's inequality puts their value below the tolerance are worth their intrinsic value and are not
integrated: there the phase e^{iuk} would need nodes without end.

Jumps (Bates 1996) and an independent normal part of log price at a known moment (a report) multiply φ; both are
compensated, so that F stays the forward.
"""

from __future__ import annotations

from functools import lru_cache
from math import log, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.errors import BadInput, ParleyError
from quant.heston.params import BatesParams, HestonParams, Jump
from quant.vanilla.black import black76

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Complexes = NDArray[np.complex128]

_DECAY = 34.0  # −ln of the relative size at which the integrand is cut off (e^−34 ≈ 2e−15)
_MARGIN = 100.0  # a coarser tolerance cuts it off at this fraction of itself
_PANEL = 64  # nodes in a panel
_PANELS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
POWERS = np.geomspace(0.5, 4000.0, 60)


@lru_cache(maxsize=16)
def _nodes(panels: int) -> tuple[Any, Any]:
    """Nodes and weights on (0, 1): Gauss–Legendre in each of equal panels. Arrays of shape (panels · _PANEL,)."""
    x, w = np.polynomial.legendre.leggauss(_PANEL)
    y = (np.arange(panels)[:, None] + (x + 1) / 2) / panels
    return y.ravel(), np.tile(w / (2 * panels), panels)


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


def log_moment(params: HestonParams, power: Floats, years: float) -> Floats:
    """ln E[(S_T/F)^p] for real p outside [0, 1]; +inf where the moment has exploded. Shape (n,).

    The same form as `log_characteristic` at z = −ip; explosion times by Andersen & Piterbarg (2007), proposition 3.1.
    """
    kappa, sigma, rho = params.kappa, params.sigma, params.rho
    quadratic = -power * (power - 1)
    beta = kappa - rho * sigma * power
    square = beta * beta + sigma * sigma * quadratic
    root = np.sqrt(np.abs(square))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        turning = 2 / root * (np.pi * (beta > 0) - np.arctan(root / beta))
        monotone = np.where(beta > 0, np.inf, np.log((beta - root) / (beta + root)) / root)
        lives = years < 0.98 * np.where(square < 0, turning, monotone)
        d = np.sqrt(square.astype(np.complex128))
        ratio = quadratic / (beta + d)
        g = -sigma * sigma * ratio / (beta + d)
        decay = -np.expm1(-d * years)
        inner: Complexes = np.asarray(g * decay / (1 - g), dtype=np.complex128)
        level = -ratio * years - 2 / (sigma * sigma) * _log1p(inner)
        value = kappa * params.theta * level - params.v0 * ratio * decay / (1 - g * (1 - decay))
    return np.where(lives & np.isfinite(value), value.real, np.inf)


def other_characteristic(jumps: tuple[Jump, ...], u: Floats, years: float, event: float) -> Complexes:
    """ln φ(u − i/2) of the jumps and of a normal part of variance `event`. Shape (n,)."""
    power = 0.5 + 1j * u
    total = -0.5 * event * (u * u + 0.25) + 0j
    for jump in jumps:
        size = np.exp(power * jump.mean + 0.5 * power * power * jump.sd**2)
        total = total + years * jump.intensity * (size - 1 - power * jump.compensator)
    return np.asarray(total, dtype=np.complex128)


def other_moments(jumps: tuple[Jump, ...], power: Floats, years: float, event: float) -> Floats:
    """ln E[e^{pX}] of the jumps and of the normal part; +inf where it leaves the range of floats. Shape (n,)."""
    total = 0.5 * event * power * (power - 1)
    with np.errstate(over="ignore"):
        for jump in jumps:
            if jump.intensity > 0:
                size = np.exp(power * jump.mean + 0.5 * power**2 * jump.sd**2)
                total = total + years * jump.intensity * (size - 1 - power * jump.compensator)
    return np.asarray(total, dtype=np.float64)


def _negligible(
    params: HestonParams, jumps: tuple[Jump, ...], k: Floats, years: float, event: float, limit: float
) -> Bools:
    """True where the out-of-the-money option is worth less than `limit` times forward or strike, whichever is larger.

    Markov: P(S_T > K) ≤ E[(S_T/F)^p] (F/K)^p for p > 0, and the call, E[S_T; S_T > K] at most, likewise with p > 1;
    the put with p < 0. `k` = ln(F/K), shape (n,).
    """
    high, low = (
        log_moment(params, powers, years) + other_moments(jumps, powers, years, event)
        for powers in (1 + POWERS, -POWERS)
    )
    up = np.min(high[:, None] + POWERS[:, None] * k, axis=0)
    down = np.min(low[:, None] - POWERS[:, None] * k, axis=0)
    return np.asarray(np.where(k < 0, up, down) < np.log(limit))


def european(
    params: HestonParams | BatesParams,
    forward: float,
    strikes: Floats,
    years: float,
    discount: float,
    is_call: Bools,
    tolerance: float = 1e-13,
    event: float = 0.0,
) -> Floats:
    """Prices of European options of one maturity. `strikes`, `is_call`: shape (n,); result: shape (n,), dollars.

    `years` is the time over which the variance runs; `discount` the price today of one dollar at settlement; `event`
    the variance of an independent normal part of log price, of events with a known date before settlement.
    `tolerance` is relative to the larger of forward and strike. Raises BadInput for a maturity, forward, strike or
    discount that is not positive, ParleyError when 16,384 nodes do not reach the tolerance. Never below zero.
    """
    strikes = np.asarray(strikes, dtype=np.float64)
    positive = np.isfinite(strikes).all() and (strikes > 0).all()
    if not (positive and years > 0 and forward > 0 and discount > 0 and np.isfinite([years, forward, discount]).all()):
        raise BadInput("Heston prices need a positive forward, maturity and discount and positive strikes")
    law, jumps = (params.diffusion, params.jumps) if isinstance(params, BatesParams) else (params, ())
    w = params.average_variance(years) * years + event
    event += params.floor * years if isinstance(params, BatesParams) else 0.0
    base = black76(forward, strikes, years, sqrt(w / years), discount, is_call)
    scale = discount * np.sqrt(forward * strikes)
    limit = tolerance * np.maximum(forward, strikes)
    spread = sqrt(1 - law.rho**2) * (law.v0 + law.kappa * law.theta * years) / law.sigma
    decay = min(_DECAY, log(_MARGIN / tolerance)) if tolerance > 0 else _DECAY
    reach = max(decay / spread, sqrt(2 * decay / w))
    k = np.log(forward / strikes)
    value = np.maximum(discount * np.where(is_call, forward - strikes, strikes - forward), 0.0)
    open_rows = np.flatnonzero(~_negligible(law, jumps, k, years, event, max(tolerance, 1e-300)))
    last = np.full(len(k), np.inf)
    for panels in _PANELS:
        if len(open_rows) == 0:
            return value
        y, weights = _nodes(panels)
        u = reach * y**3
        quadratic = u * u + 0.25
        logs = log_characteristic(law, u, years) + other_characteristic(jumps, u, years, event)
        difference = np.exp(-0.5 * w * quadratic) - np.exp(logs)
        density = difference * (3 * reach * y * y * weights / quadratic)
        phase = k[open_rows, None] * u
        correction = scale[open_rows] / pi * (np.cos(phase) @ density.real - np.sin(phase) @ density.imag)
        settled = np.abs(correction - last[open_rows]) <= limit[open_rows]
        value[open_rows] = np.maximum(base[open_rows] + correction, 0.0)
        last[open_rows] = correction
        open_rows = open_rows[~settled]
    if len(open_rows):
        raise ParleyError(f"the Heston integral does not settle to {tolerance} for {params}, T = {years}")
    return value
