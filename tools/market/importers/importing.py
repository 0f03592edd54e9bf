"""Bring files into the store: recognise each by name and columns, convert, count, and never do the same work twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

from domain.codec import record
from domain.errors import BadInput
from tools.market.importers import (
    cboe_daily,
    cboe_quotes,
    fred,
    histdata,
    ibkr,
    lean,
    tradingview,
    volatility,
    yahoo_bars,
    yahoo_chains,
)
from tools.market.importers.protocol import Converted, Layout
from tools.market.store import SHELVES, Store

LAYOUTS: tuple[Layout, ...] = (
    histdata.LAYOUT,
    tradingview.LAYOUT,
    ibkr.LAYOUT,
    *yahoo_bars.LAYOUTS,
    *lean.LAYOUTS,
    *volatility.LAYOUTS,
    fred.LAYOUT,
    cboe_daily.LAYOUT,
    cboe_quotes.LAYOUT,
    yahoo_chains.LAYOUT,
)
CONVERTERS = 1  # raise it when a converter changes what it gives, and every file is converted anew


@record
class ImportedFile:
    """What became of one file. `status`: imported, unchanged (its content was imported before) or skipped."""

    name: str
    status: str
    layout: str | None
    into: str  # the set, or "reference"
    rows: int
    stored: int
    dropped: tuple[tuple[str, int], ...]  # by reason
    note: str  # why it was skipped, or what a reader should know


@record
class ImportReport:
    """What an import did, file by file."""

    store: str
    files: tuple[ImportedFile, ...]

    def count(self, status: str) -> int:
        """How many files ended in this status."""
        return sum(file.status == status for file in self.files)


def import_path(path: Path, store_dir: Path) -> ImportReport:
    """Import a file, or every known file under a folder. Importing the same content again does nothing.

    Raises BadInput when the path is missing or a recognised file cannot be read.
    """
    if not path.exists():
        raise BadInput(f"there is no file or folder {path}")
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    store = Store(store_dir)
    manifest = store.manifest()
    known: list[tuple[int, Path, Layout]] = []
    report: list[ImportedFile] = []
    for file in files:
        layout, why = _layout(file)
        if layout is None:
            report.append(_skipped(file, why))
        else:
            known.append((LAYOUTS.index(layout), file, layout))
    for _, file, layout in sorted(known, key=lambda item: item[:2]):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        before = sorted(key for key, entry in manifest.items() if entry["layout"] == layout.after)
        stamp = hashlib.sha256(" ".join([str(CONVERTERS), *before]).encode()).hexdigest()
        held = manifest.get(content)
        if held is not None and held["stamp"] == stamp:
            report.append(
                ImportedFile(
                    name=file.name,
                    status="unchanged",
                    layout=layout.name,
                    into=held["into"],
                    rows=held["rows"],
                    stored=held["stored"],
                    dropped=(),
                    note="the same content was imported before",
                )
            )
            continue
        converted = layout.convert(pl.read_parquet(file), store)
        result = _put(store, file, layout, content, converted)
        manifest[content] = {
            "name": file.name,
            "layout": layout.name,
            "stamp": stamp,
            "into": result.into,
            "rows": result.rows,
            "stored": result.stored,
        }
        store.save_manifest(manifest)
        report.append(result)
    return ImportReport(store=str(store_dir), files=tuple(sorted(report, key=lambda entry: entry.name)))


def _layout(file: Path) -> tuple[Layout | None, str]:
    if file.suffix != ".parquet":
        return None, "not a Parquet file"
    try:
        columns = frozenset(pl.read_parquet_schema(file))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"{file} cannot be read as Parquet: {error}") from error
    for layout in LAYOUTS:
        if layout.fits(file.name, columns):
            return layout, ""
    named = [layout.name for layout in LAYOUTS if layout.fits(file.name, layout.columns)]
    if named:
        lacks = next(layout for layout in LAYOUTS if layout.name == named[0]).columns - columns
        return None, f"named like {named[0]}, but lacks {', '.join(sorted(lacks))}"
    return None, "no known layout has this name and these columns"


def _skipped(file: Path, why: str) -> ImportedFile:
    return ImportedFile(name=file.name, status="skipped", layout=None, into="", rows=0, stored=0, dropped=(), note=why)


def _put(store: Store, file: Path, layout: Layout, content: str, converted: Converted) -> ImportedFile:
    part = f"{layout.name}-{content[:12]}"
    stored = 0
    into = "reference"
    if converted.chains is not None:
        into, rows = converted.chains
        store.drop_chains(into, part)
        for (ticker, day, _), group in rows.partition_by("ticker", "day", "known_at", as_dict=True).items():
            stored += store.put_chain(into, str(ticker), day, group, part)
    for interval, rows in converted.bars:
        for (ticker,), group in rows.partition_by("ticker", as_dict=True).items():
            store.put_bars(str(ticker), interval, part, group)
        stored += rows.height
    for shelf, rows in converted.reference:
        groups = rows.partition_by("ticker", as_dict=True) if SHELVES[shelf].by else {("",): rows}
        for (name,), group in groups.items():
            store.put_rows(shelf, str(name), part, group)
        stored += rows.height
    return ImportedFile(
        name=file.name,
        status="imported",
        layout=layout.name,
        into=into,
        rows=converted.rows_in,
        stored=stored,
        dropped=tuple(sorted(converted.dropped.items())),
        note=converted.note,
    )
