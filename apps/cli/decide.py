"""One decision run from the command line: start or go on, tell the story, ask or say how to answer."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from apps.cli.answering import Reply, give, told
from apps.cli.exits import Exit
from apps.cli.standing import document, standing
from apps.cli.terminal import Watch, a_person_is_there, out, say_json
from apps.render.story import heading, story
from apps.render.tickets import card, how_to_answer
from apps.render.words import moment
from apps.wiring import House, open_house, parse_as_of
from domain.decision import RunSpec
from domain.errors import BadInput
from domain.orders import TicketState
from memory.decisions import RunRow
from memory.tickets import TicketRow
from tools.market.simulated.market import SimulatedMarket
from tools.market.simulated.presets import STEP_S

if TYPE_CHECKING:
    from rich.console import Console

    from apps.settings import Settings

DEMO = "the demo"
ITSELF = "nobody is at a terminal, so the demo answers itself"
DEMO_ACCOUNTS = "paper/demo/"
DEMO_QUOTES = 12  # an hour of the simulated session


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    tickers: tuple[str, ...]
    market: str | None
    as_of: str | None
    account: str | None
    demo: bool
    go_on: str | None
    full: bool
    json: bool


async def decide(settings: Settings, wish: Wish) -> Exit:
    """Run, tell, and put the tickets before whoever answers them."""
    asks = a_person_is_there() and not wish.json
    watch = Watch("parley")
    async with open_house(settings, progress=watch, answers_itself=DEMO if wish.demo and not asks else "") as house:
        with watch:
            if wish.go_on:
                row = await house.runs.go_on(await house.store.decisions.resolve(wish.go_on))
            else:
                spec = await _spec(house, wish)
                if wish.demo and not asks:
                    await _paper_only(house, spec)
                row = await house.runs.start(spec)
        settled = await _next_quotes(house, row.spec) if wish.demo and not asks else ()
        if wish.json:
            made = await document(house, row)
            say_json(made)
            return Exit(made["exit"])
        return await _tell(house, row, wish, asks, settled)


async def _spec(house: House, wish: Wish) -> RunSpec:
    settings = house.settings
    name = f"simulated:vrp:{settings.seed}" if wish.demo else wish.market or settings.market
    market = house.markets(name)
    as_of = market.last_session_middle() if isinstance(market, SimulatedMarket) and wish.demo else None
    as_of = as_of or parse_as_of(wish.as_of, market)
    account = await _fresh_demo_account(house) if wish.demo else wish.account
    return house.spec(wish.tickers or settings.tickers, name, as_of, account=account)


async def _fresh_demo_account(house: House) -> str:
    """The demo opens an account of its own each time, so that it can be repeated."""
    known = set(await house.store.portfolio.accounts())
    number = 1
    while f"{DEMO_ACCOUNTS}{number}" in known:
        number += 1
    return f"{DEMO_ACCOUNTS}{number}"


async def _paper_only(house: House, spec: RunSpec) -> None:
    desk = await house.runs.open_desk(spec.market, spec.as_of)
    if not desk.broker.paper:
        raise BadInput("the demo answers itself for the paper broker only; run it on a terminal")


async def _tell(house: House, row: RunRow, wish: Wish, asks: bool, settled: tuple[datetime, ...]) -> Exit:
    console = out()
    decision = row.decision
    if decision is None:
        console.print(f"run {row.run_id} has no decision yet; go on with: parley run --continue {row.run_id}")
        return Exit.REFUSED
    delayed, answers = house.markets(row.spec.market).delayed, ITSELF if wish.demo and not asks else ""
    console.print(story(decision, delayed=delayed, answers=answers, full=wish.full))
    rows = await _tickets(house, row.run_id)
    if not decision.opened.refused:
        console.print(heading("Tickets"))
    if not rows and not decision.opened.refused:
        console.print("None: this run proposes nothing.")
    for ticket in rows:
        await _one_ticket(house, console, ticket, wish, asks)
    if wish.demo and asks:
        settled = await _next_quotes(house, row.spec)
        for ticket in await _tickets(house, row.run_id) if settled else ():
            console.print(await told(house, ticket, True))
    if settled:
        console.print(f"Orders rest until the next quote: the session went on to {moment(settled[-1])}.", style="dim")
    rows = await _tickets(house, row.run_id)
    exit_code = standing(row, rows)
    await _journal(house, console, row, wish.demo)
    if exit_code is Exit.AWAITING:
        console.print("\nstatus: awaiting. The tickets above wait for an answer (exit code 3).", style="yellow")
    return exit_code


async def _tickets(house: House, run_id: str) -> tuple[TicketRow, ...]:
    return tuple(reversed(await house.store.tickets.list(run_id=run_id)))


async def _next_quotes(house: House, spec: RunSpec) -> tuple[datetime, ...]:
    """Let the simulated session go on, quote by quote, while the demo's orders rest. Returns those moments."""
    seen: list[datetime] = []
    for step in range(1, DEMO_QUOTES + 1):
        if not any(row.state is TicketState.WORKING for row in await _tickets(house, spec.run_id)):
            break
        seen.append(spec.as_of + timedelta(seconds=step * STEP_S))
        await house.runs.settle_working(dataclasses.replace(spec, as_of=seen[-1]))
    return tuple(seen)


