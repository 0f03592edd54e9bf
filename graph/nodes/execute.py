"""execute: a rechecked ticket → fills, or the reason for none. The only caller of a broker."""

from __future__ import annotations

import dataclasses

from langgraph.runtime import Runtime

from domain.decision import Outcome
from domain.errors import BrokerFailed, OrderRefused
from domain.orders import BrokerOrder, BrokerReport, BrokerState, Effect, OrderTicket, TicketState
from graph.context import Desk
from graph.nodes.approve import expired
from graph.nodes.recheck import refused
from graph.state import TicketGraphState

ENDS = {
    BrokerState.FILLED: TicketState.FILLED,
    BrokerState.WORKING: TicketState.WORKING,
    BrokerState.CANCELLED: TicketState.UNFILLED,
    BrokerState.REJECTED: TicketState.UNFILLED,
}


async def execute(state: TicketGraphState, runtime: Runtime[Desk]) -> TicketGraphState:
    """Send at most once: an intent that was ever written is reconciled with the broker, never sent again."""
    desk, ticket, order = runtime.context, state["ticket"], state["send"]
    async with desk.store.portfolio.door(order.account, desk.clock.now()) as door:
        known = await door.known(order.client_order_id)
    if known:
        return {"outcome": await reconcile(desk, ticket, order)}
    if desk.clock.now() >= ticket.expires_at:  # the process was away between recheck and here
        late = dataclasses.replace(
            refused(desk, ticket, expired(ticket), state.get("report")), state=TicketState.EXPIRED
        )
        return {"outcome": late}
    try:
        report = await desk.broker.place(order)
    except OrderRefused as error:
        if "duplicate" in " ".join(error.failed):
            return {"outcome": await reconcile(desk, ticket, order)}
        return {"outcome": refused(desk, ticket, str(error), state.get("report"))}
    except BrokerFailed as error:
        found = await desk.broker.find(order.client_order_id)
        report = found or _report(order, BrokerState.WORKING, f"its state is unknown and will be asked for: {error}")
    return {"outcome": await settled(desk, ticket, order, report, ENDS[report.state])}


async def reconcile(desk: Desk, ticket: OrderTicket, order: BrokerOrder) -> Outcome:
    """What became of an order whose sender died: what the broker says, or never sent where it knows no such order."""
    report = await desk.broker.find(order.client_order_id)
    if report is not None:
        return await settled(desk, ticket, order, report, ENDS[report.state])
    never = "the order was never sent: the process stopped before sending and the broker knows no such order"
    report = _report(order, BrokerState.REJECTED, never)
    return await settled(desk, ticket, order, report, TicketState.UNSENT)


def _report(order: BrokerOrder, state: BrokerState, reason: str) -> BrokerReport:
    return BrokerReport(client_order_id=order.client_order_id, state=state, fills=(), reason=reason)


async def settled(
    desk: Desk, ticket: OrderTicket, order: BrokerOrder, report: BrokerReport, state: TicketState
) -> Outcome:
    """Enter a broker's report in the books; entering it twice changes nothing. Returns how the ticket stands."""
    now = desk.clock.now()
    done = await desk.store.portfolio.settle(order, report, now)
    return Outcome(
        ticket_id=ticket.id,
        state=state,
        reason=report.reason,
        report=None,
        position_id=done.position_id,
        fill_net=report.fills[-1].net if report.fills else None,
        contracts=done.contracts,
        pnl=done.realised if done.contracts and ticket.effect == Effect.CLOSE else None,
        at=now,
    )
