"""The simulated option chain of one moment: Heston prices under Q, quoted in ticks around the fair price.

Prices are European. Underlyings flagged American pay no dividend and the rate is flat, so early exercise touches only
puts: where a European put is worth less than its intrinsic value it is quoted at that value, and the small premium of
puts nearer the money is left out. Every bid is at or below the fair price and every ask at or above it, so no set of
quotes can be arbitraged. Vendor volatilities and deltas are absent: the quotes are all there is.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime
from math import exp, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.market import Exercise, OptionChain
from quant.heston.params import HestonParams
from quant.heston.transform import european
from tools import sessions
from tools.market import reference
from tools.market.simulated.listings import Listing, Seen, fine_from, listings, step, strikes
from tools.market.simulated.paths import NODES, grid, path
from tools.market.simulated.presets import MONEYNESS, OVERNIGHT, PRESETS, PROFILES, RATE, STEP_S, YEAR, Profile
from tools.randomness import uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_TOLERANCE = 1e-9  # of the price of the underlying; a quote's tick is far coarser
_DEEP = 0.012  # spread of an in-the-money quote, as a share of its intrinsic value
_SHORT_YEARS = 35 / 365


class Slice(NamedTuple):
    """Fair values of one listing. Arrays of shape (n,): all calls, then all puts."""

    strike: Floats
    is_call: Bools
    fair: Floats
    near: Floats  # fair value of the out-of-the-money option at the same strike
    distance: Floats  # |ln K/F| / (σ√T)


def chain(preset: str, seed: int, ticker: str, session: int, node: int) -> OptionChain:
    """All quotes of a ticker at a node of a session (indices into the grid and into the session's nodes)."""
    about = grid()
    moment = int(about.opens[session]) + STEP_S * node
    day = date.fromordinal(int(about.days[session]))
    at = datetime.fromtimestamp(moment, UTC)
    walk, profile = path(seed, ticker), PROFILES[ticker]
    spot = float(walk.price[session, node])
    law = profile.params
    under_p = HestonParams(
        v0=float(walk.variance[session, node]), kappa=law.kappa, theta=law.theta, sigma=law.sigma, rho=law.rho
    )
    under_q = under_p.scaled(1 / PRESETS[preset])
    exercise = reference.instrument(ticker, at).exercise
    through = node / int(about.steps[session])
    parts: list[dict[str, Any]] = []
    prices = np.concatenate([walk.price[:session].ravel(), walk.price[session, : node + 1]])
    for listing in listings(ticker, day, moment):
        listed, near = (
            int(np.searchsorted(about.days, since.toordinal())) for since in (listing.listed, fine_from(listing))
        )
        seen = Seen(prices, listed * NODES, min(near * NODES, len(prices)))
        held = strikes(profile, seen)
        clock = trading_years(listing, day, through)
        years = (listing.settles_at - moment) / (365 * 86400)
        fair = _fair(under_q, spot, held, clock, years, exercise)
        quotes = _quotes(profile, fair, years, uniforms(seed, (ticker, "quote", moment), *_address(fair, listing)))
        bid, ask = quotes
        listed_at = float(prices[seen.listed])
        volume, interest = _crowd(seed, ticker, fair, listing, session, through, listed_at, session - listed)
        parts.append(
            {
                "root": np.full(len(fair.strike), listing.root),
                "expiry": np.full(len(fair.strike), listing.expiry.toordinal(), dtype=np.int64),
                "settles_at": np.full(len(fair.strike), listing.settles_at, dtype=np.int64),
                "strike": fair.strike,
                "is_call": fair.is_call,
                "bid": bid,
                "ask": ask,
                "last": np.where(volume > 0, np.round(0.5 * (bid + ask), 2), np.nan),
                "volume": volume,
                "open_interest": interest,
            }
        )
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    absent = np.full(len(columns["strike"]), np.nan)
    rows: dict[str, Any] = {"vendor_iv": absent, "vendor_delta": absent, **columns}
    return OptionChain(
        ticker=ticker,
        exercise=exercise,
        multiplier=100,
        spot=round(spot, 2),
        quoted_at=at,
        known_at=at,
        source="simulator",
        closing=False,
        **rows,
    )


def trading_years(listing: Listing, day: date, through: float) -> float:
    """Variance time from a moment (`through`: share of the session gone) to settlement, in years of 252 sessions.

    A session counts one; `OVERNIGHT` of it before its open, where an AM-settled series stops. The paths spend their
    variance on the same clock, so that under `fair` a quote is worth what the path will pay.
    """
    table = sessions.schedule()
    today = bisect_left(table.days, day.toordinal())
    last = bisect_left(table.closes, listing.settles_at)
    left = (1 - OVERNIGHT) * (1 - through)
    if last == today:
        return left / YEAR
    morning = table.opens[last] == listing.settles_at
    return (left + (last - today - 1) + (OVERNIGHT if morning else 1.0)) / YEAR


def _fair(law: HestonParams, spot: float, held: Floats, clock: float, years: float, exercise: Exercise) -> Slice:
    forward, discount = spot * exp(RATE * years), exp(-RATE * years)
    out_is_call = held >= forward
    near = european(law, forward, held, clock, discount, out_is_call, _TOLERANCE)
    parity = discount * (forward - held)
    calls = np.where(out_is_call, near, near + parity)
    puts = np.where(out_is_call, near - parity, near)
    if exercise is Exercise.AMERICAN:
        puts = np.maximum(puts, held - spot)
    sigma = sqrt(law.average_variance(clock) * clock)
    return Slice(
        strike=np.concatenate([held, held]),
        is_call=np.repeat([True, False], len(held)),
        fair=np.maximum(np.concatenate([calls, puts]), 0.0),
        near=np.concatenate([near, near]),
        distance=np.tile(np.abs(np.log(held / forward)) / sigma, 2),
    )


def _quotes(profile: Profile, fair: Slice, years: float, chance: Floats) -> tuple[Floats, Floats]:
    """Bid and ask in ticks. Rounding outward adds a tick on average, so a tick is taken off the spread first."""
    table = profile.spreads[0 if years <= _SHORT_YEARS else 1]
    share = np.exp(np.interp(fair.distance, MONEYNESS, np.log(table)))
    tick = np.where(fair.fair < 3.0, profile.tick[0], profile.tick[1])
    spread = share * fair.near + _DEEP * np.maximum(fair.fair - fair.near, 0.0)
    half = np.maximum(0.0, 0.5 * (spread - tick))
    lean = 0.3 * (2 * chance - 1)  # quotes lean to a side, never across the fair price
    bid = np.floor((fair.fair - half * (1 - lean)) / tick + 1e-9) * tick
    ask = np.ceil((fair.fair + half * (1 + lean)) / tick - 1e-9) * tick
    return np.round(np.maximum(bid, 0.0), 2), np.round(np.maximum(ask, tick), 2)


def _address(fair: Slice, listing: Listing) -> tuple[Any, ...]:
    """Integers that name each contract, for chance that belongs to it."""
    strike = np.round(fair.strike * 1000).astype(np.int64)
    side = fair.is_call.astype(np.int64)
    return strike, side, np.full(1, listing.expiry.toordinal() * 10 + len(listing.root), dtype=np.int64)


def _crowd(
    seed: int,
    ticker: str,
    fair: Slice,
    listing: Listing,
    session: int,
    through: float,
    listed_at: float,
    age: int,
) -> tuple[Floats, Floats]:
    """(volume so far today, open interest at the prior close) in contracts, shape (n,) each.

    Open interest is drawn once for a contract, around the price at which its expiration was listed and at round
    strikes, and grows over its first 20 sessions with a few percent of daily change; volume is drawn anew each day.
    """
    profile = PROFILES[ticker]
    address = _address(fair, listing)
    whole = (listing.settles_at - int(sessions.new_york(listing.listed, 9, 30).timestamp())) / (365 * 86400)
    width = sqrt(profile.params.theta * max(whole, 1 / 52))
    away = np.minimum(np.abs(np.log(fair.strike / listed_at)) / width, 8.0)
    size = profile.open_interest * np.exp(-0.9 * away**1.5)
    _, coarse = step(profile, listed_at)
    size *= np.where(np.isclose(np.remainder(fair.strike, 2 * coarse), 0), 3.0, 1.0)
    size *= np.where(fair.is_call == (fair.strike > listed_at), 1.0, 0.35)
    drawn = _normal(uniforms(seed, (ticker, "interest"), *address))
    today = uniforms(seed, (ticker, "interest of", session), *address)
    grown = min(1.0, (age + 1) / 20)
    interest = np.floor(size * grown * np.exp(2.4 * drawn - 1.8) * (0.96 + 0.08 * today))
    flow = _normal(uniforms(seed, (ticker, "volume of", session), *address))
    volume = np.floor(0.3 * through * size * np.exp(2.2 * flow - 1.8 - 0.5 * fair.distance**1.5))
    return volume, interest


def _normal(chance: Floats) -> Floats:
    from scipy.special import ndtri

    return np.asarray(ndtri(chance), dtype=np.float64)
