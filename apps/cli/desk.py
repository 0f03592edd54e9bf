"""Accounts from the command line: the book, the kill switch, one look, one close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.cli.exits import Exit
from apps.cli.house import account_place, pick_account, who
from apps.cli.standing import of_tickets, ticket_document
from apps.cli.terminal import Watch, out, say_json
from apps.render.gate import checks
from apps.render.portfolio import accounts as accounts_table
from apps.render.portfolio import halted, lifted, profit
from apps.render.portfolio import portfolio as account_page
from apps.render.story import heading
from apps.render.tickets import card, how_to_answer
from apps.render.words import money, signed
from apps.wiring import House, decision_moment, open_house
from domain.book import Book, Mark
from domain.codec import to_data
from domain.decision import GateReport, RunSpec
from domain.errors import BadInput
from domain.orders import TicketState
from graph.present import present_regime
from memory.acts import DESK, HALT, RESUME
from quant.risk.gate import check
from tools.clock import SystemClock
from tools.randomness import nonce

if TYPE_CHECKING:
    from rich.console import Console

    from apps.settings import Settings

THROUGH = "cli"


async def portfolio(settings: Settings, account: str | None, as_json: bool) -> None:
    """One account in full, or the list of them."""
    async with open_house(settings) as house:
        known = await house.store.portfolio.accounts()
        if account is None and len(known) != 1:
            await _list(house, known, as_json)
            return
        name = known[0] if account is None else account
        market, _ = await account_place(house, name)
        book, marks, risk = await _account(house, name)
        if as_json:
            say_json({"account": _account_data(book, market, marks, risk)})
        else:
            out().print(account_page(book, market, marks, risk))


async def _list(house: House, known: tuple[str, ...], as_json: bool) -> None:
    rows = []
    for name in known:
        market, at = await account_place(house, name)
        rows.append((await house.store.portfolio.book(name, at), market))
    if as_json:
        say_json({"accounts": [{"market": market, "book": to_data(book)} for book, market in rows]})
    elif not rows:
        out().print("No account yet; `parley run` opens one.")
    else:
        out().print(accounts_table(rows))
        out().print("\none in full: parley portfolio --account ACCOUNT")


async def _account(house: House, name: str) -> tuple[Book, dict[str, Mark], GateReport]:
    """The book as of the account's own moment, the last mark of each position, and the gate's report on it."""
    market, at = await account_place(house, name)
    desk = await house.runs.open_desk(market, at)
    now = desk.clock.now()
    book = await house.store.portfolio.book(name, now)
    marks = {}
    for position in book.positions:
        made = await house.store.portfolio.marks(position.id)
        if made:
            marks[position.id] = made[-1]
    return book, marks, check((), book, await present_regime(desk, name), desk.limits, now)


def _account_data(book: Book, market: str, marks: dict[str, Mark], risk: GateReport) -> dict[str, Any]:
    gains = {one.id: str(profit(one, marks[one.id])) for one in book.positions if one.id in marks}
    return {
        "market": market,
        "book": to_data(book),
        "marks": [to_data(mark) for mark in marks.values()],
        "profit": gains,
        "risk": to_data(risk),
    }


async def halt(settings: Settings, account: str | None, reason: str, as_json: bool) -> None:
    """Write a halt; it holds from its commit on."""
    async with open_house(settings) as house:
        scope = await _scope(house, account)
        now = SystemClock().now()
        await house.store.acts.write(HALT, who(), THROUGH, scope, nonce(), {"reason": reason}, now)
        await _say_halts(house, as_json)


async def _scope(house: House, account: str | None) -> str:
    known = await house.store.portfolio.accounts()
    if account is not None and account not in known:
        raise BadInput(f"there is no account {account}; accounts: {', '.join(known) or 'none yet'}")
    return account or DESK


async def resume(settings: Settings, account: str | None, as_json: bool) -> Exit:
    """Lift the halt of one scope; others keep holding."""
    async with open_house(settings) as house:
        scope = await _scope(house, account)
        held = await house.store.acts.halts()
        if not any(one.scope == scope for one in held):
            others = ", ".join(sorted({one.scope for one in held}))
            raise BadInput(f"{scope} is not halted" + (f"; halted: {others} (--account ACCOUNT)" if others else ""))
        await house.store.acts.write(RESUME, who(), THROUGH, scope, nonce(), {}, SystemClock().now())
        if not as_json:
            out().print(lifted(scope))
        return await _say_halts(house, as_json)


async def _say_halts(house: House, as_json: bool) -> Exit:
    """What is halted now."""
    held = await house.store.acts.halts()
    if as_json:
        say_json({"halts": [to_data(one) for one in held]})
    else:
        console = out()
        for one in held:
            console.print(halted(one.scope, one.reason, one.since))
        if held:
            console.print("lift it: parley resume [--account ACCOUNT]")
        else:
            console.print("to go on with a run that stopped: parley run --continue RUN")
    return Exit.HALTED if held else Exit.OK


async def _look_spec(house: House, name: str, market: str | None, as_of: str | None, kind: str) -> RunSpec:
    """What a watch or a close runs under: the account's own market and moment unless others are named."""
    import dataclasses

    known_market, known_at = await account_place(house, name)
    chosen = market or known_market
    same = chosen == known_market and as_of is None
    same = same and not house.markets(chosen).live
    at = known_at if same else await decision_moment(as_of, house.markets(chosen), ())
    spec = house.spec((), chosen, at, account=name)
    return dataclasses.replace(spec, run_id=f"{spec.run_id}-{kind}")


