"""The journal: runs in a list, search results, and what each node took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.render.words import BAD, DIM, GOOD, STRONG, WARN, short_moment
from domain.decision import RunSpec

STATUS_STYLE = {"done": GOOD, "awaiting": WARN, "running": WARN}


def run_table(rows: Iterable[tuple[RunSpec, str, str]]) -> RenderableType:
    """Runs with their status and the states of their tickets."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("run", no_wrap=True)
    table.add_column("as of (New York)", no_wrap=True)
    table.add_column("market", overflow="fold")
    table.add_column("tickers")
    table.add_column("status", no_wrap=True)
    table.add_column("tickets")
    for spec, status, tickets in rows:
        state = Text(status, STATUS_STYLE.get(status, BAD))
        table.add_row(spec.run_id, short_moment(spec.as_of), spec.market, " ".join(spec.tickers), state, tickets)
    return table


def found(hits: Iterable[tuple[str, str, str]]) -> RenderableType:
    """Search results; the words asked for, which stand between « and », are set in bold."""
    lines = []
    for run_id, ticker, excerpt in hits:
        line = Text(run_id, STRONG).append("" if ticker == "*" else f" {ticker}", "not bold").append("  ")
        for number, part in enumerate(" ".join(excerpt.split()).replace("»", "«").split("«")):
            line.append(part, f"{STRONG} {WARN}" if number % 2 else f"not bold {DIM}")
        lines.append(line)
    return Group(*lines)


def timings(nodes: Iterable[tuple[str, str, float]]) -> RenderableType:
    """Milliseconds of each node, one line per ticker."""
    by_ticker: dict[str, list[str]] = defaultdict(list)
    for node, ticker, milliseconds in nodes:
        by_ticker[ticker].append(f"{node} {milliseconds:.0f}")
    lines = [
        Text(f"{'run' if ticker == '*' else ticker} ", STRONG).append(f"{', '.join(parts)} ms", f"not bold {DIM}")
        for ticker, parts in by_ticker.items()
    ]
    return Group(*lines)
