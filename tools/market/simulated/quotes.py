"""The simulated option chain of one moment: fair values under Q, quoted in ticks around them.

Every bid is at or below the fair price and every ask at or above it, so no set of quotes can be arbitraged. Vendor
volatilities are Black's of the fair out-of-the-money price by calendar time, with holes as vendors leave them: where an
in-the-money price says nothing of volatility, and here and there without a reason.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from domain.market import OptionChain
from quant.vanilla.implied import implied_vol
from tools.market.simulated.crowd import Contracts, crowd, identity
from tools.market.simulated.listings import Listing, listings, strikes
from tools.market.simulated.presets import MONEYNESS, PROFILES, Profile
from tools.market.simulated.pricing import Moment, Terms, moment, terms, value
from tools.randomness import uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_DEEP = 0.012  # spread of an in-the-money quote, as a share of its intrinsic value
_SHORT_YEARS = 35 / 365
_HOLE = 0.02  # of vendor volatilities are missing without a reason
_LEAST = 0.3  # ticks: an option that nobody bids for has the volatility of this price
_SILENT = 0.02  # ticks of time value under which a price in the money says nothing of volatility


class Book(NamedTuple):
    """Contracts of one moment, fair and quoted. Arrays of shape (n,), a listing's calls before its puts."""

    listing: Ints  # place in the listings given
    ident: Ints
    strike: Floats
    is_call: Bools
    years: Floats  # by the calendar
    forward: Floats
    discount: Floats
    fair: Floats
    near: Floats  # European value of the out-of-the-money option at the same strike
    bid: Floats
    ask: Floats


def book(seed: int, at: Moment, wanted: list[tuple[Listing, Floats]]) -> Book:
    """Fair values and quotes of calls and puts at chosen strikes (ascending) of chosen listings: what a chain shows."""
    to: list[Terms] = [terms(at, listing.settles_at) for listing, _ in wanted]
    slices = [value(at, each, held) for each, (_, held) in zip(to, wanted, strict=True)]
    counts = [2 * len(held) for _, held in wanted]
    strike, is_call, fair, near, distance = (np.concatenate(column) for column in zip(*slices, strict=True))
    years, forward, discount = (
        np.repeat(column, counts)
        for column in zip(*((each.years, each.forward, each.discount) for each in to), strict=True)
    )
    expiry = np.repeat([listing.expiry.toordinal() for listing, _ in wanted], counts)
    weekly = np.repeat([listing.root != at.ticker for listing, _ in wanted], counts)
    ident = identity(strike, is_call, expiry, weekly)
    chance = uniforms(seed, (at.ticker, "quote", at.stamp), ident)
    bid, ask = _quotes(PROFILES[at.ticker], fair, near, distance, years, chance)
    return Book(
        listing=np.repeat(np.arange(len(wanted)), counts),
        ident=ident,
        strike=strike,
        is_call=is_call,
        years=years,
        forward=forward,
        discount=discount,
        fair=fair,
        near=near,
        bid=bid,
        ask=ask,
    )


def chain(preset: str, seed: int, ticker: str, session: int, node: int) -> OptionChain:
    """All quotes of a ticker at a node of a session (indices into the grid and into the session's nodes)."""
    at = moment(preset, seed, ticker, session, node)
    open_now = listings(ticker, at.day, at.stamp)
    listed = [strikes(seed, ticker, listing, session, node) for listing in open_now]
    rows = book(seed, at, [(listing, held.strike) for listing, held in zip(open_now, listed, strict=True)])
    settles_at = np.array([listing.settles_at for listing in open_now], dtype=np.int64)[rows.listing]
    since = np.concatenate([np.tile(held.since, 2) for held in listed])
    contracts = Contracts(rows.ident, rows.strike, rows.is_call, settles_at, since)
    volume, interest = crowd(seed, ticker, contracts, session, at.through, node)
    sigma, delta = _vendor(seed, at, rows)
    quoted_at = datetime.fromtimestamp(at.stamp, UTC)
    columns: dict[str, Any] = {
        "root": np.array([listing.root for listing in open_now])[rows.listing],
        "expiry": np.array([listing.expiry.toordinal() for listing in open_now], dtype=np.int64)[rows.listing],
        "settles_at": settles_at,
        "strike": rows.strike,
        "is_call": rows.is_call,
        "bid": rows.bid,
        "ask": rows.ask,
        "last": np.where(volume > 0, np.round(0.5 * (rows.bid + rows.ask), 2), np.nan),
        "volume": volume,
        "open_interest": interest,
        "vendor_iv": sigma,
        "vendor_delta": delta,
    }
    return OptionChain(
        ticker=ticker,
        exercise=at.exercise,
        multiplier=100,
        spot=round(at.spot, 2),
        quoted_at=quoted_at,
        known_at=quoted_at,
        source="simulator",
        closing=False,
        early_exercise=False,
        **columns,
    )


def _quotes(
    profile: Profile, fair: Floats, near: Floats, distance: Floats, years: Floats, chance: Floats
) -> tuple[Floats, Floats]:
    """Bid and ask in ticks. Rounding outward adds a tick on average, so a tick is taken off the spread first."""
    short, long = (np.exp(np.interp(distance, MONEYNESS, np.log(table))) for table in profile.spreads)
    share = np.where(years <= _SHORT_YEARS, short, long)
    tick = np.where(fair < 3.0, profile.tick[0], profile.tick[1])
    spread = share * near + _DEEP * np.maximum(fair - near, 0.0)
    half = np.maximum(0.0, 0.5 * (spread - tick))
    lean = 0.3 * (2 * chance - 1)  # quotes lean to a side, never across the fair price
    bid = np.floor((fair - half * (1 - lean)) / tick + 1e-9) * tick
    ask = np.ceil((fair + half * (1 + lean)) / tick - 1e-9) * tick
    return np.round(np.maximum(bid, 0.0), 2), np.round(np.maximum(ask, tick), 2)


def _vendor(seed: int, at: Moment, rows: Book) -> tuple[Floats, Floats]:
    """Vendor volatilities and deltas, NaN where the vendor has none."""
    out_is_call = rows.strike >= rows.forward
    first = rows.is_call  # a call and a put of one strike share one volatility: solve it once
    sigma = np.full(len(first), np.nan)
    tick = PROFILES[at.ticker].tick[0]
    least = np.maximum(rows.near, _LEAST * tick)
    solved = implied_vol(
        least[first], rows.forward[first], rows.strike[first], rows.years[first], rows.discount[first],
        out_is_call[first],
    ).sigma  # fmt: skip
    sigma[first] = sigma[~first] = solved
    inside = rows.is_call != out_is_call
    silent = inside & (rows.near < _SILENT * tick)
    holes = uniforms(seed, (at.ticker, "vendor", at.session), rows.ident) < _HOLE
    sigma[silent | holes] = np.nan
    root = sigma * np.sqrt(rows.years)
    call = ndtr(np.log(rows.forward / rows.strike) / root + 0.5 * root)
    return np.round(sigma, 4), np.round(np.where(rows.is_call, call, call - 1), 4)
