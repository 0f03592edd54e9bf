"""Slices of a chain and their forwards: one slice per (root, expiry, settlement moment).

European roots: discount and forward by weighted robust regression of put-call parity, C - P = D (F - K) (H. R. Stoll,
1969), near the money, with P. Huber's weights (1964). American roots: the discount comes from the Treasury curve and
the forward is the median of the near-money parities (early exercise bends them least there). What cannot be used is
left out with its reason.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import numpy as np

from domain.codec import columnar
from domain.market import Exercise, Floats, Ints, OptionChain, RateCurve
from quant.vanilla.clock import years

MIN_PAIRS = 4
_NEAR = 0.12  # pairs whose strike lies within this share of spot carry the regression ...
_MAX_PAIRS = 60  # ... at most so many, nearest first
_MEDIAN_PAIRS = 10
_ABSURD_RATE = 0.03  # a parity rate farther than this from the curve is noise of the quotes
_SHORT = 14.0 / 365.0  # below this the slope of parity says nothing about the rate
_HUBER = 1.345


@columnar
class Slice:
    """One settlement of a chain. `rows` (n,): its rows in the chain; `pairs`: strikes that carried the parity."""

    root: str
    expiry: int
    settles_at: int
    t: float
    forward: float
    discount: float
    rows: Ints
    pairs: int
    source: str  # "parity", "parity, curve discount" or "curve, parity median"


class Survey(NamedTuple):
    """The usable slices, by settlement, and one line for each that is not."""

    slices: tuple[Slice, ...]
    skipped: tuple[str, ...]


def group(chain: OptionChain) -> tuple[Ints, ...]:
    """Row numbers of each (root, settlement) of a chain, ordered by settlement, then root; within, by strike."""
    roots, codes = np.unique(np.asarray(chain.root), return_inverse=True)
    order = np.lexsort((chain.is_call, chain.strike, codes, chain.expiry, chain.settles_at))
    key = np.stack([chain.settles_at[order], chain.expiry[order], codes[order]])
    cuts = np.flatnonzero(np.any(key[:, 1:] != key[:, :-1], axis=0)) + 1
    return tuple(np.split(order.astype(np.int64), cuts)) if len(roots) else ()


def _pairs(chain: OptionChain, rows: Ints) -> tuple[Floats, Floats, Floats]:
    """Strike, C - P at mid and the sum of both spreads, for strikes with two sound two-sided quotes."""
    bid, ask = chain.bid[rows], chain.ask[rows]
    sound = np.isfinite(bid) & np.isfinite(ask) & (bid > 0.0) & (ask >= bid)
    calls = rows[sound & chain.is_call[rows]]
    puts = rows[sound & ~chain.is_call[rows]]
    strikes, at_call, at_put = np.intersect1d(chain.strike[calls], chain.strike[puts], return_indices=True)
    c, p = calls[at_call], puts[at_put]
    gap = 0.5 * (chain.bid[c] + chain.ask[c]) - 0.5 * (chain.bid[p] + chain.ask[p])
    return strikes, gap, chain.ask[c] - chain.bid[c] + chain.ask[p] - chain.bid[p]


def _near(strikes: Floats, gap: Floats, spread: Floats, spot: float) -> tuple[Floats, Floats, Floats]:
    order = np.argsort(np.abs(gap), kind="stable")[:_MAX_PAIRS]
    close = order[np.abs(strikes[order] / spot - 1.0) <= _NEAR]
    keep = close if len(close) >= MIN_PAIRS else order
    return strikes[keep], gap[keep], spread[keep]


def _regress(strikes: Floats, gap: Floats, spread: Floats) -> tuple[float, float]:
    """(discount, forward) of C - P = D F - D K by Huber-weighted least squares; weights 1/spread^2 to begin with."""
    base = 1.0 / (spread + 0.02) ** 2
    weight = base
    slope, level = -1.0, 0.0
    for _ in range(4):
        total = weight.sum()
        k0, y0 = (weight * strikes).sum() / total, (weight * gap).sum() / total
        dk = strikes - k0
        slope = float((weight * dk * (gap - y0)).sum() / (weight * dk * dk).sum())
        level = float(y0 - slope * k0)
        miss = np.abs(gap - level - slope * strikes)
        scale = max(1.4826 * float(np.median(miss)), 1e-6)
        weight = base * np.minimum(1.0, _HUBER * scale / np.maximum(miss, 1e-12))
    return -slope, level / -slope if slope < 0.0 else float("nan")


def _median_forward(strikes: Floats, gap: Floats, discount: float) -> float:
    nearest = np.argsort(np.abs(gap), kind="stable")[:_MEDIAN_PAIRS]
    return float(np.median(strikes[nearest] + gap[nearest] / discount))


def _slice(chain: OptionChain, rows: Ints, as_of: datetime, rates: RateCurve | None) -> Slice | str:
    first = rows[0]
    root, expiry, settles_at = str(chain.root[first]), int(chain.expiry[first]), int(chain.settles_at[first])
    label = f"{root} {date.fromordinal(expiry)}"
    t = years(as_of, settles_at)
    if t <= 0.0:
        return f"{label}: expired"
    strikes, gap, spread = _pairs(chain, rows)
    if len(strikes) < MIN_PAIRS:
        return f"{label}: {len(strikes)} strikes with both quotes, {MIN_PAIRS} needed"
    strikes, gap, spread = _near(strikes, gap, spread, chain.spot)
    curve = None if rates is None else float(np.exp(-rates.at(t) * t))
    if chain.exercise is Exercise.AMERICAN:
        if curve is None:
            return f"{label}: American exercise and no rates curve to discount with"
        discount, source = curve, "curve, parity median"
        forward = _median_forward(strikes, gap, discount)
    else:
        discount, forward = _regress(strikes, gap, spread)
        source = "parity"
        rate = -np.log(discount) / t if discount > 0.0 else np.inf
        centre = 0.0 if rates is None else rates.at(t)
        if t < _SHORT or not abs(rate - centre) <= (_ABSURD_RATE if rates is not None else 0.2):
            if curve is None:
                return f"{label}: parity gives the discount {discount:.4f} and there is no rates curve"
            discount, source = curve, "parity, curve discount"
            forward = _median_forward(strikes, gap, discount)
    if not (np.isfinite(forward) and abs(np.log(forward / chain.spot)) <= 0.10 + 0.15 * t if forward > 0.0 else False):
        return f"{label}: parity gives the forward {forward:.2f} against a spot of {chain.spot:.2f}"
    return Slice(
        root=root,
        expiry=expiry,
        settles_at=settles_at,
        t=t,
        forward=float(forward),
        discount=float(discount),
        rows=rows,
        pairs=len(strikes),
        source=source,
    )


def survey(chain: OptionChain, as_of: datetime, rates: RateCurve | None) -> Survey:
    """Slices of a chain as of a moment, and why others are left out. Never raises for bad quotes."""
    found = [_slice(chain, rows, as_of, rates) for rows in group(chain)]
    return Survey(
        tuple(item for item in found if isinstance(item, Slice)), tuple(item for item in found if isinstance(item, str))
    )


def slices(chain: OptionChain, as_of: datetime, rates: RateCurve | None) -> tuple[Slice, ...]:
    """The usable slices of a chain (see `survey` for the others)."""
    return survey(chain, as_of, rates).slices
