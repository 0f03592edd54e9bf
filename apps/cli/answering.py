"""Answering tickets, and showing them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from apps.cli.exits import Exit
from apps.cli.house import tickets_of, who
from apps.cli.standing import fills_of, of_tickets, ticket_document
from apps.cli.terminal import Watch, out, say_json
from apps.render.tickets import outcome, table
from apps.render.words import moment
from domain.errors import BadInput
from domain.orders import OrderTicket, TicketState

if TYPE_CHECKING:
    from rich.console import RenderableType

    from apps.settings import Settings
    from apps.wiring import House
    from memory.acts import Act
    from memory.tickets import TicketRow

THROUGH = "cli"


@dataclass(frozen=True)
class Reply:
    """A person's answer: approve, reject, or edit (an approval made smaller)."""

    kind: str
    reason: str = ""
    contracts: int | None = None
    limit: Decimal | None = None

    def check(self, ticket: OrderTicket) -> None:
        """A person edits down. Raises BadInput."""
        if self.contracts is not None and not 1 <= self.contracts <= ticket.contracts:
            raise BadInput(f"{ticket.id} is for {ticket.contracts}; edit it to 1 to {ticket.contracts} contracts")
        if self.limit is not None and not self.limit.is_finite():
            raise BadInput(f"{self.limit} is no price")


async def give(house: House, row: TicketRow, reply: Reply) -> tuple[TicketRow, bool]:
    """Answer one ticket. False: somebody had answered before, and that first answer is what counts."""
    if row.state is not TicketState.AWAITING or await _answered(house, row.ticket) is not None:
        return await house.runs.pick_up(row.ticket.id), False
    reply.check(row.ticket)
    desk = await house.runs.open_desk(row.ticket.market, row.ticket.as_of)
    after = await house.runs.answer(
        row.ticket.id,
        reply.kind,
        who=who(),
        through=THROUGH,
        at=desk.clock.now(),
        contracts=reply.contracts,
        limit_price=reply.limit,
        reason=reply.reason,
    )
    # Between our look and our answer another process may have answered: then the end is not what was said here.
    return after, (after.state is TicketState.REJECTED) == (reply.kind == "reject")


async def _answered(house: House, ticket: OrderTicket) -> Act | None:
    acts = await house.store.acts.pending(ticket.id)
    return acts[0] if acts else None


async def told(house: House, row: TicketRow, fresh: bool) -> RenderableType:
    """What became of a ticket, and whether it had been answered before."""
    from rich.console import Group
    from rich.text import Text

    body = outcome(row.ticket, row.state, row.reason, await fills_of(house, row.ticket))
    if fresh:
        return body
    by = f" by {row.answered_by}" if row.answered_by else ""
    return Group(
        Text(f"already answered{by}, {moment(row.updated_at, seconds=True)}: {row.state.value}", "yellow"), body
    )


async def answer(settings: Settings, name: str, reply: Reply, as_json: bool) -> Exit:
    """Answer a ticket, or every waiting ticket of a run; say what happened."""
    from apps.wiring import open_house

    watch = Watch("parley")
    async with open_house(settings, progress=watch) as house:
        rows = await tickets_of(house, name)
        if len(rows) > 1 and (reply.contracts is not None or reply.limit is not None):
            raise BadInput(
                f"{name} has {len(rows)} tickets; edit them one by one: {', '.join(r.ticket.id for r in rows)}"
            )
        ended: list[tuple[TicketRow, bool]] = []
        with watch:
            for row in rows:
                ended.append(await give(house, row, reply))
        after = tuple(row for row, _ in ended)
        code = of_tickets(after)
        if as_json:
            documents = [{**await ticket_document(house, row), "already_answered": not fresh} for row, fresh in ended]
            say_json({"exit": int(code), "tickets": documents})
            return code
        console = out()
        for row, fresh in ended:
            console.print(f"ticket {row.ticket.id}", style="dim")
            console.print(await told(house, row, fresh))
        return code


async def show(settings: Settings, everything: bool, account: str | None, as_json: bool) -> None:
    """List tickets, newest first."""
    from apps.wiring import open_house

    async with open_house(settings) as house:
        rows = await house.store.tickets.list(account=account, open_only=not everything)
        if as_json:
            say_json({"tickets": [await ticket_document(house, row) for row in rows]})
            return
        console = out()
        if not rows:
            console.print("No ticket." if everything else "No open ticket; closed ones: parley tickets --all")
            return
        console.print(table((row.ticket, row.state, row.reason) for row in rows))
