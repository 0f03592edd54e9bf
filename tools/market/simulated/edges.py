"""What a playbook earns in a simulated market when its structure is built by a fixed rule and not chosen.

Entries are spread over the span; the structure is held under the playbook's own exit rules, asked once a session at the
market's closing snapshot, or to the last check before it settles. Under `fair` the mean at mid is zero but for chance.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr

from domain.playbook import ExitRules
from quant.selection.playbooks import DEBIT_VERTICAL, INDEX_IRON_CONDOR
from quant.vanilla.implied import implied_vol
from quant.worth.costs import fees
from tools.market.simulated.carry import accrued
from tools.market.simulated.listings import Listing, listings, strikes
from tools.market.simulated.paths import grid
from tools.market.simulated.pricing import Moment, moment
from tools.market.simulated.quotes import Book, book

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MULTIPLIER = 100
_ENTRY_NODE = 30
_BEFORE_CLOSE = 3  # nodes: fifteen minutes
_DTE = 45


class Outcome(NamedTuple):
    """One position, per unit of its maximum loss, discounted to its entry."""

    at_mid: float
    costs: float  # half of every leg's spread, in and out, and fees
    sessions: int  # held


class Legs(NamedTuple):
    """A structure of one expiration. Arrays of shape (n,)."""

    strike: Floats
    is_call: NDArray[np.bool_]
    quantity: Floats


def outcome(
    preset: str, seed: int, ticker: str, session: int, rules: ExitRules, build: Callable[[Moment, Book], Legs]
) -> Outcome:
    """Open at a session's 12:00 quotes, hold under the rules, close at mid."""
    about = grid()
    at = moment(preset, seed, ticker, session, _ENTRY_NODE)
    listing = _expiration(ticker, at)
    held = strikes(seed, ticker, listing, session, _ENTRY_NODE).strike
    opened = book(seed, at, [(listing, held)])
    legs = build(at, opened)
    entry, spent = _net(opened, legs), _crossing(opened, legs, ticker, at.day)
    credit = max(-entry, 0.0)
    width = float(np.abs(legs.strike[1] - legs.strike[0]))
    worst = width - credit if credit else entry
    best = credit if credit else width - entry
    base = abs(entry)
    held_strikes = np.unique(legs.strike)
    last = int(np.searchsorted(about.days, listing.expiry.toordinal()))
    for later in range(session + 1, last + 1):
        node = int(about.steps[later]) - _BEFORE_CLOSE
        now = moment(preset, seed, ticker, later, node)
        quoted = book(seed, now, [(listing, held_strikes)])
        gained = _net(quoted, legs) - entry
        if (
            (listing.expiry - now.day).days <= rules.close_dte
            or later == last
            or (rules.profit_target is not None and gained >= rules.profit_target * best)
            or (rules.stop_loss is not None and -gained >= rules.stop_loss * base)
        ):
            discount = float(np.exp(accrued(at.stamp) - accrued(now.stamp)))
            spent += discount * _crossing(quoted, legs, ticker, now.day)
            return Outcome((discount * (gained + entry) - entry) / worst, spent / worst, later - session)
    raise AssertionError("an expiration lies after its entry")


def condor(at: Moment, rows: Book) -> Legs:
    """Short strikes nearest to a delta of 0.16 on either side, wings 1.5 % of the spot beyond."""
    short_put, long_put = _pair(at, rows, is_call=False, delta=0.16, width=0.015)
    short_call, long_call = _pair(at, rows, is_call=True, delta=0.16, width=0.015)
    return Legs(
        np.array([short_put, long_put, short_call, long_call]),
        np.array([False, False, True, True]),
        np.array([-1.0, 1.0, -1.0, 1.0]),
    )


def call_vertical(at: Moment, rows: Book) -> Legs:
    """Long the call nearest to a delta of 0.50, short one 3 % of the spot above it."""
    long, short = _pair(at, rows, is_call=True, delta=0.5, width=0.03)
    return Legs(np.array([long, short]), np.array([True, True]), np.array([1.0, -1.0]))


def put_vertical(at: Moment, rows: Book) -> Legs:
    """Long the put nearest to a delta of −0.50, short one 3 % of the spot below it."""
    long, short = _pair(at, rows, is_call=False, delta=0.5, width=0.03)
    return Legs(np.array([long, short]), np.array([False, False]), np.array([1.0, -1.0]))


