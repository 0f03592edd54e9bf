"""Orders, from a sized proposal to a fill.

Net prices are per share of one structure: positive is a debit paid, negative a credit received, everywhere in Parley;
an adapter turns them into its broker's sign.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from domain.codec import record
from domain.structures import Leg, Proposal, Structure


class Effect(StrEnum):
    """What an order does to the book."""

    OPEN = "open"
    CLOSE = "close"


class FillMode(StrEnum):
    """The declared fill modes of paper and replay."""

    SAME_SNAPSHOT = "same_snapshot"
    NEXT_QUOTE = "next_quote"


class TicketState(StrEnum):
    """Where a ticket's life stands; the last seven are ends."""

    AWAITING = "awaiting"
    APPROVED = "approved"
    WORKING = "working"
    FILLED = "filled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REFUSED = "refused"  # recheck or guard said no
    UNFILLED = "unfilled"
    UNSENT = "unsent"  # the process died between intent and sending; the broker knows no such order
    OUTDATED = "outdated"  # graph version or settings changed under it


OPEN_STATES = (TicketState.AWAITING, TicketState.APPROVED, TicketState.WORKING)


@record
class Shrink:
    """One reduction made by the risk stage, with before and after."""

    by: str
    before: int
    after: int


@record
class SizedOrder:
    """A proposal with a number of contracts (structures), and what bound it. `contracts` 0: `why` says so."""

    proposal: Proposal
    contracts: int
    kelly_fraction: float  # of NLV, after the half or quarter
    binding: str
    shrinks: tuple[Shrink, ...]
    max_loss: Decimal  # dollars, all contracts, fees included
    why: str


@record
class OrderTicket:
    """An order waiting for a person. One ticket, one thread, one answer."""

    id: str
    run_id: str
    account: str
    market: str
    as_of: datetime
    effect: Effect
    ticker: str
    sector: str
    structure: Structure  # legs as they will be traded: a closing ticket holds the reversed legs
    contracts: int
    multiplier: int
    playbook: str
    params_hash: str
    order: SizedOrder | None  # the sized proposal behind an opening ticket
    position_id: str | None  # what a closing ticket closes
    why: str  # binding limit of an opening ticket, exit rule of a closing one
    limit_price: Decimal  # net per share
    nonce: str  # consumed by the one answer
    created_at: datetime
    expires_at: datetime
    settings_hash: str
    graph_version: str


@record
class BrokerOrder:
    """What goes to a broker."""

    client_order_id: str
    account: str
    ticker: str
    sector: str
    legs: tuple[Leg, ...]
    contracts: int
    limit_price: Decimal
    effect: Effect
    position_id: str | None
    max_loss: Decimal  # worst case of what it adds, fees included
    cycle: date  # expiry cycle it is counted in
    multiplier: int
    fees: Decimal
    playbook: str
    params_hash: str
    ticket_id: str
    as_of: datetime
    session: date  # the New York session day it is counted on


@record
class LegFill:
    """The price one leg traded at, dollars a share."""

    leg: Leg
    price: Decimal


@record
class Fill:
    """An execution of `contracts` structures at one net price."""

    client_order_id: str
    contracts: int
    net: Decimal
    legs: tuple[LegFill, ...]
    fees: Decimal
    at: datetime
    mode: str
    note: str


class BrokerState(StrEnum):
    """State of an order at the broker."""

    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


@record
class BrokerReport:
    """What the broker knows of one order."""

    client_order_id: str
    state: BrokerState
    fills: tuple[Fill, ...]
    reason: str


@record
class Answer:
    """A person's answer to a ticket, or code's on the same path (AUTO_EXECUTE, the demo)."""

    kind: str  # approve | reject | expire
    who: str
    through: str
    at: datetime
    contracts: int | None  # edited down
    limit_price: Decimal | None
    reason: str
