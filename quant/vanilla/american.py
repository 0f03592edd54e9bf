"""American options by Andersen, Lake and Offengenden's method: price, Greeks and the exercise boundary, in batches.

The world is Black-Scholes with constant r and q. A put is solved as it is; a call C(S, K, r, q) is the put
P(K, S, q, r) (R. McDonald and M. Schroder, "A parity result for American options", 1998). What holds where a rate is
not positive, said for puts (for calls exchange r and q): with r < 0 and q >= r, or r = 0 and q >= 0, exercise is never
optimal and the value is the European one; with q < r < 0 there are two boundaries (Andersen and Lake, 2021) and the
option is refused by the reason `double_boundary`. A call without dividends (q = 0, r >= 0) is the European call.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant.vanilla.implied import REASONS as EUROPEAN_REASONS
from quant.vanilla.implied import Implied
from quant.vanilla.implied import implied_vol as european_vol

Floats = NDArray[np.float64]

# In the order of the kernel's codes.
REASONS = ("ok", "double_boundary", "bad_input", "unconverged")


@dataclass(frozen=True)
class Scheme:
    """How fine the boundary (nodes, points of each integral, Newton steps) and the premium's integral are.

    The coarse boundary starts the fine one. `error`: the root mean square error of a price per 1.00 of strike over
    random options of every maturity from a day to four years, volatilities from 5 to 120 %, rates to 10 %.
    """

    name: str
    coarse: tuple[int, int, int]
    fine: tuple[int, int, int]
    premium: int
    enough: tuple[float, float]
    error: float


FAST = Scheme("fast", (4, 8, 12), (6, 8, 12), 24, (0.03, 0.01), 3e-7)
STANDARD = Scheme("standard", (5, 8, 12), (12, 12, 12), 48, (0.01, 0.003), 5e-9)
FINE = Scheme("fine", (6, 16, 20), (16, 40, 20), 128, (0.01, 1e-6), 3e-10)
_SPACING = 1.5  # Chebyshev nodes lie in (tau/t)^(1/3): denser near expiry, where the boundary moves as sqrt(tau ln tau)


class Priced(NamedTuple):
    """Prices with what was found on the way; shapes broadcast. NaN where `reason` (codes into REASONS) is not 0.

    `premium`: price less the European one. `boundary`: the spot at which exercise becomes optimal now, at or below for
    puts, at or above for calls; NaN where exercise is never optimal.
    """

    value: Floats
    premium: Floats
    boundary: Floats
    reason: NDArray[np.int8]


class AmericanGreeks(NamedTuple):
    """Raw derivatives, units as `quant.vanilla.black.Greeks`: theta is what a year's passing adds."""

    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats


def reason_name(code: int) -> str:
    """The name of a reason code."""
    return REASONS[code]


def _interpolation(nodes: Floats, at: Floats) -> Floats:
    """Barycentric Lagrange weights of values at `nodes` (m,) for the points `at` (k,): (m, k)."""
    apart = nodes[:, None] - nodes[None, :]
    np.fill_diagonal(apart, 0.5)
    bary = 1.0 / np.prod(2.0 * apart, axis=1)
    gap = at[None, :] - nodes[:, None]
    exact = np.abs(gap) < 1e-15
    terms = bary[:, None] / np.where(exact, 1.0, gap)
    return np.asarray(np.where(exact.any(axis=0), exact, terms / terms.sum(axis=0)), dtype=np.float64)


def _grid(n: int) -> Floats:
    """n Chebyshev points of (0, 1], greatest first; 0, where the boundary is known, is point n + 1."""
    return np.asarray(0.5 + 0.5 * np.cos(np.arange(n + 1) * np.pi / n), dtype=np.float64)


