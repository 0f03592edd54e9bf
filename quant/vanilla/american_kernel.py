"""The compiled American put behind `quant.vanilla.american`: numba, no global state.

L. Andersen, M. Lake and D. Offengenden, "High Performance American Option Pricing" (2015). For a put of strike 1 the
exercise boundary B(tau) solves their equation "FP-A" (the derivative of value matching in the boundary; eq. 27-29)

    B(tau) = e^{-(r-q) tau} N / D,
    N = phi(d-)/(sigma sqrt(tau)) + r int_0^tau e^{ru} phi(d-(tau-u, B/B(u))) / (sigma sqrt(tau-u)) du,
    D = phi(d+)/(sigma sqrt(tau)) + Phi(d+) + q int_0^tau e^{qu} [Phi(d+(..)) + phi(d+(..)) / (sigma sqrt(tau-u))] du,

here in L = ln(B/X), X = min(1, r/q) the boundary's limit at expiry, with L^2 a polynomial through Chebyshev nodes as
theirs, though in tau^(1/3), not tau^(1/2). Two more things differ from the paper. The integrals run over an angle,
sqrt(tau-u) = sqrt(tau) cos(theta) and sqrt(u) = sqrt(tau) sin(theta), which makes both ends smooth, so that
Gauss-Legendre converges quickly. And the nodes are solved together by Newton's method with the whole Jacobian (theirs
is diagonal), which converges quadratically; a coarse grid starts a fine one. Since sqrt(u/T) at the nodes of the
integrals does not depend on the option, each interpolation is one constant matrix, and all exponentials and normal
probabilities run in flat loops that compile to vector instructions.

One file, because numba's cache on disk watches the file of the outermost function only. Import it late.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

# Reason codes; the order of `quant.vanilla.american.REASONS`.
OK, DOUBLE_BOUNDARY, BAD_INPUT, UNCONVERGED = range(4)
# Of an inversion; the order of `quant.vanilla.american.NO_VOLATILITY`, the European ones first.
BELOW_INTRINSIC, UNSOLVED = 1, 7
# Columns of the answers.
VALUE, PREMIUM, BOUNDARY, DELTA, GAMMA, THETA, VEGA, RHO = range(8)

_ROOT_2PI = 2.5066282746310002
_INVERSE_LN2 = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
_SHIFT = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the rounded integer in the low bits
_PACE = 4.0  # e to the square of a pace of 1.18, where Evans, Kuske and Keller's has ended
_ATTEMPTS, _SECANTS, _CLOSE = 60, 20, 1e-7
_VOLS, _VOL_NODES = (0.01, 4.0), 32  # boundaries for many volatilities are interpolated in ln sigma from so many
_SURE = 0.1
_SMALL_DEVIATION = 1e-7  # sigma sqrt(t) under which the path counts as certain
_EXP = tuple(1.0 / math.factorial(n) for n in range(13))


def _mills_coefficients(degree: int = 16) -> tuple[float, ...]:
    """(1 + z) N(-z) e^{z^2/2} for 0 <= z <= 14 in powers of v = 2.714... z/(z + 5) - 1, right to 7e-15."""
    from numpy.polynomial import chebyshev
    from scipy.special import erfcx

    v = np.cos(np.pi * (np.arange(400) + 0.5) / 400)
    z = 5.0 * (v + 1.0) / (2.0 * 19.0 / 14.0 - (v + 1.0))
    target = 0.5 * (1.0 + z) * erfcx(z / math.sqrt(2.0))
    return tuple(float(c) for c in chebyshev.cheb2poly(chebyshev.chebfit(v, target, degree)))


def _polynomial(coefficients: tuple[float, ...]) -> Callable[[float], float]:
    """Horner's rule unrolled, each multiply and add free to fuse."""

    @intrinsic  # type: ignore[untyped-decorator]
    def evaluate(typing_context: Any, x: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            total = ir.Constant(ir.DoubleType(), coefficients[-1])
            for value in reversed(coefficients[:-1]):
                product = builder.fmul(total, args[0], flags=("contract",))
                total = builder.fadd(product, ir.Constant(ir.DoubleType(), value), flags=("contract",))
            return total

        return types.float64(types.float64), build

    return cast(Callable[[float], float], evaluate)


@intrinsic  # type: ignore[untyped-decorator]
def _scale(typing_context: Any, x: Any, shifted: Any) -> Any:
    """x times 2^n, n the integer in the low bits of `shifted`."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        power = builder.shl(builder.bitcast(args[1], word), ir.Constant(word, 52))
        return builder.bitcast(builder.add(builder.bitcast(args[0], word), power), ir.DoubleType())

    return types.float64(types.float64, types.float64), build


_exp_fit, _mills_fit = _polynomial(_EXP), _polynomial(_mills_coefficients())
_times_power = cast(Callable[[float, float], float], _scale)


def _vector(function: F) -> F:
    return cast(F, njit(error_model="numpy", fastmath={"contract"}, forceinline=True)(function))


def _block(function: F) -> F:
    """Loops whose sums may be reordered, so that they run in vector registers."""
    return cast(F, njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz"})(function))


@_vector
def _exp(x: float) -> float:
    """e^x, x held within +-700, to an ulp or two."""
    held = min(max(x, -700.0), 700.0)
    shifted = held * _INVERSE_LN2 + _SHIFT
    power = shifted - _SHIFT
    rest = (held - power * _LN2_HIGH) - power * _LN2_LOW
    return float(_times_power(_exp_fit(rest), shifted))


@_vector
def _mills(z: float) -> float:
    """N(-z) e^{z^2/2} for z >= 0 (at 14 beyond, where e^{-z^2/2} has ended it)."""
    held = min(z, 14.0)
    return _mills_fit(2.7142857142857144 * held / (held + 5.0) - 1.0) / (1.0 + held)


@_vector
def _cdf(d: float, bell: float, whole: float) -> float:
    """whole N(d), given bell = whole e^{-d^2/2}."""
    tail = bell * _mills(abs(d))
    return whole - tail if d > 0.0 else tail


@_block
def _start(x: Any, t: float, sigma: float, r: float, q: float, log_x: float, boundary: Any) -> None:
    """L at the nodes x = sqrt(tau/t): Bjerksund and Stensland's approach of the perpetual boundary, with the pace at
    expiry of J. D. Evans, R. Kuske and J. B. Keller (2002)."""
    variance, carry = sigma * sigma, q - r
    half = 0.5 - carry / variance
    beta = half + math.sqrt(half * half + 2.0 * q / variance)
    gap = beta / (beta - 1.0) * math.exp(log_x) - 1.0
    ever = 1.0 / gap if gap > 1e-300 else 1e300
    for i in range(x.size):
        tau = t * x[i] * x[i]
        sd = sigma * math.sqrt(tau)
        lag = 16.0 * math.pi * r * r * tau * tau
        if carry <= 0.0:
            lag += 8.0 * math.pi * tau * carry * carry / variance
        steep = sd * math.sqrt(math.log(_PACE + 1.0 / lag))
        pace = steep if carry <= 0.0 else max(0.639 * sd, steep + log_x)
        moved = max(carry * tau + pace, 0.3 * sd)
        grown = -math.expm1(-moved * ever)
        boundary[i] = min(-math.log1p(gap * grown), -1e-3 * sd)


@_block
def _spread(values: Any, matrix: Any, out: Any, count: int) -> None:
    """out[f] = sum_j matrix[j, f] values[j]."""
    for f in range(count):
        out[f] = values[0] * matrix[0, f]
    for j in range(1, values.size):
        a = values[j]
        for f in range(count):
            out[f] += a * matrix[j, f]


@_block
def _solve_dense(a: Any, b: Any, n: int) -> None:
    """b becomes a^{-1} b by Gaussian elimination with row exchanges; a is spent."""
    for column in range(n):
        pivot = column
        for row in range(column + 1, n):
            if abs(a[row, column]) > abs(a[pivot, column]):
                pivot = row
        if pivot != column:
            for k in range(column, n):
                a[column, k], a[pivot, k] = a[pivot, k], a[column, k]
            b[column], b[pivot] = b[pivot], b[column]
        scale = 1.0 / a[column, column]
        for row in range(column + 1, n):
            factor = a[row, column] * scale
            if factor != 0.0:
                for k in range(column + 1, n):
                    a[row, k] -= factor * a[column, k]
                b[row] -= factor * b[column]
    for row in range(n - 1, -1, -1):
        total = b[row]
        for k in range(row + 1, n):
            total -= a[row, k] * b[k]
        b[row] = total / a[row, row]


@_block
def _iterate(
    level: Any,
    most: int,
    enough: float,
    t: float,
    sigma: float,
    r: float,
    q: float,
    log_x: float,
    boundary: Any,
    work: Any,
) -> float:
    """Newton steps on L at the nodes of a level, in place: until the largest, in deviations sigma sqrt(t), is under
    `enough`, at most `most`. Returns the last one's size."""
    x, span, before, weight, matrix, across = level
    n, count, wide = x.size, span.size, across.shape[1]
    each = count // n
    sd, half_drift = sigma * math.sqrt(t), (r - q - 0.5 * sigma * sigma) * t
    drift, r_t, q_t = half_drift / sd, r * t, q * t
    earlier, own, grown, top, steep, low, low_steep, flat = (
        work[0], work[1], work[2], work[3], work[4], work[5], work[6], work[7],
    )  # fmt: skip
    square, residual, scratch = work[8], work[9], work[10]
    tops, top_slopes, lows, low_slopes = work[11], work[12], work[13], work[14]
    jacobian = work[16 : 16 + n]
    for f in range(count):
        grown[f] = _exp(q_t * before[f])
    worst = math.inf
    for _ in range(most):
        for i in range(n):
            square[i] = boundary[i] * boundary[i]
            for f in range(i * each, (i + 1) * each):
                own[f] = boundary[i]
        _spread(square[:n], matrix, earlier, count)
        for f in range(count):
            then = -math.sqrt(max(earlier[f], 1e-40))
            scratch[f] = 1.0 / then if earlier[f] > 1e-40 else 0.0
            v = sd * span[f]
            inverse = 1.0 / v
            minus = (own[f] - then) * inverse + drift * span[f]
            plus = minus + v
            bell = _exp(r_t * before[f] - 0.5 * minus * minus) * (1.0 / _ROOT_2PI)
            other = _exp(q_t * before[f] - 0.5 * plus * plus)
            w = weight[f]
            top[f] = w * r_t * bell * inverse
            steep[f] = -top[f] * minus * inverse
            low[f] = w * q_t * other * (1.0 / _ROOT_2PI) * inverse
            low_steep[f] = -low[f] * plus * inverse
            flat[f] = w * q_t * _cdf(plus, other, grown[f])
        for i in range(n):
            v = sd * x[i]
            inverse = 1.0 / v
            minus = (boundary[i] + log_x) * inverse + drift * x[i]
            plus = minus + v
            bell = _exp(-0.5 * minus * minus) * (1.0 / _ROOT_2PI) * inverse
            other = _exp(-0.5 * plus * plus)
            tops[i], top_slopes[i] = bell, -bell * minus * inverse
            bell = other * (1.0 / _ROOT_2PI) * inverse
            lows[i] = bell + _cdf(plus, other, 1.0)
            low_slopes[i] = bell - bell * plus * inverse
        worst = 0.0
        for i in range(n):
            a, b, c, d, e = tops[i], top_slopes[i], 0.0, 0.0, 0.0
            for f in range(i * each, (i + 1) * each):
                a += top[f]
                b += steep[f]
                c += low[f]
                d += low_steep[f]
                e += flat[f]
            low_total = lows[i] + c + e
            low_slope = low_slopes[i] + d + c
            p, s = 1.0 / a, 1.0 / low_total
            residual[i] = boundary[i] + log_x + (r_t - q_t) * x[i] * x[i] - math.log(max(a * s, 1e-300))
            for f in range(i * each, (i + 1) * each):
                own[f] = (steep[f] * p - (low_steep[f] + low[f]) * s) * scratch[f]
            row = jacobian[i, :wide]
            row[:] = 0.0
            for f in range(i * each, (i + 1) * each):
                pull = own[f]
                for j in range(wide):
                    row[j] += pull * across[f, j]
            for j in range(n):
                row[j] *= boundary[j]
            jacobian[i, i] += 1.0 - b * p + low_slope * s
            if not (a > 0.0 and low_total > 0.0):  # q < 0, far from the boundary: it lies higher
                jacobian[i, :n] = 0.0
                jacobian[i, i], residual[i] = 1.0, -sd * x[i]
        _solve_dense(jacobian, residual, n)
        for i in range(n):
            old, deviation = boundary[i], sd * x[i]
            new = max(min(old - residual[i], 0.5 * old), 1.5 * old - deviation)
            boundary[i] = new
            size = abs(residual[i]) / sd
            worst = max(worst, size) if size < math.inf else math.inf
        if worst < enough:
            break
    return worst


@_block
def _premium(
    log_s: float, price: Any, t: float, sigma: float, r: float, q: float, log_x: float, square: Any, work: Any
) -> tuple[float, float, float]:
    """(premium, its first and second derivative in the spot) of a put above its boundary; price, the quadrature's:
    (root of u/t, weight, matrix)."""
    node, weight, matrix = price
    earlier = work[0]
    count = node.size
    _spread(square, matrix, earlier, count)
    sd = sigma * math.sqrt(t)
    drift, r_t, q_t, spot = (r - q - 0.5 * sigma * sigma) * t / sd, r * t, q * t, math.exp(log_s)
    away = log_s - log_x
    total, slope, bend = 0.0, 0.0, 0.0
    for f in range(count):
        then = -math.sqrt(max(earlier[f], 0.0))
        u = node[f] * node[f]
        v = sd * node[f]
        inverse = 1.0 / v
        minus = (away - then) * inverse + drift * node[f]
        plus = minus + v
        left = r_t * weight[f]
        right = q_t * weight[f]
        bell = _exp(-r_t * u - 0.5 * minus * minus)
        other = _exp(-q_t * u - 0.5 * plus * plus)
        below = _cdf(-plus, other, _exp(-q_t * u))
        total += left * _cdf(-minus, bell, _exp(-r_t * u)) - right * spot * below
        bell *= left * inverse * (1.0 / _ROOT_2PI)
        other *= right * inverse * (1.0 / _ROOT_2PI)
        slope += other - right * below - bell / spot
        bend += bell * (1.0 + minus * inverse) / (spot * spot) + other * (1.0 - plus * inverse) / spot
    return total, slope, bend


@_vector
def _normal(d: float) -> float:
    return 0.5 * math.erfc(-d * 0.7071067811865476)


@_block
def _certain(spot: float, t: float, r: float, q: float) -> float:
    """A put of strike 1 on a path without noise: the best of now, expiry, and the interior optimum."""
    best = max(1.0 - spot, math.exp(-r * t) - spot * math.exp(-q * t), 0.0)
    if r > 0.0 and q > 0.0 and q != r:
        u = math.log(q * spot / r) / (q - r)  # r e^{-ru} = q S e^{-qu}
        if 0.0 < u < t:
            best = max(best, math.exp(-r * u) - spot * math.exp(-q * u))
    return best


@_block
def _boundary(
    t: float, sigma: float, r: float, q: float, log_x: float, coarse: Any, fine: Any, lift: Any, steps: Any,
    enough: Any, nodes: Any, work: Any,
) -> float:  # fmt: skip
    """L at the fine nodes, in `nodes` (room for both grids); the last step in deviations."""
    first, n = coarse[0].size, fine[0].size
    square, begun = work[15], nodes[n:]
    _start(coarse[0], t, sigma, r, q, log_x, begun)
    for j in range(first):
        nodes[j] = begun[j]
    _iterate(coarse, steps[0], enough[0], t, sigma, r, q, log_x, nodes[:first], work)
    for j in range(first):
        square[j] = nodes[j] / begun[j]
    nodes = nodes[:n]
    _start(fine[0], t, sigma, r, q, log_x, nodes)
    for i in range(n):
        total = 0.0
        for j in range(first):
            total += lift[j, i] * square[j]
        nodes[i] *= max(total, 0.1)
    worst = _iterate(fine, steps[1], enough[1], t, sigma, r, q, log_x, nodes, work)
    if not worst < _SURE:  # again, without the coarse grid
        _start(fine[0], t, sigma, r, q, log_x, nodes)
        worst = _iterate(fine, 5 * steps[1], enough[1], t, sigma, r, q, log_x, nodes, work)
    return worst


@_block
def _put(
    spot: float, t: float, sigma: float, r: float, q: float, coarse: Any, fine: Any, lift: Any, price: Any, steps: Any,
    enough: Any, nodes: Any, work: Any, found: Any,
) -> int:  # fmt: skip
    """value, premium, boundary, delta and gamma of a put of strike 1; a reason code. `nodes`: room for both grids."""
    intrinsic = max(1.0 - spot, 0.0)
    for i in range(5):
        found[i] = 0.0
    if not t > 0.0:
        found[VALUE], found[BOUNDARY] = intrinsic, 1.0 if t == 0.0 else math.nan
        found[DELTA] = -1.0 if spot < 1.0 else (-0.5 if spot == 1.0 else 0.0)
        return OK
    if q < r < 0.0:
        return DOUBLE_BOUNDARY
    sd = sigma * math.sqrt(t)
    never = r < 0.0 or (r == 0.0 and q >= 0.0)
    if spot == 0.0:
        found[VALUE] = math.exp(-r * t) if never else 1.0
        found[PREMIUM], found[DELTA] = found[VALUE] - math.exp(-r * t), -math.exp(-q * t) if never else -1.0
        found[BOUNDARY] = math.nan
        return OK
    log_s = math.log(spot)
    disc, grown = math.exp(-r * t), math.exp(-q * t)
    if sd < _SMALL_DEVIATION:
        found[VALUE] = max(disc - spot * grown, 0.0) if never else _certain(spot, t, r, q)
        found[PREMIUM] = found[VALUE] - max(disc - spot * grown, 0.0)
        found[BOUNDARY] = math.nan if never else min(1.0, r / q if q > 0.0 else 1.0)
        nudge = 1e-6
        up, down = spot * (1.0 + nudge), spot * (1.0 - nudge)
        if never:
            found[DELTA] = -grown if disc > spot * grown else 0.0
        else:
            found[DELTA] = (_certain(up, t, r, q) - _certain(down, t, r, q)) / (up - down)
        return OK
    minus = (log_s + (r - q) * t) / sd - 0.5 * sd
    plus = minus + sd
    bell = math.exp(-0.5 * plus * plus) / _ROOT_2PI * grown
    found[VALUE] = disc * _normal(-minus) - spot * grown * _normal(-plus)
    found[DELTA] = -grown * _normal(-plus)
    found[GAMMA] = bell / (spot * sd)
    found[BOUNDARY] = math.nan
    if never:
        return OK
    log_x = min(0.0, math.log(r / q)) if q > 0.0 else 0.0
    worst = _boundary(t, sigma, r, q, log_x, coarse, fine, lift, steps, enough, nodes, work)
    n = fine[0].size
    square = work[15]
    edge = math.exp(nodes[0] + log_x)
    found[BOUNDARY] = edge
    if not worst < _SURE:
        found[PREMIUM] = worst
        return UNCONVERGED
    if spot <= edge:
        found[PREMIUM] = 1.0 - spot - found[VALUE]
        found[VALUE], found[DELTA], found[GAMMA] = 1.0 - spot, -1.0, 0.0
        return OK
    for i in range(n):
        square[i] = nodes[i] * nodes[i]
    total, slope, bend = _premium(log_s, price, t, sigma, r, q, log_x, square[:n], work)
    total = max(total, 0.0)
    found[PREMIUM] = total
    found[VALUE] += total
    found[DELTA] += slope
    found[GAMMA] += bend
    if found[VALUE] < intrinsic:  # within the scheme's error of the boundary
        found[PREMIUM] += intrinsic - found[VALUE]
        found[VALUE] = intrinsic
    return OK


def _solve(
    spot: Any, strike: Any, t: Any, sigma: Any, r: Any, q: Any, is_call: Any, coarse: Any, fine: Any, lift: Any,
    price: Any, steps: Any, enough: Any, with_greeks: bool, answers: Any, reason: Any,
) -> None:  # fmt: skip
    widest = max(fine[1].size, coarse[1].size, price[0].size, fine[0].size)
    n = fine[0].size
    work = np.empty((16 + n, widest))
    nodes, found, bumped = np.empty(n + coarse[0].size), np.empty(8), np.empty(8)
    for i in range(spot.size):
        for k in range(8):
            answers[k, i] = math.nan
        s, k_, vol, rate, carry, years = spot[i], strike[i], sigma[i], r[i], q[i], max(t[i], 0.0)
        total = s + k_ + vol + rate + carry + years
        if not (math.isfinite(total) and t[i] == t[i] and s >= 0.0 and k_ >= 0.0 and vol >= 0.0) or s + k_ == 0.0:
            reason[i] = BAD_INPUT
            continue
        call = is_call[i]
        own, other = (carry, rate) if call else (rate, carry)
        base, ratio = (s, k_) if call else (k_, s)
        if base == 0.0:  # a put of strike 0, a call on a spot of 0
            reason[i] = OK
            for k in range(8):
                answers[k, i] = 0.0
            answers[BOUNDARY, i] = math.nan
            continue
        ratio /= base
        code = _put(ratio, years, vol, own, other, coarse, fine, lift, price, steps, enough, nodes, work, found)
        reason[i] = code
        if code != OK:
            continue
        answers[VALUE, i], answers[PREMIUM, i] = base * found[VALUE], base * found[PREMIUM]
        answers[BOUNDARY, i] = k_ / found[BOUNDARY] if call else k_ * found[BOUNDARY]
        exercised = ratio <= found[BOUNDARY]
        if exercised:
            answers[VALUE, i] = s - k_ if call else k_ - s
        if call:
            answers[DELTA, i] = found[VALUE] - ratio * found[DELTA]
            answers[GAMMA, i] = ratio * ratio * found[GAMMA] / s
        else:
            answers[DELTA, i], answers[GAMMA, i] = found[DELTA], found[GAMMA] / k_
        if not with_greeks:
            continue
        here, delta, gamma = answers[VALUE, i], answers[DELTA, i], answers[GAMMA, i]
        if exercised or years == 0.0:
            answers[THETA, i] = answers[VEGA, i] = answers[RHO, i] = 0.0
            continue
        answers[THETA, i] = rate * here - (rate - carry) * s * delta - 0.5 * vol * vol * s * s * gamma
        h = max(1e-3 * vol, 1e-7)
        step = 1e-4 if call or abs(rate) > 1e-4 else 0.5 * abs(rate)
        low = max(vol - h, 0.0)
        for bump in range(4):
            moved = vol + h if bump == 0 else (low if bump == 1 else vol)
            tilt = step if bump == 2 else (-step if bump == 3 else 0.0)
            mine, yours = (own, other + tilt) if call else (own + tilt, other)
            code = _put(
                ratio, years, moved, mine, yours, coarse, fine, lift, price, steps, enough, nodes, work, found
            )  # fmt: skip
            bumped[bump] = base * found[VALUE] if code == OK else math.nan
        answers[VEGA, i] = (bumped[0] - bumped[1]) / (vol + h - low)
        answers[RHO, i] = (bumped[2] - bumped[3]) / (2.0 * step) if step > 0.0 else math.nan


@_block
def _value(
    spot: float, t: float, sigma: float, r: float, q: float, price: Any, x: Any, log_x: float, nodes: Any, work: Any
) -> float:
    """A put of strike 1 whose boundary is known: L at the fine nodes."""
    log_s = math.log(spot)
    if log_s <= nodes[0] + log_x:
        return 1.0 - spot
    square = work[15]
    for i in range(x.size):
        square[i] = nodes[i] * nodes[i]
    extra, _, _ = _premium(log_s, price, t, sigma, r, q, log_x, square[: x.size], work)
    sd = sigma * math.sqrt(t)
    minus = (log_s + (r - q) * t) / sd - 0.5 * sd
    european = math.exp(-r * t) * _normal(-minus) - spot * math.exp(-q * t) * _normal(-minus - sd)
    return max(european + max(extra, 0.0), 1.0 - spot)


def _invert(
    value: Any, spot: Any, strike: Any, is_call: Any, european: Any, starts: Any, t: Any, r: Any, q: Any, coarse: Any,
    fine: Any, lift: Any, price: Any, steps: Any, enough: Any, sigma: Any, reason: Any,
) -> None:  # fmt: skip
    n = fine[0].size
    widest = max(fine[1].size, coarse[1].size, price[0].size, n)
    work = np.empty((16 + n, widest))
    nodes, paces = np.empty(n + coarse[0].size), np.empty((2, _VOL_NODES, n))
    grid, barycentric = np.empty(_VOL_NODES), np.empty(_VOL_NODES)
    for group in range(t.size):
        years, root = t[group], math.sqrt(t[group])
        least, most = _VOLS[1], _VOLS[0]
        for row in range(starts[group], starts[group + 1]):
            least, most = min(least, european[row]), max(most, european[row])
        least, most = math.log(max(0.3 * least, _VOLS[0])), math.log(min(1.05 * most, _VOLS[1]))
        m = min(_VOL_NODES, 8 + int(6.0 * max(most - least, 0.0)))
        for j in range(m):
            angle = math.pi * j / (m - 1)
            grid[j] = 0.5 * (least + most) - 0.5 * (most - least) * math.cos(angle)
            barycentric[j] = (1.0 if j % 2 == 0 else -1.0) * (0.5 if j == 0 or j == m - 1 else 1.0)
        ready = np.zeros(2, dtype=np.bool_)
        broken = np.zeros(2, dtype=np.bool_)
        for row in range(starts[group], starts[group + 1]):
            call = is_call[row]
            side = 1 if call else 0
            own, other = (q[group], r[group]) if call else (r[group], q[group])
            base, ratio = (spot[row], strike[row]) if call else (strike[row], spot[row])
            ratio /= base
            target = value[row] / base
            start = european[row]
            if other < own < 0.0:
                sigma[row], reason[row] = math.nan, UNSOLVED
                continue
            if value[row] <= (spot[row] - strike[row] if call else strike[row] - spot[row]):
                sigma[row], reason[row] = math.nan, BELOW_INTRINSIC
                continue
            sigma[row] = start
            if not start > 0.0 or own < 0.0 or (own == 0.0 and other >= 0.0):
                continue
            log_x = min(0.0, math.log(own / other)) if other > 0.0 else 0.0
            if not ready[side]:
                for j in range(m):
                    vol = math.exp(grid[j])
                    worst = _boundary(years, vol, own, other, log_x, coarse, fine, lift, steps, enough, nodes, work)
                    broken[side] |= not worst < _SURE
                    for i in range(n):
                        paces[side, j, i] = nodes[i] / vol
                ready[side] = True
            if broken[side]:
                sigma[row], reason[row] = math.nan, UNSOLVED
                continue
            low, high, at = 0.0, start, start
            before, miss_before = 0.0, 0.0
            done = False
            for attempt in range(_ATTEMPTS):
                place = min(max(math.log(at), grid[0]), grid[m - 1])
                total = 0.0
                for i in range(n):
                    nodes[i] = 0.0
                for j in range(m):
                    gap = place - grid[j]
                    weight = barycentric[j] / (gap if abs(gap) > 1e-14 else 1e-14)
                    total += weight
                    for i in range(n):
                        nodes[i] += weight * paces[side, j, i]
                for i in range(n):
                    nodes[i] *= at / total
                here = _value(ratio, years, at, own, other, price, fine[0], log_x, nodes, work)
                miss = here - target
                if miss > 0.0:
                    high = min(high, at)
                else:
                    low = max(low, at)
                deviate = at * root
                plus = (math.log(ratio) + (own - other) * years) / deviate + 0.5 * deviate
                slope = ratio * math.exp(-other * years - 0.5 * plus * plus) / _ROOT_2PI * root
                if attempt > 0 and at != before and (miss - miss_before) / (at - before) > 0.05 * slope:
                    slope = (miss - miss_before) / (at - before)
                before, miss_before = at, miss
                step = miss / slope if slope > 0.0 else math.inf
                new = at - step
                if abs(new - at) < _CLOSE * at or abs(miss) < 1e-14:
                    done = True
                    at = min(new, start)
                    break
                at = new if low < new < high and attempt < _SECANTS else 0.5 * (low + high)
            sigma[row] = at if done else math.nan
            if not done:
                reason[row] = UNSOLVED


def _compiled(function: Callable[..., None], *signature: Any) -> Callable[..., None]:
    """Machine code, kept on disk where numba finds a place (NUMBA_CACHE_DIR, beside this file, the user's cache)."""
    flags = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return cast(Callable[..., None], njit(*signature, cache=True, **flags)(function))
    except RuntimeError:  # nowhere to write: compile in every process
        return cast(Callable[..., None], njit(*signature, **flags)(function))


_COLUMN, _FLAGS = (
    types.Array(types.float64, 1, "C", readonly=True),
    types.Array(types.boolean, 1, "C", readonly=True),
)
_MATRIX = types.Array(types.float64, 2, "C", readonly=True)
_LEVEL = types.Tuple((_COLUMN, _COLUMN, _COLUMN, _COLUMN, _MATRIX, _MATRIX))
# (spot, strike, t, sigma, r, q, is_call; the scheme's six; with_greeks; answers (8, n), reason), the last two to fill.
solve = _compiled(
    _solve,
    types.void(
        *(_COLUMN,) * 6, _FLAGS, _LEVEL, _LEVEL, _MATRIX, types.Tuple((_COLUMN, _COLUMN, _MATRIX)),
        types.UniTuple(types.int64, 2), types.UniTuple(types.float64, 2), types.boolean,
        types.Array(types.float64, 2, "C"), types.Array(types.int8, 1, "C"),
    ),
)  # fmt: skip
# (value, spot, strike, is_call, european; group starts, t, r, q; the scheme's six; sigma,
# reason): rows of one group share t, r and q; the last two are filled, `reason` where there is none.
invert = _compiled(
    _invert,
    types.void(
        _COLUMN, _COLUMN, _COLUMN, _FLAGS, _COLUMN, types.Array(types.int64, 1, "C", readonly=True), _COLUMN, _COLUMN,
        _COLUMN, _LEVEL, _LEVEL, _MATRIX, types.Tuple((_COLUMN, _COLUMN, _MATRIX)), types.UniTuple(types.int64, 2),
        types.UniTuple(types.float64, 2), types.Array(types.float64, 1, "C"), types.Array(types.int8, 1, "C"),
    ),
)  # fmt: skip
