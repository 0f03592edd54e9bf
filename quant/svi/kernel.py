"""The compiled SVI fit behind `quant.svi.fit`: numba, no global state, one slice after another.

Coordinates. With y = k - m and R = sqrt(y^2 + sigma^2) a raw slice is w = a + d y + c R, d = b rho, c = b: linear in
(a, d, c). The fit works in x = (ln l, ln p, ln q, m, ln sigma), l = a + sigma sqrt(p q) the least total variance,
p = c - d and q = c + d the slopes of the wings: no bound is left to stick to.

Start: for each (m, sigma) of a small grid the weighted linear problem in (a, d, c) is solved (the quasi-explicit
method, Zeliade Systems, 2009); the best starts a Levenberg-Marquardt search with analytic Jacobian on the weighted
residuals in volatility, under Tukey's bisquare weights against bad quotes.

No butterfly arbitrage is certified, not sampled. With k - m = sigma (z - 1/z)/2, z > 0, everything is rational in z:
R = sigma (z + 1/z)/2, w = W/z, k = K/z, w' = D/Q, w'' = (8c/sigma) z^3/Q^3, Q = z^2 + 1, W, K and D quadratic, so that
Gatheral's function is g = P/(16 W^2 Q^3) with

    P = 4 Q (2 W Q - K D)^2 - D^2 Q (4 z W + W^2) + (64 c/sigma) z^3 W^2,

of degree ten. P >= 0 on z > 0 is proven by its Bernstein coefficients on t = z/(1 + z) in [0, 1],
p_i / binomial(10, i), halving where one is negative. The wings are its ends: P's outer coefficients are positive while
b (1 + |rho|) < 2.

A slice that fails is fitted again with quadratic penalties on g below a margin at points that its minima add, on
the wings' slopes and on the least variance, the weight of the penalties growing; what still fails is drawn toward a
certified anchor until the certificate holds. The same penalties keep a slice above and below given total variances.

One file, because numba's cache on disk watches the file of the outermost function only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, types

F = TypeVar("F", bound=Callable[..., Any])

# How a slice came to hold; the order of `quant.svi.batch.OUTCOMES`.
FREE, PENALISED, DRAWN, FAILED = range(4)

_DEGREE = 10
_BINOMIAL = np.array([float(math.comb(_DEGREE, i)) for i in range(_DEGREE + 1)])
_DEPTH = 40
_BENDS = 96  # points at which g is held above its margin: a first lay of 16, then every minimum found
_LAID, _SEEN = 16, 480
_STEPS = 60
_TURNS = 16
_STARTS_M = np.array([-0.1, 0.1, 0.3, 0.45, 0.55, 0.7, 0.9])
_STARTS_S = np.array([0.02, 0.07, 0.2, 0.7])
_SHARP = 2  # the first so many are sharp bends: a start of their own
_TUKEY = 6.0
_TINY = 1e-300
_FLAT, _STEEP = -27.0, 5.0  # bounds of ln l, ln p and ln q: nothing quoted comes near


def _inner(function: F) -> F:
    return cast(F, njit(error_model="numpy", fastmath={"contract"})(function))


@_inner
def _numerator(a: float, d: float, c: float, m: float, s: float, p: Any) -> None:
    """Coefficients of P by powers of z, constant first, into p (11,)."""
    w0, w1, w2 = 0.5 * s * (c - d), a, 0.5 * s * (c + d)
    k0, k1, k2 = -0.5 * s, m, 0.5 * s
    d0, d2 = -(c - d), c + d
    # A = 2 W Q - K D, degree 4
    a0 = 2.0 * w0 - k0 * d0
    a1 = 2.0 * w1 - k1 * d0
    a2 = 2.0 * (w2 + w0) - k2 * d0 - k0 * d2
    a3 = 2.0 * w1 - k1 * d2
    a4 = 2.0 * w2 - k2 * d2
    # 4 A^2, degree 8
    q = np.empty(9)
    q[0] = a0 * a0
    q[1] = 2.0 * a0 * a1
    q[2] = 2.0 * a0 * a2 + a1 * a1
    q[3] = 2.0 * (a0 * a3 + a1 * a2)
    q[4] = 2.0 * (a0 * a4 + a1 * a3) + a2 * a2
    q[5] = 2.0 * (a1 * a4 + a2 * a3)
    q[6] = 2.0 * a2 * a4 + a3 * a3
    q[7] = 2.0 * a3 * a4
    q[8] = a4 * a4
    # W^2 and W (4 z + W), degree 4
    s0, s1, s2, s3, s4 = w0 * w0, 2.0 * w0 * w1, 2.0 * w0 * w2 + w1 * w1, 2.0 * w1 * w2, w2 * w2
    e0, e1, e2, e3, e4 = s0, s1 + 4.0 * w0, s2 + 4.0 * w1, s3 + 4.0 * w2, s4
    f0, f2, f4 = d0 * d0, 2.0 * d0 * d2, d2 * d2
    q_ = (e0, e1, e2, e3, e4)
    for i in range(9):
        q[i] *= 4.0
    for i in range(5):
        q[i] -= f0 * q_[i]
        q[i + 2] -= f2 * q_[i]
        q[i + 4] -= f4 * q_[i]
    for i in range(11):
        p[i] = 0.0
    for i in range(9):
        p[i] += q[i]
        p[i + 2] += q[i]
    h = 64.0 * c / s
    p[3] += h * s0
    p[4] += h * s1
    p[5] += h * s2
    p[6] += h * s3
    p[7] += h * s4


@_inner
def _certified(a: float, d: float, c: float, m: float, s: float) -> bool:
    """Whether w > 0 and g >= 0 everywhere, proven; what cannot be proven counts as no."""
    if not (math.isfinite(a) and math.isfinite(m) and s > 0.0 and c >= abs(d)):
        return False
    if c == 0.0:
        return a > 0.0
    if not (a + s * math.sqrt((c - d) * (c + d)) > 0.0 and c + abs(d) <= 2.0):
        return False
    p = np.empty(_DEGREE + 1)
    _numerator(a, d, c, m, s, p)
    top = 0.0
    for i in range(_DEGREE + 1):
        p[i] /= _BINOMIAL[i]
        top = max(top, abs(p[i]))
    if not (top > 0.0 and math.isfinite(top)):
        return False
    stack = np.empty((_DEPTH + 2, _DEGREE + 1))
    stack[0] = p
    held = 1
    visited = 0
    while held > 0:
        held -= 1
        b = stack[held].copy()
        low = b[0]
        for i in range(1, _DEGREE + 1):
            low = min(low, b[i])
        if low >= 0.0:
            continue
        visited += 1
        if b[0] < 0.0 or b[_DEGREE] < 0.0 or held >= _DEPTH or visited > 400:
            return False
        left = stack[held]
        for level in range(_DEGREE + 1):  # de Casteljau at one half
            left[level] = b[0]
            for i in range(_DEGREE - level):
                b[i] = 0.5 * (b[i] + b[i + 1])
        # after level L, b[i] holds the L+1-th averages; the right half is what remains along the diagonal
        right = stack[held + 1]
        for i in range(_DEGREE + 1):
            right[i] = b[i]
        held += 2
    return True


@_inner
def _curve(k: float, a: float, d: float, c: float, m: float, s: float) -> tuple[float, float, float, float, float]:
    """(y, R, w, w', w'') at k."""
    y = k - m
    r = math.sqrt(y * y + s * s)
    return y, r, a + d * y + c * r, d + c * y / r, c * s * s / (r * r * r)


@_inner
def _gatheral(k: float, w: float, w1: float, w2: float) -> float:
    """g of J. Gatheral and A. Jacquier (2014), eq. 2.1."""
    u = 1.0 - 0.5 * k * w1 / w
    return u * u - 0.25 * w1 * w1 * (1.0 / w + 0.25) + 0.5 * w2


@_inner
def _spread(x: Any) -> tuple[float, float, float, float, float]:
    """(a, d, c, m, sigma) of the coordinates x."""
    p, q, s = math.exp(x[1]), math.exp(x[2]), math.exp(x[4])
    return math.exp(x[0]) - s * math.sqrt(p * q), 0.5 * (q - p), 0.5 * (q + p), x[3], s


@_inner
def _gather(a: float, d: float, c: float, m: float, s: float, x: Any) -> None:
    """The coordinates of (a, d, c, m, sigma); what lies on a bound of theirs is moved just inside."""
    p, q = max(c - d, 1e-9), max(c + d, 1e-9)
    x[0] = math.log(max(a + s * math.sqrt(p * q), 1e-12))
    x[1], x[2], x[3], x[4] = math.log(p), math.log(q), m, math.log(s)


@_inner
def _turn(row: Any, least: float, p: float, q: float, bend: float) -> None:
    """A row of derivatives in (a, d, c, m, ln sigma) as one in x, in place; bend = sigma sqrt(p q)."""
    of_a, of_d, of_c = row[0], row[1], row[2]
    row[0] = of_a * least
    row[1] = 0.5 * (p * (of_c - of_d) - bend * of_a)
    row[2] = 0.5 * (q * (of_c + of_d) - bend * of_a)
    row[4] -= of_a * bend


@_inner
def _add(row: Any, miss: float, jtj: Any, jtr: Any) -> None:
    for i in range(5):
        jtr[i] += row[i] * miss
        for j in range(i + 1):
            jtj[i, j] += row[i] * row[j]


@_inner
def _assemble(
    x: Any, k: Any, vol: Any, root: Any, t: float, kg: Any, lam: float, margin: float,
    kc: Any, low: Any, high: Any, mu: float, derive: bool, jtj: Any, jtr: Any,
) -> float:  # fmt: skip
    """Sum of squares at x, infinite outside the domain; with `derive`, the normal equations too.

    `root` (n,): square roots of the weights; `kg`: where g is held above `margin` with weight lam^2; `kc`, `low`,
    `high` (j,): total variances that the slice stays between, with weight mu^2, in volatility.
    """
    least, p, q, m, s = math.exp(x[0]), math.exp(x[1]), math.exp(x[2]), x[3], math.exp(x[4])
    bend = s * math.sqrt(p * q)
    a, d, c = least - bend, 0.5 * (q - p), 0.5 * (q + p)
    if derive:
        jtj[:] = 0.0
        jtr[:] = 0.0
    row = np.empty(5)
    total = 0.0
    for i in range(len(k)):
        y = k[i] - m
        r = math.sqrt(y * y + s * s)
        sd = math.sqrt(max(a + d * y + c * r, 0.5 * least) / t)  # the maximum only guards roundings
        miss = root[i] * (sd - vol[i])
        total += miss * miss
        if derive:
            f = root[i] * 0.5 / (t * sd)
            r0, r1, r2 = f * least, f * 0.5 * (p * (r - y) - bend), f * 0.5 * (q * (r + y) - bend)
            r3, r4 = -f * (d + c * y / r), f * (c * s * s / r - bend)
            jtr[0] += r0 * miss
            jtr[1] += r1 * miss
            jtr[2] += r2 * miss
            jtr[3] += r3 * miss
            jtr[4] += r4 * miss
            jtj[0, 0] += r0 * r0
            jtj[1, 0] += r1 * r0
            jtj[1, 1] += r1 * r1
            jtj[2, 0] += r2 * r0
            jtj[2, 1] += r2 * r1
            jtj[2, 2] += r2 * r2
            jtj[3, 0] += r3 * r0
            jtj[3, 1] += r3 * r1
            jtj[3, 2] += r3 * r2
            jtj[3, 3] += r3 * r3
            jtj[4, 0] += r4 * r0
            jtj[4, 1] += r4 * r1
            jtj[4, 2] += r4 * r2
            jtj[4, 3] += r4 * r3
            jtj[4, 4] += r4 * r4
    if lam > 0.0:
        for i in range(len(kg)):
            point = kg[i]
            y, r, w, w1, w2 = _curve(point, a, d, c, m, s)
            short = margin - _gatheral(point, w, w1, w2)
            if short <= 0.0:
                continue
            miss = lam * short
            total += miss * miss
            if derive:
                u = 1.0 - 0.5 * point * w1 / w
                of_w = u * point * w1 / (w * w) + 0.25 * w1 * w1 / (w * w)
                of_w1 = -u * point / w - 0.5 * w1 * (1.0 / w + 0.25)
                r3 = r * r * r
                w3 = -3.0 * c * s * s * y / (r3 * r * r)
                row[0] = -lam * of_w
                row[1] = -lam * (of_w * y + of_w1)
                row[2] = -lam * (of_w * r + of_w1 * y / r + 0.5 * s * s / r3)
                row[3] = lam * (of_w * w1 + of_w1 * w2 + 0.5 * w3)
                row[4] = -lam * (
                    of_w * c * s * s / r - of_w1 * c * y * s * s / r3
                    + 0.5 * c * s * s * (2.0 / r3 - 3.0 * s * s / (r3 * r * r))
                )  # fmt: skip
                _turn(row, least, p, q, bend)
                _add(row, miss, jtj, jtr)
        over = c + abs(d) - (2.0 - 0.1 * margin)
        if over > 0.0:
            miss = lam * over
            total += miss * miss
            if derive:
                row[0], row[1], row[2], row[3], row[4] = 0.0, math.copysign(lam, d), lam, 0.0, 0.0
                _turn(row, least, p, q, bend)
                _add(row, miss, jtj, jtr)
    if mu > 0.0:
        for i in range(len(kc)):
            y, r, w, w1, _ = _curve(kc[i], a, d, c, m, s)
            out = w - low[i] if w < low[i] else (w - high[i] if w > high[i] else 0.0)
            if out == 0.0:
                continue
            f = 0.5 * mu / math.sqrt(max(w, low[i], least) * t)
            miss = f * out
            total += miss * miss
            if derive:
                row[0], row[1], row[2], row[3], row[4] = f, f * y, f * r, -f * w1, f * c * s * s / r
                _turn(row, least, p, q, bend)
                _add(row, miss, jtj, jtr)
    return total


@_inner
def _step(jtj: Any, jtr: Any, damp: float, out: Any) -> bool:
    """out = -(JTJ + damp diag)^-1 JTr by Cholesky; False where that is not positive definite."""
    low = np.empty((5, 5))
    for i in range(5):
        for j in range(i + 1):
            total = jtj[i, j]
            if i == j:
                total += damp * max(jtj[i, i], 1e-12)
            for n in range(j):
                total -= low[i, n] * low[j, n]
            if i == j:
                if not (total > 0.0):
                    return False
                low[i, i] = math.sqrt(total)
            else:
                low[i, j] = total / low[j, j]
    for i in range(5):
        total = -jtr[i]
        for n in range(i):
            total -= low[i, n] * out[n]
        out[i] = total / low[i, i]
    for i in range(4, -1, -1):
        total = out[i]
        for n in range(i + 1, 5):
            total -= low[n, i] * out[n]
        out[i] = total / low[i, i]
    return True


@_inner
def _descend(
    x: Any, k: Any, vol: Any, root: Any, t: float, kg: Any, lam: float, margin: float,
    kc: Any, low: Any, high: Any, mu: float, span: float,
) -> float:  # fmt: skip
    """Levenberg-Marquardt from x, in place; the sum of squares reached."""
    jtj, jtr = np.empty((5, 5)), np.empty(5)
    step, trial = np.empty(5), np.empty(5)
    cost = _assemble(x, k, vol, root, t, kg, lam, margin, kc, low, high, mu, True, jtj, jtr)
    damp, grow = 1e-3, 2.0
    least, most = math.log(1e-4 * span), math.log(20.0 * span)
    for _ in range(_STEPS):
        if not math.isfinite(cost):
            break
        if not _step(jtj, jtr, damp, step):
            damp *= 10.0
            continue
        for i in range(5):
            trial[i] = x[i] + step[i]
        for i in range(3):
            trial[i] = min(max(trial[i], _FLAT), _STEEP)
        trial[3] = min(max(trial[3], -20.0 * span), 20.0 * span)
        trial[4] = min(max(trial[4], least), most)
        new = _assemble(trial, k, vol, root, t, kg, lam, margin, kc, low, high, mu, False, jtj, jtr)
        if new < cost:
            gain = cost - new
            for i in range(5):
                x[i] = trial[i]
            damp = max(damp * 0.2, 1e-12)
            grow = 2.0
            done = gain <= 1e-9 * cost
            cost = _assemble(x, k, vol, root, t, kg, lam, margin, kc, low, high, mu, True, jtj, jtr)
            if done:
                break
        else:
            damp *= grow
            grow *= 2.0
            if damp > 1e12:
                break
    return cost


@_inner
def _begin(x: Any, k: Any, vol: Any, root: Any, t: float, first_width: int, after_width: int) -> None:
    """The quasi-explicit start: the best linear fit over the grid of m and some of its sigmas."""
    n = len(k)
    first, span = k[0], k[n - 1] - k[0]
    weight, w = np.empty(n), np.empty(n)
    sw, sww = 0.0, 0.0
    for i in range(n):
        w[i] = vol[i] * vol[i] * t
        f = root[i] * 0.5 / (t * vol[i])
        weight[i] = f * f
        sw += weight[i]
        sww += weight[i] * w[i]
    mean = sww / sw
    best = math.inf
    for at in range(len(_STARTS_M)):
        m = first + span * _STARTS_M[at]
        for width in range(first_width, after_width):
            s = span * _STARTS_S[width]
            y0, r0 = 0.0, 0.0
            yy, yr, rr, yw, rw, ww = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(n):
                f = weight[i]
                y = k[i] - m
                r2 = y * y + s * s
                r = math.sqrt(r2)
                v = w[i] - mean
                y0 += f * y
                r0 += f * r
                yy += f * y * y
                yr += f * y * r
                rr += f * r2
                yw += f * y * v
                rw += f * r * v
                ww += f * v * v
            yy -= y0 * y0 / sw
            yr -= y0 * r0 / sw
            rr -= r0 * r0 / sw
            det = yy * rr - yr * yr
            c = (yy * rw - yr * yw) / det if det > 1e-12 * yy * rr else 0.0
            floor = 1e-3 * mean / span
            if not (c > floor):
                c = floor
            d = (yw - c * yr) / yy if yy > 0.0 else 0.0
            if abs(d) > 0.98 * c:  # on the edge of the cone: the best there
                side = math.copysign(0.98, d)
                c = max((side * yw + rw) / (side * side * yy + 2.0 * side * yr + rr + _TINY), floor)
                d = side * c
            a = mean - (d * y0 + c * r0) / sw
            if not (a + s * math.sqrt((c - d) * (c + d)) > 0.02 * mean):
                a = 0.02 * mean - s * math.sqrt((c - d) * (c + d))
            gap = a - mean + (d * y0 + c * r0) / sw
            miss = ww - 2.0 * (d * yw + c * rw) + d * d * yy + 2.0 * d * c * yr + c * c * rr + sw * gap * gap
            if miss < best:
                best = miss
                _gather(a, d, c, m, s, x)


@_inner
def _holds(x: Any, kc: Any, low: Any, high: Any) -> bool:
    """Certified, and between the given total variances at every point."""
    a, d, c, m, s = _spread(x)
    if not _certified(a, d, c, m, s):
        return False
    for i in range(len(kc)):
        y = kc[i] - m
        w = a + d * y + c * math.sqrt(y * y + s * s)
        if w < low[i] or w > high[i]:
            return False
    return True


@_inner
def _reweigh(x: Any, k: Any, vol: Any, base: Any, t: float, root: Any, rest: Any) -> None:
    """Tukey's weights into root: base (1 - (r / 6 med)^2), med the median weighted miss, at least 1/2."""
    a, d, c, m, s = _spread(x)
    for i in range(len(k)):
        y = k[i] - m
        w = a + d * y + c * math.sqrt(y * y + s * s)
        rest[i] = abs(base[i] * (math.sqrt(max(w, 0.0) / t) - vol[i]))
    cut = _TUKEY * max(np.median(rest), 0.5)
    for i in range(len(k)):
        u = min(rest[i] / cut, 1.0)
        root[i] = base[i] * max(1.0 - u * u, 1e-3)


@_inner
def _lay(x: Any, kg: Any, count: int, margin: float) -> int:
    """Add to kg the minima of g that lie below the margin, the oldest giving way; the number of points laid so far."""
    a, d, c, m, s = _spread(x)
    before, here, width = 1.0, 1.0, 18.0 / _SEEN
    for i in range(_SEEN + 2):
        u = -9.0 + width * i
        point = m + s * math.sinh(u)
        _, _, w, w1, w2 = _curve(point, a, d, c, m, s)
        after = _gatheral(point, w, w1, w2) if i <= _SEEN else 1.0
        if here < margin and here <= before and here <= after:
            low, high = u - 2.0 * width, u
            for _ in range(16):  # golden section
                left, right = high - 0.6180339887498949 * (high - low), low + 0.6180339887498949 * (high - low)
                point = m + s * math.sinh(left)
                _, _, w, w1, w2 = _curve(point, a, d, c, m, s)
                of_left = _gatheral(point, w, w1, w2)
                point = m + s * math.sinh(right)
                _, _, w, w1, w2 = _curve(point, a, d, c, m, s)
                if of_left < _gatheral(point, w, w1, w2):
                    high = right
                else:
                    low = left
            slot = count if count < _BENDS else _LAID + (count - _LAID) % (_BENDS - _LAID)
            kg[slot] = m + s * math.sinh(0.5 * (low + high))
            count += 1
        before, here = here, after
    return count


@_inner
def _penalise(
    x: Any, k: Any, vol: Any, root: Any, t: float, kg: Any, lam: float, kc: Any, low: Any, high: Any, mu: float,
    span: float,
) -> bool:  # fmt: skip
    """Descents in place under growing penalties until the slice holds; whether it does. `kg` is scratch."""
    floor, roof = low.copy(), high.copy()
    lift, margin = 1e-4, 5e-4
    s = math.exp(x[4])
    for i in range(_BENDS):
        kg[i] = x[3] + s * math.sinh(-6.0 + 12.0 * (i % _LAID) / (_LAID - 1.0))
    count = _LAID
    for _ in range(_TURNS):
        count = _lay(x, kg, count, margin)
        for i in range(len(kc)):
            floor[i], roof[i] = low[i] * (1.0 + lift), high[i] * (1.0 - lift)
        _descend(x, k, vol, root, t, kg[: min(count, _BENDS)], lam, margin, kc, floor, roof, mu, span)
        if _holds(x, kc, low, high):
            return True
        lam *= 2.0
        mu *= 2.0
        margin *= 1.2
        lift = min(1.5 * lift, 1e-2)
    return False


@_inner
def _fit(
    x: Any, k: Any, vol: Any, base: Any, t: float, robust: bool, given: bool, kc: Any, low: Any, high: Any,
    anchor: Any, root: Any,
) -> int:  # fmt: skip
    """Fit one slice into x. `given`: x holds the start. `root` (n,) ends as the weights' roots used."""
    n = len(k)
    span = k[n - 1] - k[0]
    rest = np.empty(n)
    kg = np.empty(_BENDS)
    jtj, jtr = np.empty((5, 5)), np.empty(5)
    mu = 0.0
    for i in range(n):
        root[i] = base[i]
    scale = 0.0
    for i in range(n):
        scale += base[i] * base[i]
    scale = math.sqrt(scale)
    if len(kc) > 0:
        mu = 3.0 * scale / math.sqrt(float(len(kc)))
    trial, other, nothing = x.copy(), x.copy(), kc[:0]
    free = 0.0  # what the quotes alone cost the slice given, or the free fit
    if given:
        free = _assemble(x, k, vol, root, t, kg, 0.0, 0.0, nothing, low, high, 0.0, False, jtj, jtr)
    if not given:
        _begin(x, k, vol, root, t, _SHARP, len(_STARTS_S))
        _begin(other, k, vol, root, t, 0, _SHARP)
    cost = _descend(x, k, vol, root, t, kg, 0.0, 0.0, kc, low, high, mu, span)
    if not given:
        second = _descend(other, k, vol, root, t, kg, 0.0, 0.0, kc, low, high, mu, span)
        if second < cost:
            cost = second
            x[:] = other
    if not math.isfinite(cost):
        return FAILED
    if robust:
        for _ in range(4):
            _reweigh(x, k, vol, base, t, root, rest)
            a0, d0, c0, m0, s0 = _spread(x)
            _descend(x, k, vol, root, t, kg, 0.0, 0.0, kc, low, high, mu, span)
            a1, d1, c1, m1, s1 = _spread(x)
            worst = 0.0
            for i in range(n):
                old = a0 + d0 * (k[i] - m0) + c0 * math.hypot(k[i] - m0, s0)
                new = a1 + d1 * (k[i] - m1) + c1 * math.hypot(k[i] - m1, s1)
                worst = max(worst, abs(math.sqrt(max(new, 0.0) / t) - math.sqrt(max(old, 0.0) / t)))
            if worst < 1e-5:
                break
    if _holds(x, kc, low, high):
        return FREE
    if not given:
        free = _assemble(x, k, vol, root, t, kg, 0.0, 0.0, nothing, low, high, 0.0, False, jtj, jtr)
    trial[:] = x
    best, held = math.inf, False
    for start in range(3):  # from the free fit, from the linear one and from the anchor: the cheapest that holds
        if start == 0:
            other[:] = x
        elif start == 1:
            _begin(other, k, vol, root, t, 0, len(_STARTS_S))
        else:
            other[:] = anchor
        good = _penalise(other, k, vol, root, t, kg, 0.03 * scale, kc, low, high, mu, span)
        if held and not good:
            continue
        reached = _assemble(other, k, vol, root, t, kg, 0.0, 0.0, nothing, low, high, 0.0, False, jtj, jtr)
        if reached < best or (good and not held):
            best, held = reached, good
            trial[:] = other
        if held and best <= 1.25 * free + 0.01 * n:  # little was lost: the other starts cannot gain much
            break
    sound = _holds(anchor, kc, low, high)
    if sound and held:  # never worse than the anchor itself
        reached = _assemble(anchor, k, vol, root, t, kg, 0.0, 0.0, nothing, low, high, 0.0, False, jtj, jtr)
        if reached < best:
            trial[:] = anchor
    x[:] = trial
    if held:
        return PENALISED
    if not sound:
        return FAILED
    near, far = 0.0, 1.0  # shares of the fit in the blend: the first holds
    for i in range(1, 21):  # the farthest of twenty steps that holds, then halving beyond it
        share = 1.0 - i / 20.0
        for j in range(5):
            trial[j] = share * x[j] + (1.0 - share) * anchor[j]
        if _holds(trial, kc, low, high):
            near, far = share, share + 0.05
            break
    for _ in range(24):
        share = 0.5 * (near + far)
        for j in range(5):
            trial[j] = share * x[j] + (1.0 - share) * anchor[j]
        if _holds(trial, kc, low, high):
            near = share
        else:
            far = share
    for j in range(5):
        x[j] = near * x[j] + (1.0 - near) * anchor[j]
    best = _assemble(anchor, k, vol, root, t, kg, 0.0, 0.0, nothing, low, high, 0.0, False, jtj, jtr)
    reached = _assemble(x, k, vol, root, t, kg, 0.0, 0.0, nothing, low, high, 0.0, False, jtj, jtr)
    if not (reached <= best and _holds(x, kc, low, high)):
        x[:] = anchor
    return DRAWN


def _fit_all(
    ends: Any, k: Any, vol: Any, base: Any, t: Any, anchors: Any, robust: bool, raw: Any, root: Any, outcome: Any
) -> None:
    """Slices one after another; quotes of slice i are ends[i]:ends[i + 1], ascending in k. Fills raw (n, 5)."""
    nothing = np.empty(0)
    x, anchor = np.empty(5), np.empty(5)
    for i in range(len(t)):
        first, after = ends[i], ends[i + 1]
        ks, vs, bs, rs = k[first:after], vol[first:after], base[first:after], root[first:after]
        _gather(anchors[i, 0], anchors[i, 1] * anchors[i, 2], anchors[i, 1], anchors[i, 3], anchors[i, 4], anchor)
        outcome[i] = _fit(x, ks, vs, bs, t[i], robust, False, nothing, nothing, nothing, anchor, rs)
        a, d, b, m, s = _spread(x)
        raw[i, 0], raw[i, 1], raw[i, 2], raw[i, 3], raw[i, 4] = a, b, d / b, m, s
        if outcome[i] != FAILED and not _certified(raw[i, 0], b * raw[i, 2], b, raw[i, 3], raw[i, 4]):
            outcome[i] = FAILED


def _fit_between(
    k: Any, vol: Any, base: Any, t: float, kc: Any, low: Any, high: Any, anchor: Any, raw: Any, root: Any
) -> int:
    """One slice again from raw (5,), between `low` and `high` at `kc`; `anchor` (5,) is a raw slice known to hold."""
    x, fallback = np.empty(5), np.empty(5)
    _gather(raw[0], raw[1] * raw[2], raw[1], raw[3], raw[4], x)
    _gather(anchor[0], anchor[1] * anchor[2], anchor[1], anchor[3], anchor[4], fallback)
    found = _fit(x, k, vol, base, t, False, True, kc, low, high, fallback, root)
    a, d, b, m, s = _spread(x)
    raw[0], raw[1], raw[2], raw[3], raw[4] = a, b, d / b, m, s
    return found


def _certify(raw: Any, holds: Any) -> None:
    """Whether each raw slice of (n, 5) is proven free of butterfly arbitrage."""
    for i in range(len(holds)):
        b = raw[i, 1]
        holds[i] = _certified(raw[i, 0], b * raw[i, 2], b, raw[i, 3], raw[i, 4])


def _polynomial(raw: Any, p: Any) -> None:
    """Coefficients of P of one raw slice (5,) into p (11,)."""
    _numerator(raw[0], raw[1] * raw[2], raw[1], raw[3], raw[4], p)


def _compiled(function: Callable[..., Any], *signature: Any) -> Callable[..., Any]:
    """Machine code, kept on disk where numba finds a place (NUMBA_CACHE_DIR, beside this file, the user's cache)."""
    flags = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return cast(Callable[..., Any], njit(*signature, cache=True, **flags)(function))
    except RuntimeError:  # nowhere to write: compile in every process
        return cast(Callable[..., Any], njit(*signature, **flags)(function))


# Every array writable: a second kind would compile everything twice.
_INTS, _ROW, _ROWS = (
    types.Array(kind, n, "C") for kind, n in ((types.int64, 1), (types.float64, 1), (types.float64, 2))
)
_CODES, _FLAGS = types.Array(types.int8, 1, "C"), types.Array(types.boolean, 1, "C")

# (ends, k, vol, base, t, anchors, robust; raw, root, outcome): the last three are filled.
fit_all = _compiled(_fit_all, types.void(_INTS, _ROW, _ROW, _ROW, _ROW, _ROWS, types.boolean, _ROWS, _ROW, _CODES))
fit_between = _compiled(_fit_between, types.int64(_ROW, _ROW, _ROW, types.float64, _ROW, _ROW, _ROW, _ROW, _ROW, _ROW))
certify = _compiled(_certify, types.void(_ROWS, _FLAGS))
numerator = _compiled(_polynomial, types.void(_ROW, _ROW))
