"""Slices of a chain and their forwards: one slice per (root, expiry, settlement moment).

European roots: discount and forward by weighted robust regression of put-call parity, C - P = D (F - K) (H. R. Stoll,
1969), near the money, with P. Huber's weights (1964). American roots: the discount comes from the Treasury curve and
the forward is the median of the near-money parities (early exercise bends them least there).

A chain without quotes (Quotes.NONE) has the vendor's implied volatilities instead. Each was made at the vendor's own
forward, which its deltas tell (N(d1) = delta out of the money; averaged over both sides a carry left in them cancels).
Deltas of two decimals tell it too coarsely: then the median carry of all expiries stands for each, as it does where an
expiry has too few; where none has enough, spot grown at the curve. Prices rebuilt there obey parity at one other
forward, the one at which calls and puts of a strike have the same volatility: the median of K + C - P over the nearest
strikes. That is the slice's; it carries the dividends that the vendor left out, and meets the parity of quotes within a
basis point where the vendor saw the same quotes (SPX 2019). The discount is the curve's. What cannot be used is left
out with its reason.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from domain.codec import columnar
from domain.market import Bools, Exercise, Floats, Ints, OptionChain, Quotes, RateCurve
from quant.vanilla.black import black76
from quant.vanilla.clock import years

MIN_PAIRS = 4
_NEAR = 0.12  # pairs whose strike lies within this share of spot carry the regression ...
_MAX_PAIRS = 60  # ... at most so many, nearest first
_MEDIAN_PAIRS = 10
_ABSURD_RATE = 0.03  # a parity rate farther than this from the curve is noise of the quotes
_SHORT = 14.0 / 365.0  # below this the slope of parity says nothing about the rate
_HUBER = 1.345
VENDOR_VOLS = (0.005, 5.0)  # a vendor's volatility outside is no answer: 0 stands for none, 5 for a solver's bound
_TELLING = 8  # strikes on each side of spot whose deltas tell the vendor's forward (farther ones are often made up) ...
_MIN_TELLING = 3  # ... of which so many must hold a usable volatility and a delta
_TOLD = (0.15, 0.65)  # |delta| that close to the money
_CARRIES = 3  # expiries of two weeks and more whose carry may stand for all


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
    source: str  # "parity", "parity, curve discount", "curve, parity median" or "vendor IV, ... forward"
    vendor_forward: float | None = None  # at which the vendor made its volatilities; None: the chain has quotes


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


def usable_vols(vol: Floats) -> Bools:
    """Where a vendor's volatility is an answer at all, shape (n,)."""
    with np.errstate(invalid="ignore"):
        return np.asarray((vol > VENDOR_VOLS[0]) & (vol < VENDOR_VOLS[1]))


def _told_by_deltas(chain: OptionChain, rows: Ints, t: float) -> float | None:
    """The forward in a vendor's deltas: ln F = ln K + sd N^-1(delta) - sd^2/2, medians of both sides; None: too few."""
    vol, delta, strike, call = chain.vendor_iv[rows], chain.vendor_delta[rows], chain.strike[rows], chain.is_call[rows]
    outside = np.where(call, strike >= chain.spot, strike < chain.spot)
    logs = []
    for side in (call, ~call):
        near = np.flatnonzero(side & outside)
        near = near[np.argsort(np.abs(strike[near] - chain.spot), kind="stable")[:_TELLING]]
        sized = (np.abs(delta[near]) >= _TOLD[0]) & (np.abs(delta[near]) <= _TOLD[1])
        near = near[usable_vols(vol[near]) & sized]
        if len(near) < _MIN_TELLING:
            return None
        sd = vol[near] * np.sqrt(t)
        inside = np.where(call[near], delta[near], 1.0 + delta[near])
        logs.append(float(np.median(np.log(strike[near]) + sd * ndtri(inside) - 0.5 * sd * sd)))
    return float(np.exp(0.5 * (logs[0] + logs[1])))


def _rebuilt_parities(chain: OptionChain, rows: Ints, t: float, forward: float) -> Floats:
    """K + C - P of the nearest strikes, undiscounted, at prices rebuilt from a vendor's volatilities at its forward."""
    sound = rows[usable_vols(chain.vendor_iv[rows])]
    calls, puts = sound[chain.is_call[sound]], sound[~chain.is_call[sound]]
    strikes, at_call, at_put = np.intersect1d(chain.strike[calls], chain.strike[puts], return_indices=True)
    nearest = np.argsort(np.abs(np.log(strikes / forward)), kind="stable")[:_MEDIAN_PAIRS]
    k, c, p = strikes[nearest], calls[at_call[nearest]], puts[at_put[nearest]]
    call = black76(forward, k, t, chain.vendor_iv[c], 1.0, True)
    return np.asarray(k + call - black76(forward, k, t, chain.vendor_iv[p], 1.0, False))


