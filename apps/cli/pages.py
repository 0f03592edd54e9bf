"""The journal's pages: the list of runs, one whole story, and what a search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.cli.standing import document, fills_of, status_of, tickets_of_run
from apps.cli.terminal import out, say_json
from apps.render.journal import found, run_table, timings
from apps.render.story import heading, story
from apps.render.tickets import card, ended, outcome
from apps.render.words import moment
from domain.codec import to_data
from domain.decision import Outcome
from domain.errors import NotFound

if TYPE_CHECKING:
    from rich.console import Console

    from apps.settings import Settings
    from apps.wiring import House
    from memory.decisions import RunRow
    from memory.tickets import TicketRow


async def list_runs(settings: Settings, limit: int, account: str | None, as_json: bool) -> None:
    """The newest runs, newest first."""
    from apps.wiring import open_house

    async with open_house(settings) as house:
        rows = await house.store.decisions.runs(limit, account)
        tickets = {row.run_id: await tickets_of_run(house, row.run_id) for row in rows}
        statuses = {row.run_id: status_of(row, tickets[row.run_id]) for row in rows}
        if as_json:
            listed = [
                {"spec": to_data(row.spec), "status": statuses[row.run_id], "decision_hash": row.decision_hash}
                for row in rows
            ]
            say_json({"runs": listed})
        elif rows:
            out().print(run_table((row.spec, statuses[row.run_id], _states(tickets[row.run_id])) for row in rows))
        else:
            out().print("No run yet; make one: parley run --demo")


def _states(rows: tuple[TicketRow, ...]) -> str:
    return ", ".join(row.state.value for row in rows)


async def show(settings: Settings, run: str, full: bool, as_json: bool) -> None:
    """One run from its evidence to its outcome."""
    from apps.wiring import open_house

    async with open_house(settings) as house:
        run_id = await house.store.decisions.resolve(run)
        row = await house.store.decisions.run(run_id)
        if row is None:
            raise NotFound(f"no run {run_id}; `parley journal list` shows them")
        if as_json:
            made = await document(house, row)
            outcomes = await house.store.portfolio.outcomes(row.spec.account)
            own = {ticket["id"] for ticket in made["tickets"]}
            made["outcomes"] = [to_data(one) for one in outcomes if one.ticket_id in own]
            made["transcripts"] = {one.ticker: one.text for one in await house.store.transcripts.get(run_id)}
            say_json(made)
            return
        await _tell(house, out(), row, full)


async def _tell(house: House, console: Console, row: RunRow, full: bool) -> None:
    decision = row.decision
    if decision is None:
        console.print(f"run {row.run_id} stopped before its decision; go on with: parley run --continue {row.run_id}")
    else:
        console.print(story(decision, full=full))
    console.print(heading("Tickets"))
    rows = await tickets_of_run(house, row.run_id)
    if not rows:
        console.print("None: this run proposed nothing.")
    positions = set()
    for ticket in rows:
        console.print(card(ticket.ticket))
        if ticket.answered_by:
            console.print(f"answered by {ticket.answered_by}, {moment(ticket.updated_at, seconds=True)}")
        fills = await fills_of(house, ticket.ticket)
        console.print(outcome(ticket.ticket, ticket.state, ticket.reason, fills))
        positions |= {one.position_id for one in await _ends(house, ticket) if one.position_id}
    closings = [
        one
        for one in await house.store.portfolio.outcomes(row.spec.account)
        if one.position_id in positions and one.pnl is not None
    ]
    if closings:
        console.print(heading("Outcomes"))
        for one in closings:
            console.print(ended(one))
    if full:
        console.print(heading("Nodes"))
        console.print(timings((n.node, n.ticker, n.duration_ms) for n in await house.store.decisions.nodes(row.run_id)))
    if row.decision_hash:
        console.print(f"\ndecision {row.decision_hash[:12]}, status {status_of(row, rows)}", style="dim")


async def _ends(house: House, row: TicketRow) -> list[Outcome]:
    outcomes = await house.store.portfolio.outcomes(row.ticket.account)
    return [one for one in outcomes if one.ticket_id == row.ticket.id]


async def search(settings: Settings, words: str, limit: int, as_json: bool) -> None:
    """Full-text search over the transcripts."""
    from apps.wiring import open_house

    async with open_house(settings) as house:
        hits = await house.store.decisions.search(words, limit)
        if as_json:
            say_json({"hits": [{"run_id": h.run_id, "ticker": h.ticker, "excerpt": h.excerpt} for h in hits]})
        elif hits:
            out().print(found((hit.run_id, hit.ticker, hit.excerpt) for hit in hits))
        else:
            out().print(f"nothing about {words!r}")
