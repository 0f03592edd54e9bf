"""Order tickets and where each one's life stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.codec import dumps, loads
from domain.errors import BadInput, NotFound
from domain.orders import OPEN_STATES, OrderTicket, TicketState
from memory.database import Database, Row, utc
from memory.prefix import resolve

LOOK = "`parley tickets` shows them"


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket as it stands; `answered_by` is empty until someone answers."""

    ticket: OrderTicket
    state: TicketState
    reason: str
    answered_by: str
    updated_at: datetime


def _ticket(row: Row) -> TicketRow:
    return TicketRow(
        ticket=loads(row["body"], OrderTicket),
        state=TicketState(row["state"]),
        reason=row["reason"],
        answered_by=row["answered_by"],
        updated_at=utc(row["updated_at"]),
    )


def came_before(state: TicketState) -> tuple[TicketState, ...]:
    """The states from which a ticket may reach `state`: open ones that come before it. Ends are final."""
    return OPEN_STATES[: OPEN_STATES.index(state)] if state in OPEN_STATES else OPEN_STATES


class Tickets:
    """Tickets only ever move forward: awaiting, approved, working, an end."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, ticket: OrderTicket) -> None:
        """Enter a ticket as awaiting; again is harmless. Raises BadInput when the id belongs to another ticket."""
        text = dumps(ticket)
        added = await self._db.run(
            "tickets.create",
            id=ticket.id,
            run_id=ticket.run_id,
            account=ticket.account,
            market=ticket.market,
            position_id=ticket.position_id,
            body=text,
            state=TicketState.AWAITING.value,
            created_at=ticket.created_at,
        )
        if not added:
            row = await self._db.row("tickets.get", id=ticket.id)
            if row is not None and row["body"] != text:
                raise BadInput(f"ticket {ticket.id} exists with other contents; a ticket is never rewritten")

    async def get(self, ticket_id: str) -> TicketRow:
        """A ticket by its full id. Raises NotFound."""
        row = await self._db.row("tickets.get", id=ticket_id)
        if row is None:
            raise NotFound(f"no ticket {ticket_id}; {LOOK}")
        return _ticket(row)

    async def set_state(
        self, ticket_id: str, state: TicketState, reason: str, at: datetime, answered_by: str | None = None
    ) -> TicketState:
        """Move a ticket forward and return the state that stands afterwards: an end never changes.

        Raises NotFound.
        """
        row = await self._db.row(
            "tickets.set_state",
            id=ticket_id,
            state=state.value,
            reason=reason,
            at=at,
            answered_by=answered_by,
            from_states=[before.value for before in came_before(state)],
        )
        return state if row is not None else (await self.get(ticket_id)).state

    async def list(
        self, run_id: str | None = None, account: str | None = None, open_only: bool = False
    ) -> tuple[TicketRow, ...]:
        """Tickets, newest first."""
        rows = await self._db.rows(
            "tickets.list",
            run_id=run_id,
            account=account,
            open_only=open_only,
            open_states=[state.value for state in OPEN_STATES],
        )
        return tuple(_ticket(row) for row in rows)

    async def latest_for_run(self, run_id: str) -> TicketRow | None:
        """The newest ticket of a run, None when it made none."""
        row = await self._db.row("tickets.latest_for_run", run_id=run_id)
        return None if row is None else _ticket(row)

    async def resolve(self, prefix: str) -> str:
        """The ticket whose id begins so. Raises NotFound, or BadInput when several do."""
        return await resolve(self._db, "tickets.starting_with", "ticket", prefix, LOOK)
