"""Quotes that lie outside the arbitrage-free surface by more than their own bid-ask, ranked.

What a quote should be is its mid moved by the difference that the surface's volatility makes to it, so that forward and
early exercise are taken as its own implied volatility took them; where it has none (no bid), the surface's price. It is
outside when its bid lies above that, or its ask below it, by more than a tick, and an anomaly when by more than its own
spread. A quote whose neighbours of the same kind are out on the same side is not the odd one out, its slice's shape is:
those are counted as misfit and left off. So is what one slice has beyond its first few.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from domain.codec import columnar, record
from domain.market import Floats, Ints, OptionChain, Quotes
from quant.surface import SliceFit, Surface
from quant.svi.fit import SviSurface
from quant.svi.slice import SviSlice
from quant.vanilla.black import black76

MOST_A_SLICE = 3
_TICK = 0.05
_NEIGHBOURS = 2  # on each side
_CHEAP = 0.05  # an option worth less moves by ticks alone


@record
class Anomaly:
    """One quote out of line. Dollars a share; `spreads`: how many of its own spreads it lies beyond its near side."""

    contract: str
    row: int  # of the chain
    bid: float
    ask: float
    value: float  # what the surface makes of it
    spreads: float
    rich: bool  # the bid is above the surface; False: the ask is below it


@columnar
class Anomalies:
    """The odd quotes of a chain, worst first, and what was counted on the way."""

    found: tuple[Anomaly, ...]
    quotes: int  # judged
    outside: int  # of these, beyond bid or ask by more than a tick
    misfit: int  # beyond their own spread, but together with their neighbours
    capped: tuple[str, ...]  # slices with more anomalies than are listed
    note: str  # why nothing could be judged, or ""


def contract_name(chain: OptionChain, row: int) -> str:
    """Root, expiry, strike and right of a row: "SPXW 2019-06-21 2900 put"."""
    day, right = date.fromordinal(int(chain.expiry[row])), "call" if chain.is_call[row] else "put"
    return f"{chain.root[row]} {day} {chain.strike[row]:g} {right}"


def values(chain: OptionChain, one: SliceFit, fitted: SviSlice) -> Floats:
    """What the surface makes of each row of a slice, dollars a share, shape of `one.rows`."""
    strike, call = chain.strike[one.rows], chain.is_call[one.rows]
    price = fitted.price(strike, call)
    known = np.isfinite(one.row_iv)
    own = black76(one.forward, strike, one.t, np.where(known, one.row_iv, 0.0), one.discount, call)
    mid = 0.5 * (chain.bid[one.rows] + chain.ask[one.rows])
    return np.where(known, np.maximum(mid + price - own, 0.0), price)


def _excess(bid: Floats, ask: Floats, value: Floats) -> tuple[Floats, Floats]:
    """(dollars outside, negative: below the ask's side; in own spreads), 0 inside."""
    out = np.where(bid > value, bid - value, np.where(ask < value, ask - value, 0.0))
    return out, out / np.maximum(ask - bid, _TICK / 5.0)


def _alike(spreads: Floats, strike: Floats, call: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """Median excess, in spreads, of each quote's nearest neighbours of its kind, shape (n,)."""
    made = np.zeros(len(spreads))
    for kind in (True, False):
        at = np.flatnonzero(call == kind)
        at = at[np.argsort(strike[at], kind="stable")]
        for i, row in enumerate(at):
            beside = np.concatenate([at[max(i - _NEIGHBOURS, 0) : i], at[i + 1 : i + 1 + _NEIGHBOURS]])
            made[row] = float(np.median(spreads[beside])) if len(beside) else 0.0
    return made


def _judged(chain: OptionChain, one: SliceFit) -> Ints:
    """Rows of a slice with an ask and a bid that does not cross it; of American options the out-of-the-money ones."""
    bid, ask = chain.bid[one.rows], chain.ask[one.rows]
    sound = np.isfinite(bid) & np.isfinite(ask) & (ask > 0.0) & (ask >= bid) & (bid >= 0.0)
    outside = chain.is_call[one.rows] == (chain.strike[one.rows] >= one.forward)
    return np.asarray(np.flatnonzero(sound & (outside | (chain.exercise == "european"))), dtype=np.int64)


def anomalies(chain: OptionChain, surface: Surface, fitted: SviSurface) -> Anomalies:
    """The quotes of a chain that its arbitrage-free surface cannot explain."""
    if chain.quotes is Quotes.NONE:
        return Anomalies(found=(), quotes=0, outside=0, misfit=0, capped=(), note="the chain has no bid and ask")
    listed: list[Anomaly] = []
    capped: list[str] = []
    quotes = outside = misfit = 0
    for one in surface.slices:
        curve = fitted.find(one.root, one.expiry)
        if curve is None:
            continue
        at = _judged(chain, one)
        rows = one.rows[at]
        bid, ask, value = chain.bid[rows], chain.ask[rows], values(chain, one, curve)[at]
        out, spreads = _excess(bid, ask, value)
        beyond = np.abs(out) > _TICK
        odd = beyond & (np.abs(spreads) > 1.0) & (np.maximum(value, ask) > _CHEAP)
        beside = _alike(spreads, chain.strike[rows], chain.is_call[rows])
        alone = odd & (np.abs(spreads - beside) > 1.0) & (np.abs(beside) < 0.5 * np.abs(spreads))
        quotes, outside, misfit = quotes + len(rows), outside + int(beyond.sum()), misfit + int((odd & ~alone).sum())
        worst = np.flatnonzero(alone)
        worst = worst[np.argsort(-np.abs(spreads[worst]), kind="stable")]
        if len(worst) > MOST_A_SLICE:
            day = date.fromordinal(one.expiry)
            capped.append(f"{one.root} {day}: {len(worst) - MOST_A_SLICE} more; its quotes disagree with one another")
        listed += [
            Anomaly(
                contract=contract_name(chain, int(rows[i])),
                row=int(rows[i]),
                bid=float(bid[i]),
                ask=float(ask[i]),
                value=float(value[i]),
                spreads=float(abs(spreads[i])),
                rich=bool(out[i] > 0.0),
            )
            for i in worst[:MOST_A_SLICE]
        ]
    found = tuple(sorted(listed, key=lambda one: (-one.spreads, one.contract)))
    return Anomalies(found=found, quotes=quotes, outside=outside, misfit=misfit, capped=tuple(capped), note="")
