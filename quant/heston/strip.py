"""Many strikes of one maturity at once, to a tolerance that suits quotes.

The integral of `transform` by the trapezoid rule on equal steps h. Its integrand is analytic in a strip around the real
line (the poles at u = ±i/2 are removable, for φ_BS = φ = 1 there) and falls off exponentially, so the rule's only error
is aliasing: the correction at k comes out as the sum of the corrections at k + 2πn/h (Poisson's summation formula). h
is chosen so that all of these lie where Markov's inequality puts an option's value below the tolerance, the last node
where φ itself has vanished. Powers of e^{ihk} are made by doubling, so that no node costs a sine.
"""

from __future__ import annotations

from math import ceil, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

from domain.errors import BadInput, ParleyError
from quant.heston.params import BatesParams, HestonParams, Jump
from quant.heston.transform import POWERS, log_characteristic, log_moment, other_characteristic, other_moments
from quant.vanilla.black import black76

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_MARGIN = 0.05  # the integrand is cut off at this fraction of the tolerance
_MOST = 8192  # nodes
_TRIALS = np.geomspace(1e-3, 1.0, 48)


def strip(
    params: HestonParams | BatesParams,
    forward: float,
    strikes: Floats,
    years: float,
    discount: float,
    is_call: Bools,
    tolerance: float = 1e-8,
    event: float = 0.0,
) -> Floats:
    """Prices as `transform.european` gives them, within `tolerance` of the larger of forward and strike. Shape (n,).

    Raises BadInput for arguments out of their domain, ParleyError when 8,192 nodes do not reach the tolerance.
    """
    strikes = np.asarray(strikes, dtype=np.float64)
    positive = np.isfinite(strikes).all() and (strikes > 0).all() and 1e-14 < tolerance < 1 and event >= 0
    if not (positive and years > 0 and forward > 0 and discount > 0 and np.isfinite([years, forward, discount]).all()):
        raise BadInput("a strip needs positive forward, maturity, discount, strikes and tolerance, and an event >= 0")
    law, jumps = (params.diffusion, params.jumps) if isinstance(params, BatesParams) else (params, ())
    w = params.average_variance(years) * years + event
    event += params.floor * years if isinstance(params, BatesParams) else 0.0
    k = np.log(forward / strikes)
    low, high = _bounds(law, jumps, years, event, tolerance)
    value = np.maximum(discount * np.where(is_call, forward - strikes, strikes - forward), 0.0)
    rows = np.flatnonzero((k > low) & (k < high))
    if len(rows) == 0:
        return value
    step = 2 * pi / (1.02 * (high - low))
    last = _vanishing(law, jumps, years, event, w, _MARGIN * tolerance)
    count = ceil(last / step) + 1
    if count > _MOST:
        raise ParleyError(f"a strip of {params} at T = {years} needs {count} nodes for {tolerance}, more than {_MOST}")
    u: Floats = np.asarray(step * np.arange(count), dtype=np.float64)
    quadratic = u * u + 0.25
    logs = log_characteristic(law, u, years) + other_characteristic(jumps, u, years, event)
    density = step * (np.exp(-0.5 * w * quadratic) - np.exp(logs)) / quadratic
    density[0] *= 0.5
    turns = _turns(k[rows] * step, count)
    correction = np.sqrt(forward * strikes[rows]) / pi * np.einsum("ij,j->i", turns, density).real
    base = black76(forward, strikes[rows], years, sqrt(w / years), discount, is_call[rows])
    value[rows] = np.maximum(base + discount * correction, 0.0)
    return value


def _bounds(
    law: HestonParams, jumps: tuple[Jump, ...], years: float, event: float, limit: float
) -> tuple[float, float]:
    """ln(F/K) between which an out-of-the-money option may be worth more than `limit` times forward or strike."""
    calls, puts = (
        log_moment(law, powers, years) + other_moments(jumps, powers, years, event) for powers in (1 + POWERS, -POWERS)
    )
    return float(np.max((log(limit) - calls) / POWERS)), float(np.min((puts - log(limit)) / POWERS))


def _vanishing(law: HestonParams, jumps: tuple[Jump, ...], years: float, event: float, w: float, limit: float) -> float:
    """u from which on both φ and the lognormal's are below `limit`, by trial on a geometric grid."""
    decay = -log(limit)
    tail = sqrt(1 - law.rho**2) * (law.v0 + law.kappa * law.theta * years) / law.sigma
    gauss = sqrt(2 * decay / w)
    most = min(decay / tail, sqrt(2 * decay / event)) if event > 0 else decay / tail
    trials: Floats = np.asarray(max(most, gauss) * 1.5 * _TRIALS, dtype=np.float64)
    logs = log_characteristic(law, trials, years) + other_characteristic(jumps, trials, years, event)
    alive = np.flatnonzero(logs.real > -decay)
    beyond = trials[min(alive[-1] + 1, len(trials) - 1)] if len(alive) else trials[0]
    return float(max(beyond, gauss))


def _turns(angle: Floats, count: int) -> NDArray[np.complex128]:
    """e^{i·angle·j} for j < count, shape (n, count)."""
    out = np.empty((len(angle), count), dtype=np.complex128)
    out[:, 0] = 1.0
    filled, power = 1, np.exp(1j * angle)
    while filled < count:
        take = min(filled, count - filled)
        np.multiply(out[:, :take], power[:, None], out=out[:, filled : filled + take])
        filled += take
        power = power * power
    return out
