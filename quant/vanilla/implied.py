"""Implied volatility of European options, vectorised, with a named reason wherever there is none.

The problem is normalised as by P. Jaeckel, "Let's Be Rational" (Wilmott, 2015), eq. 2.1-2.4: with x = -|ln(F/K)| and
s = sigma sqrt(t), the out-of-the-money value over D sqrt(F K) is

    beta(x, s) = N(x/s + s/2) e^{x/2} - N(x/s - s/2) e^{-x/2},        0 < beta < e^{x/2}.

Unlike there the root is found by Newton steps on a transform of beta that is nearly straight in s: (-ln beta)^{-1/2}
below the inflection point s = sqrt(2|x|), (-ln(e^{x/2} - beta))^{1/2} above it, kept in a bracket by bisection.
At the money the root is closed: s = 2 sqrt(2) erfinv(beta).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, erfinv, ndtr

Floats = NDArray[np.float64]

REASONS = ("ok", "below_intrinsic", "above_bound", "nonpositive_price", "no_time", "bad_input")
OK, BELOW_INTRINSIC, ABOVE_BOUND, NONPOSITIVE_PRICE, NO_TIME, BAD_INPUT = range(6)

_ROOT_2 = 1.4142135623730951
_ROOT_2PI = 2.5066282746310002
_SERIES_BELOW = 0.02  # s/2 under which the difference of two erfcx is replaced by its Taylor series
_ROUNDS = 60


class Implied(NamedTuple):
    """`sigma` (n,), NaN where there is none; `reason` (n,) codes into `REASONS`, 0 where there is one."""

    sigma: Floats
    reason: NDArray[np.int8]


def reason_name(code: int) -> str:
    """The name of a reason code."""
    return REASONS[code]


def normalised_black(x: ArrayLike, s: ArrayLike) -> Floats:
    """beta(x, s) for x <= 0 and s > 0, accurate to a few ulp also where it is 1e-59. Shapes broadcast."""
    xs, sd = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(s, dtype=np.float64))
    return _beta(xs, sd)


def _beta(x: Floats, s: Floats) -> Floats:
    h, t = x / s, 0.5 * s
    scale = np.exp(-0.5 * (h * h + t * t))
    plain = 0.5 * (erfcx(-(h + t) / _ROOT_2) - erfcx(-(h - t) / _ROOT_2))
    out = np.where(h + t > 0.0, np.exp(0.5 * x) * ndtr(h + t) - np.exp(-0.5 * x) * ndtr(h - t), scale * plain)
    small = t < _SERIES_BELOW
    if np.any(small):
        out[small] = scale[small] * _series(h[small], t[small])
    return np.asarray(out, dtype=np.float64)


def _series(h: Floats, t: Floats) -> Floats:
    """(Y(h+t) - Y(h-t)) / sqrt(2 pi) with Y = N/n by Taylor in t; Y' = 1 + h Y, Y^(k+1) = k Y^(k-1) + h Y^(k)."""
    y0 = 0.5 * _ROOT_2PI * erfcx(-h / _ROOT_2)
    y1 = 1.0 + h * y0
    y2 = y0 + h * y1
    y3 = 2.0 * y1 + h * y2
    y4 = 3.0 * y2 + h * y3
    y5 = 4.0 * y3 + h * y4
    y6 = 5.0 * y4 + h * y5
    y7 = 6.0 * y5 + h * y6
    t2 = t * t
    odd = y1 + t2 * (y3 / 6.0 + t2 * (y5 / 120.0 + t2 * y7 / 5040.0))
    return np.asarray(2.0 * t * odd / _ROOT_2PI, dtype=np.float64)


