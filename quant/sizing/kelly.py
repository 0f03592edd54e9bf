"""The growth-optimal number of contracts over the P&L nodes of one proposal.

Source: J. L. Kelly, "A New Interpretation of Information Rate", Bell System Technical Journal 35 (1956), in the form
maximise over n >= 0 of E[log(1 + n X / W)], X the P&L of one contract and W the wealth (E. O. Thorp, "The Kelly
Criterion in Blackjack, Sports Betting and the Stock Market", 2006, section 7).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from domain.errors import BadInput


def growth_optimal(pnl: ArrayLike, weights: ArrayLike, wealth: float) -> float:
    """The real number n of contracts that maximises sum_i w_i log(1 + n x_i / W).

    `pnl` (n,): dollars of one contract at each node; `weights` (n,): its probabilities. The sum is concave in n with
    derivative sum_i w_i x_i / (W + n x_i), which falls from E[x] / W to minus infinity where the worst node ruins, so
    its zero is found by bisection. 0 when the expected value is not above zero, infinity when no node loses. Raises
    BadInput for figures that are not finite, negative weights, or wealth not above zero.
    """
    x = np.asarray(pnl, dtype=np.float64)
    w = np.asarray(weights, dtype=np.float64)
    if x.ndim != 1 or x.shape != w.shape or x.size == 0:
        raise BadInput(f"P&L nodes of shape {x.shape} and weights of shape {w.shape} are no distribution")
    if not (np.isfinite(x).all() and np.isfinite(w).all()) or (w < 0).any() or w.sum() <= 0:
        raise BadInput("a P&L node or its weight is not a number, or is negative as a weight")
    if not math.isfinite(wealth) or wealth <= 0:
        raise BadInput(f"wealth {wealth} is not above zero")
    x, w = x[w > 0], w[w > 0]
    if math.fsum(w * x) <= 0:
        return 0.0
    worst = float(x.min())
    if worst >= 0:
        return math.inf
    low, high = 0.0, wealth / -worst
    while True:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            return low
        with np.errstate(divide="ignore"):
            slope = math.fsum(w * x / (wealth + middle * x))
        if slope > 0:
            low = middle
        else:
            high = middle
