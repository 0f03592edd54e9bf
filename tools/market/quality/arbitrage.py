"""Quotes against what no model is needed for: bounds on one option's value, and put-call parity of two.

European: C - P = D (F - K) (H. R. Stoll, 1969). American: S - PV(dividends) - K <= C - P <= S - K D (R. C. Merton,
1973). Intervals are executable: the value of a row lies between its bid and its ask, a missing bid being 0 and a
missing ask infinity.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.market import Bools, Floats, Ints, OptionChain, RateCurve
from quant.vanilla.black import black76
from quant.vanilla.clock import YEAR_S
from quant.vanilla.forwards import Slice
from tools.market.quality.contracts import european, pairs

HIGHEST_VOL = 5.0  # 500 %: above it a quote or a source's volatility is an error
LOWEST_VOL = 0.001  # 0.1 %: sources write next to nothing where they found none
DAY = 1.0 / 365.0  # shortest life a bound is reckoned for: in the last hours a cent is 500 %

SLACK = 0.05  # dollars, one tick of the dearer options
SLACK_SHARE = 0.0005  # of the underlying: option quotes and its price are never of one instant
PARITY_SHARE = 0.0002  # of the underlying, in European parity: there the forward comes from the quotes themselves
RATE_DOUBT = 0.01  # a year: how far the rate of one expiration may be off, e.g. financing dearer than Treasuries
CARRY_DOUBT = 0.04  # a year: dividends and borrowing fees that nobody told us of
BOTH_NEAR = 0.03  # of the forward: within it calls and puts are quoted alike
DIVIDEND = 0.01  # of the underlying: one that nobody told us of
UNKNOWN_RATE = 0.10  # where there is no rates curve, D is only known to be above that of this rate


class Terms(NamedTuple):
    """What each row is held against. Arrays (n,); forward and volatility are NaN where parity gives no slice."""

    t: Floats
    forward: Floats
    discount: Floats
    atm: Floats  # volatility at the money, roughly
    low: float  # price of the underlying: the lower of the displayed one and that which parity implies
    high: float


def terms(chain: OptionChain, slices: tuple[Slice, ...], rates: RateCurve | None, implied: float) -> Terms:
    """Terms of every row; where parity gives no forward, that is NaN and only the bounds on spot hold."""
    import numpy as np

    t = np.asarray((chain.settles_at - chain.quoted_at.timestamp()) / YEAR_S, dtype=np.float64)
    forward, discount, atm = (np.full(len(chain), np.nan) for _ in range(3))
    for one in slices:
        forward[one.rows], discount[one.rows] = one.forward, one.discount
        atm[one.rows] = _at_the_money(chain, one)
    unknown = np.flatnonzero(np.isnan(discount))
    if len(unknown):
        moments, at = np.unique(t[unknown], return_inverse=True)
        each = [np.exp(-(UNKNOWN_RATE if rates is None else rates.at(float(years))) * years) for years in moments]
        discount[unknown] = np.array(each)[at]
    return Terms(t, forward, discount, atm, min(chain.spot, implied), max(chain.spot, implied))


def _at_the_money(chain: OptionChain, one: Slice) -> float:
    """Volatility of the out-of-the-money quote nearest the forward, by C ~ D (F sigma sqrt(t / 2 pi) - |F - K| / 2)."""
    import numpy as np

    rows = one.rows
    out = (chain.strike[rows] >= one.forward) == chain.is_call[rows]
    mid = 0.5 * (chain.bid[rows] + chain.ask[rows])
    usable = rows[out & (mid > 0)]
    if len(usable) == 0:
        return float("nan")
    nearest = usable[int(np.argmin(np.abs(chain.strike[usable] - one.forward)))]
    value = 0.5 * (chain.bid[nearest] + chain.ask[nearest]) / one.discount
    value += 0.5 * abs(chain.strike[nearest] - one.forward)
    return float(value * np.sqrt(2.0 * np.pi / one.t) / one.forward)


def absurd(chain: OptionChain, known: Terms) -> Bools:
    """Rows whose bid is above any value the option can have, or whose ask is below the least, (n,).

    Above: the underlying (call) or the strike (put), or the value at 500 % volatility. Below: the discounted intrinsic
    value on the forward; for American options what exercise pays now, too.
    """
    import numpy as np

    call, strike = chain.is_call, chain.strike
    slack = SLACK + SLACK_SHARE * chain.spot
    forward = np.where(np.isnan(known.forward), known.high / known.discount, known.forward)
    wild = black76(forward, strike, np.maximum(known.t, DAY), HIGHEST_VOL, known.discount, call)
    most = np.where(call, np.maximum(known.high, forward * known.discount), strike)
    if european(chain):
        most = np.minimum(most, wild)
    else:
        now = np.where(call, known.high - strike, strike - known.low)
        most = np.minimum(most, np.maximum(wild, now))
    doubt = RATE_DOUBT * np.maximum(known.t, 0.0) * np.abs(known.forward - strike)
    least = known.discount * np.where(call, known.forward - strike, strike - known.forward) - doubt
    least = np.nan_to_num(least, nan=0.0)
    if not european(chain):
        least = np.maximum(least, np.where(call, known.low - strike, strike - known.high))
    return np.asarray((chain.bid > most + slack) | (chain.ask < least - slack), dtype=np.bool_)


def off_parity(chain: OptionChain, key: Ints, known: Terms) -> Bools:
    """Rows of calls and puts whose quotes leave no room for parity (European) or for its bounds (American), (n,).

    The one in the money is named: it is intrinsic value plus the other, is quoted last and least, and carries the
    slower quote. Near the money, where they are quoted alike, both are named.
    """
    import numpy as np

    c, p = pairs(key)
    bid, ask = np.nan_to_num(chain.bid, nan=0.0, posinf=np.inf), np.where(chain.ask > 0, chain.ask, np.inf)
    lowest, highest = bid[c] - ask[p], ask[c] - bid[p]
    strike, t = chain.strike[c], np.maximum(known.t[c], 0.0)
    forward, discount = known.forward[c], known.discount[c]
    if european(chain):
        level = discount * (forward - strike)
        doubt = SLACK + PARITY_SHARE * chain.spot + RATE_DOUBT * t * np.abs(forward - strike)
        off = (lowest > level + doubt) | (highest < level - doubt)
    else:
        slack = SLACK + SLACK_SHARE * chain.spot
        escrowed = np.nan_to_num(discount * forward, nan=known.low)
        unknown = known.low - chain.spot * (DIVIDEND + CARRY_DOUBT * t)
        least = np.minimum(unknown, escrowed) - strike
        most = np.maximum(known.high, escrowed) - strike * discount * (1.0 - RATE_DOUBT * t)
        off = (lowest > most + slack) | (highest < least - slack)
    named = np.zeros(len(chain), dtype=np.bool_)
    if not off.any():
        return named
    middle = np.nan_to_num(forward, nan=chain.spot)
    near = np.abs(strike / middle - 1.0) <= BOTH_NEAR
    named[c[off & (near | (strike <= middle))]] = True
    named[p[off & (near | (strike >= middle))]] = True
    return named


def out_of_order(chain: OptionChain, slices: tuple[Slice, ...]) -> Bools:
    """Out-of-the-money rows dearer than two of their side that lie nearer the money, (n,).

    A call is worth no more than one of a lower strike, a put no more than one of a higher: a bid above such an ask is
    an error of one of the two, and above two of them it is the farther row's. It is what is left of a price from before
    a split once its partner in parity is gone.
    """
    import numpy as np

    named = np.zeros(len(chain), dtype=np.bool_)
    asks = np.where(chain.ask > 0, chain.ask, np.inf)
    for one in slices:
        call, strike = chain.is_call[one.rows], chain.strike[one.rows]
        for side in (call & (strike >= one.forward), ~call & (strike <= one.forward)):
            rows = one.rows[side]
            rows = rows[np.argsort(np.abs(chain.strike[rows] - one.forward), kind="stable")]
            if len(rows) < 3:
                continue
            lowest = np.minimum.accumulate(asks[rows])
            second = np.minimum.accumulate(np.maximum(asks[rows][1:], lowest[:-1]))
            named[rows[2:]] = chain.bid[rows[2:]] > second[:-1] + SLACK
    return named
