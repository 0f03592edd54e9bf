"""A replay's summary: what it made, what it decided on each day, what the evidence was good for."""

from __future__ import annotations

from collections import Counter

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from apps.render.words import DIM, STRONG, market_label, money, percent, short_moment, signed
from lab.replay import ReplayReport

BEST = 8  # pieces of evidence shown


def replay_report(report: ReplayReport) -> RenderableType:
    """The whole summary; figures are after fees, in the declared fill mode."""
    parts = [_head(report), _days(report)]
    if report.usefulness:
        parts.append(_usefulness(report))
    return Group(*parts)


def _head(report: ReplayReport) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=DIM, no_wrap=True)
    grid.add_column()
    gain = report.nlv_end - report.nlv_start
    grid.add_row("market", market_label(report.market))
    grid.add_row("tickers", " ".join(report.tickers))
    grid.add_row("days", f"{report.start} to {report.end}, {len(report.ticks)} ticks")
    grid.add_row("fills", f"{report.fill_mode}, pessimistic; fees {money(report.fees)}")
    value = Text(f"{money(report.nlv_start)} to {money(report.nlv_end)}  ").append_text(signed(gain))
    grid.add_row("net liquidation", value.append(f"  {percent(float(gain / report.nlv_start), 2)}", DIM))
    closed = [one.pnl for one in report.outcomes if one.pnl is not None]
    if closed:
        won = sum(1 for pnl in closed if pnl > 0)
        grid.add_row("closed", f"{len(closed)}, {won} with a gain; realised {money(sum(closed, start=closed[0] * 0))}")
    states = Counter(one.state for one in report.outcomes if one.pnl is None)
    grid.add_row("tickets", ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none")
    return Panel(grid, title=Text(f" {report.account} ", STRONG), title_align="left")


def _days(report: ReplayReport) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("at (New York)", no_wrap=True)
    for name in ("tickets", "exits"):
        table.add_column(name, justify="right")
    table.add_column("net liquidation", justify="right", no_wrap=True)
    table.add_column("refused", style=DIM)
    for tick in report.ticks:
        refused = "; ".join(f"{one.ticker} at {one.stage}: {one.reason}" for one in tick.refused[:2])
        more = f"; {len(tick.refused) - 2} more" if len(tick.refused) > 2 else ""
        tickets, exits = (str(count) if count else "" for count in (tick.tickets, tick.exits))
        table.add_row(short_moment(tick.at), tickets, exits, money(tick.nlv), refused + more)
    return table


def _usefulness(report: ReplayReport) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("evidence", no_wrap=True)
    table.add_column("against", no_wrap=True)
    for name in ("days", "n", "free n", "rank corr."):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("interval", no_wrap=True)
    table.add_column("finding", no_wrap=True)
    settled = [one for one in report.usefulness if one.ic is not None and one.finding != "insufficient"]
    tried = f"{len(report.usefulness)} tried (evidence, axis, horizon)"
    if not settled:
        return Text(f"\nUsefulness of evidence: {tried}, too few independent windows to say anything", DIM)
    for one in sorted(settled, key=lambda one: (one.finding != "pass", -abs(one.ic or 0.0), one.name))[:BEST]:
        interval = "" if one.low is None or one.high is None else f"{one.low:+.2f} to {one.high:+.2f}"
        counts = str(one.horizon), str(one.n), str(one.n_effective)
        table.add_row(one.name, one.axis, *counts, f"{one.ic:+.2f}", interval, one.finding)
    return Group(Text(), table, Text(f"{tried}; for {len(settled)} of them there are windows enough to say", DIM))
