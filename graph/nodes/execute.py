"""execute: a rechecked ticket → fills, or the reason for none. The only caller of a broker."""

from __future__ import annotations

from langgraph.runtime import Runtime

from domain.decision import Outcome
from domain.errors import BrokerFailed, OrderRefused
from domain.orders import BrokerOrder, BrokerReport, BrokerState, Effect, OrderTicket, TicketState
from graph.context import Desk
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
        report = await desk.broker.find(order.client_order_id)
    else:
        try:
            report = await desk.broker.place(order)
        except OrderRefused as error:
            return {"outcome": refused(desk, ticket, str(error), state.get("report"))}
        except BrokerFailed:
            report = await desk.broker.find(order.client_order_id)
    if report is None:
        report = BrokerReport(
            client_order_id=order.client_order_id,
            state=BrokerState.REJECTED,
            fills=(),
            reason="the order was never sent: the process stopped before sending and the broker knows no such order",
        )
        return {"outcome": await settled(desk, ticket, order, report, TicketState.UNSENT)}
    return {"outcome": await settled(desk, ticket, order, report, ENDS[report.state])}


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
