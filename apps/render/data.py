"""Recorded data: what an import did, what the store covers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.render.words import DIM, GOOD, STRONG, WARN
from domain.market import Interval
from tools import sessions
from tools.market.coverage import BarCoverage, ChainCoverage, Coverage, ShelfCoverage
from tools.market.importers.importing import ImportReport

STATUS_STYLE = {"imported": GOOD, "unchanged": DIM, "skipped": WARN}
_GAPS_SHOWN = 3
_QUOTES = {"bid and ask": "all", "none": "none"}  # how many rows have both, where it is not a share


def imported(report: ImportReport) -> RenderableType:
    """Every file that was looked at, with the rows kept and, by reason, left out or added."""
    table = _table("file:fold", "", "into", "rows:right", "note:dim")
    for file in report.files:
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in file.dropped)
        added = ", ".join(f"{count:,} {reason}" for reason, count in file.added)
        parts = (file.note, f"left out: {dropped}" if dropped else "", f"added: {added}" if added else "")
        rows = f"{file.stored:,}" if file.status != "skipped" else ""
        note = "; ".join(part for part in parts if part)
        table.add_row(file.name, Text(file.status, STATUS_STYLE[file.status]), file.into, rows, note)
    counts = ", ".join(f"{report.count(status)} {status}" for status in STATUS_STYLE)
    return Group(table, Text(f"\n{report.store}: {counts}", STRONG))


def covered(found: Coverage) -> RenderableType:
    """Sets with their tickers, spans and gaps; bars by interval and source; every other shelf by source."""
    parts: list[RenderableType] = []
    for title, table in (
        ("Chains", _chains(found.chains)),
        ("Bars", _bars(found.bars)),
        ("Other", _shelves(found.shelves)),
    ):
        if table.row_count:
            parts += [Text(title, STRONG), table, Text()]
    hint = "; a set is traded on as --market recorded:NAME" if found.chains else ""
    return Group(*parts, Text(f"{found.store}: {found.files} files imported{hint}", DIM))


def gaps(days: tuple[date, ...]) -> str:
    """Missing sessions in words, unbroken runs as one: "5: 2019-05-10, 05-17, 06-14 to 06-18"."""
    runs: list[list[date]] = []
    for day in days:
        if runs and sessions.next(runs[-1][-1]) == day:
            runs[-1].append(day)
        else:
            runs.append([day])
    words: list[str] = []
    year = 0
    for run in runs[:_GAPS_SHOWN]:
        first = f"{run[0]:%Y-%m-%d}" if run[0].year != year else f"{run[0]:%m-%d}"
        year = run[-1].year
        last = f"{run[-1]:%m-%d}" if run[-1].year == run[0].year else f"{run[-1]:%Y-%m-%d}"
        words.append(first if len(run) == 1 else f"{first} to {last}")
    more = ", ..." if len(runs) > _GAPS_SHOWN else ""
    return f"{len(days)}: {', '.join(words)}{more}" if days else "none"


def _chains(rows: Iterable[ChainCoverage]) -> Table:
    """One row for the tickers of a set that have the same coverage."""
    table = _table("recorded:", "tickers:fold", "days:right", "span", "chains:right", "quotes:right", "missing:fold")
    table.columns[1].max_width, table.columns[-1].min_width = 12, 17
    before = ""

    def key(row: ChainCoverage) -> tuple[object, ...]:
        return row.market, row.sessions, row.first, row.last, row.snapshots, row.quotes, row.missing

    for (market, count, first, last, chains, quotes, missing), group in groupby(rows, key):
        name = str(market).removeprefix("recorded:")
        table.add_row(
            name if name != before else "",
            " ".join(row.ticker for row in group),
            f"{count}",
            _span(first, last),  # type: ignore[arg-type]
            f"{chains:,}",
            _QUOTES.get(str(quotes), str(quotes).removeprefix("both on ")),
            gaps(missing),  # type: ignore[arg-type]
        )
        before = name
    return table


def _span(first: date, last: date) -> str:
    if first == last:
        return f"{first}"
    return f"{first} to {last:%m-%d}" if first.year == last.year else f"{first} to {last}"


def _bars(rows: Iterable[BarCoverage]) -> Table:
    table = _table("", "source", "tickers:fold", "bars:right", "first", "last", "missing:right")

    def key(row: BarCoverage) -> tuple[int, str, bool]:
        return list(Interval).index(row.interval), row.source, row.adjusted

    for (_, source, adjusted), group in groupby(sorted(rows, key=key), key):
        held = list(group)
        tickers = " ".join(row.ticker for row in held)
        table.add_row(
            held[0].interval.value,
            f"{source} (adjusted)" if adjusted else source,
            tickers if len(held) <= 12 else f"{len(held)} tickers",
            f"{sum(row.bars for row in held):,}",
            f"{min(row.first for row in held):%Y-%m-%d}",
            f"{max(row.last for row in held):%Y-%m-%d}",
            f"{sum(row.missing for row in held):,}",
        )
    return table


def _shelves(rows: Iterable[ShelfCoverage]) -> Table:
    table = _table("", "source", "names:fold", "rows:right", "first", "last")

    def key(row: ShelfCoverage) -> tuple[str, str]:
        return row.shelf, row.source

    for (shelf, source), group in groupby(sorted(rows, key=key), key):
        held = list(group)
        names = " ".join(row.name for row in held)
        table.add_row(
            shelf,
            source,
            names if len(held) <= 12 else f"{len(held)} names",
            f"{sum(row.rows for row in held):,}",
            str(min(row.first for row in held)),
            str(max(row.last for row in held)),
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        name, _, how = column.partition(":")
        if how == "right":
            table.add_column(name, justify="right", no_wrap=True)
        elif how == "fold":
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, no_wrap=not how, style=DIM if how == "dim" else None)
    return table