class _Made(NamedTuple):
    """The forward at which a vendor made its volatilities of one expiry, and how we know."""

    forward: float
    how: str


def _coarse(chain: OptionChain) -> bool:
    """Whether a vendor gives its deltas in two decimals."""
    cents = 100.0 * chain.vendor_delta[np.isfinite(chain.vendor_delta)]
    return bool(np.all(np.abs(cents - np.round(cents)) < 1e-3))


def _vendor_forwards(
    chain: OptionChain, groups: tuple[Ints, ...], as_of: datetime, rates: RateCurve
) -> tuple[_Made, ...]:
    """The vendor's forward of each group of rows, shape as `groups`; spot for what has expired."""
    times = [years(as_of, int(chain.settles_at[rows[0]])) for rows in groups]
    told: list[float | None] = []  # continuously compounded carry
    for rows, t in zip(groups, times, strict=True):
        forward = _told_by_deltas(chain, rows, t) if t > 0.0 else None
        carry = None if forward is None else float(np.log(forward / chain.spot))
        sound = carry is not None and abs(carry - rates.at(t) * t) <= 0.01 + 0.05 * t
        told.append(carry / t if carry is not None and sound else None)
    long = [carry for carry, t in zip(told, times, strict=True) if carry is not None and t >= _SHORT]
    common = float(np.median(long)) if len(long) >= _CARRIES else None
    coarse = _coarse(chain)
    made = []
    for carry, t in zip(told, times, strict=True):
        if common is not None and (coarse or carry is None):
            made.append(_Made(chain.spot * float(np.exp(common * t)), "delta carry of all expiries"))
        elif carry is not None:
            made.append(_Made(chain.spot * float(np.exp(carry * t)), "delta forward"))
        else:
            made.append(_Made(chain.spot * float(np.exp(rates.at(max(t, 0.0)) * t)), "curve forward"))
    return tuple(made)


def _vendor_slice(chain: OptionChain, rows: Ints, as_of: datetime, rates: RateCurve, made: _Made) -> Slice | str:
    """A slice of a chain without quotes, from the vendor's volatilities."""
    first = rows[0]
    root, expiry, settles_at = str(chain.root[first]), int(chain.expiry[first]), int(chain.settles_at[first])
    label = f"{root} {date.fromordinal(expiry)}"
    t = years(as_of, settles_at)
    if t <= 0.0:
        return f"{label}: expired"
    if not usable_vols(chain.vendor_iv[rows]).any():
        return f"{label}: neither quotes nor usable implied volatilities"
    parities = _rebuilt_parities(chain, rows, t, made.forward)
    paired = len(parities) >= MIN_PAIRS
    forward = float(np.median(parities)) if paired else made.forward
    if not _near_spot(forward, chain.spot, t):
        return f"{label}: the vendor's volatilities give the forward {forward:.2f} against a spot of {chain.spot:.2f}"
    return Slice(
        root=root,
        expiry=expiry,
        settles_at=settles_at,
        t=t,
        forward=forward,
        discount=float(np.exp(-rates.at(t) * t)),
        rows=rows,
        pairs=len(parities),
        source=f"vendor IV, {'parity at ' if paired else ''}{made.how}",
        vendor_forward=made.forward,
    )


def _near_spot(forward: float, spot: float, t: float) -> bool:
    return bool(np.isfinite(forward) and forward > 0.0 and abs(np.log(forward / spot)) <= 0.10 + 0.15 * t)


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
    if not _near_spot(forward, chain.spot, t):
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
    groups = group(chain)
    if chain.quotes is not Quotes.NONE:
        found = [_slice(chain, rows, as_of, rates) for rows in groups]
    elif rates is None:
        return Survey((), (f"{chain.ticker}: no quotes, and no rates curve to discount with",) if groups else ())
    else:
        made = _vendor_forwards(chain, groups, as_of, rates)
        found = [_vendor_slice(chain, rows, as_of, rates, one) for rows, one in zip(groups, made, strict=True)]
    return Survey(
        tuple(item for item in found if isinstance(item, Slice)), tuple(item for item in found if isinstance(item, str))
    )


def slices(chain: OptionChain, as_of: datetime, rates: RateCurve | None) -> tuple[Slice, ...]:
    """The usable slices of a chain (see `survey` for the others)."""
    return survey(chain, as_of, rates).slices
