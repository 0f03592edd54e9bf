"""A chain against the one known before it: copies of an earlier day, and quotes that stood still while prices moved."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from domain.errors import BadInput
from domain.market import Bools, Ints, OptionChain, Quotes
from quant.vanilla.clock import YEAR_S
from tools import sessions
from tools.market.quality.arbitrage import DAY, Terms
from tools.market.quality.contracts import keys, matched

COPY_MATCHED = 0.9  # two chains compare when this share of the smaller one's contracts is in both
COPY_EQUAL = 0.99  # of those contracts, equal in every number: chance equals a few quiet ones, never all
TICK = 0.05  # dollars; a quote may round back to where it was
VOL_MOVE = 0.25  # of itself in a day: two standard deviations of at-the-money volatility
WING_VOL = 1.5  # of the volatility at the money: the skew is steeper than nothing, and more vega spares more rows


class Twin(NamedTuple):
    """The keys of a chain's rows, and for each its row in the previous chain, -1 where it has none. Arrays (n,)."""

    previous: OptionChain
    key: Ints
    row: Ints


def twin(chain: OptionChain, previous: OptionChain | None) -> Twin | None:
    """The previous chain, where it may be compared: quoted earlier, in the same session or the one before."""
    if previous is None or len(previous) == 0 or previous.quoted_at >= chain.quoted_at:
        return None
    day, before = _day(chain), _day(previous)
    try:
        near = before >= sessions.previous(day)
    except BadInput:
        return None
    if not near:
        return None
    now, then = keys(chain, previous)
    return Twin(previous, now, matched(now, then))


def unchanged(chain: OptionChain, pair: Twin) -> bool:
    """True when a chain says in every number what the previous one said: quotes, volumes, price of the underlying.

    Of a source without quotes the last prices and its volatilities are compared instead.
    """
    import numpy as np

    rows = np.flatnonzero(pair.row >= 0)
    if chain.spot != pair.previous.spot or len(rows) < COPY_MATCHED * min(len(chain), len(pair.previous)):
        return False
    names = ("last", "vendor_iv") if chain.quotes is Quotes.NONE else ("bid", "ask")
    equal = np.ones(len(rows), dtype=np.bool_)
    said = np.zeros(len(rows), dtype=np.bool_)
    for name in (*names, "volume"):
        now, then = getattr(chain, name)[rows], getattr(pair.previous, name)[pair.row[rows]]
        equal &= (now == then) | (np.isnan(now) & np.isnan(then))
        said |= now > 0
    return bool(said.any() and equal[said].mean() >= COPY_EQUAL)


def stale(chain: OptionChain, pair: Twin, known: Terms) -> Bools:
    """Rows whose quote stood still although the underlying moved their value out of it, (n,).

    |delta dS| > spread + TICK + |theta| dt + |vega| dsigma, with bid and ask as in the previous chain (a missing bid is
    zero): dsigma is as much as volatility may have moved between the two. An option that keeps both sides to the cent
    through such a move has not been quoted anew. Greeks are Black's (1976) at WING_VOL times the volatility at the
    money, and the source's delta where that is smaller; without either a row is not judged.
    """
    import numpy as np
    from scipy.special import ndtr

    held = pair.row >= 0
    then = np.where(held, pair.row, 0)
    same = np.ones(len(chain), dtype=np.bool_)
    for name in ("bid", "ask"):
        now, before = getattr(chain, name), getattr(pair.previous, name)[then]
        same &= (now == before) | (np.isnan(now) & np.isnan(before))
    years = (chain.quoted_at - pair.previous.quoted_at).total_seconds() / YEAR_S
    t = np.maximum(known.t, DAY)
    sigma = WING_VOL * known.atm
    width = sigma * np.sqrt(t)
    d1 = np.log(known.forward / chain.strike) / width + 0.5 * width
    narrow = np.log(known.forward / chain.strike) / (known.atm * np.sqrt(t))
    sign = np.where(chain.is_call, 1.0, -1.0)
    delta = np.fmin(np.minimum(ndtr(sign * d1), ndtr(sign * narrow)), np.abs(chain.vendor_delta))
    vega = known.discount * known.forward * np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi) * np.sqrt(t)
    decay = vega * sigma / (2.0 * t) * years
    shift = vega * sigma * VOL_MOVE * np.sqrt(years / DAY)
    spread = chain.ask - np.nan_to_num(chain.bid, nan=0.0)
    move = chain.spot - pair.previous.spot
    moved = delta * abs(move)
    moved = np.where(sign * move < 0, np.minimum(moved, chain.ask), moved)  # no option loses more than it was worth
    return np.asarray(held & same & (moved > spread + TICK + decay + shift), dtype=np.bool_)


def _day(chain: OptionChain) -> date:
    return chain.quoted_at.astimezone(sessions.NEW_YORK).date()
