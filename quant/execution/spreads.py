"""A spread model: what bids and asks would stand around a fair value, by moneyness, time left and kind of underlying.

A cell is a kind x calendar days to settlement x moneyness x = |ln(K/F)| / (sigma sqrt(t)) of the out-of-the-money
option; it holds the median full spread as a share of the mid and the share of quotes that nobody bids for. A spread is
never narrower than so many ticks. An option in the money is as wide as the one of its strike out of the money, and
wider by a share of what it is worth more. `with_model_quotes` puts such quotes around the values of the source's own
implied volatilities, and the chain says so: Quotes.MODEL, for paper alone.
"""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import NamedTuple

import numpy as np

from domain.codec import record
from domain.errors import BadInput
from domain.market import Bools, Exercise, Floats, Ints, Kind, OptionChain, Quotes
from quant.surface import SliceFit, Surface
from quant.vanilla.black import black76

VERSION = 1
DAYS = (0, 8, 36, 96, 401)  # edges of the buckets in calendar days; the last holds beyond them too
MONEYNESS = (0.0, 0.5, 1.0, 1.5, 2.5, 4.0)  # edges in standard deviations; the last holds beyond them too
_PENNY = frozenset({"SPY", "QQQ", "IWM", "XSP"})  # quoted in cents at any price
_LOW = 3.0  # dollars a share under which the smaller tick holds
_TICKS = {Kind.INDEX: (0.05, 0.10), Kind.ETF: (0.01, 0.05), Kind.STOCK: (0.01, 0.05), Kind.FUTURE: (0.05, 0.25)}


@record
class SpreadCell:
    """One cell: the median spread as a share of the mid, and the share of quotes without a bid, over `n` quotes."""

    share: float
    unbid: float
    n: int  # two-sided quotes that made it; below a minimum it leans on its neighbours


@record
class KindSpreads:
    """The cells of one kind of underlying, days by days, in each of them moneyness by moneyness."""

    kind: Kind
    cells: tuple[SpreadCell, ...]
    floor_ticks: int
    inside_share: float  # of what an option in the money is worth more than its counterpart: how much wider it is
    error: float | None  # median |ln(predicted / quoted spread)| on quotes held out; None: nothing to hold out
    held_out: str  # what was


@record
class SpreadModel:
    """A fitted model, and what it was fitted on."""

    name: str
    version: int
    sets: tuple[str, ...]
    first: date
    last: date
    chains: int
    quotes: int
    kinds: tuple[KindSpreads, ...]

    def of(self, kind: Kind) -> KindSpreads:
        """The cells of a kind. Raises BadInput where none of the fitted quotes were of it."""
        for one in self.kinds:
            if one.kind is kind:
                return one
        raise BadInput(
            f"the spread model {self.name} knows no {kind} quotes, only {', '.join(one.kind for one in self.kinds)}: "
            f"fit one on sets that hold some, `parley data spreads fit NAME --set SET`"
        )

    def text(self) -> str:
        """What stands on every chain whose quotes it made."""
        return f"{self.name}: fitted on {', '.join(self.sets)}, {self.quotes:,} quotes to {self.last}"


class Spread(NamedTuple):
    """Full spread in dollars a share and whether anybody bids, shape (n,)."""

    width: Floats
    bid_for: Bools


def days_left(t: Floats | float) -> Ints:
    """Calendar days to a settlement `t` years ahead, as days are listed: a morning settlement counts its whole day."""
    return np.floor(np.asarray(t, dtype=np.float64) * 365.0 + 0.3).astype(np.int64)


def cell_of(days: Ints | int, moneyness: Floats) -> Ints:
    """Index of each option's cell, shape (n,); the last buckets hold beyond their ends."""
    row = np.clip(np.searchsorted(DAYS, np.asarray(days), side="right") - 1, 0, len(DAYS) - 2)
    column = np.clip(np.searchsorted(MONEYNESS, moneyness, side="right") - 1, 0, len(MONEYNESS) - 2)
    return np.asarray(row * (len(MONEYNESS) - 1) + column, dtype=np.int64)


def tick(ticker: str, kind: Kind, price: Floats) -> Floats:
    """Smallest step of a quote at each price: cents below 3 dollars and nickels above, indices nickels and dimes.

    Cboe Rule 5.4; names outside the exchanges' penny programme, where steps are larger, are not told apart.
    """
    low, high = (0.01, 0.01) if ticker in _PENNY else _TICKS[kind]
    return np.where(price < _LOW, low, high)


