"""Orders that rest at the broker: rechecked before each new look, entered in the books and journaled when they end."""

from __future__ import annotations

from domain.errors import DataError
from domain.orders import BrokerOrder, BrokerReport, BrokerState, Effect
from graph.context import Desk
from graph.nodes.execute import ENDS, settled
from graph.nodes.journal_ticket import conclude
from graph.nodes.recheck import worth_now
from memory.tickets import TicketRow


async def settle_working(desk: Desk, account: str) -> int:
    """Recheck what rests, let the broker try it against the present quotes, book what ended. Returns how many ended."""
    ended: list[tuple[BrokerOrder, BrokerReport]] = []
    for order in await desk.store.portfolio.unresolved(account):
        row = await desk.store.tickets.get(order.ticket_id)
        why = await _no_longer_worth_it(desk, row) if order.effect == Effect.OPEN else ""
        if why and (await desk.broker.find(order.client_order_id)) is not None:
            report = await desk.broker.cancel(order.client_order_id)
            reason = why if report.state == BrokerState.CANCELLED else report.reason
            ended.append(
                (
                    order,
                    BrokerReport(
                        client_order_id=report.client_order_id, state=report.state, fills=report.fills, reason=reason
                    ),
                )
            )
    ended += await desk.broker.settle_working(account, desk.clock.now())
    for order, report in ended:
        ticket = (await desk.store.tickets.get(order.ticket_id)).ticket
        await conclude(desk, ticket, None, await settled(desk, ticket, order, report, ENDS[report.state]))
    return len(ended)


async def _no_longer_worth_it(desk: Desk, row: TicketRow) -> str:
    try:
        worth = await worth_now(desk, row.ticket)
    except DataError as error:
        return str(error)
    return worth if isinstance(worth, str) else ""
