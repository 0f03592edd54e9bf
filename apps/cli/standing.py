"""How a run stands after everything that could be done now: its exit code, and the document that says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from apps.cli.exits import Exit
from domain.codec import to_data
from domain.decision import RunStatus
from domain.orders import Fill, OrderTicket, TicketState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apps.wiring import House
    from memory.decisions import RunRow
    from memory.tickets import TicketRow

ENDED_WELL = (TicketState.FILLED, TicketState.WORKING, TicketState.REJECTED)  # a person's no is an answer, no failure


def of_tickets(rows: Sequence[TicketRow]) -> Exit:
    """Awaiting while one waits; refused when none of them ended as somebody wanted."""
    if any(row.state in (TicketState.AWAITING, TicketState.APPROVED) for row in rows):
        return Exit.AWAITING
    if rows and not any(row.state in ENDED_WELL for row in rows):
        return Exit.REFUSED
    return Exit.OK


def standing(row: RunRow, rows: Sequence[TicketRow]) -> Exit:
    """The exit code of a run: halted, awaiting, all refused, all sources down, or done. Not to trade is done, too."""
    decision = row.decision
    if row.status is RunStatus.HALTED:
        return Exit.HALTED
    if decision is None:
        return Exit.REFUSED
    if rows:
        return of_tickets(rows)
    if decision.debates:
        return Exit.OK
    down = {one.ticker for one in decision.refused if one.down}
    return Exit.ENVIRONMENT if down >= set(decision.spec.tickers) else Exit.REFUSED


async def tickets_of_run(house: House, run_id: str) -> tuple[TicketRow, ...]:
    """A run's tickets in the order it made them."""
    rows = await house.store.tickets.list(run_id=run_id)
    return tuple(sorted(rows, key=lambda row: (len(row.ticket.id), row.ticket.id)))


async def fills_of(house: House, ticket: OrderTicket) -> tuple[Fill, ...]:
    """The fills of one ticket's order, oldest first."""
    from quant.sizing.order import client_order_id

    wanted = client_order_id(ticket.id)
    return tuple(fill for fill in await house.store.portfolio.fills(ticket.account) if fill.client_order_id == wanted)


async def ticket_document(house: House, row: TicketRow) -> dict[str, Any]:
    """One ticket as plain data."""
    return {
        "id": row.ticket.id,
        "state": row.state.value,
        "reason": row.reason,
        "answered_by": row.answered_by,
        "fills": [to_data(fill) for fill in await fills_of(house, row.ticket)],
        "ticket": to_data(row.ticket),
    }


def status_of(row: RunRow, rows: Sequence[TicketRow]) -> str:
    """The same in a word; "running" for a run without a decision, which may have been killed."""
    return row.status.value if row.decision_json is None else STATUS[standing(row, rows)]


STATUS = {
    Exit.ENVIRONMENT: "down",
    Exit.OK: "done",
    Exit.REFUSED: "refused",
    Exit.AWAITING: "awaiting",
    Exit.HALTED: "halted",
}


async def document(house: House, row: RunRow) -> dict[str, Any]:
    """A run as plain data: the canonical decision, its hash, its status, its tickets with their fills."""
    rows = await tickets_of_run(house, row.run_id)
    code = standing(row, rows)
    return {
        "run_id": row.run_id,
        "status": status_of(row, rows),
        "exit": int(code),
        "decision_hash": row.decision_hash,
        "decision": None if row.decision_json is None else json.loads(row.decision_json),
        "tickets": [await ticket_document(house, ticket) for ticket in rows],
    }