def spread_of(fitted: KindSpreads, ticker: str, cell: Ints, value: Floats) -> Spread:
    """Spreads of out-of-the-money options of a value (dollars a share), by their cells; shapes (n,)."""
    share = np.array([one.share for one in fitted.cells])[cell]
    unbid = np.array([one.unbid for one in fitted.cells])[cell]
    width = np.maximum(share * value, fitted.floor_ticks * tick(ticker, fitted.kind, value))
    return Spread(width, unbid <= 0.5)


def around(value: Floats, width: Floats, step: Floats, bid_for: Bools) -> tuple[Floats, Floats]:
    """(bid, ask) around a fair value: the width rounded up to whole ticks, on the grid, mid nearest to the value.

    Never negative, never crossed; where the bid would be under one tick, or nobody bids, it is 0 and the ask covers
    half of the width, one tick at least.
    """
    ticks = np.maximum(np.ceil(width / step - 1e-9), 1.0)
    bid = np.round((value - 0.5 * ticks * step) / step)
    whole = (bid >= 1.0) & bid_for
    lone = np.maximum(np.ceil((value + 0.5 * width) / step - 1e-9), 1.0)
    ask = np.where(whole, bid + ticks, lone)
    return np.round(np.where(whole, bid, 0.0) * step, 4), np.round(ask * step, 4)


def _strike_vols(one: SliceFit, strike: Floats, call: Bools, iv: Floats) -> tuple[Floats, Bools]:
    """(volatility of each row's strike, whether the row is out of the money): that of the option out of the money
    where it has one, else the row's own.
    """
    outside = np.where(call, strike >= one.forward, strike < one.forward)
    levels, where = np.unique(strike, return_inverse=True)
    vols = np.full(len(levels), np.nan)
    told = outside & np.isfinite(iv)
    vols[where[told]] = iv[told]
    shared = vols[where]
    return np.where(np.isfinite(shared), shared, iv), outside


def with_model_quotes(chain: OptionChain, surface: Surface, model: SpreadModel, kind: Kind) -> OptionChain:
    """The chain with bids and asks made around the values of its own volatilities (`surface`, of this very chain).

    Calls and puts of a strike share one volatility, so parity holds to the tick; American options are worth their
    intrinsic value at least. Rows without a usable volatility stay unquoted. Raises BadInput for a chain that has
    quotes, and for a kind that the model was not fitted on.
    """
    if chain.quotes is not Quotes.NONE:
        raise BadInput(f"{chain.ticker}: the chain has quotes; a spread model is for chains that have none")
    fitted = model.of(kind)
    later = "; some are later than this chain" if model.last > chain.quoted_at.date() else ""
    bid, ask = np.full(len(chain), np.nan), np.full(len(chain), np.nan)
    for one in surface.slices:
        strike, call = chain.strike[one.rows], chain.is_call[one.rows]
        vol, outside = _strike_vols(one, strike, call, one.row_iv)
        known = np.isfinite(vol)
        rows, strike, call, vol, outside = one.rows[known], strike[known], call[known], vol[known], outside[known]
        value = black76(one.forward, strike, one.t, vol, one.discount, call)
        bare = np.where(outside, value, black76(one.forward, strike, one.t, vol, one.discount, ~call))
        if chain.exercise is Exercise.AMERICAN:
            value = np.maximum(value, np.where(call, chain.spot - strike, strike - chain.spot))
        k = np.log(strike / one.forward)
        cell = cell_of(days_left(one.t), np.abs(k) / (one.vol(k) * np.sqrt(one.t)))
        spread = spread_of(fitted, chain.ticker, cell, bare)
        width = spread.width + fitted.inside_share * np.maximum(value - bare, 0.0)
        step = tick(chain.ticker, kind, value)
        bid[rows], ask[rows] = around(value, width, step, spread.bid_for | ~outside)
    return dataclasses.replace(
        chain,
        bid=bid,
        ask=ask,
        quotes=Quotes.MODEL,
        spread_model=model.text() + later,
        source=f"{chain.source}, quotes of spread model {model.name}",
    )
