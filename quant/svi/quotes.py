"""What a slice's smile is fitted to: its out-of-the-money quotes as volatilities, with the error of each.

A quote's error is half its spread over its vega, so that weights follow both; nothing is believed closer than
`FLOOR_VOL`. A chain without quotes gives the vendor's volatilities under the stated spread of `quant.surface`: a cent
and 1.2 % exp(1.15 x) of the value, x = |k| / (sigma sqrt(t)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.market import Bools, OptionChain, Quotes
from quant.surface import SliceFit
from quant.vanilla.black import black76

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Ints = np.ndarray[tuple[int], np.dtype[np.int64]]

FLOOR_VOL = 0.0025  # a quarter of a vol point: what five parameters cannot promise anyway
LIQUID_QUOTES = 15
LIQUID_VOL = 0.01  # median half-spread of the quotes within one deviation of the forward
_WIDE = 0.5  # a spread over this share of the mid says little ...
_TICKS, _NEAR = 0.15, 2.0  # ... unless it is only this many dollars, within so many deviations
_CENT, _SHARE, _GROWTH = 0.01, 0.012, 1.15
_MOST_VOL = 2.0
_ROOT_2PI = 2.5066282746310002


class SmileQuotes(NamedTuple):
    """The quotes that carry a slice, ascending in k; shapes (n,). `row`: of the chain; `half`: half-spread in vol."""

    row: Ints
    k: Floats
    vol: Floats
    half: Floats
    liquid: bool
    senseless: int = 0  # left out: dearer than an option nearer the money

    @property
    def weight(self) -> Floats:
        """1 / error squared."""
        return np.asarray(1.0 / (self.half**2 + FLOOR_VOL**2))


def vega(k: Floats, sd: Floats, one: SliceFit) -> Floats:
    """Dollars a share per 1.00 of volatility, Black (1976)."""
    d1 = -k / sd + 0.5 * sd
    return np.asarray(one.discount * one.forward * np.exp(-0.5 * d1 * d1) / _ROOT_2PI * np.sqrt(one.t))


def spreads(chain: OptionChain, one: SliceFit) -> Floats:
    """Spread of each row of a slice in dollars, quoted or stated; NaN where there is neither. Shape of `one.rows`."""
    rows = one.rows
    if chain.quotes is not Quotes.NONE:
        bid, ask = chain.bid[rows], chain.ask[rows]
        return np.where((bid > 0.0) & (ask >= bid), ask - bid, np.nan)
    strike = chain.strike[rows]
    with np.errstate(invalid="ignore", over="ignore"):
        x = np.abs(np.log(strike / one.forward)) / (one.row_iv * np.sqrt(one.t))
        value = black76(one.forward, strike, one.t, one.row_iv, one.discount, chain.is_call[rows])
        stated = _CENT + _SHARE * np.exp(np.minimum(_GROWTH * x, 5.0)) * value
    return np.where(value >= _CENT, stated, np.nan)


def _believed(chain: OptionChain, rows: Ints, spread: Floats, distance: Floats) -> Bools:
    if chain.quotes is Quotes.NONE:
        return np.isfinite(spread)
    mid = 0.5 * (chain.bid[rows] + chain.ask[rows])
    with np.errstate(invalid="ignore"):
        return np.asarray((spread <= _WIDE * mid) | ((spread <= _TICKS) & (distance < _NEAR)))


def _sensible(k: Floats, value: Floats, slack: Floats) -> Bools:
    """Where an out-of-the-money value does not exceed one nearer the money by more than its slack; shapes (n,)."""
    keep = np.ones(len(k), dtype=bool)
    for side in (np.flatnonzero(k < 0.0), np.flatnonzero(k >= 0.0)):
        order = side[np.argsort(np.abs(k[side]), kind="stable")]
        nearer = np.concatenate([[np.inf], np.minimum.accumulate(value[order])[:-1]])
        keep[order] = value[order] <= nearer + slack[order]
    return keep


def smile_quotes(chain: OptionChain, one: SliceFit) -> SmileQuotes:
    """The believable out-of-the-money quotes of a slice."""
    rows, vol = one.rows, one.row_iv
    k = np.log(chain.strike[rows] / one.forward)
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = vol * np.sqrt(one.t)
        distance = np.abs(k) / sd
        spread = spreads(chain, one)
        half = np.minimum(0.5 * spread / np.maximum(vega(k, sd, one), 1e-9), _MOST_VOL)
        outside = np.where(chain.is_call[rows], k >= 0.0, k < 0.0)
        use = np.flatnonzero(outside & (vol > 0.0) & np.isfinite(half) & _believed(chain, rows, spread, distance))
    use = use[np.argsort(k[use], kind="stable")]
    value = black76(one.forward, chain.strike[rows[use]], one.t, vol[use], one.discount, chain.is_call[rows[use]])
    slack = np.zeros(len(use)) if chain.quotes is Quotes.NONE else 0.5 * spread[use]
    kept = _sensible(k[use], value, slack)
    senseless = int(np.sum(~kept))
    use = use[kept]
    near = half[use][distance[use] <= 1.0]
    tight = chain.quotes is Quotes.NONE or (len(near) > 0 and float(np.median(near)) <= LIQUID_VOL)
    liquid = bool(len(use) >= LIQUID_QUOTES and tight)
    return SmileQuotes(
        np.asarray(rows[use]), np.asarray(k[use]), np.asarray(vol[use]), np.asarray(half[use]), liquid, senseless
    )
