"""approve: a ticket → approved, edited down, rejected or expired. Exactly one interrupt; nothing happens before it."""

from __future__ import annotations

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from domain.decision import Outcome
from domain.orders import Answer, TicketState
from graph.context import Desk
from graph.state import TicketGraphState


async def approve(state: TicketGraphState, runtime: Runtime[Desk]) -> TicketGraphState:
    """Wait for the answer of a person, or take code's answer on the same path where the desk answers itself."""
    desk, ticket = runtime.context, state["ticket"]
    now = desk.clock.now()
    if desk.answers_itself:
        answer = Answer(
            kind="approve",
            who=desk.answers_itself,
            through="code",
            at=now,
            contracts=None,
            limit_price=None,
            reason="the desk answers itself",
        )
        await desk.store.acts.write("approve", answer.who, "code", ticket.id, ticket.nonce, {}, now)
    else:
        answer = interrupt({"ticket": ticket.id})
    if answer.kind == "approve" and now < ticket.expires_at:
        return {"answer": answer}
    rejected = answer.kind == "reject"
    outcome = Outcome(
        ticket_id=ticket.id,
        state=TicketState.REJECTED if rejected else TicketState.EXPIRED,
        reason=answer.reason if rejected else f"nobody answered before {ticket.expires_at:%Y-%m-%d %H:%M:%S} UTC",
        report=None,
        position_id=ticket.position_id,
        fill_net=None,
        contracts=0,
        pnl=None,
        at=now,
    )
    return {"answer": answer, "outcome": outcome}
