"""One decision run from the command line: start or go on, tell the story, ask or say how to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.cli.answering import Reply, give, told
from apps.cli.exits import Exit
from apps.cli.standing import document, standing, tickets_of_run
from apps.cli.terminal import Watch, a_person_is_there, out, say_json
from apps.markets import market_named
from apps.render.story import heading, story
from apps.render.tickets import card, how_to_answer
from apps.wiring import House, decision_moment, open_house, parse_as_of
from domain.decision import RunSpec
from domain.errors import BadInput
from domain.orders import TicketState
from memory.decisions import RunRow
from memory.tickets import TicketRow
from tools.market.open import LIVE
from tools.market.simulated.market import SimulatedMarket

if TYPE_CHECKING:
    from rich.console import Console

    from apps.settings import Settings

DEMO = "the demo"
ITSELF = "nobody is at a terminal, so the demo answers itself"
DEMO_ACCOUNTS = "paper/demo/"


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
    market = None if wish.go_on else _market(settings, wish)  # a bad market is said before anything is opened
    watch = Watch("parley")
    answers = DEMO if wish.demo and not asks else ""
    async with open_house(settings, progress=watch, answers_itself=answers, warm=market is not None) as house:
        with watch:
            if market is None:
                row = await house.runs.go_on(await house.store.decisions.resolve(wish.go_on or ""))
            else:
                account = await _fresh_demo_account(house) if wish.demo else wish.account
                spec = await _spec(house, wish, market, account)
                if wish.demo and not asks:
                    await _paper_only(house, spec)
                row = await house.runs.start(spec)
        if wish.json:
            made = await document(house, row)
            say_json(made)
            return Exit(made["exit"])
        return await _tell(house, row, wish, asks)


def _market(settings: Settings, wish: Wish) -> str:
    """The market of a new run: the demo's own, or the one asked for. Raises BadInput and DataAbsent, for a moment
    that it has not, too.
    """
    if wish.demo:
        return SimulatedMarket("vrp", settings.seed).label
    name = wish.market or settings.market
    if name != LIVE:
        parse_as_of(wish.as_of, market_named(settings, name))
    return name


async def _spec(house: House, wish: Wish, name: str, account: str | None) -> RunSpec:
    """What the run is a function of. A live market is asked first and decided on as of then."""
    tickers = wish.tickers or house.settings.tickers
    market = house.markets(name)
    if isinstance(market, SimulatedMarket) and wish.demo:
        return house.spec(tickers, name, market.last_session_middle(), account=account)
    return house.spec(tickers, name, await decision_moment(wish.as_of, market, tickers), account=account)


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


async def _tell(house: House, row: RunRow, wish: Wish, asks: bool) -> Exit:
    console = out()
    decision = row.decision
    if decision is None:
        console.print(f"run {row.run_id} has no decision yet; go on with: parley run --continue {row.run_id}")
        return Exit.REFUSED
    delayed, answers = house.markets(row.spec.market).delayed, ITSELF if wish.demo and not asks else ""
    console.print(story(decision, delayed=delayed, answers=answers, full=wish.full))
    rows = await tickets_of_run(house, row.run_id)
    if not decision.opened.refused:
        console.print(heading("Tickets"))
    if not rows and not decision.opened.refused:
        console.print("None: this run proposes nothing.")
    for ticket in rows:
        await _one_ticket(house, console, ticket, wish, asks)
    rows = await tickets_of_run(house, row.run_id)
    exit_code = standing(row, rows)
    await _journal(house, console, row, wish.demo)
    if exit_code is Exit.AWAITING:
        console.print("\nstatus: awaiting. The tickets above wait for an answer (exit code 3).", style="yellow")
    return exit_code


async def _one_ticket(house: House, console: Console, row: TicketRow, wish: Wish, asks: bool) -> None:
    console.print(card(row.ticket))
    if row.state is TicketState.AWAITING and asks:
        try:
            reply = _question(console, row)
        except EOFError:
            reply = None  # Ctrl-D: later
        if reply is not None:
            row, fresh = await give(house, row, reply)
            console.print(await told(house, row, fresh))
            return
    if row.state is TicketState.AWAITING:
        console.print(how_to_answer(row.ticket))
        return
    if wish.demo and not asks:
        console.print("Approved by the demo itself, FOR THE PAPER BROKER ONLY.", style="bold yellow")
    console.print(await told(house, row, True))


def _question(console: Console, row: TicketRow) -> Reply | None:
    """y, n or edit; None leaves the ticket waiting. Asks again until it understands."""
    while True:
        said = _ask(console, "Send this order to the paper broker? [y]es, [n]o, [e]dit, [l]ater: ").lower()
        if said in ("y", "yes"):
            return Reply("approve")
        if said in ("n", "no"):
            return Reply("reject", _ask(console, "Why not (kept in the journal): "))
        if said in ("l", "later"):
            return None
        if said in ("e", "edit"):
            reply = _edited(console, row)
            if reply is not None:
                return reply


def _ask(console: Console, words: str) -> str:
    return console.input(words, markup=False).strip()


def _edited(console: Console, row: TicketRow) -> Reply | None:
    from decimal import Decimal, InvalidOperation

    ticket = row.ticket
    few = _ask(console, f"Contracts, at most {ticket.contracts} (empty: as proposed): ")
    price = _ask(console, f"Limit, now {ticket.limit_price} a share, negative is a credit (empty: as is): ")
    try:
        reply = Reply("edit", "", int(few) if few else None, Decimal(price) if price else None)
        reply.check(ticket)
    except (ValueError, InvalidOperation, BadInput) as error:
        console.print(f"That does not work: {error}")
        return None
    return reply if few or price else Reply("approve")


async def _journal(house: House, console: Console, row: RunRow, demo: bool) -> None:
    """The journal's entry: where it stands, and, in the demo, what will be remembered of it."""
    console.print(heading("Journal"))
    kept = await house.store.decisions.run(row.run_id)
    content = (kept.decision_hash if kept else None) or ""
    console.print(f"run {row.run_id} is on record, decision {content[:12]}")
    if demo and row.decision is not None:
        from agents.scribe import memory_of_decision

        traded = {ticket.ticket.ticker for ticket in await tickets_of_run(house, row.run_id)}
        for ticker, text in memory_of_decision(row.decision):
            if ticker in traded:
                console.print(f"remembered: {text}", style="dim")
    console.print(f"the whole story: parley journal show {row.run_id}")
