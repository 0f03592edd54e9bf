"""The quotes of an order's legs in a chain, and the band of net prices that they span."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from domain.codec import record
from domain.market import OptionChain, Quotes
from domain.structures import Leg, Option, Right, Shares

STATED_TIME_DAYS = 2
SAME_DELAY_S = 60.0  # underlying and chain this close together are displayed with one delay

NONE_SETTLED: Mapping[Option, Decimal] = {}


class Quote(NamedTuple):
    """Displayed bid and ask of one leg, dollars a share; a bid of zero is a quote with nobody to sell to."""

    leg: Leg
    bid: Decimal
    ask: Decimal


class Unquoted(NamedTuple):
    """A leg without a usable quote, and why."""

    leg: Leg
    why: str


class Venue(NamedTuple):
    """How the broker behind an order fills."""

    paper: bool  # no money moves
    waits: bool  # a fill waits for a quote later than the order


@record
class PriceBand:
    """Net prices a share that the market spans: `natural` crosses every spread, `better` is crossed by everyone."""

    better: Decimal
    natural: Decimal
    quoted_at: datetime  # when the quotes were due on the screen
    restricted: str = ""  # why no order that adds risk may be priced on them; "" when one may


def untradable(chain: OptionChain) -> tuple[str, ...]:
    """Why no order that adds risk may be priced on this chain at all; () when one may, on paper at least."""
    found: list[str] = []
    if chain.quotes is Quotes.NONE:
        found.append(f"{chain.source} has neither bid nor ask: analysis only (see the setting spread_model)")
    if chain.delayed and abs(((chain.spot_at or chain.quoted_at) - chain.quoted_at).total_seconds()) > SAME_DELAY_S:
        found.append("the underlying and its delayed chain are not of one moment")
    return tuple(found)


def too_late(chain: OptionChain, venue: Venue) -> str:
    """Why delayed or model quotes carry no order at this broker; "" when they do.

    Delayed quotes never carry a live order, and a paper one only where the fill waits for the next quote.
    """
    if chain.quotes is Quotes.MODEL and not venue.paper:
        return f"quotes of a spread model ({chain.spread_model}) carry no live order"
    if chain.delayed and not venue.paper:
        return "delayed quotes carry no live order"
    return "delayed quotes: the fill must wait for the next quote" if chain.delayed and not venue.waits else ""


def too_short(legs: Iterable[Leg], chain: OptionChain) -> str:
    """Why legs about to expire are not traded on a chain whose time is only stated; "" when they may be."""
    if chain.uncertainty_s == 0:
        return ""
    day = (chain.quoted_at - timedelta(hours=4)).date()  # New York's at any hour that has quotes
    until = day.toordinal() + STATED_TIME_DAYS
    short = [leg.instrument for leg in legs if isinstance(leg.instrument, Option)]
    if all(option.expiry.toordinal() >= until for option in short):
        return ""
    return f"expiries under {STATED_TIME_DAYS} days are not traded on a chain whose time is only stated"


def leg_quote(leg: Leg, chain: OptionChain, settled: Mapping[Option, Decimal] = NONE_SETTLED) -> Quote | Unquoted:
    """The chain's quote of one leg, or why there is none. A leg in `settled` trades at what it paid."""
    option = leg.instrument
    if isinstance(option, Shares):
        return Unquoted(leg, "an option chain quotes no shares")
    if option in settled:
        return Quote(leg, settled[option], settled[option])
    if option.settles_at <= chain.quoted_at:
        return Unquoted(leg, f"it settled at {option.settles_at:%Y-%m-%d %H:%M} UTC and its price is not known")
    rows = np.flatnonzero(
        (chain.expiry == option.expiry.toordinal())
        & (np.abs(chain.strike - float(option.strike)) < 1e-6)
        & (chain.is_call == (option.right == Right.CALL))
        & (chain.root == option.root)
    )
    if len(rows) != 1:
        return Unquoted(leg, f"the chain lists it {len(rows)} times")
    bid, ask = float(chain.bid[rows[0]]), float(chain.ask[rows[0]])
    if not (math.isfinite(bid) and math.isfinite(ask)):
        return Unquoted(leg, "no bid or no ask")
    if bid < 0 or ask <= 0 or bid > ask:
        return Unquoted(leg, f"bid {bid:g} and ask {ask:g} are no market")
    return Quote(leg, _price(bid), _price(ask))


def price_band(
    legs: Iterable[Leg], chain: OptionChain, settled: Mapping[Option, Decimal] = NONE_SETTLED
) -> PriceBand | None:
    """The band of net prices of a structure; None when a leg has neither quote nor settlement."""
    natural = better = Decimal(0)
    for leg in legs:
        quote = leg_quote(leg, chain, settled)
        if isinstance(quote, Unquoted):
            return None
        crossed, crossing = (quote.ask, quote.bid) if leg.quantity > 0 else (quote.bid, quote.ask)
        natural += leg.quantity * crossed
        better += leg.quantity * crossing
    return PriceBand(better=better, natural=natural, quoted_at=chain.shown_at)


def _price(value: float) -> Decimal:
    """A quoted price; vendors' floats carry noise below a hundredth of a cent."""
    return Decimal(repr(round(value, 4)))
