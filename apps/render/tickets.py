"""Tickets: the card a person answers, how one ended, and the list."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from apps.render.proposal import leg_name
from apps.render.words import BAD, DIM, GOOD, STRONG, WARN, moment, money, net, plain_name, short_moment
from domain.decision import Outcome
from domain.orders import Effect, Fill, OrderTicket, TicketState

STATE_STYLE = {
    TicketState.AWAITING: WARN,
    TicketState.APPROVED: WARN,
    TicketState.WORKING: WARN,
    TicketState.FILLED: GOOD,
    TicketState.REJECTED: DIM,
}


def state_text(state: TicketState) -> Text:
    """A state in its colour; ends that nobody wanted are red."""
    return Text(state.value, STATE_STYLE.get(state, BAD))


def card(ticket: OrderTicket) -> RenderableType:
    """What a person is asked, with the exact commands that answer."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=DIM, no_wrap=True)
    grid.add_column()
    verb = "open" if ticket.effect is Effect.OPEN else "close"
    what = f"{verb} {ticket.contracts} x {ticket.ticker} {plain_name(ticket.structure.name.value)}"
    grid.add_row("order", Text(what, STRONG))
    grid.add_row("legs", "\n".join(leg_name(leg) for leg in ticket.structure.legs))
    grid.add_row("limit", f"{net(ticket.limit_price)} a share, each x {ticket.multiplier}")
    if ticket.order is not None:
        grid.add_row("at risk", Text(f"{money(ticket.order.max_loss)} at most, fees included", BAD))
    grid.add_row("why", f"{'bound by ' if ticket.effect is Effect.OPEN else ''}{ticket.why}")
    grid.add_row("expires", moment(ticket.expires_at, seconds=True))
    title = Text(f" ticket {ticket.id} ", f"{STRONG} {WARN}")
    return Panel(grid, title=title, title_align="left", border_style=WARN)


def how_to_answer(ticket: OrderTicket) -> RenderableType:
    """The exact lines that answer a ticket from any terminal. Never wrapped: they are there to be copied."""
    text = Text(no_wrap=True, overflow="ignore")
    text.append(f"parley approve {ticket.id}\n", f"{STRONG} {GOOD}")
    text.append(f"parley reject  {ticket.id} --reason WORDS\n")
    text.append(f"parley edit    {ticket.id} --contracts N --limit PRICE")
    return text


def outcome(ticket: OrderTicket, state: TicketState, reason: str, fills: Iterable[Fill]) -> RenderableType:
    """How a ticket stands now: fills leg by leg, or why there are none."""
    head = Text(f"{ticket.ticker} {plain_name(ticket.structure.name.value)} ", STRONG).append(state_text(state))
    parts: list[RenderableType] = [head.append(f"  {reason}" if reason else "", "not bold default")]
    parts.extend(fill_lines(fill, ticket.multiplier, reason) for fill in fills)
    if state is TicketState.WORKING:
        line = f"  look again at a later moment: parley watch --account {ticket.account} --as-of TIME"
        parts.append(Text(line, DIM))
    return Group(*parts)


def fill_lines(fill: Fill, multiplier: int, said: str = "") -> RenderableType:
    """One fill: net, legs, fees, the mode it was made in, and its note where that was not `said` already."""
    cash = -fill.net * multiplier * fill.contracts
    head = f"filled {fill.contracts} at {net(fill.net)}: cash {money(cash)}, fees {money(fill.fees)}"
    text = Text(f"  {head}", GOOD).append(f"  ({fill.mode}, {short_moment(fill.at)})", DIM)
    for leg in fill.legs:
        text.append(f"\n    {leg_name(leg.leg)} at {leg.price:.2f}", "default")
    if fill.note and fill.note != said:
        text.append(f"\n    {fill.note}", DIM)
    return text


def ended(result: Outcome) -> RenderableType:
    """The journal's line on a ticket or position that ended."""
    text = Text(f"{result.ticket_id}  ", DIM).append(state_text(TicketState(result.state)))
    if result.fill_net is not None:
        text.append(f"  {result.contracts} at {net(result.fill_net)}", "default")
    if result.pnl is not None:
        text.append(f"  realised {money(result.pnl)}", GOOD if result.pnl > 0 else BAD)
    return text.append(f"  {result.reason}", "default") if result.reason else text


def table(rows: Iterable[tuple[OrderTicket, TicketState, str]]) -> RenderableType:
    """Tickets with their state and the reason for it, as given (newest first)."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    made.add_column("ticket", no_wrap=True)
    made.add_column("state", no_wrap=True)
    made.add_column("order")
    made.add_column("limit", justify="right", no_wrap=True)
    made.add_column("expires (New York)", no_wrap=True)
    made.add_column("reason", style=DIM)
    for ticket, state, reason in rows:
        verb = "" if ticket.effect is Effect.OPEN else "close "
        what = f"{verb}{ticket.contracts} x {ticket.ticker} {plain_name(ticket.structure.name.value)}"
        expires = short_moment(ticket.expires_at) if state is TicketState.AWAITING else ""
        made.add_row(ticket.id, state_text(state), what, net(ticket.limit_price), expires, reason)
    return made
