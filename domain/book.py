"""The book: what an account holds and has promised, at its worst case."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from domain.codec import record
from domain.structures import Leg


@record
class Position:
    """An open position: one structure, `contracts` times."""

    id: str
    account: str
    ticker: str
    sector: str
    name: str
    legs: tuple[Leg, ...]
    contracts: int
    entry_net: Decimal  # per share, positive = paid
    fees: Decimal
    max_loss: Decimal  # dollars, fees included
    max_profit: Decimal | None
    multiplier: int
    cycle: date
    opened_at: datetime
    playbook: str
    params_hash: str
    ticket_id: str


@record
class Mark:
    """The value of a position at a moment; `value` is what closing at the mid of the clamped surface would give."""

    position_id: str
    value: Decimal
    at: datetime
    note: str


@record
class Commitment:
    """A reservation of a ticket or a working order, at its worst case."""

    id: str  # ticket id
    ticker: str
    sector: str
    cycle: date
    max_loss: Decimal
    contracts: int  # largest leg
    working: bool
    legs: tuple[Leg, ...] = ()  # multiplied out by the number of structures; (): not known
    position_id: str | None = None  # what a working closing order closes


@record
class Halt:
    """A halt in force. scope: "desk" or an account."""

    scope: str
    reason: str
    since: datetime


@record
class Book:
    """One account at one moment, read under its lock."""

    account: str
    at: datetime
    cash: Decimal
    nlv: Decimal
    nlv_at: datetime | None  # None: never marked (a fresh account needs no mark)
    nlv_prior_close: Decimal | None
    positions: tuple[Position, ...]
    commitments: tuple[Commitment, ...]
    contracts_today: tuple[tuple[str, int], ...]  # largest leg sent per ticker this session
    halts: tuple[Halt, ...]
    broker_only: tuple[str, ...]  # positions at the broker that we do not know