class Case(NamedTuple):
    """A playbook, the structure that stands for it, and the underlyings it is tried on, seed by seed in turn."""

    playbook: str
    rules: ExitRules
    build: Callable[[Moment, Book], Legs]
    tickers: tuple[str, ...]


CASES = (
    Case(INDEX_IRON_CONDOR.name, INDEX_IRON_CONDOR.exits, condor, ("SPX", "QQQ", "IWM")),
    Case(DEBIT_VERTICAL.name, DEBIT_VERTICAL.exits, call_vertical, ("SPX", "NVDA", "AAPL", "TSLA", "MSFT")),
    Case(DEBIT_VERTICAL.name, DEBIT_VERTICAL.exits, put_vertical, ("SPX", "NVDA", "AAPL", "TSLA", "MSFT")),
)


def entries(seed: int, count: int) -> tuple[int, ...]:
    """Sessions at which a seed enters, spread over the span and over the seeds; the last leaves time to hold."""
    usable = len(grid().days) - 70
    return tuple(5 + (seed * 37 + place * usable // count) % usable for place in range(count))


class Edge(NamedTuple):
    """Means over seeds, per unit of maximum loss, and their standard errors."""

    at_mid: float
    at_mid_error: float
    after_costs: float
    after_costs_error: float
    sessions: float  # held, mean


def edges(tried: list[tuple[str, Case]], seeds: range, each: int) -> list[Edge]:
    """Every (preset, case) over seeds, `each` entries a seed; a seed's mean is one observation."""
    found: list[list[Floats]] = [[] for _ in tried]
    for seed in seeds:
        for (preset, case), means in zip(tried, found, strict=True):
            ticker = case.tickers[seed % len(case.tickers)]
            held = [outcome(preset, seed, ticker, at, case.rules, case.build) for at in entries(seed, each)]
            means.append(np.mean(held, axis=0))
    return [_edge(np.array(means)) for means in found]


def _edge(means: Floats) -> Edge:
    mid, costs, held = means.T
    root, after = np.sqrt(len(mid)), mid - costs
    return Edge(
        at_mid=float(mid.mean()),
        at_mid_error=float(mid.std(ddof=1) / root),
        after_costs=float(after.mean()),
        after_costs_error=float(after.std(ddof=1) / root),
        sessions=float(held.mean()),
    )


def _expiration(ticker: str, at: Moment) -> Listing:
    """The listing whose settlement is nearest to 45 days off, at a close where there is a choice."""
    open_now = [item for item in listings(ticker, at.day, at.stamp) if item.settles_at % 86400 > 15 * 3600]
    return min(open_now, key=lambda item: abs((item.expiry - at.day).days - _DTE))


def _pair(at: Moment, rows: Book, *, is_call: bool, delta: float, width: float) -> tuple[float, float]:
    """The strike nearest to a delta, and the first one at least `width` of the spot beyond it."""
    side = (rows.is_call == is_call) & (rows.near > 1e-6)
    sigma = implied_vol(
        rows.near[side], rows.forward[side], rows.strike[side], rows.years[side], rows.discount[side],
        rows.strike[side] >= rows.forward[side],
    ).sigma  # fmt: skip
    root = sigma * np.sqrt(rows.years[side])
    sign = 1.0 if is_call else -1.0
    deltas = ndtr(sign * (np.log(rows.forward[side] / rows.strike[side]) / root + 0.5 * root))
    near = float(rows.strike[side][np.nanargmin(np.abs(deltas - delta))])
    all_strikes = rows.strike[rows.is_call]
    beyond = all_strikes[sign * (all_strikes - near) >= width * at.spot]
    return near, float(beyond.min() if is_call else beyond.max())


def _places(rows: Book, legs: Legs) -> NDArray[np.int64]:
    half = len(rows.strike) // 2
    return np.searchsorted(rows.strike[:half], legs.strike) + np.where(legs.is_call, 0, half)


def _net(rows: Book, legs: Legs) -> float:
    """Price of the structure at mid, a share; negative: a credit."""
    at = _places(rows, legs)
    return float(np.sum(legs.quantity * 0.5 * (rows.bid[at] + rows.ask[at])))


def _crossing(rows: Book, legs: Legs, ticker: str, day: date) -> float:
    """Half of every leg's spread and the fees of one trade, a share."""
    at = _places(rows, legs)
    charged = fees(ticker, day, len(legs.strike), Decimal(0))
    return float(np.sum(0.5 * (rows.ask[at] - rows.bid[at]))) + float(charged) / _MULTIPLIER
