"""Legs, structures and priced proposals."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from domain.codec import record
from domain.market import Exercise


class Right(StrEnum):
    """Call or put."""

    CALL = "call"
    PUT = "put"


class StructureName(StrEnum):
    """The structures the desk trades; each is built in `quant/structures/catalogue`."""

    BULL_CALL_SPREAD = "bull_call_spread"
    BEAR_PUT_SPREAD = "bear_put_spread"
    BULL_PUT_SPREAD = "bull_put_spread"
    BEAR_CALL_SPREAD = "bear_call_spread"
    IRON_CONDOR = "iron_condor"
    IRON_BUTTERFLY = "iron_butterfly"
    CALENDAR = "calendar"
    DIAGONAL = "diagonal"
    BROKEN_WING_BUTTERFLY = "broken_wing_butterfly"
    LONG_STRADDLE = "long_straddle"
    LONG_STRANGLE = "long_strangle"


@record
class Option:
    """One listed option contract."""

    ticker: str
    root: str
    expiry: date
    settles_at: datetime
    strike: Decimal
    right: Right
    exercise: Exercise
    multiplier: int


@record
class Shares:
    """The underlying itself."""

    ticker: str


def instrument_key(instrument: Option | Shares) -> str:
    """The name under which desk and broker agree on what is held: "SPXW 2019-06-21 P 2700", or the ticker of shares."""
    if isinstance(instrument, Shares):
        return instrument.ticker
    strike = format(instrument.strike.normalize(), "f")
    return f"{instrument.root} {instrument.expiry.isoformat()} {instrument.right.value[0].upper()} {strike}"


@record
class Leg:
    """`quantity` of an instrument per one structure: positive long, negative short. Never zero."""

    instrument: Option | Shares
    quantity: int

    def __post_init__(self) -> None:
        if self.quantity == 0:
            raise ValueError("a leg has a quantity")


@record
class Structure:
    """A named set of legs on one underlying."""

    name: StructureName
    ticker: str
    legs: tuple[Leg, ...]


@record
class LegQuote:
    """The market of one leg when it was priced, dollars a share."""

    bid: Decimal
    ask: Decimal
    quoted_at: datetime
    iv: float | None


@record
class Payoff:
    """Extremes of one structure, in dollars for ONE structure (multiplier applied), before fees.

    One expiry: exact. Several: `max_loss` is a bound, `max_profit` and breakevens are model figures for
    today's back volatility, each a range over it +- 20 %.
    """

    max_profit: Decimal | None  # None: unlimited
    max_loss: Decimal  # positive
    breakevens: tuple[float, ...]
    exact: bool
    max_profit_range: tuple[float, float] | None
    breakeven_ranges: tuple[tuple[float, float], ...]


@record
class BookGreeks:
    """Greeks of a position in dollars: delta $ per $1 x shares, gamma delta-shares per 1 %, ..."""

    delta: float  # shares
    gamma: float  # shares per 1 % move
    vega: float  # dollars per vol point
    theta: float  # dollars per calendar day
    rho: float  # dollars per bp


@record
class EvParts:
    """Where the expected value comes from, dollars for one structure; the parts sum to `total` to the cent."""

    costs: Decimal  # negative
    relative_value: Decimal
    variance_premium: Decimal
    direction: Decimal
    beta: Decimal
    rest: Decimal
    total: Decimal


@record
class Proposal:
    """One structure priced under both measures, dollars for ONE structure. Positive `net` is a debit."""

    id: str
    ticker: str
    playbook: str
    params_hash: str
    structure: Structure
    quotes: tuple[LegQuote, ...]
    spot: float
    snapshot: str  # hash
    net_mid: Decimal  # dollars a share; positive = debit, negative = credit
    net_entry: Decimal  # what entry is charged at: mid plus half of each leg's half-spread
    net_natural: Decimal  # crossing every spread
    fees: Decimal  # entry and expected exit, dollars
    payoff: Payoff
    fair_q: float  # value under Q, dollars
    greeks: BookGreeks
    pop_p: float
    ev_p: EvParts
    ev_p_adverse: float  # at the adverse variance ratio
    cvar_p: float  # expected P&L of the worst 2.5 %, dollars, negative
    variance_ratio: float  # m
    alpha: float  # drift added to P over the horizon
    pnl_nodes: tuple[float, ...]  # P&L at quantile nodes of the predictive P, dollars
    pnl_weights: tuple[float, ...]
    measure_note: str  # ingredients of P in words
    objective: float
    candidates: int  # how many were priced
    runners_up: tuple[str, ...]
