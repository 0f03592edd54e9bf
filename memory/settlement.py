"""What a fill does to a position and to cash: pure accounting in cents.

For every account and at any time: cash = start + sum of realised - sum over open positions of (entry cost + fees).
Shares of a partly closed position are rounded to cents once and the rest keeps what is left, so nothing is lost.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.book import Position
from domain.errors import BadInput
from domain.money import ZERO, to_cents
from domain.orders import BrokerOrder, Fill, OrderTicket
from domain.structures import Leg, Option

_NET_GRID = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Holding:
    """A position with its money kept exactly; `position.contracts` is 0 once it is closed.

    `entry_cost` is what the contracts still held were bought for, dollars, positive = paid, fees apart.
    """

    position: Position
    entry_cost: Decimal
    realised: Decimal
    closed_at: datetime | None


def largest_leg(legs: tuple[Leg, ...]) -> int:
    """Option contracts in the largest leg of one structure."""
    return max((abs(leg.quantity) for leg in legs if isinstance(leg.instrument, Option)), default=0)


def position_id(ticket_id: str) -> str:
    """The id of the position that a ticket opens: the same on every attempt."""
    return "pos-" + hashlib.sha256(ticket_id.encode()).hexdigest()[:12]


def amount(fill: Fill, multiplier: int) -> Decimal:
    """Dollars that a fill moved, fees apart: positive was paid, negative received."""
    return to_cents(fill.net * multiplier * fill.contracts)


def mirrored(legs: tuple[Leg, ...], held: tuple[Leg, ...]) -> bool:
    """True when `legs` undo exactly one structure of `held`."""
    undone = [Leg(instrument=leg.instrument, quantity=-leg.quantity) for leg in legs]
    return len(undone) == len(held) and all(undone.count(leg) == held.count(leg) for leg in held)


def _prorated(total: Decimal, part: int, whole: int) -> Decimal:
    return to_cents(total * part / whole, "up")


def opened(held: Holding | None, order: BrokerOrder, fill: Fill, ticket: OrderTicket | None) -> Holding:
    """The position after an opening fill: a new one, or more contracts of the one its ticket opened before.

    Maximum loss is the order's worst case, prorated and rounded up. Maximum profit, before fees, is the proposal's,
    moved by the difference between the price it was computed at and the fill's; without a ticket it is unknown.
    """
    proposal = None if ticket is None or ticket.order is None else ticket.order.proposal
    profit = None if proposal is None else proposal.payoff.max_profit
    if proposal is not None and profit is not None:
        profit = to_cents((profit + (proposal.net_entry - fill.net) * order.multiplier) * fill.contracts)
    cost = amount(fill, order.multiplier)
    fresh = Position(
        id=position_id(order.ticket_id),
        account=order.account,
        ticker=order.ticker,
        sector=order.sector,
        name=order.playbook if ticket is None else ticket.structure.name.value,
        legs=order.legs,
        contracts=fill.contracts,
        entry_net=(cost / (order.multiplier * fill.contracts)).quantize(_NET_GRID),
        fees=to_cents(fill.fees),
        max_loss=_prorated(order.max_loss, fill.contracts, order.contracts),
        max_profit=profit,
        multiplier=order.multiplier,
        cycle=order.cycle,
        opened_at=fill.at,
        playbook=order.playbook,
        params_hash=order.params_hash,
        ticket_id=order.ticket_id,
    )
    if held is None:
        return Holding(fresh, cost, ZERO, None)
    before = held.position
    if before.legs != order.legs:
        raise BadInput(f"ticket {order.ticket_id} opened {before.id} with other legs; one ticket opens one structure")
    contracts = before.contracts + fill.contracts
    total = held.entry_cost + cost
    position = dataclasses.replace(
        before,
        contracts=contracts,
        entry_net=(total / (order.multiplier * contracts)).quantize(_NET_GRID),
        fees=before.fees + fresh.fees,
        max_loss=before.max_loss + fresh.max_loss,
        max_profit=None if before.max_profit is None or profit is None else before.max_profit + profit,
    )
    return Holding(position, total, held.realised, None)


def closed(held: Holding, order: BrokerOrder, fill: Fill) -> tuple[Holding, Decimal]:
    """The position after a closing fill, and the profit or loss realised, all fees of both ways included.

    Raises BadInput when more is closed than held.
    """
    before = held.position
    if fill.contracts > before.contracts:
        raise BadInput(f"{fill.contracts} of {before.id} were closed and {before.contracts} are held; reconcile first")
    left = before.contracts - fill.contracts
    cost = to_cents(held.entry_cost * fill.contracts / before.contracts)
    fees = to_cents(before.fees * fill.contracts / before.contracts)
    realised = -cost - amount(fill, order.multiplier) - fees - to_cents(fill.fees)
    profit = before.max_profit
    position = dataclasses.replace(
        before,
        contracts=left,
        fees=before.fees - fees,
        max_loss=_prorated(before.max_loss, left, before.contracts),
        max_profit=None if profit is None else to_cents(profit * left / before.contracts),
    )
    end = None if left else fill.at
    return Holding(position, held.entry_cost - cost, held.realised + realised, end), realised
