"""What a pass of recording appended, and which sources were asked in vain."""

from __future__ import annotations

from datetime import UTC, datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.render.words import BAD, DIM, STRONG, WARN
from tools.market.collecting import SHARED, Round
from tools.market.recording import Kept


def recorded(made: Round, tickers: tuple[str, ...], at: datetime) -> RenderableType:
    """A line for every answer with its source, then every fall-back and failure."""
    table = Table(box=box.SIMPLE_HEAD, header_style=DIM, pad_edge=False)
    for title in ("", "source", "new rows", "held", "too early"):
        table.add_column(title, justify="left" if title in ("", "source") else "right", overflow="fold")
    for one in made.kept:
        table.add_row(
            one.what, one.source, *(f"{count:,}" if count else "" for count in (one.written, one.held, one.early))
        )
    parts: list[RenderableType] = [table] if made.kept else []
    for ticker, use in made.uses:
        who = use.datum if ticker == SHARED else f"{use.datum} {ticker}"
        answered = f"{use.source} answered" if use.source else "nobody answered"
        parts.append(Text(f"{who}: {answered}; in vain {'; '.join(use.failed)}", WARN if use.source else BAD))
    return Group(*parts, Text(f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: {_sum(made.kept, tickers)}", STRONG))


def _sum(kept: tuple[Kept, ...], tickers: tuple[str, ...]) -> str:
    chains = {one.what.removeprefix("chain "): one for one in kept if one.what.startswith("chain ")}
    new = sum(1 for one in chains.values() if one.written)
    words = f"chains of {len(chains)} of {len(tickers)} tickers, {new} new"
    rows = sum(one.written for one in kept)
    return f"{words}; {rows:,} rows appended" if rows else f"{words}; nothing new"