def _level(n: int, points: int) -> tuple[Floats, ...]:
    """(x, span, before, weight, matrix, its transpose): sqrt(tau/t) of the nodes; over sqrt(t) or t, sqrt(tau - u), u
    and du of the integrals; the interpolation between them.
    """
    grid = _grid(n)
    raw, weight = np.polynomial.legendre.leggauss(points)
    angle = 0.25 * np.pi * (raw + 1.0)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = grid[:n] ** _SPACING
    matrix = _interpolation(grid, np.outer(grid[:n], sine ** (1.0 / _SPACING)).reshape(-1))[:n]
    span, before = np.outer(x, cosine).reshape(-1), np.outer(x * x, sine * sine).reshape(-1)
    area = np.outer(x * x, 0.5 * np.pi * weight * sine * cosine).reshape(-1)
    across = np.zeros((n * points, 8 * -(-n // 8)))  # the same by columns, filled to whole vector registers
    across[:, :n] = matrix.T
    return x, span, before, area, np.ascontiguousarray(matrix), across


@cache
def _tables(scheme: Scheme) -> tuple[Any, ...]:
    (n0, l0, m0), (n1, l1, m1) = scheme.coarse, scheme.fine
    lift = np.ascontiguousarray(_interpolation(_grid(n0)[:n0], _grid(n1)[:n1]))
    raw, weight = np.polynomial.legendre.leggauss(scheme.premium)
    angle = 0.25 * np.pi * (raw + 1.0)
    matrix = np.ascontiguousarray(_interpolation(_grid(n1), np.cos(angle) ** (1.0 / _SPACING))[:n1])
    price = (np.sin(angle), 0.5 * np.pi * weight * np.sin(angle) * np.cos(angle), matrix)
    return _level(n0, l0), _level(n1, l1), lift, price, (m0, m1), scheme.enough


def _run(columns: tuple[ArrayLike, ...], is_call: ArrayLike, scheme: Scheme, with_greeks: bool) -> tuple[Any, Any]:
    """(answers, reasons) with the broadcast shape behind the first axis of the answers."""
    raw = (np.asarray(item, dtype=np.float64) for item in columns)
    arrays = np.broadcast_arrays(*raw, np.asarray(is_call, dtype=bool))
    shape = arrays[0].shape
    answers, reason = np.empty((8, arrays[0].size)), np.empty(arrays[0].size, dtype=np.int8)
    if reason.size:
        from quant.vanilla import american_kernel  # late: a command that prices nothing does not wait for a compiler

        flat = (np.ascontiguousarray(item).reshape(-1) for item in arrays)
        american_kernel.solve(*flat, *_tables(scheme), with_greeks, answers, reason)
    return answers.reshape(8, *shape), reason.reshape(shape)


def price(
    spot: ArrayLike,
    strike: ArrayLike,
    t: ArrayLike,
    sigma: ArrayLike,
    r: ArrayLike,
    q: ArrayLike,
    is_call: ArrayLike,
    scheme: Scheme = STANDARD,
) -> Priced:
    """Price, premium over the European option and critical spot of American options; shapes broadcast.

    ALO (2015). A time at or past expiry counts as 0. Reasons: `bad_input` (NaN, infinite or negative), `unconverged`
    (the boundary's equation was not met; named rather than guessed), `double_boundary`. The compiled code releases the
    interpreter's lock and every option stands alone: to use several cores, split the arrays over threads.
    """
    answers, reason = _run((spot, strike, t, sigma, r, q), is_call, scheme, with_greeks=False)
    return Priced(answers[0], answers[1], answers[2], reason)


def greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    t: ArrayLike,
    sigma: ArrayLike,
    r: ArrayLike,
    q: ArrayLike,
    is_call: ArrayLike,
    scheme: Scheme = STANDARD,
) -> AmericanGreeks:
    """Delta and gamma by differentiating ALO's integral, theta by the Black-Scholes equation they obey, vega and rho by
    central differences (0.1 % of sigma, 1 bp) of the scheme, which is smooth. Where exercise is optimal now: those of
    the intrinsic value. NaN where `price` has a reason. Shapes broadcast.
    """
    answers, _ = _run((spot, strike, t, sigma, r, q), is_call, scheme, with_greeks=True)
    return AmericanGreeks(delta=answers[3], gamma=answers[4], vega=answers[6], theta=answers[5], rho=answers[7])


# Why a price has no American volatility: those of a European one, and `unsolved` (no convergence, or two boundaries).
NO_VOLATILITY = (*EUROPEAN_REASONS, "unsolved")
_INVERSION = Scheme("inversion", (4, 8, 12), (8, 16, 12), 32, (0.01, 0.003), 2e-8)


def implied_vol(
    price: ArrayLike, spot: ArrayLike, strike: ArrayLike, t: ArrayLike, r: ArrayLike, q: ArrayLike, is_call: ArrayLike
) -> Implied:
    """The Black-Scholes volatility at which the American option is worth `price`; shapes broadcast.

    A bracketed secant method from the European volatility of the same price, which lies at or above it. The boundary
    does not depend on the strike: rows with the same t, r and q share boundaries at up to 32 volatilities,
    interpolated in between. Repricing at the answer meets `price` within 1e-6 of the strike. Reasons, codes into
    `NO_VOLATILITY`: the European ones, `below_intrinsic` also at or under the value of exercise now, `unsolved`.
    """
    raw = (np.asarray(item, dtype=np.float64) for item in (price, spot, strike, t, r, q))
    *arrays, call = np.broadcast_arrays(*raw, np.asarray(is_call, dtype=bool))
    shape = arrays[0].shape or (1,)
    value, s, k, years, rate, carry = (np.ascontiguousarray(item).reshape(-1) for item in arrays)
    calls = np.ascontiguousarray(call).reshape(-1)
    with np.errstate(all="ignore"):
        forward, discount = s * np.exp((rate - carry) * years), np.exp(-rate * years)
    found = european_vol(value, forward, k, years, discount, calls)
    sigma, reason = found.sigma.copy(), found.reason.copy()
    rows = np.flatnonzero(reason == 0)
    if rows.size:
        from quant.vanilla import american_kernel

        rows = rows[np.lexsort((carry[rows], rate[rows], years[rows]))]
        keys = np.stack([years[rows], rate[rows], carry[rows]])
        starts = np.flatnonzero(np.r_[True, np.any(keys[:, 1:] != keys[:, :-1], axis=0), True])
        answer, why = np.empty(rows.size), np.zeros(rows.size, dtype=np.int8)
        groups = (np.ascontiguousarray(row) for row in keys[:, starts[:-1]])
        american_kernel.invert(
            value[rows], s[rows], k[rows], calls[rows], sigma[rows], starts, *groups, *_tables(_INVERSION),
            answer, why,
        )  # fmt: skip
        sigma[rows], reason[rows] = answer, why
    return Implied(sigma.reshape(shape), reason.reshape(shape))
