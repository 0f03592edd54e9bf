"""A whole chain at once: prices, their gradient in the parameters, and probabilities, by one pass of `kernel`.

The integral is that of `transform`; with Delta = phi_BS - phi at u - i/2 the same nodes give the probability

    P(S_T > K) = N(d2) - sqrt(F/K)/pi integral_0^inf Re( e^{iuk} Delta(u) / (1/2 + iu) ) du,

the derivative of the price by the strike.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi, sqrt
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr

from domain.errors import BadInput, ParleyError
from quant.heston.params import BatesParams, HestonParams
from quant.vanilla.black import black76

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

_MOST_JUMPS = 1


class Grid(NamedTuple):
    """Options in the order of their maturities, and each maturity once. Made by `grid`."""

    order: Ints  # (n,) where each row stood
    ends: Ints  # (m,) one past a maturity's last row
    strikes: Floats  # (n,)
    is_call: Bools
    forward: Floats  # (n,), of each row
    discount: Floats
    log_moneyness: Floats  # ln(F/K)
    row: Ints  # (n,) maturity of each row
    years: Floats  # (m,)
    event: Floats


def grid(
    strikes: ArrayLike,
    years: ArrayLike,
    forwards: ArrayLike,
    discounts: ArrayLike,
    is_call: ArrayLike,
    events: ArrayLike = 0.0,
) -> Grid:
    """Options of any maturities, in any order; everything broadcasts to shape (n,).

    `events` is the variance of an independent normal part of log price before settlement. Raises BadInput for what
    `transform.european` refuses.
    """
    columns = np.broadcast_arrays(*(np.asarray(c, dtype=np.float64) for c in (strikes, years, forwards, discounts)))
    k, t, f, d = (np.atleast_1d(c).ravel() for c in columns)
    e = np.broadcast_to(np.asarray(events, dtype=np.float64), k.shape)
    call = np.broadcast_to(np.asarray(is_call, dtype=np.bool_), k.shape)
    whole = all(bool(np.isfinite(c).all() and (c > 0).all()) for c in (k, t, f, d))
    if not whole or not np.isfinite(e).all() or (e < 0).any():
        raise BadInput("Heston prices need a positive forward, maturity and discount, positive strikes and events >= 0")
    if len(k) == 0:
        raise BadInput("a chain needs one option or more")
    order = np.lexsort((e, t))
    k, t, f, d, e = (np.ascontiguousarray(c[order]) for c in (k, t, f, d, e))
    new = np.flatnonzero(np.diff(t, prepend=-1.0) + np.abs(np.diff(e, prepend=-1.0)))
    ends = np.append(new[1:], len(k)).astype(np.int64)
    row = np.repeat(np.arange(len(new)), np.diff(ends, prepend=0))
    return Grid(order, ends, k, call[order], f, d, np.log(f / k), row, t[new].copy(), e[new].copy())


@lru_cache(maxsize=1)
def _kernel() -> ModuleType:
    """Loaded at the first use: half a second."""
    from quant.heston import kernel

    return kernel


class _Integrals(NamedTuple):
    total: Floats  # (9, n)
    variance: Floats  # (n,) of the control variate
    nodes: Ints  # (m,)


def vector(params: HestonParams | BatesParams) -> Floats:
    """(v0, kappa, theta, sigma, rho, intensity, mean, sd), shape (8,). Raises BadInput for jumps of two kinds."""
    law, jumps = (params.diffusion, params.jumps) if isinstance(params, BatesParams) else (params, ())
    if len(jumps) > _MOST_JUMPS:
        raise BadInput("a chain is priced with jumps of one kind; for more use transform.european or strip")
    tail = (jumps[0].intensity, jumps[0].mean, jumps[0].sd) if jumps else (0.0, 0.0, 0.0)
    return np.array([law.v0, law.kappa, law.theta, law.sigma, law.rho, *tail])


def _integrals(params: HestonParams | BatesParams, of: Grid, mode: int, tolerance: float) -> _Integrals:
    if not 1e-15 < tolerance < 1:
        raise BadInput(f"a tolerance lies between 1e-15 and 1, not {tolerance}")
    floor = params.floor if isinstance(params, BatesParams) else 0.0
    w = np.array([params.average_variance(t) * t for t in of.years.tolist()]) + of.event
    total, nodes = np.zeros((9, len(of.strikes))), np.zeros(len(of.years), dtype=np.int64)
    extra = of.event + floor * of.years
    p = vector(params)
    _kernel().chain(
        p, of.ends, of.log_moneyness, of.years, w, extra, mode, 1e-3 * sqrt(tolerance), 1e-4 * tolerance, total, nodes
    )
    if (nodes < 0).any():
        t = float(of.years[int(np.argmin(nodes))])
        raise ParleyError(f"the Heston integral does not settle to {tolerance} for {params}, T = {t}")
    return _Integrals(total, w[of.row], nodes)


def _back(values: Floats, of: Grid) -> Floats:
    """Rows where they stood."""
    out = np.empty_like(values)
    out[of.order] = values
    return out


def _prices(found: _Integrals, of: Grid) -> Floats:
    t = of.years[of.row]
    base = black76(of.forward, of.strikes, t, np.sqrt(found.variance / t), of.discount, of.is_call)
    scale = of.discount * np.sqrt(of.forward * of.strikes) / pi
    return np.asarray(np.maximum(base + scale * found.total[0], 0.0))


def prices(params: HestonParams | BatesParams, of: Grid, tolerance: float = 1e-13) -> Floats:
    """Prices, shape (n,), dollars; `tolerance` relative to the larger of forward and strike.

    Raises ParleyError when 65,536 nodes do not reach the tolerance.
    """
    return _back(_prices(_integrals(params, of, 0, tolerance), of), of)


def gradient(params: HestonParams | BatesParams, of: Grid, tolerance: float = 1e-13) -> tuple[Floats, Floats]:
    """(prices (n,), derivatives (n, 5)) by v0, kappa, theta, sigma, rho; with jumps (n, 8): intensity, mean, sd."""
    found = _integrals(params, of, 1, tolerance)
    count = 8 if isinstance(params, BatesParams) and any(jump.intensity > 0 for jump in params.jumps) else 5
    scale = of.discount * np.sqrt(of.forward * of.strikes) / pi
    slopes = np.ascontiguousarray((found.total[1 : 1 + count] * scale).T)
    return _back(_prices(found, of), of), _back(slopes, of)


def probabilities(params: HestonParams | BatesParams, of: Grid, tolerance: float = 1e-13) -> Floats:
    """P(S_T > K) of each row, shape (n,), in the measure whose expectation is the forward. `is_call` plays no part."""
    found = _integrals(params, of, 2, tolerance)
    sd = np.sqrt(found.variance)
    base = ndtr(of.log_moneyness / sd - 0.5 * sd)
    value = base - np.sqrt(of.forward / of.strikes) / pi * found.total[0]
    return _back(np.clip(value, 0.0, 1.0), of)
