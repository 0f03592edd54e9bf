"""The worst loss of a set of legs, computed without any quote.

A leg is a signed quantity of an instrument: contracts of an option, or shares. The value of what is held when the
nearest options settle is bounded from below by arbitrage alone, with zero rates: what those options pay there, plus,
for everything that settles later, the greatest convex function below its own such bound (by Jensen's inequality no
martingale can price it lower). The worst loss is minus the least of that bound over all prices of the underlying.
For legs of one settlement this is the exact worst payoff.

All arithmetic is in exact rationals, so that "does not rise" means just that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from domain.structures import Leg, Option, Right, Shares

Held = Mapping[Option | Shares, int]


class Worst(NamedTuple):
    """Worst loss in dollars over the prices looked at, and the slope beyond the highest of them (< 0: unbounded)."""

    loss: Fraction
    tail: Fraction

    @property
    def bounded(self) -> bool:
        """True when no rise of the underlying loses more."""
        return self.tail >= 0


class _Line(NamedTuple):
    """A continuous piecewise linear function on [0, inf): values at rising knots from 0, then a last slope."""

    knots: tuple[tuple[Fraction, Fraction], ...]
    tail: Fraction

    def at(self, spot: Fraction) -> Fraction:
        (x0, y0), *rest = self.knots
        for x1, y1 in rest:
            if spot <= x1:
                return y0 + (y1 - y0) * (spot - x0) / (x1 - x0)
            x0, y0 = x1, y1
        return y0 + self.tail * (spot - x0)


def multiplied(legs: Iterable[Leg], contracts: int) -> dict[Option | Shares, int]:
    """Legs of one structure, `contracts` times, netted by instrument."""
    held: dict[Option | Shares, int] = {}
    for leg in legs:
        held[leg.instrument] = held.get(leg.instrument, 0) + leg.quantity * contracts
    return held


def joined(*parts: Held) -> dict[Option | Shares, int]:
    """Several holdings as one; what nets to nothing is left out."""
    total: dict[Option | Shares, int] = {}
    for part in parts:
        for instrument, quantity in part.items():
            total[instrument] = total.get(instrument, 0) + quantity
    return {instrument: quantity for instrument, quantity in total.items() if quantity}


def worst_loss(held: Held, prices: Iterable[Fraction] = ()) -> Worst:
    """Worst loss of legs on ONE underlying, premiums left out; also looked at at the given prices."""
    groups: dict[int, list[tuple[Option, int]]] = {}
    shares = 0
    for instrument, quantity in held.items():
        if isinstance(instrument, Shares):
            shares += quantity
        else:
            groups.setdefault(int(instrument.settles_at.timestamp()), []).append((instrument, quantity))
    bound = _Line(((Fraction(0), Fraction(0)),), Fraction(shares))
    for settles_at in sorted(groups, reverse=True):
        bound = _plus(_payoff(groups[settles_at]), _convex(bound))
    looked_at = [value for _, value in bound.knots] + [bound.at(price) for price in prices]
    return Worst(-min(looked_at), min(bound.tail, Fraction(0)))


def strikes(held: Held) -> tuple[Fraction, ...]:
    """The prices at which any payoff of these legs bends."""
    return tuple(sorted({Fraction(one.strike) for one in held if isinstance(one, Option)}))


def _payoff(options: list[tuple[Option, int]]) -> _Line:
    at = sorted({Fraction(0), *(Fraction(option.strike) for option, _ in options)})
    values = []
    for spot in at:
        value = Fraction(0)
        for option, quantity in options:
            strike = Fraction(option.strike)
            gain = spot - strike if option.right == Right.CALL else strike - spot
            value += quantity * option.multiplier * max(gain, Fraction(0))
        values.append(value)
    calls = sum(quantity * option.multiplier for option, quantity in options if option.right == Right.CALL)
    return _Line(tuple(zip(at, values, strict=True)), Fraction(calls))


def _plus(one: _Line, other: _Line) -> _Line:
    at = sorted({x for x, _ in one.knots} | {x for x, _ in other.knots})
    return _Line(tuple((x, one.at(x) + other.at(x)) for x in at), one.tail + other.tail)


def _convex(line: _Line) -> _Line:
    """The greatest convex function below a line: its lower hull, ending in its last slope."""
    hull: list[tuple[Fraction, Fraction]] = []
    for x, y in line.knots:
        while len(hull) >= 2 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    while len(hull) >= 2 and _slope(hull[-2], hull[-1]) >= line.tail:
        hull.pop()
    return _Line(tuple(hull), line.tail)


def _slope(left: tuple[Fraction, Fraction], right: tuple[Fraction, Fraction]) -> Fraction:
    return (right[1] - left[1]) / (right[0] - left[0])
