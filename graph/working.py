"""Orders at the broker that have not ended: rechecked before each new look, booked and journaled when they end.

Every step can be repeated: whatever dies in between, the next look asks the broker again and goes on.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from domain.errors import DataError
from domain.orders import BrokerOrder, BrokerState, Effect, TicketState
from graph.context import Desk
from graph.nodes.execute import ENDS, reconcile, settled
from graph.nodes.journal_ticket import conclude
from graph.nodes.recheck import worth_now
from quant.sizing.order import client_order_id

UNHEARD_OF = timedelta(minutes=5)  # after this an order that the broker does not know was never sent


async def settle_working(desk: Desk, account: str) -> int:
    """Recheck what rests, let the broker try it against the present quotes, book what ended. Returns how many ended."""
    reasons: dict[str, str] = {}
    for order in await desk.store.portfolio.unresolved(account):
        report = await desk.broker.find(order.client_order_id)
        if order.effect == Effect.OPEN and report is not None and report.state == BrokerState.WORKING:
            why = await _no_longer_worth_it(desk, order)
            if why:
                reasons[order.client_order_id] = why
                await desk.broker.cancel(order.client_order_id)
    await desk.broker.settle_working(account, desk.clock.now())
    ended = 0
    for order in await _not_concluded(desk, account):
        ended += await _book(desk, order, reasons.get(order.client_order_id))
    return ended


async def _not_concluded(desk: Desk, account: str) -> list[BrokerOrder]:
    """Orders without a final report in the books, and those whose ticket still says that they work."""
    orders = {order.ticket_id: order for order in await desk.store.portfolio.unresolved(account)}
    for row in await desk.store.tickets.list(account=account, open_only=True):
        if row.state == TicketState.WORKING and row.ticket.id not in orders:
            intent = await desk.store.portfolio.intent(client_order_id(row.ticket.id))
            if intent is not None:
                orders[row.ticket.id] = intent
    return list(orders.values())


async def _book(desk: Desk, order: BrokerOrder, why: str | None) -> int:
    ticket = (await desk.store.tickets.get(order.ticket_id)).ticket
    report = await desk.broker.find(order.client_order_id)
    if report is None:
        if desk.clock.now() - order.as_of < UNHEARD_OF:
            return 0
        await conclude(desk, ticket, None, await reconcile(desk, ticket, order))
        return 1
    if report.state == BrokerState.WORKING:
        return 0
    if why is not None and report.state == BrokerState.CANCELLED:
        report = dataclasses.replace(report, reason=why)
    await conclude(desk, ticket, None, await settled(desk, ticket, order, report, ENDS[report.state]))
    return 1


async def _no_longer_worth_it(desk: Desk, order: BrokerOrder) -> str:
    """Why a resting order may not fill any more, "" while it may."""
    ticket = (await desk.store.tickets.get(order.ticket_id)).ticket
    try:
        worth = await worth_now(desk, ticket)
    except DataError as error:
        return str(error)
    if isinstance(worth, str):
        return worth
    if worth.contracts < order.contracts:
        return f"at present prices only {worth.contracts} of {order.contracts} contracts: bound by {worth.binding}"
    return ""
