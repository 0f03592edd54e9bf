"""All candidates of one front settlement priced at once: net prices, the parts of EV, and the loss bound, as arrays.

Everything linear in the legs (prices, costs, expectations) is summed from one table with a row per contract. Dollar
figures are for one structure. The parts of EV, in order: costs (half of each half-spread at entry, all of it at a
managed exit, fees of both), relative value, variance premium (E_P at alpha = 0 minus E_Q), direction (E_P minus that).

Relative value of a single snapshot: legs are valued on the surface, so a mid quote better than the surface counts
nothing (the best of thousands picks quote errors); one worse than it is paid in full: relative = min(fair_Q - mid, 0).
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np

from domain.market import Exercise, Floats, Ints, OptionChain
from quant.structures.enumerate import Batch
from quant.surface import Surface
from quant.worth.costs import round_trip
from quant.worth.measure import Measure
from quant.worth.terminal import Later, exercise, later_marks

ENTRY_SHARE = 0.5  # of each leg's half-spread, paid at entry
EXIT_SHARE = 1.0  # and at a managed exit, which crosses them
_Q, _P, _NEUTRAL, _LOW, _HIGH, _LOW_NEUTRAL, _HIGH_NEUTRAL = range(7)


class LegTable(NamedTuple):
    """Every contract used by batches that share their front.

    `expected`: discounted expectations by chain row, (n, 7), NaN where not used. `later`: by later slice, its rows
    (ascending) with their marks at the front settlement.
    """

    expected: Floats
    later: dict[int, tuple[Ints, Later]]

    def later_of(self, index: int, rows: Ints) -> Later:
        """Marks of some rows of a later slice, in their order."""
        known, marks = self.later[index]
        at = np.searchsorted(known, rows)
        return Later(marks.grid, marks.marks[at], marks.scale[at])


class Scored(NamedTuple):
    """Arrays (n,) over the candidates of a batch. Net prices a share; the rest dollars for one structure."""

    net_mid: Floats
    half: Floats  # sum of all half-spreads, a share
    fair: Floats  # value under Q, a share, discounted
    fees: Floats
    costs: Floats  # positive
    relative: Floats
    variance: Floats
    direction: Floats
    ev: Floats
    adverse: Floats
    max_loss: Floats  # at the natural price, fees included


def _sets(measure: Measure) -> tuple[tuple[Floats, Floats], ...]:
    q = measure.q_weights
    return (
        (measure.q_nodes, q),
        (measure.p_nodes, measure.p_weights),
        (measure.neutral_nodes, measure.neutral_weights),
        (measure.adverse_nodes[0], q),
        (measure.adverse_nodes[1], q),
        (measure.adverse_neutral[0], q),
        (measure.adverse_neutral[1], q),
    )


def leg_table(batches: tuple[Batch, ...], chain: OptionChain, surface: Surface, measure: Measure) -> LegTable:
    """Discounted expectations of every contract used by batches that share their front slice."""
    table = LegTable(np.full((len(chain), 7), np.nan), {})
    front_index = batches[0].front
    front = surface.slices[front_index]
    used: dict[int, list[Ints]] = {}
    for batch in batches:
        for column, leg in enumerate(batch.shape.legs):
            used.setdefault(batch.back if leg.expiry else batch.front, []).append(batch.rows[:, column])
    for index, parts in used.items():
        rows = np.unique(np.concatenate(parts))
        strikes, call = chain.strike[rows], chain.is_call[rows]
        if index != front_index:
            back = surface.slices[index]
            table.later[index] = rows, later_marks(front, back, strikes, call, measure, back.price(strikes, call))
        for column, (nodes, weights) in enumerate(_sets(measure)):
            values = exercise(strikes, call, nodes) if index == front_index else table.later[index][1].at(nodes)
            table.expected[rows, column] = front.discount * (values @ weights)
    return table


def least_payoff(batch: Batch, chain: OptionChain, surface: Surface) -> Floats:
    """Lowest value a share at the front settlement, (n,): exact for one expiry, the no-arbitrage bound for two."""
    front, back = surface.slices[batch.front], surface.slices[batch.back]
    growth, discount = back.forward / front.forward, back.discount / front.discount
    strikes = chain.strike[batch.rows]
    points = [np.zeros((len(strikes), 1)), strikes]
    if batch.back != batch.front:
        points += [strikes / growth, 2.0 * strikes.max(axis=1, keepdims=True)]
    spots = np.concatenate(points, axis=1)
    total = np.zeros_like(spots)
    for column, leg in enumerate(batch.shape.legs):
        strike = strikes[:, column : column + 1]
        sign = 1.0 if leg.right == "call" else -1.0
        now = np.maximum(sign * (spots - strike), 0.0)
        if leg.expiry:
            floor = discount * np.maximum(sign * (spots * growth - strike), 0.0)
            now = np.maximum(floor, now) if chain.exercise is Exercise.AMERICAN else floor
        total += leg.quantity * now
    return np.asarray(total.min(axis=1), dtype=np.float64)


def score(batch: Batch, chain: OptionChain, surface: Surface, measure: Measure, table: LegTable, day: date) -> Scored:
    """Price every candidate of a batch. A candidate whose later leg cannot be anchored has NaN figures throughout."""
    rows = batch.rows
    quantity = np.array([float(leg.quantity) for leg in batch.shape.legs])
    size = np.abs(quantity)
    dollars = float(chain.multiplier)
    bid = np.nan_to_num(chain.bid[rows], nan=0.0)
    ask = chain.ask[rows]
    mid = 0.5 * (bid + ask)
    net_mid, half = mid @ quantity, (0.5 * (ask - bid)) @ size
    fees = round_trip(chain.ticker, day, mid, chain.multiplier) @ size
    worth = np.einsum("nlc,l->nc", table.expected[rows], quantity)
    fair = worth[:, _Q]
    costs = dollars * (ENTRY_SHARE + EXIT_SHARE) * half + fees
    relative = dollars * np.minimum(fair - net_mid, 0.0)
    variance = dollars * (worth[:, _NEUTRAL] - fair)
    direction = dollars * (worth[:, _P] - worth[:, _NEUTRAL])
    bare = relative - costs
    tilted = dollars * (np.minimum(worth[:, _LOW], worth[:, _HIGH]) - fair)
    plain = dollars * (np.minimum(worth[:, _LOW_NEUTRAL], worth[:, _HIGH_NEUTRAL]) - fair)
    return Scored(
        net_mid=net_mid,
        half=half,
        fair=fair,
        fees=fees,
        costs=costs,
        relative=relative,
        variance=variance,
        direction=direction,
        ev=bare + variance + direction,
        # a volatility trade must stand at the adverse variance without its drift
        adverse=bare + np.where(variance >= direction, plain, tilted),
        max_loss=dollars * (net_mid + half - least_payoff(batch, chain, surface)) + fees,
    )


def node_values(batch: Batch, pick: Ints, chain: OptionChain, table: LegTable, nodes: Floats) -> Floats:
    """Values a share of the picked candidates at the front settlement on nodes, (len(pick), nodes), not discounted."""
    total = np.zeros((len(pick), len(nodes)))
    for column, leg in enumerate(batch.shape.legs):
        rows = batch.rows[pick, column]
        if leg.expiry:
            total += leg.quantity * table.later_of(batch.back, rows).at(nodes)
        else:
            total += leg.quantity * exercise(chain.strike[rows], chain.is_call[rows], nodes)
    return total
