"""Recorded data: what an import did, what the store holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.render.words import DIM, GOOD, STRONG, WARN
from tools.market.importers.importing import ImportReport

STATUS_STYLE = {"imported": GOOD, "unchanged": DIM, "skipped": WARN}


def imported(report: ImportReport) -> RenderableType:
    """Every file that was looked at, with the rows kept and, by reason, left out."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("file", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("into", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("note", style=DIM)
    for file in report.files:
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in file.dropped)
        note = "; ".join(part for part in (file.note, f"left out: {dropped}" if dropped else "") if part)
        rows = f"{file.stored:,}" if file.status != "skipped" else ""
        table.add_row(file.name, Text(file.status, STATUS_STYLE[file.status]), file.into, rows, note)
    counts = ", ".join(f"{report.count(status)} {status}" for status in STATUS_STYLE)
    return Group(table, Text(f"\n{report.store}: {counts}", STRONG))


def sets(folder: Path, files: int, rows: Iterable[tuple[str, str, tuple[date, ...]]]) -> RenderableType:
    """Recorded sets with their tickers and spans."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for name in ("market", "ticker"):
        table.add_column(name, no_wrap=True)
    table.add_column("days", justify="right")
    for name in ("first", "last"):
        table.add_column(name, no_wrap=True)
    for name, ticker, days in rows:
        table.add_row(f"recorded:{name}", ticker, str(len(days)), str(days[0]), str(days[-1]))
    return Group(table, Text(f"\n{folder}: {files} files imported", DIM))
