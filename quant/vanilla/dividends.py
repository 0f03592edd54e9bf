"""Known cash dividends: which there are, the escrowed spot, and American options across them.

The escrowed model: what is left of the spot after the present value of the dividends before expiry, S* = S - PV,
follows Black and Scholes, and the forward is S* e^{rt}. A European option is priced on S* as it stands. An American one
is not: exercise brings S* plus what is still to be paid, so that a call is exercised just before an ex-date and a put
just after one. Pricing it on S* alone misses that (a put deep in the money by the whole PV), and a yield that gives the
same forward misses less. Here a binomial tree of S* knows it, with its own European value as control.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from domain.market import ActionKind, Calendar, EventKind, Instrument
from quant.vanilla.black import price as european
from quant.vanilla.clock import years

Floats = NDArray[np.float64]

_NEW_YORK = ZoneInfo("America/New_York")
STEPS = 400


class Dividends(NamedTuple):
    """Cash dividends ahead: years to each ex-date's open, ascending, and dollars a share; shapes (n,).

    `unsized`: how many ex-dates ahead are known without an amount. They are left out, never guessed.
    """

    t: Floats
    amount: Floats
    unsized: int = 0


def known_dividends(instrument: Instrument, calendar: Calendar, as_of: datetime, until: datetime) -> Dividends:
    """The dividends that go ex after `as_of` and by `until`, as known at `as_of`: announced amounts only."""
    ahead = {
        action.day: action.amount
        for action in instrument.actions
        if action.kind is ActionKind.DIVIDEND and action.known_at <= as_of
    }
    for event in calendar.events:
        if event.kind is EventKind.EX_DIVIDEND and event.known_at <= as_of:
            ahead.setdefault(event.day, None)
    opens = {day: datetime.combine(day, time(9, 30), _NEW_YORK) for day in ahead}
    days = sorted(day for day in ahead if as_of < opens[day] <= until)
    sized = [(years(as_of, int(opens[day].timestamp())), amount) for day in days if (amount := ahead[day]) is not None]
    return Dividends(np.array([t for t, _ in sized]), np.array([cash for _, cash in sized]), len(days) - len(sized))


def escrowed_spot(spot: ArrayLike, t: ArrayLike, r: ArrayLike, dividends: Dividends) -> Floats:
    """Spot less the present value of the dividends up to `t`, shapes broadcast. The forward is it times e^{rt}."""
    s, until, rate = np.broadcast_arrays(*(np.asarray(item, dtype=np.float64) for item in (spot, t, r)))
    before = dividends.t <= until[..., None]
    worth = np.where(before, dividends.amount * np.exp(-rate[..., None] * dividends.t), 0.0)
    return np.asarray(s - worth.sum(axis=-1), dtype=np.float64)


def price(
    spot: ArrayLike,
    strike: ArrayLike,
    t: ArrayLike,
    sigma: ArrayLike,
    r: ArrayLike,
    dividends: Dividends,
    is_call: ArrayLike,
    steps: int = STEPS,
) -> Floats:
    """American options with known cash dividends in the escrowed model; `sigma` is that of S*. Shapes broadcast.

    J. Cox, S. Ross and M. Rubinstein's tree (1979) of S*, around its forward; the tree's own European value gives way
    to Black and Scholes's. At 400 steps within 1e-4 of the spot, root mean square 2e-5. NaN for a negative or missing
    input, a time or volatility of 0, and dividends worth more than the spot.
    """
    raw = (np.asarray(item, dtype=np.float64) for item in (spot, strike, t, sigma, r))
    arrays = np.broadcast_arrays(*raw, np.asarray(is_call, dtype=bool))
    s, k, until, vol, rate, call = (np.ascontiguousarray(item).reshape(-1) for item in arrays)
    bare = escrowed_spot(s, until, rate, dividends)
    good = (bare > 0.0) & (k > 0.0) & (until > 0.0) & (vol > 0.0) & np.isfinite(rate + vol + until + k + bare)
    value = np.full(s.shape, np.nan)
    if good.any():
        from quant.vanilla import dividend_kernel

        extra = np.empty(int(good.sum()))
        columns = (np.ascontiguousarray(item[good]) for item in (bare, k, until, vol, rate, call))
        cash = (np.ascontiguousarray(item, dtype=np.float64) for item in (dividends.t, dividends.amount))
        dividend_kernel.premiums(*columns, *cash, steps, extra)
        value[good] = extra + european(bare[good], k[good], until[good], vol[good], rate[good], 0.0, call[good])
        value[good] = np.maximum(value[good], np.where(call, s - k, k - s)[good])
    return value.reshape(arrays[0].shape)
