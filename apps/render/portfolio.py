"""An account: what it holds at its last marks, what it has promised, and how much of its limits that uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.render.gate import checks
from apps.render.proposal import leg_name
from apps.render.words import BAD, DIM, GOOD, STRONG, market_label, money, net, plain_name, short_moment, signed
from domain.book import Book, Mark, Position
from domain.decision import GateReport
from domain.money import to_cents


def profit(position: Position, mark: Mark) -> Decimal:
    """Dollars since entry: the mark, less what entry paid, less its fees."""
    paid = position.entry_net * position.multiplier * position.contracts
    return to_cents(mark.value - paid - position.fees)


def portfolio(book: Book, market: str, marks: Mapping[str, Mark], risk: GateReport | None) -> RenderableType:
    """One account as it stands."""
    head = Table.grid(padding=(0, 2))
    head.add_column(style=DIM, no_wrap=True)
    head.add_column()
    head.add_row("account", Text(book.account, STRONG))
    head.add_row("market", market_label(market))
    marked = "never marked" if book.nlv_at is None else f"marked {short_moment(book.nlv_at)} New York"
    head.add_row("net liquidation", Text(money(book.nlv), STRONG).append(f"  {marked}", f"not bold {DIM}"))
    head.add_row("cash", money(book.cash))
    for halt in book.halts:
        text = Text(f"HALTED ({halt.scope}) ", f"{STRONG} {BAD}").append(halt.reason, "not bold")
        head.add_row("halt", text.append(f"  since {short_moment(halt.since)} New York", f"not bold {DIM}"))
    parts: list[RenderableType] = [head, Text(), _positions(book, marks)]
    if book.commitments:
        parts += [Text(), _promised(book)]
    if book.broker_only:
        names = ", ".join(book.broker_only)
        parts.append(Text(f"At the broker and unknown here: {names}", BAD))
    if risk is not None:
        parts += [Text("\nRisk used against the limits", STRONG), checks(risk)]
    return Group(*parts)


def _positions(book: Book, marks: Mapping[str, Mark]) -> RenderableType:
    if not book.positions:
        return Text("No open position.", DIM)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("position")
    for name in ("entry", "mark", "P&L", "max loss"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("marked (New York)", no_wrap=True)
    for one in book.positions:
        mark = marks.get(one.id)
        what = Text(f"{one.contracts} x {one.ticker} {plain_name(one.name)}", STRONG)
        what.append("\n" + "\n".join(leg_name(leg) for leg in one.legs), f"not bold {DIM}")
        value, gain, at = ("-", Text("-"), "never") if mark is None else _marked(one, mark)
        table.add_row(what, net(one.entry_net), value, gain, money(one.max_loss), at)
    return table


def _marked(position: Position, mark: Mark) -> tuple[str, Text, str]:
    return money(mark.value), signed(profit(position, mark)), short_moment(mark.at)


def _promised(book: Book) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for name in ("reserved for", "ticker", "is"):
        table.add_column(name)
    table.add_column("worst case", justify="right")
    for one in book.commitments:
        table.add_row(one.id, one.ticker, "working order" if one.working else "ticket", money(one.max_loss))
    return table


def accounts(rows: Iterable[tuple[Book, str]]) -> RenderableType:
    """Several accounts, one line each."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("account", overflow="fold")
    table.add_column("net liquidation", justify="right", no_wrap=True)
    table.add_column("cash", justify="right", no_wrap=True)
    table.add_column("open", justify="right")
    table.add_column("promised", justify="right")
    table.add_column("as of (New York)", no_wrap=True)
    for book, _ in rows:
        account = Text(book.account, BAD if book.halts else "")
        account.append("  HALTED" if book.halts else "")
        counts = str(len(book.positions)), str(len(book.commitments))
        table.add_row(account, money(book.nlv), money(book.cash), *counts, short_moment(book.at))
    return table


def halted(scope: str, reason: str, since: datetime) -> RenderableType:
    """One halt in force."""
    text = Text(f"{scope} halted", f"{STRONG} {BAD}").append(f" since {short_moment(since)} New York: ", "not bold")
    return text.append(reason or "no reason given", "not bold")


def lifted(scope: str) -> RenderableType:
    """A halt that no longer holds."""
    return Text(f"{scope}: halt lifted", GOOD)
