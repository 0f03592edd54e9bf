"""The board that shows a run while its nodes work: stages of the run, and of each ticker."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from apps.render.words import BAD, DIM, GOOD, STRONG

RUN_NODES = ("open", "rank", "risk_gate", "price", "size", "tickets", "journal")
TICKER_NODES = ("snapshot", "vol_surface", "social", "technical", "flow", "aggregate", "debate")
TICKET_NODES = ("approve", "recheck", "execute")
STYLE = {"started": STRONG, "done": GOOD, "refused": BAD}


@dataclass
class Board:
    """Takes the events of the recorder and draws where the run stands."""

    events: dict[tuple[str, str], str] = field(default_factory=dict)
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))

    def note(self, node: str, ticker: str, event: str) -> None:
        """One event: node, ticker ("*" for the run's own), started | done | refused."""
        self.events[(node, ticker)] = event

    def tickers(self) -> tuple[str, ...]:
        """Every ticker heard of, sorted."""
        return tuple(sorted({ticker for _, ticker in self.events if ticker != "*"}))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True)
        grid.add_column()
        grid.add_row(self.spinner, Text("run", STRONG), self._line(RUN_NODES, "*"))
        for ticker in self.tickers():
            nodes = TICKER_NODES + tuple(node for node in TICKET_NODES if (node, ticker) in self.events)
            grid.add_row("", Text(ticker, STRONG), self._line(nodes, ticker))
        yield grid

    def _line(self, nodes: tuple[str, ...], ticker: str) -> Text:
        text = Text()
        for node in nodes:
            text.append(f"{node} ", STYLE.get(self.events.get((node, ticker), ""), DIM))
        return text
