"""Implied volatility of European options at machine accuracy, vectorised, with a named reason wherever there is none.

The problem is normalised as by P. Jaeckel, "Let's Be Rational" (Wilmott, 2015), eq. 2.1-2.4: with x = ln(F/K) and
s = sigma sqrt(t), the out-of-the-money value over D sqrt(F K) is

    beta(x, s) = N(-|x|/s + s/2) e^{-|x|/2} - N(-|x|/s - s/2) e^{|x|/2},        0 < beta < e^{-|x|/2},

and `quant.vanilla.kernel` inverts it, compiled. The compiled code releases the interpreter's lock and every
option stands alone: to use several cores, split the arrays over threads; the result does not depend on the split.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# In the order of the kernel's codes.
REASONS = ("ok", "below_intrinsic", "above_bound", "nonpositive_price", "no_time", "bad_input", "underflow")


class Implied(NamedTuple):
    """`sigma`, NaN where there is none; `reason`: codes into `REASONS`, 0 where there is one. Shapes broadcast."""

    sigma: Floats
    reason: NDArray[np.int8]


def reason_name(code: int) -> str:
    """The name of a reason code."""
    return REASONS[code]


def implied_vol(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, t: ArrayLike, discount: ArrayLike, is_call: ArrayLike
) -> Implied:
    """Black volatility of each price (a present value), annualised over `t` years. Shapes broadcast; scalars give (1,).

    sigma is the root for the doubles given, to about 1e-15, or where that is more to what half an ulp of the price
    moves it. Reasons, the first that holds: `bad_input` (NaN, infinite, or a forward, strike or discount that is not
    positive), `no_time` (t <= 0), `nonpositive_price`, `below_intrinsic` (at or under the discounted intrinsic value of
    the forward), `above_bound` (at or over the discounted forward of a call, strike of a put), `underflow` (an
    out-of-the-money value under 2.2e-308 sqrt(F K), where doubles lose their digits). An in-the-money price is
    inverted through its time value, taken without rounding what cancels: its digits are those of the price given.
    """
    raw = (np.asarray(item, dtype=np.float64) for item in (price, forward, strike, t, discount))
    arrays = np.broadcast_arrays(*raw, np.asarray(is_call, dtype=bool))
    shape = arrays[0].shape or (1,)
    sigma, reason = np.empty(shape), np.empty(shape, dtype=np.int8)
    if sigma.size:
        flat = (np.array(item, order="C").reshape(-1) for item in arrays)  # copies: a broadcast view warns
        _kernel().solve(*flat, sigma.reshape(-1), reason.reshape(-1))
    return Implied(sigma, reason)


def normalised_vol(x: ArrayLike, beta: ArrayLike) -> Implied:
    """s = sigma sqrt(t) of each normalised out-of-the-money value; x = ln(F/K) of either sign. Shapes broadcast.

    Jaeckel (2015), eq. 2.4. Reasons as for `implied_vol`, `above_bound` from e^{-|x|/2} on.
    """
    xs, values = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(beta, dtype=np.float64))
    shape = xs.shape or (1,)
    s, reason = np.empty(shape), np.empty(shape, dtype=np.int8)
    flat = (np.array(item, order="C").reshape(-1) for item in (values, xs))
    _kernel().solve_normalised(*flat, s.reshape(-1), reason.reshape(-1))
    return Implied(s, reason)


def normalised_black(x: ArrayLike, s: ArrayLike) -> Floats:
    """beta(x, s) to a few ulp, also where it is 1e-59; x of either sign, 0 at s = 0, NaN below. Shapes broadcast."""
    xs, sd = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(s, dtype=np.float64))
    beta = np.empty(xs.shape)
    _kernel().value_normalised(*(np.array(item, order="C").reshape(-1) for item in (xs, sd)), beta.reshape(-1))
    return beta


def _kernel() -> ModuleType:
    """Loaded at the first use: a command that prices nothing does not wait for a compiler."""
    from quant.vanilla import kernel

    return kernel
