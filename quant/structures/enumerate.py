"""Candidate structures of a chain as arrays of row numbers: expiries x strikes x widths of a playbook's search space.

Shorts are chosen by |forward delta| on the smile (for debit spreads, straddles and strangles the longs are), wings at
the listed strike nearest to a width. A leg sold needs bid and ask, a leg bought an ask.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np

from domain.errors import BadInput
from domain.market import Floats, Ints, OptionChain
from domain.playbook import SearchSpace
from domain.structures import Right, StructureName
from quant.structures.catalogue import Shape, shape_of
from quant.surface import SliceFit, Surface

BODY_DELTA = (0.35, 0.65)  # |delta| of an at-the-money body
BACK_DAYS = 45  # a later leg settles at most so many days after the front
N = StructureName


class Batch(NamedTuple):
    """Candidates of one shape on one slice (or two). `rows` (n, legs): chain rows in the order of the shape's legs."""

    shape: Shape
    front: int  # index into the surface's slices
    back: int  # the later slice, or the front itself
    rows: Ints


class Side(NamedTuple):
    """Quoted calls or puts of one slice by ascending strike: chain rows, strikes, |delta|, who may be sold."""

    rows: Ints
    strikes: Floats
    delta: Floats
    sellable: Ints


def side_of(chain: OptionChain, one: SliceFit, right: Right) -> Side:
    """The quoted options of one right on a slice."""
    rows = one.rows[chain.is_call[one.rows] == (right is Right.CALL)]
    ask, bid = chain.ask[rows], chain.bid[rows]
    rows = rows[np.isfinite(ask) & (ask > 0.0) & ~(bid > ask)]
    rows = rows[np.argsort(chain.strike[rows], kind="stable")]
    strikes = chain.strike[rows]
    delta = np.abs(one.delta(strikes, right is Right.CALL)) if len(rows) else np.zeros(0)
    return Side(rows, strikes, delta, (chain.bid[rows] > 0.0).astype(np.int64))


def _within(side: Side, band: tuple[float, float], sold: bool) -> Ints:
    inside = (side.delta >= band[0]) & (side.delta <= band[1])
    return np.flatnonzero(inside & (side.sellable > 0) if sold else inside)


