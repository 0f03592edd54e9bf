"""The compiled integral of a chain: prices, gradients or probabilities of all its maturities in one pass (numba).

The integral of `quant.heston.transform` by the trapezoid rule on equal steps, which converges exponentially for it (see
`strip`), so that neither a node nor a strike costs a sine: e^{iuk} is turned from node to node and set afresh at every
chunk. The rule's error at step h is the value of the integral at log-moneyness k + 2 pi n/h. Halving h keeps the nodes
so far and doubles that distance; as the tails are exponential, the new error is about the square of the old. The first
distance is twice the strikes' reach and a dozen standard deviations; h is halved until two counts agree to `agree`.

One characteristic function a node and maturity. Its gradient follows Cui, del Bano Rollin & Germano, "Full and fast
calibration of the Heston stochastic volatility model" (2017), section 3, derived anew for this form: kappa, rho and
sigma enter through beta = kappa - rho sigma p (p = 1/2 + iu) and sigma^2 alone, so two directional derivatives give
all three. The control variate's own derivative integrates to zero and is left out.

Import it late: numba and the code take half a second to load, and the first process after an installation compiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, types

F = TypeVar("F", bound=Callable[..., Any])

PRICE, GRADIENT, PROBABILITY = range(3)
_CHUNK = 64  # nodes between two fresh phases
_MOST = 65536  # nodes a maturity


def _scalar(function: F) -> F:
    return cast(F, njit(inline="never", error_model="numpy", fastmath={"contract"})(function))


@_scalar
def _exp(z: complex) -> complex:
    size = math.exp(z.real)
    return complex(size * math.cos(z.imag), size * math.sin(z.imag))


@_scalar
def _sqrt(z: complex) -> complex:
    """The root with a real part of zero or more."""
    size = math.hypot(z.real, z.imag)
    if size == 0.0:
        return 0j
    if z.real >= 0.0:
        real = math.sqrt(0.5 * (size + z.real))
        return complex(real, 0.5 * z.imag / real)
    imag = math.copysign(math.sqrt(0.5 * (size - z.real)), z.imag)
    return complex(0.5 * z.imag / imag, imag)


@_scalar
def _expm1(z: complex) -> complex:
    half = math.sin(0.5 * z.imag)
    size = math.exp(z.real)
    return complex(math.expm1(z.real) * math.cos(z.imag) - 2.0 * half * half, size * math.sin(z.imag))


@_scalar
def _log1p(z: complex) -> complex:
    real = 0.5 * math.log1p(2.0 * z.real + z.real * z.real + z.imag * z.imag)
    return complex(real, math.atan2(z.imag, 1.0 + z.real))


@_scalar
def _law(p: Any, u: float, t: float, full: bool, slope: Any) -> complex:
    """ln phi(u - i/2) of the diffusion; with `full` its derivatives by v0, kappa, theta, sigma, rho into `slope`."""
    v0, kappa, theta, sigma, rho = p[0], p[1], p[2], p[3], p[4]
    q, s2, power = u * u + 0.25, sigma * sigma, complex(0.5, u)
    beta = kappa - rho * sigma * power
    d = _sqrt(beta * beta + s2 * q)
    m = 1.0 / (beta + d)
    r = q * m
    g = -s2 * r * m
    decay = -_expm1(-d * t)
    e = 1.0 - decay
    one = 1.0 / (1.0 - g * e)
    other = 1.0 / (1.0 - g)
    turn = _log1p(g * decay * other)
    level = -r * t - 2.0 / s2 * turn
    b = -r * decay * one
    if full:
        # along beta
        dx = beta / d
        mx = (1.0 + dx) * m
        gx = -2.0 * g * mx
        ex = -t * dx * e
        ge = gx * e + g * ex
        level_beta = r * mx * t - 2.0 / s2 * (gx * other - ge * one)
        b_beta = r * mx * decay * one + r * ex * one + b * ge * one
        along = kappa * theta * level_beta + v0 * b_beta
        # along sigma^2
        dx = 0.5 * q / d
        mx = dx * m
        gx = -r * m - 2.0 * g * mx
        ex = -t * dx * e
        ge = gx * e + g * ex
        level_s2 = r * mx * t - 2.0 / s2 * (gx * other - ge * one) + 2.0 / (s2 * s2) * turn
        b_s2 = r * mx * decay * one + r * ex * one + b * ge * one
        across = kappa * theta * level_s2 + v0 * b_s2
        slope[0] = b
        slope[1] = along + theta * level
        slope[2] = kappa * level
        slope[3] = 2.0 * sigma * across - rho * power * along
        slope[4] = -sigma * power * along
    return complex(kappa * theta * level + v0 * b)


@_scalar
def _jump(p: Any, u: float, t: float, full: bool, slope: Any) -> complex:
    """ln phi(u - i/2) of the jumps; with `full` its derivatives by intensity, mean, sd into `slope`."""
    rate, mean, sd, power = p[5], p[6], p[7], complex(0.5, u)
    size = _exp(power * mean + 0.5 * sd * sd * power * power)
    grown = math.exp(mean + 0.5 * sd * sd)
    one = t * (size - 1.0 - power * math.expm1(mean + 0.5 * sd * sd))
    if full:
        slope[5] = one
        slope[6] = t * rate * power * (size - grown)
        slope[7] = t * rate * sd * power * (power * size - grown)
    return complex(rate * one)


@_scalar
def _one(p: Any, t: float, w: float, extra: float, k: Any, mode: int, agree: float, cut: float, total: Any) -> int:
    """Integrals of one maturity into `total` (1 or 8, strikes); the number of nodes, negative if it did not settle."""
    n, jumps = len(k), p[5] > 0.0
    rows = (8 if jumps else 5) if mode == GRADIENT else 0
    real, imag = np.empty((1 + rows, _CHUNK)), np.empty((1 + rows, _CHUNK))
    slope = np.zeros(8, dtype=np.complex128)
    c, s, turn_c, turn_s = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    fresh = np.empty((1 + rows, n))
    reach = 0.0
    for i in range(n):
        reach = max(reach, abs(k[i]))
    step = 2.0 * math.pi / (2.0 * reach + 12.0 * math.sqrt(w))
    stride, first, nodes, level = step, 0.0, 0, 0
    while True:
        fresh[:, :] = 0.0
        alive, u = True, first
        for i in range(n):
            turn_c[i], turn_s[i] = math.cos(stride * k[i]), math.sin(stride * k[i])
        begun = 0
        while alive:
            count = 0
            start = first + begun * stride
            while count < _CHUNK:
                u = first + (begun + count) * stride
                q = u * u + 0.25
                log = _law(p, u, t, mode == GRADIENT, slope) - 0.5 * extra * q
                flat = math.exp(-0.5 * w * q)
                if math.exp(log.real) + flat < cut or not log.real < 700.0:
                    alive = False
                    break
                if jumps:
                    log += _jump(p, u, t, mode == GRADIENT, slope)
                phi = _exp(log)
                scale = stride * (0.5 if u == 0.0 else 1.0)
                apart = (flat - phi) * scale / (complex(0.5, u) if mode == PROBABILITY else complex(q, 0.0))
                real[0, count], imag[0, count] = apart.real, apart.imag
                for j in range(rows):
                    part = phi * slope[j] * (-scale / q)
                    real[1 + j, count], imag[1 + j, count] = part.real, part.imag
                count += 1
            for i in range(n):
                c[i], s[i] = math.cos(start * k[i]), math.sin(start * k[i])
            for at in range(count):
                for j in range(1 + rows):
                    a, b = real[j, at], imag[j, at]
                    for i in range(n):
                        fresh[j, i] += a * c[i] - b * s[i]
                for i in range(n):
                    x = c[i] * turn_c[i] - s[i] * turn_s[i]
                    s[i] = s[i] * turn_c[i] + c[i] * turn_s[i]
                    c[i] = x
            begun += count
            nodes += count
            if nodes > _MOST:
                return -nodes
        if level == 0:
            total[: 1 + rows, :] = fresh
            first, level = 0.5 * step, 1
            continue
        worst = 0.0
        for i in range(n):
            # `fresh` alone is the midpoint rule of the same step: half of what parts them is the change
            weight = 0.5 * (k[i] if mode == PROBABILITY else -abs(k[i]))
            change = 0.5 * abs(fresh[0, i] - total[0, i]) * math.exp(weight)
            worst = max(worst, change)
            if not change < math.inf:
                return -nodes
        for j in range(1 + rows):
            for i in range(n):
                total[j, i] = 0.5 * (total[j, i] + fresh[j, i])
        if worst <= agree:
            return nodes
        step *= 0.5
        stride, first = step, 0.5 * step


def _chain(
    p: Any, ends: Any, k: Any, t: Any, w: Any, extra: Any, mode: int, agree: float, cut: float, total: Any, nodes: Any
) -> None:
    begin = 0
    for i in range(len(ends)):
        nodes[i] = 0
        if ends[i] > begin:
            nodes[i] = _one(p, t[i], w[i], extra[i], k[begin : ends[i]], mode, agree, cut, total[:, begin : ends[i]])
        begin = ends[i]


def _compiled(function: Callable[..., Any], *signature: Any) -> Callable[..., Any]:
    """Machine code, kept on disk where numba finds a place (NUMBA_CACHE_DIR, beside this file, the user's cache)."""
    flags = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return cast(Callable[..., Any], njit(*signature, cache=True, **flags)(function))
    except RuntimeError:  # nowhere to write: compile in every process
        return cast(Callable[..., Any], njit(*signature, **flags)(function))


_INTS, _ROW, _ROWS = (
    types.Array(kind, n, "C") for kind, n in ((types.int64, 1), (types.float64, 1), (types.float64, 2))
)
# (parameters (8,), ends, ln F/K, t, w, extra, mode, agree, cut; total (9, n), nodes): the last two are filled. total is
# pi times the correction over sqrt(FK) (or, for probabilities, over sqrt(F/K)), then its derivatives.
_SIGNATURE = (_ROW, _INTS, _ROW, _ROW, _ROW, _ROW, types.int64, types.float64, types.float64, _ROWS, _INTS)
chain = _compiled(_chain, types.void(*_SIGNATURE))