async def watch(settings: Settings, account: str | None, market: str | None, as_of: str | None, as_json: bool) -> Exit:
    """One look at an account's positions; due exits become tickets."""
    shown = Watch("parley")
    async with open_house(settings, progress=shown) as house:
        name = await pick_account(house, account)
        spec = await _look_spec(house, name, market, as_of, "watch")
        with shown:
            await house.runs.settle_working(spec)
            state = await house.runs.watch(spec)
        rows = [await house.runs.ticket(ticket_id) for ticket_id in state.get("tickets", ())]
        code = Exit.HALTED if state.get("halted") else of_tickets(rows)
        if as_json:
            say_json(
                {
                    "exit": int(code),
                    "halted": state.get("halted", False),
                    "marks": [to_data(mark) for mark in state.get("marks", ())],
                    "exits": [{"position": position, "why": why} for position, why in state.get("exits", ())],
                    "tickets": [await ticket_document(house, row) for row in rows],
                    "refused": [to_data(one) for one in state.get("refused", ())],
                }
            )
            return code
        console = out()
        for mark in state.get("marks", ()):
            console.print(f"{mark.position_id}: worth {money(mark.value)}  {mark.note}")
        for position, why in state.get("exits", ()):
            console.print(f"{position}: exit due, {why}", style="yellow")
        for one in state.get("refused", ()):
            console.print(f"{one.ticker} at {one.stage}: {one.reason}", style="red")
        if not state.get("marks"):
            console.print("No open position.")
        for row in rows:
            console.print(card(row.ticket))
            if row.state is TicketState.AWAITING:
                console.print(how_to_answer(row.ticket))
        if state.get("halted"):
            console.print(f"{name} is halted; lift it with `parley resume`", style="red")
        return code


async def close(settings: Settings, account: str | None, market: str | None, as_of: str | None, as_json: bool) -> Exit:
    """The end of a day for one account."""
    shown = Watch("parley")
    async with open_house(settings, progress=shown) as house:
        name = await pick_account(house, account)
        spec = await _look_spec(house, name, market, as_of, "close")
        with shown:
            state = await house.runs.close(spec)
        report = state["risk"]
        code = Exit.OK if report.passed else Exit.REFUSED
        if as_json:
            say_json(
                {
                    "exit": int(code),
                    "run_id": spec.run_id,
                    "nlv": state["nlv"],
                    "attribution": [{"position": name, "pnl": pnl} for name, pnl in state["attribution"]],
                    "risk": to_data(report),
                    "lessons": list(state["lessons"]),
                    "refused": [to_data(one) for one in state.get("refused", ())],
                }
            )
            return code
        _say_close(out(), name, state, report)
        return code


def _say_close(console: Console, name: str, state: Any, report: GateReport) -> None:
    from decimal import Decimal

    console.print(heading("Close"))
    console.print(f"{name}: net liquidation value {money(state['nlv'])}")
    for position, pnl in state["attribution"]:
        console.print(f"{position} since entry ", signed(Decimal(pnl)))
    console.print(checks(report))
    for text in state["lessons"]:
        console.print(f"lesson: {text}")
    for one in state.get("refused", ()):
        console.print(f"{one.ticker} at {one.stage}: {one.reason}", style="red")
