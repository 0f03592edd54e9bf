"""Which simulated contracts are listed: expirations by the exchange calendar, strikes that never vanish once listed."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tools import sessions
from tools.market.simulated.paths import grid, path
from tools.market.simulated.presets import FIRST, LAST, PROFILES, Profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DAILY_DAYS, _WEEKLY_DAYS, _MONTH_END_DAYS, _MONTHLY_DAYS, _LONG_DAYS = 14, 56, 190, 365, 900
_LONG_MONTHS = (1, 6, 12)
_FINE_DAYS = 56  # the fine strike grid begins this long before an expiration; a ticker with dailies has it for longer
_NEAR = 0.18  # and reaches this far beyond the prices seen since


class Listing(NamedTuple):
    """One expiration of one root."""

    root: str
    expiry: date
    settles_at: int  # epoch seconds
    listed: date  # first day it trades
    monthly: bool


@lru_cache(maxsize=16)
def _calendar(ticker: str) -> tuple[Listing, ...]:
    """All listings that ever trade in the simulated span, by expiry: Fridays (or the session before), and dailies."""
    ahead: dict[date, int] = {}
    day = date(2021, 7, 2)  # a Friday
    last = LAST + timedelta(days=_LONG_DAYS + 31)
    while day <= last:
        expiry = sessions.on_or_before(day)
        monthly = sessions.is_standard_expiry(expiry)
        ahead[expiry] = (_LONG_DAYS if expiry.month in _LONG_MONTHS else _MONTHLY_DAYS) if monthly else _WEEKLY_DAYS
        day += timedelta(days=7)
    if PROFILES[ticker].dailies:
        every = sessions.between(FIRST, LAST + timedelta(days=_MONTH_END_DAYS))
        for expiry, following in zip(every, (*every[1:], None), strict=True):
            ends = following is not None and following.month != expiry.month
            ahead[expiry] = max(ahead.get(expiry, 0), _MONTH_END_DAYS if ends else _DAILY_DAYS)
    found: list[Listing] = []
    for expiry in sorted(ahead):
        monthly = sessions.is_standard_expiry(expiry)
        roots = [ticker]
        if PROFILES[ticker].is_index:
            roots = [ticker, f"{ticker}W"] if monthly else [f"{ticker}W"]
        for root in roots:
            settles = int(sessions.settles_at(root, expiry).timestamp())
            found.append(Listing(root, expiry, settles, expiry - timedelta(days=ahead[expiry]), monthly))
    return tuple(found)


def listings(ticker: str, day: date, moment: int) -> tuple[Listing, ...]:
    """What is listed on a day and not settled at the moment (epoch seconds)."""
    return tuple(item for item in _calendar(ticker) if item.listed <= day and item.settles_at > moment)


class Strikes(NamedTuple):
    """Strikes of a listing at a moment, ascending, shape (n,), and the session in which each could first be listed."""

    strike: Floats
    since: NDArray[np.int64]


def strikes(seed: int, ticker: str, listing: Listing, session: int, node: int) -> Strikes:
    """Strikes of an expiration: coarse from the day it was listed, fine in its last months.

    The steps follow the price at which each grid began, the reach the volatility; a wider range of prices and a higher
    volatility only add strikes, so a contract that was listed stays listed until it settles.
    """
    profile, days = PROFILES[ticker], grid().days
    fine_day = fine_from(listing, profile)
    listed, near = (int(np.searchsorted(days, day.toordinal())) for day in (listing.listed, fine_day))
    low, high = _span(seed, ticker, listed, session, node)
    _, wide = step(profile, _price_at(seed, ticker, listed))
    down, up = _reach(seed, ticker, listing, listed, session)
    coarse = _multiples(wide, low * down, high * up)
    if near > session:
        return Strikes(coarse, np.full(len(coarse), listed))
    low, high = _span(seed, ticker, near, session, node)
    narrow, _ = step(profile, _price_at(seed, ticker, near))
    fine = _multiples(narrow, low * max(down, 1 - _NEAR), high * min(up, 1 + _NEAR))
    held = np.union1d(coarse, fine)
    return Strikes(held, np.where(np.isin(held, coarse), listed, near))


def fine_from(listing: Listing, profile: Profile) -> date:
    """The day on which an expiration gets its fine grid."""
    ahead = _MONTH_END_DAYS if profile.dailies else _FINE_DAYS
    return max(listing.listed, listing.expiry - timedelta(days=ahead))


def coarse_step(seed: int, ticker: str, listing: Listing) -> float:
    """Distance between the strikes that an expiration has from the day it was listed."""
    listed = int(np.searchsorted(grid().days, listing.listed.toordinal()))
    return step(PROFILES[ticker], _price_at(seed, ticker, listed))[1]


def step(profile: Profile, price: float) -> tuple[float, float]:
    """(fine, coarse) distance between strikes for an underlying at a price."""
    return next((fine, coarse) for below, fine, coarse in profile.strike_steps if price < below)


def _price_at(seed: int, ticker: str, session: int) -> float:
    return float(path(seed, ticker).price[session, 0])


def _reach(seed: int, ticker: str, listing: Listing, first: int, session: int) -> tuple[float, float]:
    """Lowest and highest strike as multiples of the lowest and highest price: so many deviations of its whole life."""
    profile = PROFILES[ticker]
    law = profile.law.diffusion
    now = float(path(seed, ticker).variance[first : session + 1, 0].max())
    years = (listing.expiry - listing.listed).days / 365
    life = (1 - np.exp(-law.kappa * years)) / law.kappa
    steady = profile.law.floor + law.theta
    deviation = float(np.sqrt(steady * years + max(now - law.theta, 0.0) * life))
    down, up = profile.reach
    return float(np.exp(-down * deviation)), float(np.exp(up * deviation))


def _span(seed: int, ticker: str, first: int, session: int, node: int) -> tuple[float, float]:
    """Lowest and highest price from the open of a session to a moment."""
    walk = path(seed, ticker)
    today = walk.price[session, : node + 1]
    low, high = float(today.min()), float(today.max())
    if first < session:
        low, high = min(low, float(walk.low[first:session].min())), max(high, float(walk.high[first:session].max()))
    return low, high


def _multiples(each: float, low: float, high: float) -> Floats:
    return np.arange(np.ceil(low / each), np.floor(high / each) + 1) * each


def weekly_settlements(ticker: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(settlements in epoch seconds, first days as ordinals) of every listing that settles at a close, by expiry."""
    closing = [item for item in _calendar(ticker) if item.root != ticker or not PROFILES[ticker].is_index]
    return tuple(item.settles_at for item in closing), tuple(item.listed.toordinal() for item in closing)
