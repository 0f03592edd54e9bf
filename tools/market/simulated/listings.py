"""Which simulated contracts are listed: expirations by the exchange calendar, strikes that never vanish once listed."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.market import Kind
from tools import sessions
from tools.market import reference
from tools.market.simulated.presets import LAST, Profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WEEKLY_DAYS, _MONTHLY_DAYS, _LONG_DAYS = 56, 365, 730
_NEAR = 0.10  # the fine strike grid reaches this far beyond the prices seen since it began


class Listing(NamedTuple):
    """One expiration of one root."""

    root: str
    expiry: date
    settles_at: int  # epoch seconds
    listed: date  # first day it trades


@lru_cache(maxsize=16)
def _calendar(ticker: str) -> tuple[Listing, ...]:
    """All listings that ever trade in the simulated span, by expiry: every Friday's, or the session before it."""
    found: list[Listing] = []
    day = date(2021, 7, 2)  # a Friday
    while day <= LAST + timedelta(days=_LONG_DAYS + 31):
        expiry = sessions.on_or_before(day)
        monthly = sessions.is_standard_expiry(expiry)
        ahead = (_LONG_DAYS if expiry.month in (1, 6) else _MONTHLY_DAYS) if monthly else _WEEKLY_DAYS
        roots = [ticker]
        if reference.kind(ticker) is Kind.INDEX:
            roots = [ticker, f"{ticker}W"] if monthly else [f"{ticker}W"]
        for root in roots:
            settles = int(sessions.settles_at(root, expiry).timestamp())
            found.append(Listing(root, expiry, settles, expiry - timedelta(days=ahead)))
        day += timedelta(days=7)
    return tuple(found)


def listings(ticker: str, day: date, moment: int) -> tuple[Listing, ...]:
    """What is listed on a day and not settled at the moment (epoch seconds)."""
    return tuple(item for item in _calendar(ticker) if item.listed <= day and item.settles_at > moment)


class Seen(NamedTuple):
    """Every price up to now, and where among them an expiration was listed and where its last eight weeks began."""

    prices: NDArray[np.float64]  # shape (n,), oldest first
    listed: int
    near: int  # n: not yet


def strikes(profile: Profile, seen: Seen) -> NDArray[np.float64]:
    """Strikes of an expiration, ascending: coarse from the day it was listed, fine in its last eight weeks.

    The steps follow the price at which each grid began, and a wider range of prices only adds strikes, so a contract
    that was listed stays listed until it settles.
    """
    low, high = _span(seen.prices, seen.listed)
    _, coarse = step(profile, seen.prices[seen.listed])
    held = _multiples(coarse, low * profile.reach[0], high * profile.reach[1])
    if seen.near < len(seen.prices):
        low, high = _span(seen.prices, seen.near)
        fine, _ = step(profile, seen.prices[seen.near])
        held = np.concatenate([held, _multiples(fine, low * (1 - _NEAR), high * (1 + _NEAR))])
    return np.unique(held)


def fine_from(listing: Listing) -> date:
    """The day on which an expiration gets its fine grid."""
    return max(listing.listed, listing.expiry - timedelta(days=_WEEKLY_DAYS))


def step(profile: Profile, price: float) -> tuple[float, float]:
    """(fine, coarse) distance between strikes for an underlying at a price."""
    return next((fine, coarse) for below, fine, coarse in profile.strike_steps if price < below)


def _span(prices: NDArray[np.float64], first: int) -> tuple[float, float]:
    return float(prices[first:].min()), float(prices[first:].max())


def _multiples(each: float, low: float, high: float) -> NDArray[np.float64]:
    return np.arange(np.ceil(low / each), np.floor(high / each) + 1) * each
