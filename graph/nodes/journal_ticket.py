"""journal (of a ticket): how it ended → ticket row, outcome, transcript, memory."""

from __future__ import annotations

from langgraph.runtime import Runtime

from agents.recollection import memory_of_ticket
from agents.scribe import ticket_story
from domain.decision import Outcome, world_of
from domain.orders import OPEN_STATES, Answer, OrderTicket, TicketState
from graph.context import Desk
from graph.state import TicketGraphState


async def journal_ticket(state: TicketGraphState, runtime: Runtime[Desk]) -> TicketGraphState:
    """Write how the ticket ended."""
    await conclude(runtime.context, state["ticket"], state["answer"], state["outcome"])
    return {}


async def conclude(desk: Desk, ticket: OrderTicket, answer: Answer | None, outcome: Outcome) -> None:
    """Journal an outcome and give back what the ticket had reserved, unless its order still works.

    `answer` None: the order had rested, and its answer was journaled when it was sent.
    """
    store, now = desk.store, desk.clock.now()
    ended = TicketState(outcome.state)
    who = answer.who if answer is not None else None
    await store.portfolio.record_outcome(outcome)
    await store.tickets.set_state(ticket.id, ended, outcome.reason, now, answered_by=who)
    page = ticket.id if answer is not None else f"{ticket.id} end"
    await store.transcripts.put(ticket.run_id, page, ticket_story(ticket, answer, outcome))
    if ended not in OPEN_STATES:
        await store.portfolio.release(ticket.id, now)
        await store.recall.remember(
            "ticket",
            ticket.ticker,
            memory_of_ticket(ticket, outcome),
            event_time=now,
            known_at=now,
            source=ticket.id,
            world=world_of(ticket.account, ticket.market),
        )