def _wings(side: Side, at: Ints, widths: tuple[float, ...], spot: float, up: bool) -> Ints:
    """(pairs, 2) of positions (body, wing): each body with its distinct wings at the listed strikes nearest a width."""
    found: list[tuple[int, int]] = []
    for body in at.tolist():
        for width in widths:
            target = side.strikes[body] + (width if up else -width) * spot
            wing = int(np.argmin(np.abs(side.strikes - target)))
            if (wing > body) == up and wing != body and (body, wing) not in found[-len(widths) :]:
                found.append((body, wing))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _cross(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    return np.repeat(np.arange(len(left)), len(right)), np.tile(np.arange(len(right)), len(left))


def _vertical(name: N, side: Side, space: SearchSpace, spot: float) -> Ints:
    """Rows of a vertical in leg order; credit spreads choose the short by delta, debit spreads the long."""
    credit = name in (N.BULL_PUT_SPREAD, N.BEAR_CALL_SPREAD)
    up = name in (N.BULL_CALL_SPREAD, N.BEAR_CALL_SPREAD)
    pairs = _wings(side, _within(side, space.short_delta, sold=credit), space.widths, spot, up)
    if not credit:
        pairs = pairs[side.sellable[pairs[:, 1]] > 0]
    if not up:
        pairs = pairs[:, ::-1]
    return side.rows[pairs]


def _iron(puts: Side, calls: Side, space: SearchSpace, spot: float, butterfly: bool) -> Ints:
    band = BODY_DELTA if butterfly else space.short_delta
    low = _wings(puts, _within(puts, band, sold=True), space.widths, spot, up=False)
    high = _wings(calls, _within(calls, band, sold=True), space.widths, spot, up=True)
    a, b = _cross(low, high)
    put_body, call_body = puts.strikes[low[a, 0]], calls.strikes[high[b, 0]]
    keep = put_body == call_body if butterfly else put_body < call_body
    a, b = a[keep], b[keep]
    return np.stack(
        [puts.rows[low[a, 1]], puts.rows[low[a, 0]], calls.rows[high[b, 0]], calls.rows[high[b, 1]]], axis=1
    )


def _broken(side: Side, space: SearchSpace, spot: float) -> Ints:
    bodies = _within(side, space.short_delta, sold=True)
    low = _wings(side, bodies, space.widths, spot, up=False)
    high = _wings(side, bodies, space.widths, spot, up=True)
    a, b = _cross(low, high)
    same = low[a, 0] == high[b, 0]
    a, b = a[same], b[same]
    body = side.strikes[low[a, 0]]
    uneven = np.abs((body - side.strikes[low[a, 1]]) - (side.strikes[high[b, 1]] - body)) > 1e-9
    a, b = a[uneven], b[uneven]
    return np.stack([side.rows[low[a, 1]], side.rows[low[a, 0]], side.rows[high[b, 1]]], axis=1)


def _bought(puts: Side, calls: Side, space: SearchSpace, straddle: bool) -> Ints:
    band = BODY_DELTA if straddle else space.short_delta
    left, right = _within(puts, band, sold=False), _within(calls, band, sold=False)
    a, b = _cross(left, right)
    low, high = puts.strikes[left[a]], calls.strikes[right[b]]
    keep = low == high if straddle else low < high
    return np.stack([puts.rows[left[a[keep]]], calls.rows[right[b[keep]]]], axis=1)


def _later(name: N, right: Right, front: Side, back: Side, space: SearchSpace, spot: float) -> Ints:
    """Calendar: the same strike later. Diagonal: the later long strike a width further into the money."""
    shorts = _within(front, space.short_delta, sold=True)
    found: dict[tuple[int, int], None] = {}
    for short in shorts.tolist():
        strike = front.strikes[short]
        moves = (
            (0.0,) if name is N.CALENDAR else tuple(w * (-spot if right is Right.CALL else spot) for w in space.widths)
        )
        for move in moves:
            if len(back.strikes) == 0:
                continue
            at = int(np.argmin(np.abs(back.strikes - (strike + move))))
            apart = back.strikes[at] - strike
            good = apart == 0.0 if name is N.CALENDAR else apart * move > 0.0
            if good:
                found[short, at] = None
    pairs = np.array(list(found), dtype=np.int64).reshape(-1, 2)
    short_rows, long_rows = front.rows[pairs[:, 0]], back.rows[pairs[:, 1]]
    short_first = name is N.CALENDAR or right is Right.PUT
    return np.stack([short_rows, long_rows] if short_first else [long_rows, short_rows], axis=1)


def _single(name: N, puts: Side, calls: Side, space: SearchSpace, spot: float) -> list[tuple[Shape, Ints]]:
    if name in (N.BULL_CALL_SPREAD, N.BEAR_CALL_SPREAD):
        return [(shape_of(name), _vertical(name, calls, space, spot))]
    if name in (N.BULL_PUT_SPREAD, N.BEAR_PUT_SPREAD):
        return [(shape_of(name), _vertical(name, puts, space, spot))]
    if name in (N.IRON_CONDOR, N.IRON_BUTTERFLY):
        return [(shape_of(name), _iron(puts, calls, space, spot, name is N.IRON_BUTTERFLY))]
    if name in (N.LONG_STRADDLE, N.LONG_STRANGLE):
        return [(shape_of(name), _bought(puts, calls, space, name is N.LONG_STRADDLE))]
    if name is not N.BROKEN_WING_BUTTERFLY:
        raise BadInput(f"{name.value} has no enumeration; add one here beside its shape in the catalogue")
    pairs = ((Right.CALL, calls), (Right.PUT, puts))
    return [(shape_of(name, right), _broken(side, space, spot)) for right, side in pairs]


def enumerate_candidates(
    names: tuple[StructureName, ...],
    space: SearchSpace,
    chain: OptionChain,
    surface: Surface,
    day: date,
    latest: date | None = None,
    earliest: date | None = None,
) -> tuple[Batch, ...]:
    """All candidates of the named structures on a chain, in a fixed order.

    `day` is the trading day that DTE counts from; no leg expires after `latest` or before `earliest`.
    """
    dte = [one.expiry - day.toordinal() for one in surface.slices]
    nearest = space.min_dte if earliest is None else max(space.min_dte, earliest.toordinal() - day.toordinal())
    furthest = space.max_dte + BACK_DAYS if latest is None else latest.toordinal() - day.toordinal()
    fronts = [i for i, days in enumerate(dte) if nearest <= days <= min(space.max_dte, furthest)]
    wanted = set(fronts)
    if fronts and (N.CALENDAR in names or N.DIAGONAL in names):
        reach = min(max(dte[front] for front in fronts) + BACK_DAYS, furthest)
        wanted |= {i for i, days in enumerate(dte) if dte[fronts[0]] <= days <= reach}
    sides = {
        (i, right): side_of(chain, surface.slices[i], right)
        for i in sorted(wanted)
        for right in (Right.PUT, Right.CALL)
    }
    found: list[Batch] = []
    for name in names:
        for i in fronts:
            puts, calls = sides[i, Right.PUT], sides[i, Right.CALL]
            if name not in (N.CALENDAR, N.DIAGONAL):
                made = _single(name, puts, calls, space, chain.spot)
                found += [Batch(shape, i, i, rows) for shape, rows in made if len(rows)]
                continue
            for j in sorted(wanted):
                gap = surface.slices[j].settles_at - surface.slices[i].settles_at
                if not 0 < gap <= BACK_DAYS * 86_400 or dte[j] == dte[i]:
                    continue
                for right in (Right.CALL, Right.PUT):
                    rows = _later(name, right, sides[i, right], sides[j, right], space, chain.spot)
                    if len(rows):
                        found.append(Batch(shape_of(name, right), i, j, rows))
    return tuple(found)
