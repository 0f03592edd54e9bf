"""Open interest and volume of simulated contracts: one flow, seen twice.

Contracts flow into a strike in blocks of ten sessions, the more the nearer it is to the money when the block begins,
and are spread over the block's days by chance; a share of what is held flows out. Open interest is what stays, volume
is what is opened, closed and passed on in a day, and at least the change of the next day's open interest. Every figure
belongs to (seed, contract, session) and is found without the days before it. Now and then one large order is planted
(`prints`): it lifts that day's volume from its moment on, and the next day's open interest.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from tools.market.simulated.carry import YEAR_S
from tools.market.simulated.listings import coarse_step, listings, step
from tools.market.simulated.paths import grid, path
from tools.market.simulated.presets import PROFILES
from tools.randomness import uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BLOCK = 10  # sessions
_STAYS = 0.85  # of what is held, after a block
_OPENED = 0.8  # of a planted print
_PRINT_EVERY = 12  # sessions, on average


class Print(NamedTuple):
    """One large order of the plan."""

    session: int
    node: int  # the first node at which it shows in the volume
    root: str
    expiry: date
    strike: float
    is_call: bool
    contracts: int


class Contracts(NamedTuple):
    """What the crowd needs to know of each row. Arrays of shape (n,)."""

    ident: Ints  # names the contract
    strike: Floats
    is_call: NDArray[np.bool_]
    settles_at: Ints
    since: Ints  # session in which it could first be listed


def identity(strike: Floats, is_call: NDArray[np.bool_], expiry: Ints, weekly_root: NDArray[np.bool_]) -> Ints:
    """One integer for each contract, for chance that belongs to it."""
    cents = np.round(strike * 1000).astype(np.int64)
    return ((expiry * 2 + weekly_root) * 2 + is_call) * (1 << 28) + cents


def crowd(seed: int, ticker: str, rows: Contracts, session: int, through: float, node: int) -> tuple[Floats, Floats]:
    """(volume so far in the session, open interest at the prior close) in contracts, shape (n,) each."""
    about, walk, profile = grid(), path(seed, ticker), PROFILES[ticker]
    age = session - rows.since
    held = np.zeros(len(age))
    flow = np.zeros(len(age))
    width_year = np.sqrt(profile.law.average_variance(1.0))
    _, coarse = step(profile, float(walk.price[session, 0]))
    weight = profile.open_interest * np.where(np.isclose(np.remainder(rows.strike, 2 * coarse), 0), 4.0, 1.0)
    for block in range(int(age.max()) // BLOCK + 1):
        at = np.flatnonzero(age >= BLOCK * block)
        begun = rows.since[at] + BLOCK * block
        price = walk.price[begun, 0]
        left = np.maximum((rows.settles_at[at] - about.opens[begun]) / YEAR_S, 1 / 104)
        away = np.log(rows.strike[at] / price) / (width_year * np.sqrt(left))
        out = (away >= 0) == rows.is_call[at]
        size = np.abs(np.where(out, away, 1.6 * away))
        chance = ndtri(uniforms(seed, (ticker, "inflow", block), rows.ident[at]))
        inflow = weight[at] * np.exp(2.6 * chance - 3.3 - 1.1 * size * np.sqrt(np.minimum(size, 16.0)))
        ended = age[at] >= BLOCK * (block + 1)
        held[at] = np.where(ended, held[at] * _STAYS + inflow, held[at])
        flow[at] = inflow
    day = age % BLOCK
    opened, closed = (_shares(seed, ticker, rows, session, day, side) for side in (0, 1))
    gone = (1 - _STAYS) * held

    def after(place: int) -> Floats:
        return np.asarray(held - gone * closed[place] + flow * opened[place])

    interest, tomorrow = np.floor(after(0)), np.floor(after(1))
    bought, sold = flow * (opened[1] - opened[0]), gone * (closed[1] - closed[0])
    days = (rows.settles_at - about.opens[session]) / 86400
    passed = uniforms(seed, (ticker, "passed on", session), rows.ident)
    busy = 2.0 + 150 * np.exp(-days / 0.4)
    volume = np.floor(bought + sold + bought * busy * -np.log(passed))
    volume = np.maximum(volume, np.abs(tomorrow - interest))
    planted = np.zeros(len(age))
    for one in prints(seed, ticker):
        if one.session <= session:
            row = rows.ident == _identity_of(one)
            if one.session == session:
                planted[row] += one.contracts if node >= one.node else 0
            else:
                interest[row] += np.floor(_OPENED * one.contracts)
    return np.floor(volume * through) + planted, interest


def _shares(seed: int, ticker: str, rows: Contracts, session: int, day: Ints, side: int) -> tuple[Floats, Floats]:
    """Shares of the block's flow that came before this session and by its end, shape (n,) each."""
    before, total, own = np.zeros(len(day)), np.zeros(len(day)), np.zeros(len(day))
    for place in range(BLOCK):
        when = session - day + place
        u = uniforms(seed, (ticker, "day"), rows.ident, when)
        weight = -np.log(u if side == 0 else 1 - u)
        total += weight
        before += np.where(place < day, weight, 0.0)
        own += np.where(place == day, weight, 0.0)
    return before / total, (before + own) / total


@lru_cache(maxsize=16)
def prints(seed: int, ticker: str) -> tuple[Print, ...]:
    """The large orders planted in a ticker's options, oldest first."""
    about, walk, profile = grid(), path(seed, ticker), PROFILES[ticker]
    days = np.arange(len(about.days), dtype=np.int64)
    draws: list[Any] = [uniforms(seed, (ticker, "print", what), days) for what in range(6)]
    found: list[Print] = []
    deviation = float(np.sqrt(profile.law.average_variance(1.0)))
    for session in np.flatnonzero(draws[0] < 1 / _PRINT_EVERY).tolist():
        _, which, moneyness, side, size, when = (float(draw[session]) for draw in draws)
        day = date.fromordinal(int(about.days[session]))
        open_now = listings(ticker, day, int(about.opens[session]))
        months = [item for item in open_now if item.monthly and 18 <= (item.expiry - day).days <= 80]
        if not months:
            continue
        listing = months[int(which * len(months))]
        is_call = side < 0.5
        apart = (0.3 + 1.0 * moneyness) * deviation * np.sqrt((listing.expiry - day).days / 365)
        spot = float(walk.price[session, 0])
        each = coarse_step(seed, ticker, listing)
        strike = round(spot * float(np.exp(apart if is_call else -apart)) / each) * each
        node = 1 + int(when * (int(about.steps[session]) - 2))
        contracts = int(profile.open_interest * (6 + 14 * size) / 10) * 10
        found.append(Print(session, node, listing.root, listing.expiry, strike, is_call, contracts))
    return tuple(found)


def _identity_of(one: Print) -> int:
    return int(
        identity(
            np.array([one.strike]),
            np.array([one.is_call]),
            np.array([one.expiry.toordinal()]),
            np.array([one.root.endswith("W")]),
        )[0]
    )