async def _one_ticket(house: House, console: Console, row: TicketRow, wish: Wish, asks: bool) -> None:
    console.print(card(row.ticket))
    if row.state is TicketState.AWAITING and asks:
        reply = _question(console, row)
        if reply is not None:
            row, fresh = await give(house, row, reply)
            console.print(await told(house, row, fresh))
            return
    if row.state is TicketState.AWAITING:
        console.print(how_to_answer(row.ticket))
        return
    if wish.demo and row.answered_by == DEMO:
        console.print("Approved by the demo itself, FOR THE PAPER BROKER ONLY.", style="bold yellow")
    console.print(await told(house, row, True))


def _question(console: Console, row: TicketRow) -> Reply | None:
    """y, n or edit; None leaves the ticket waiting. Asks again until it understands."""
    while True:
        said = (
            console.input("Send this order to the paper broker? \\[y]es, \\[n]o, \\[e]dit, \\[l]ater: ").strip().lower()
        )
        if said in ("y", "yes"):
            return Reply("approve")
        if said in ("n", "no"):
            return Reply("reject", console.input("Why not (kept in the journal): ").strip())
        if said in ("l", "later"):
            return None
        if said in ("e", "edit"):
            reply = _edited(console, row)
            if reply is not None:
                return reply


def _edited(console: Console, row: TicketRow) -> Reply | None:
    from decimal import Decimal, InvalidOperation

    ticket = row.ticket
    few = console.input(f"Contracts, at most {ticket.contracts} (empty: as proposed): ").strip()
    price = console.input(f"Limit, now {ticket.limit_price} a share, negative is a credit (empty: as is): ").strip()
    try:
        reply = Reply("edit", "", int(few) if few else None, Decimal(price) if price else None)
        reply.check(ticket)
    except (ValueError, InvalidOperation, BadInput) as error:
        console.print(f"That does not work: {error}", markup=False)
        return None
    return reply if few or price else Reply("approve")


async def _journal(house: House, console: Console, row: RunRow, demo: bool) -> None:
    """The journal's entry: where it stands, and, in the demo, what will be remembered of it."""
    console.print(heading("Journal"))
    kept = await house.store.decisions.run(row.run_id)
    content = (kept.decision_hash if kept else None) or ""
    console.print(f"run {row.run_id} is on record, decision {content[:12]}", markup=False)
    if demo and row.decision is not None:
        from agents.scribe import memory_of_decision

        traded = {ticket.ticket.ticker for ticket in await _tickets(house, row.run_id)}
        for ticker, text in memory_of_decision(row.decision):
            if ticker in traded:
                console.print(f"remembered: {text}", markup=False, style="dim")
    console.print(f"the whole story: parley journal show {row.run_id}", markup=False)
