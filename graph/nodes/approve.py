"""approve: a ticket → approved, edited down, rejected or expired. Exactly one interrupt; nothing happens before it."""

from __future__ import annotations

from decimal import Decimal

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from domain.decision import Outcome
from domain.orders import Answer, OrderTicket, TicketState
from graph.context import Desk
from graph.state import TicketGraphState
from memory.acts import Act


def answer_of(act: Act) -> Answer:
    """The answer that an act gives."""
    price = act.payload.get("limit_price")
    return Answer(
        kind="reject" if act.kind == "reject" else "approve",
        who=act.who,
        through=act.through,
        at=act.at,
        contracts=int(act.payload["contracts"]) if "contracts" in act.payload else None,
        limit_price=Decimal(price) if price is not None else None,
        reason=act.payload.get("reason", ""),
    )


def expired(ticket: OrderTicket) -> str:
    """Why a ticket that ran out ended."""
    return f"not answered and sent before {ticket.expires_at:%Y-%m-%d %H:%M:%S} UTC"


async def approve(state: TicketGraphState, runtime: Runtime[Desk]) -> TicketGraphState:
    """Wait for the answer of a person, or take code's answer on the same path where the desk answers itself."""
    desk, ticket = runtime.context, state["ticket"]
    now = desk.clock.now()
    if desk.answers_itself:
        payload = {"reason": "the desk answers itself"}
        act = await desk.store.acts.write("approve", desk.answers_itself, "code", ticket.id, ticket.nonce, payload, now)
        answer = answer_of(act)  # the first act on record, which may be a person's
    else:
        answer = interrupt({"ticket": ticket.id})
    if answer.kind == "approve" and now < ticket.expires_at:
        return {"answer": answer}
    rejected = answer.kind == "reject"
    outcome = Outcome(
        ticket_id=ticket.id,
        state=TicketState.REJECTED if rejected else TicketState.EXPIRED,
        reason=answer.reason if rejected else expired(ticket),
        report=None,
        position_id=ticket.position_id,
        fill_net=None,
        contracts=0,
        pnl=None,
        at=now,
    )
    return {"answer": answer, "outcome": outcome}
