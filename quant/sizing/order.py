"""From a ticket to the order that goes to a broker: its id, its worst case, its fees and the limits it counts in."""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from domain.book import Position
from domain.errors import BadInput
from domain.money import ZERO, to_cents
from domain.orders import BrokerOrder, Effect, OrderTicket
from domain.structures import Leg, LegQuote, Option, Proposal
from quant.risk.worst import multiplied, worst_loss
from quant.worth.costs import fees

NEW_YORK = ZoneInfo("America/New_York")


def client_order_id(ticket_id: str) -> str:
    """The id under which a ticket's one order is known to desk and broker: the same on every attempt."""
    return "parley-" + hashlib.sha256(ticket_id.encode()).hexdigest()[:24]


def broker_order(ticket: OrderTicket, *, limit_price: Decimal, contracts: int, at: datetime) -> BrokerOrder:
    """The order of a ticket, at a limit and a number of contracts that may have been edited down.

    Raises BadInput for more contracts than the ticket holds, and for an opening ticket without its proposal.
    """
    if not 1 <= contracts <= ticket.contracts:
        raise BadInput(f"ticket {ticket.id} is for {ticket.contracts} contracts; {contracts} is not 1 .. that many")
    if ticket.effect == Effect.OPEN:
        if ticket.order is None:
            raise BadInput(f"ticket {ticket.id} opens a position and holds no proposal; start a new run")
        return opening_order(
            ticket.order.proposal,
            account=ticket.account,
            sector=ticket.sector,
            multiplier=ticket.multiplier,
            contracts=contracts,
            limit_price=limit_price,
            ticket_id=ticket.id,
            at=at,
        )
    return _order(
        legs=ticket.structure.legs,
        account=ticket.account,
        ticker=ticket.ticker,
        sector=ticket.sector,
        multiplier=ticket.multiplier,
        contracts=contracts,
        limit_price=limit_price,
        effect=Effect.CLOSE,
        position_id=ticket.position_id,
        max_loss=ZERO,
        charged=charges(ticket.ticker, ticket.structure.legs, contracts, ticket.multiplier, at, (), limit_price),
        playbook=ticket.playbook,
        params_hash=ticket.params_hash,
        ticket_id=ticket.id,
        at=at,
    )


def closing_order(
    position: Position, *, ticket_id: str, limit_price: Decimal, at: datetime, contracts: int | None = None
) -> BrokerOrder:
    """The order that takes a position (or `contracts` of it) to flat. Raises BadInput for more than it holds."""
    count = position.contracts if contracts is None else contracts
    if not 1 <= count <= position.contracts:
        raise BadInput(f"{position.id} holds {position.contracts} contracts; {count} cannot be closed")
    legs = tuple(Leg(instrument=leg.instrument, quantity=-leg.quantity) for leg in position.legs)
    return _order(
        legs=legs,
        account=position.account,
        ticker=position.ticker,
        sector=position.sector,
        multiplier=position.multiplier,
        contracts=count,
        limit_price=limit_price,
        effect=Effect.CLOSE,
        position_id=position.id,
        max_loss=ZERO,
        charged=charges(position.ticker, legs, count, position.multiplier, at, (), limit_price),
        playbook=position.playbook,
        params_hash=position.params_hash,
        ticket_id=ticket_id,
        at=at,
    )


def opening_order(
    proposal: Proposal,
    *,
    account: str,
    sector: str,
    multiplier: int,
    contracts: int,
    limit_price: Decimal,
    ticket_id: str,
    at: datetime,
) -> BrokerOrder:
    """The order that opens a proposal. Its maximum loss is the worse of the proposal's own (moved from the price that
    was charged there to the limit) and of what the legs can lose whatever happens, fees of both ways added, rounded up.
    """
    legs = proposal.structure.legs
    charged = charges(proposal.ticker, legs, contracts, multiplier, at, proposal.quotes, limit_price)
    stated = proposal.payoff.max_loss + (limit_price - proposal.net_entry) * multiplier
    alone = worst_loss(multiplied(legs, 1))
    least = Decimal(alone.loss.numerator) / Decimal(alone.loss.denominator) + limit_price * multiplier
    loss = max(stated, least, Decimal(0)) * contracts + max(charged, proposal.fees * contracts)
    return _order(
        legs=legs,
        account=account,
        ticker=proposal.ticker,
        sector=sector,
        multiplier=multiplier,
        contracts=contracts,
        limit_price=limit_price,
        effect=Effect.OPEN,
        position_id=None,
        max_loss=to_cents(loss, "up"),
        charged=charged,
        playbook=proposal.playbook,
        params_hash=proposal.params_hash,
        ticket_id=ticket_id,
        at=at,
    )


def charges(
    ticker: str,
    legs: tuple[Leg, ...],
    contracts: int,
    multiplier: int,
    at: datetime,
    quotes: tuple[LegQuote, ...],
    limit_price: Decimal,
) -> Decimal:
    """Fees in dollars of trading the legs once, on the session's schedule.

    What is sold brings the ask where quotes are given (the dearer case), else the net credit.
    """
    options = [leg for leg in legs if isinstance(leg.instrument, Option)]
    count = contracts * sum(abs(leg.quantity) for leg in options)
    if len(quotes) == len(legs):
        sold = sum(
            (-leg.quantity * quote.ask for leg, quote in zip(legs, quotes, strict=True) if leg.quantity < 0), Decimal(0)
        )
    else:
        sold = max(-limit_price, Decimal(0))
    return fees(ticker, at.astimezone(NEW_YORK).date(), count, to_cents(sold * multiplier * contracts, "up"))


def _order(
    *,
    legs: tuple[Leg, ...],
    account: str,
    ticker: str,
    sector: str,
    multiplier: int,
    contracts: int,
    limit_price: Decimal,
    effect: Effect,
    position_id: str | None,
    max_loss: Decimal,
    charged: Decimal,
    playbook: str,
    params_hash: str,
    ticket_id: str,
    at: datetime,
) -> BrokerOrder:
    expiries = [leg.instrument.expiry for leg in legs if isinstance(leg.instrument, Option)]
    if not expiries:
        raise BadInput(f"ticket {ticket_id} holds no option; shares alone have no expiry cycle")
    return BrokerOrder(
        client_order_id=client_order_id(ticket_id),
        account=account,
        ticker=ticker,
        sector=sector,
        legs=legs,
        contracts=contracts,
        limit_price=limit_price,
        effect=effect,
        position_id=position_id,
        max_loss=max_loss,
        cycle=min(expiries),
        multiplier=multiplier,
        fees=charged,
        playbook=playbook,
        params_hash=params_hash,
        ticket_id=ticket_id,
        as_of=at,
        session=at.astimezone(NEW_YORK).date(),
    )
