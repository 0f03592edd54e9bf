"""Payoffs: exact extremes and breakevens of one expiry, and the bound for several.

One expiry: the payoff is piecewise linear in S with kinks at the strikes; its extremes stand at S = 0, at a strike or
at infinity, and its zeros are found by linear interpolation. Several expiries: at the front expiry a later leg is
worth at least its no-arbitrage floor (R. Merton, Bell J. 1973, theorem 1), which bounds the loss; profit and
breakevens are then model figures for the back volatility 20 % lower and higher.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from domain.errors import BadInput
from domain.market import Exercise, Floats
from domain.money import ZERO, to_cents
from domain.structures import Option, Payoff, Right, Structure
from quant.structures.exercise import intrinsic

BackValue = Callable[[Floats, float], Floats]
VOL_RANGE = (0.8, 1.2)


class Carry(NamedTuple):
    """From the front settlement to the back: `growth` of the forward, F_back/F_front, and the `discount` between."""

    growth: float
    discount: float


def _options(structure: Structure) -> tuple[tuple[Option, int], ...]:
    pairs = []
    for leg in structure.legs:
        if not isinstance(leg.instrument, Option):
            raise BadInput(f"{structure.name} holds shares; its payoff is not one of options alone")
        pairs.append((leg.instrument, leg.quantity))
    return tuple(pairs)


def _end_slope(legs: tuple[tuple[Option, int], ...]) -> int:
    return sum(quantity for option, quantity in legs if option.right is Right.CALL)


def _crossings(x: Floats, y: Floats, end_slope: float) -> tuple[float, ...]:
    """Zeros of the piecewise linear (x, y), continued with `end_slope`; a stretch at zero gives its two ends."""
    found: list[float] = []
    for i in range(len(x) - 1):
        if y[i] == 0.0:
            found.append(float(x[i]))
        elif y[i] * y[i + 1] < 0.0:
            found.append(float(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i])))
    if y[-1] == 0.0:
        found.append(float(x[-1]))
    elif end_slope != 0.0 and -y[-1] / end_slope > 0.0:
        found.append(float(x[-1] - y[-1] / end_slope))
    return tuple(dict.fromkeys(found))


def _loss(value: Floats, multiplier: int) -> Decimal:
    """The worst of the values as money, rounded up from a millionth of a dollar (its last bits are noise)."""
    return max(to_cents(round(-float(value.min()) * multiplier, 6), "up"), ZERO)


def _single(legs: tuple[tuple[Option, int], ...], net: Decimal, multiplier: int) -> Payoff:
    strikes = np.array(sorted({0.0, *(float(option.strike) for option, _ in legs)}))
    value = np.zeros_like(strikes) - float(net)
    for option, quantity in legs:
        value += quantity * intrinsic(option, strikes)
    slope = _end_slope(legs)
    if slope < 0:
        raise BadInput("the loss is unlimited: more calls are sold than bought")
    value[np.abs(value) < 1e-12] = 0.0
    return Payoff(
        max_profit=None if slope > 0 else max(to_cents(float(value.max()) * multiplier), ZERO),
        max_loss=_loss(value, multiplier),
        breakevens=_crossings(strikes, value, float(slope)),
        exact=True,
        max_profit_range=None,
        breakeven_ranges=(),
    )


def floor_value(option: Option, spot: Floats, carry: Carry) -> Floats:
    """The least a later option can be worth at the front settlement, by no arbitrage; American: at least intrinsic."""
    forward = spot * carry.growth
    floor = carry.discount * intrinsic(option, forward)
    return np.maximum(floor, intrinsic(option, spot)) if option.exercise is Exercise.AMERICAN else floor


def _several(
    legs: tuple[tuple[Option, int], ...], net: Decimal, multiplier: int, carry: Carry, back: BackValue
) -> Payoff:
    front = min(option.settles_at for option, _ in legs)
    strikes = [float(option.strike) for option, _ in legs]
    reach = 2.0 * max(strikes)
    if any(quantity < 0 for option, quantity in legs if option.settles_at > front):
        raise BadInput("a later leg is sold: its loss has no bound at the front expiry")
    kinks = np.array(sorted({0.0, *strikes, *(strike / carry.growth for strike in strikes), reach}))
    bound = np.zeros_like(kinks) - float(net)
    grid = np.linspace(0.25 * min(strikes), reach, 1401)
    settled = np.zeros_like(grid) - float(net)
    for option, quantity in legs:
        if option.settles_at == front:
            bound += quantity * intrinsic(option, kinks)
            settled += quantity * intrinsic(option, grid)
        else:
            bound += quantity * floor_value(option, kinks, carry)
    curves = [settled + back(grid, scale) for scale in (*VOL_RANGE, 1.0)]
    tops = [float(curve.max()) * multiplier for curve in curves]
    zeros = [_crossings(grid, curve, 0.0) for curve in curves]
    ranges: tuple[tuple[float, float], ...] = ()
    if len({len(item) for item in zeros}) == 1:
        ranges = tuple((min(trio), max(trio)) for trio in zip(*zeros, strict=True))
    return Payoff(
        max_profit=max(to_cents(tops[-1]), ZERO),
        max_loss=_loss(bound, multiplier),
        breakevens=zeros[-1],
        exact=False,
        max_profit_range=(float(to_cents(min(tops))), float(to_cents(max(tops)))),
        breakeven_ranges=ranges,
    )


def payoff(
    structure: Structure, net: Decimal, *, carry: Carry | None = None, back_value: BackValue | None = None
) -> Payoff:
    """Maximum profit and loss and breakevens of one structure bought at `net` (a share, positive = debit), before fees.

    One expiry: exact. Several: `carry` and `back_value` are needed; `back_value(S, scale)` gives the model value a
    share of all later legs (quantities applied) at the front settlement with their volatility times `scale`. The loss
    bound looks at prices up to twice the highest strike. Raises BadInput when the loss is unlimited or when those two
    are missing.
    """
    legs = _options(structure)
    multiplier = legs[0][0].multiplier
    if len({option.settles_at for option, _ in legs}) == 1:
        return _single(legs, net, multiplier)
    if carry is None or back_value is None:
        raise BadInput(f"{structure.name} has several expiries; its payoff needs the carry and a model of the back leg")
    return _several(legs, net, multiplier, carry, back_value)
