"""Values of legs and structures at the (front) settlement, on the nodes of a measure.

A leg that settles then is worth its exercise value. A later leg is marked under Q: Black on its own smile, sticky in
moneyness, with its volatility multiplied by the one number per leg that makes Q's expectation of the mark equal
today's surface price (the premium is earned by realised against implied, never by implied falling).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.market import Bools, Floats
from quant.surface import SliceFit
from quant.vanilla.black import black76
from quant.worth.measure import Measure

GRID = 161
_ROUNDS = 40
_SCALE = (0.02, 8.0)


def exercise(strikes: Floats, is_call: Bools, nodes: Floats) -> Floats:
    """Exercise values a share, (rows, nodes)."""
    away = nodes[None, :] - strikes[:, None]
    return np.maximum(np.where(is_call[:, None], away, -away), 0.0)


def later_value(
    front: SliceFit, back: SliceFit, strikes: Floats, is_call: Bools, nodes: Floats, scale: Floats
) -> Floats:
    """Marks of later options at the front settlement, (rows, nodes); `scale` (rows,) multiplies their volatility."""
    forward = nodes[None, :] * (back.forward / front.forward)
    vols = back.vol(np.log(strikes[:, None] / forward)) * scale[:, None]
    return black76(forward, strikes[:, None], back.t - front.t, vols, back.discount / front.discount, is_call[:, None])


class Later(NamedTuple):
    """Marks of one later slice's options at the front settlement, tabulated by the underlying's price.

    `grid` (g,) prices; `marks` (rows, g); `scale` (rows,) the volatility multipliers, NaN where there is none.
    """

    grid: Floats
    marks: Floats
    scale: Floats

    def at(self, nodes: Floats) -> Floats:
        """Marks at other prices, (rows, nodes), linear between the grid's."""
        index = np.clip(np.searchsorted(self.grid, nodes) - 1, 0, len(self.grid) - 2)
        share = (nodes - self.grid[index]) / (self.grid[index + 1] - self.grid[index])
        return self.marks[:, index] * (1.0 - share) + self.marks[:, index + 1] * share


def _grid(front: SliceFit, measure: Measure) -> Floats:
    """Prices that span every node of a measure, dense about the forward."""
    scale = front.atm_vol * np.sqrt(front.t)
    every = (measure.q_nodes, measure.p_nodes, measure.adverse_nodes)
    low = min(float(nodes.min()) for nodes in every)
    high = max(float(nodes.max()) for nodes in every)
    ends = np.arcsinh(np.log(np.array([low, high]) / front.forward) / scale)
    grid = front.forward * np.exp(scale * np.sinh(np.linspace(ends[0], ends[1], GRID)))
    grid[0], grid[-1] = low, high
    return np.asarray(grid, dtype=np.float64)


def later_marks(
    front: SliceFit, back: SliceFit, strikes: Floats, is_call: Bools, measure: Measure, worth: Floats
) -> Later:
    """Tabulated marks of later options, anchored so that D E_Q[mark] is each one's surface price `worth` (rows,).

    The multiplier of volatility is found by secants kept in a bracket; NaN where none fits (the two slices admit a
    calendar arbitrage at that strike).
    """
    grid = _grid(front, measure)
    node = Later(grid, np.eye(GRID), np.zeros(0)).at(measure.q_nodes) @ measure.q_weights * front.discount
    live = node > 1e-14
    forward = grid[None, :] * (back.forward / front.forward)
    smile = back.vol(np.log(strikes[:, None] / forward))
    tau, discount = back.t - front.t, back.discount / front.discount
    call = is_call[:, None]

    def miss(scale: Floats) -> Floats:
        marks = black76(forward[:, live], strikes[:, None], tau, smile[:, live] * scale[:, None], discount, call)
        return np.asarray(marks @ node[live] - worth, dtype=np.float64)

    low, high = np.full(len(strikes), _SCALE[0]), np.full(len(strikes), _SCALE[1])
    bad = (miss(low) > 0.0) | (miss(high) < 0.0)
    before, scale = np.full(len(strikes), 1.1), np.ones(len(strikes))
    gap_before = miss(before)
    for _ in range(_ROUNDS):
        gap = miss(scale)
        if np.all((np.abs(gap) <= 1e-7 * np.maximum(worth, 1e-3)) | bad):
            break
        high, low = np.where(gap > 0.0, scale, high), np.where(gap > 0.0, low, scale)
        with np.errstate(divide="ignore", invalid="ignore"):
            trial = scale - gap * (scale - before) / (gap - gap_before)
        inside = (trial > low) & (trial < high)
        before, gap_before = scale, gap
        scale = np.where(inside, trial, 0.5 * (low + high))
    scale = np.where(bad, np.nan, scale)
    return Later(grid, black76(forward, strikes[:, None], tau, smile * scale[:, None], discount, call), scale)


def loss_tail(pnl: Floats, weights: Floats, share: float) -> Floats:
    """Mean of the worst `share` of probability of each row of `pnl` (rows, nodes); CVaR as a signed P&L."""
    order = np.argsort(pnl, axis=1, kind="stable")
    values = np.take_along_axis(pnl, order, axis=1)
    mass = weights[order]
    before = np.cumsum(mass, axis=1) - mass
    counted = np.clip(share - before, 0.0, mass)
    return np.asarray((values * counted).sum(axis=1) / share, dtype=np.float64)


def quantile_nodes(values: Floats, weights: Floats, size: int) -> tuple[Floats, Floats]:
    """At most `size` (value, weight) pairs: means of `values` over bins of equal probability in the given order.

    The mean is kept exactly; a single pass in the underlying's order keeps the scenarios ordered by its price.
    """
    if len(values) <= size:
        return values, weights
    middle = np.cumsum(weights) - 0.5 * weights
    bins = np.minimum((middle * size).astype(np.int64), size - 1)
    mass: Floats = np.bincount(bins, weights=weights, minlength=size).astype(np.float64)
    total = np.bincount(bins, weights=weights * values, minlength=size)
    used = mass > 0.0
    return total[used] / mass[used], mass[used]