def _solve(beta: Floats, x: Floats) -> Floats:
    """Roots s of beta(x, s) for x < 0 and 0 < beta < e^{x/2}; shapes (n,)."""
    top = np.exp(0.5 * x)
    bend = np.sqrt(2.0 * np.abs(x))
    lower = beta <= _beta(x, bend)
    with np.errstate(divide="ignore"):
        target = np.where(lower, (-np.log(beta)) ** -0.5, np.sqrt(-np.log(top - beta)))
    low = np.where(lower, 0.0, bend)
    high = np.where(lower, bend, np.inf)
    s = bend.copy()
    active = np.arange(len(x))
    for _ in range(_ROUNDS):
        xa, sa, below = x[active], s[active], lower[active]
        slope = np.exp(-0.5 * ((xa / sa) ** 2 + 0.25 * sa * sa)) / _ROOT_2PI  # d beta / d s
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = _beta(xa, sa)
            logs = -np.log(value)
            gap = top[active] * ndtr(-(xa / sa + 0.5 * sa)) + np.exp(-0.5 * xa) * ndtr(xa / sa - 0.5 * sa)
            rest = np.sqrt(-np.log(gap))
            error = np.where(below, logs**-0.5, rest) - target[active]
            rate = np.where(below, 0.5 * logs**-1.5 * slope / value, 0.5 / rest * slope / gap)
            step = error / rate
        over = error > 0.0
        high[active] = np.where(over, sa, high[active])
        low[active] = np.where(over, low[active], sa)
        trial = sa - step
        inside = (trial > low[active]) & (trial < high[active])
        middle = np.where(np.isfinite(high[active]), 0.5 * (low[active] + high[active]), 2.0 * sa)
        fresh = np.where(inside, trial, middle)
        done = (error == 0.0) | (np.abs(step) <= 4e-16 * sa) | (fresh == sa)
        s[active] = np.where(error == 0.0, sa, np.where(np.isfinite(fresh), fresh, middle))
        done |= inside & (np.abs(step) <= 1e-9 * sa)  # the step after this one is below one ulp
        active = active[~done]
        if not len(active):
            break
    return s


def implied_vol(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, t: ArrayLike, discount: ArrayLike, is_call: ArrayLike
) -> Implied:
    """Black volatility of each price (present value), annualised over `t` years. Shapes broadcast to (n,).

    Reasons: `bad_input` (NaN, or a forward, strike or discount that is not positive), `no_time` (t <= 0),
    `nonpositive_price`, `below_intrinsic` (at or under the discounted intrinsic value of the forward), `above_bound`
    (at or over the discounted forward of a call, strike of a put). An in-the-money price is inverted through its time
    value, so its last digits are those of price minus intrinsic.
    """
    raw = (np.asarray(item, dtype=np.float64) for item in (price, forward, strike, t, discount))
    p, f, k, years, disc, call = np.broadcast_arrays(*raw, np.asarray(is_call, dtype=bool))
    p, f, k, years, disc, call = (np.atleast_1d(item).ravel() for item in (p, f, k, years, disc, call))
    finite = np.isfinite(p) & np.isfinite(f) & np.isfinite(k) & np.isfinite(years) & np.isfinite(disc)
    usable = finite & (f > 0.0) & (k > 0.0) & (disc > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        undiscounted = p / disc
        time_value = undiscounted - np.maximum(np.where(call, f - k, k - f), 0.0)
        beta = time_value / np.sqrt(f * k)
        x = -np.abs(np.log(f / k))
        bound = undiscounted >= np.where(call, f, k)
    bound |= beta >= np.exp(0.5 * x)
    reason = np.select(
        [~usable, years <= 0.0, p <= 0.0, time_value <= 0.0, bound],
        [BAD_INPUT, NO_TIME, NONPOSITIVE_PRICE, BELOW_INTRINSIC, ABOVE_BOUND],
        default=OK,
    ).astype(np.int8)
    sigma = np.full(len(p), np.nan)
    good = reason == OK
    centre = good & (x == 0.0)
    sigma[centre] = 2.0 * _ROOT_2 * erfinv(beta[centre]) / np.sqrt(years[centre])
    wings = np.flatnonzero(good & (x < 0.0))
    if len(wings):
        sigma[wings] = _solve(beta[wings], x[wings]) / np.sqrt(years[wings])
    return Implied(sigma, reason)
