"""Bring files into the store: recognise each by name and columns, convert, count, and never do the same work twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from domain.codec import record
from domain.errors import BadInput
from tools.market.importers import (
    cboe_daily,
    cboe_quotes,
    close_chains,
    fred,
    global_etfs,
    histdata,
    ibkr,
    lean,
    lean_quotes,
    minute_bars,
    stocknet,
    tradingview,
    trends,
    usdjpy,
    volatility,
    wsb,
    yahoo_bars,
    yahoo_chains,
)
from tools.market.importers.protocol import Converted, Layout, add
from tools.market.store import REFERENCE, SHELVES, Store

LAYOUTS: tuple[Layout, ...] = (
    histdata.LAYOUT,
    tradingview.LAYOUT,
    ibkr.LAYOUT,
    *yahoo_bars.LAYOUTS,
    *lean.LAYOUTS,
    *global_etfs.LAYOUTS,
    *minute_bars.LAYOUTS,
    *usdjpy.LAYOUTS,
    *volatility.LAYOUTS,
    fred.LAYOUT,
    cboe_daily.LAYOUT,
    cboe_quotes.LAYOUT,
    *yahoo_chains.LAYOUTS,
    *close_chains.LAYOUTS,
    *lean_quotes.LAYOUTS,
    *wsb.LAYOUTS,
    *stocknet.LAYOUTS,
    *trends.LAYOUTS,
)
CONVERTERS = 3  # raise it when a converter changes what it gives, and every file is converted anew
_OWN = "--as and --map bring in a file of any columns"
HELD = "held already from another file"
PART_ROWS = 400_000  # of a file that is read in parts; at least one whole day


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
    added: tuple[tuple[str, int], ...] = ()  # rows that the file does not state one by one, by reason


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
    known: list[tuple[int, Path, Layout]] = []
    report: list[ImportedFile] = []
    for file in files:
        layout, why = _layout(file)
        if layout is None:
            report.append(_skipped(file, why))
        else:
            known.append((LAYOUTS.index(layout), file, layout))
    store.manifest()  # refuses a store of another version before anything is written into it
    with store.importing():
        manifest = store.manifest()
        for _, file, layout in sorted(known, key=lambda item: item[:2]):
            content = content_of(file)
            before = sorted(key for key, entry in manifest.items() if entry["layout"] == layout.after)
            stamp = hashlib.sha256(" ".join([str(CONVERTERS), *before]).encode()).hexdigest()
            report.append(bring(store, manifest, file, layout, content, stamp))
    return ImportReport(store=str(store_dir), files=tuple(sorted(report, key=lambda entry: entry.name)))


def content_of(file: Path) -> str:
    """The hash that a file's content is known by."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def bring(
    store: Store,
    manifest: dict[str, dict[str, Any]],
    file: Path,
    layout: Layout,
    content: str,
    stamp: str,
    parts: Iterator[pl.DataFrame] | None = None,
) -> ImportedFile:
    """Convert one file into the store and note it in the manifest; nothing when it was done before under this stamp.

    `parts` are the file's rows (None: as its layout reads them). What the file gave before is forgotten when the new
    rows are in; a conversion that fails leaves everything as it was.
    """
    held = manifest.get(content)
    if held is not None and held["stamp"] == stamp:
        return ImportedFile(
            name=file.name,
            status="unchanged",
            layout=layout.name,
            into=held["into"],
            rows=held["rows"],
            stored=held["stored"],
            dropped=(),
            note="the same content was imported before",
        )
    origin = f"{layout.name}-{hashlib.sha256(f'{content} {stamp}'.encode()).hexdigest()[:12]}"
    before = None if held is None else held.get("origin", f"{held['layout']}-{content[:12]}")
    store.begin(origin)
    try:
        result = _put(store, file, layout, origin, before, parts or _parts(file, layout.by))
    except BaseException:
        store.drop_origin(origin)
        store.end(origin)
        raise
    if before is not None:
        store.begin(before)
    manifest[content] = {
        "name": file.name,
        "layout": layout.name,
        "origin": origin,
        "stamp": stamp,
        "into": result.into,
        "rows": result.rows,
        "stored": result.stored,
    }
    store.save_manifest(manifest)
    if before is not None:
        store.drop_origin(before)
        store.end(before)
    store.end(origin)
    return result


def _layout(file: Path) -> tuple[Layout | None, str]:
    if file.suffix != ".parquet":
        return None, f"not a Parquet file; {_OWN}"
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
    return None, f"no known layout has this name and these columns; {_OWN}"


def _skipped(file: Path, why: str) -> ImportedFile:
    return ImportedFile(name=file.name, status="skipped", layout=None, into="", rows=0, stored=0, dropped=(), note=why)


def _parts(file: Path, by: str | None) -> Iterator[pl.DataFrame]:
    """The rows of a file, whole or in parts of whole days in their order, each of PART_ROWS rows or one day."""
    if by is None:
        yield pl.read_parquet(file)
        return
    lazy = pl.scan_parquet(file)
    day = pl.col(by).cast(pl.Date)
    days = lazy.select(day.alias("day")).group_by("day").len().sort("day", nulls_last=False).collect()
    parts: list[list[Any]] = [[]]
    rows = 0
    for value, count in days.iter_rows():
        if parts[-1] and rows + count > PART_ROWS:
            parts.append([])
            rows = 0
        parts[-1].append(value)
        rows += count
    if len(parts) == 1:
        yield pl.read_parquet(file)
        return
    for part in parts:
        inside = day.is_between(min(filter(None, part)), max(filter(None, part))) if any(part) else pl.lit(False)
        yield lazy.filter(inside | day.is_null() if None in part else inside).collect()


def _put(
    store: Store, file: Path, layout: Layout, origin: str, before: str | None, parts: Iterator[pl.DataFrame]
) -> ImportedFile:
    rows = stored = 0
    into, notes = "", dict[str, None]()
    dropped: dict[str, int] = {}
    added: dict[str, int] = {}
    of_chains = False
    for frame in parts:
        converted = layout.convert(frame, store)
        rows += converted.rows_in
        dropped, added = add(dropped, converted.dropped), add(added, converted.added)
        notes |= {converted.note: None} if converted.note else {}
        if converted.chains is not None:
            of_chains = True
            into = into or converted.chains[0]
            if converted.chains[1].height:
                written, held = store.put_chains(into, converted.chains[1], origin, before)
                stored += written
                dropped = add(dropped, {HELD: held} if held else {})
        stored += _put_reference(store, converted, origin)
    if of_chains and not into:
        raise BadInput(f"no option row of {file} can be used; every row was dropped: {dropped}")
    return ImportedFile(
        name=file.name,
        status="imported",
        layout=layout.name,
        into=into or REFERENCE,
        rows=rows,
        stored=stored,
        dropped=tuple(sorted(dropped.items())),
        note="; ".join(notes),
        added=tuple(sorted(added.items())),
    )


def _put_reference(store: Store, converted: Converted, origin: str) -> int:
    stored = 0
    for interval, rows in converted.bars:
        for (ticker,), group in rows.partition_by("ticker", as_dict=True).items():
            store.put_bars(str(ticker), interval, origin, group)
        stored += rows.height
    for shelf, rows in converted.reference:
        groups = rows.partition_by("ticker", as_dict=True) if SHELVES[shelf].by else {("",): rows}
        for (name,), group in groups.items():
            store.put_rows(shelf, str(name), origin, group)
        stored += rows.height
    return stored
