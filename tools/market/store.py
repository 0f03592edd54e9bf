"""The one store of market data: Parquet files in a documented layout, read lazily with polars.

    <store>/manifest.json                                           what was imported, by content hash
    <store>/<set>/chains/ticker=SPX/date=2019-05-21/20190521T194500Z.<origin>.parquet
                                                                    one chain: when it was known, and where it is from
    <store>/reference/bars/interval=1d/ticker=SPY/<origin>.parquet  bars
    <store>/reference/<shelf>/<name>/<origin>.parquet               everything else, see shelves.py

A set is a source of chains; all else is shared by all sets. `origin` names the imported file (layout and hash); what
was recorded live (`recording.py`) has the hash of a chain's content, or `live-` and the month. All times are UTC,
microseconds; null means absent. Every row carries `known_at`, when a trader could first have had it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from domain.errors import BadInput
from domain.market import Interval
from tools.market.shelves import BAR_SCHEMA, CHAIN_KEY, CHAIN_SCHEMA, MOMENT, SHELVES, Shelf

__all__ = [
    "BAR_SCHEMA",
    "CHAIN_KEY",
    "CHAIN_SCHEMA",
    "MOMENT",
    "SHELVES",
    "Shelf",
    "Store",
    "content_hash",
    "write_parquet",
]

REFERENCE = "reference"
VERSION = 2  # of this layout; a store of another version is refused

_RECEIPT = ("known_at",)  # when and how a chain came is not part of what it says


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    frame.write_parquet(half, compression="zstd", compression_level=1)
    half.replace(path)


class Store:
    """The Parquet store in one folder: paths, writes and lazy reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # What stands in it

    def sets(self) -> tuple[str, ...]:
        """Names of the recorded sets, sorted."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(path.name for path in self.folder.iterdir() if (path / "chains").is_dir()))

    def tickers(self, set_name: str) -> tuple[str, ...]:
        """Tickers with chains in a set, sorted."""
        folders = (self.folder / set_name / "chains").glob("ticker=*")
        return tuple(sorted(folder.name.removeprefix("ticker=") for folder in folders))

    def chain_days(self, set_name: str, ticker: str) -> tuple[date, ...]:
        """New York days with a chain of the ticker, oldest first."""
        folders = self._ticker_folder(set_name, ticker).glob("date=*")
        return tuple(sorted(date.fromisoformat(folder.name.removeprefix("date=")) for folder in folders))

    def chain_moments(self, set_name: str, ticker: str, day: date) -> tuple[datetime, ...]:
        """When the chains of a New York day became known, oldest first. Read off the file names alone."""
        stamps = {path.name.split(".")[0] for path in self._day_folder(set_name, ticker, day).glob("[0-9]*.parquet")}
        return tuple(datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) for stamp in sorted(stamps))

    # Lazy reads

    def chain(self, set_name: str, ticker: str, day: date, known_at: datetime) -> pl.LazyFrame:
        """The rows of one chain, from every file that has it. Columns as CHAIN_SCHEMA."""
        files = sorted(self._day_folder(set_name, ticker, day).glob(f"{known_at:{_STAMP}}.*.parquet"))
        return pl.scan_parquet(files)

    def chains(self, set_name: str, ticker: str) -> pl.LazyFrame:
        """All chains of a ticker. Columns as CHAIN_SCHEMA."""
        return pl.scan_parquet(sorted(self._ticker_folder(set_name, ticker).glob("date=*/[0-9]*.parquet")))

    def bars(self, ticker: str, interval: Interval) -> pl.LazyFrame | None:
        """Bars of a ticker from every source. Columns as BAR_SCHEMA; None when there are none."""
        return _scan(self._bar_folder(ticker, interval))

    def rows(self, shelf: str, name: str = "") -> pl.LazyFrame | None:
        """Reference rows of a shelf from every source. Columns as SHELVES[shelf]; None when there are none."""
        return _scan(self._shelf_folder(shelf, name))

    def bar_tickers(self, interval: Interval) -> tuple[str, ...]:
        """Tickers with bars of an interval, sorted."""
        folders = (self.folder / REFERENCE / "bars" / f"interval={interval.value}").glob("ticker=*")
        return tuple(sorted(folder.name.removeprefix("ticker=") for folder in folders))

    def names(self, shelf: str) -> tuple[str, ...]:
        """What a shelf holds rows of, sorted: tickers, index names."""
        by = SHELVES[shelf].by
        return tuple(sorted(p.name.removeprefix(f"{by}=") for p in (self.folder / REFERENCE / shelf).glob(f"{by}=*")))

    # Writes

    def put_chain(self, set_name: str, ticker: str, day: date, frame: pl.DataFrame, origin: str | None = None) -> int:
        """Store one chain (rows of one `known_at`) under the New York day of its quotes; give the rows written.

        `origin` names the imported file. Without it the chain is named by its content: quotes and everything else but
        the moment of receipt; one that the day already holds is not written again, and the answer is 0.
        """
        rows = _shaped(frame, CHAIN_SCHEMA).unique(CHAIN_KEY, keep="first", maintain_order=True).sort(CHAIN_KEY)
        known_at: datetime = rows["known_at"][0]
        folder = self._day_folder(set_name, ticker, day)
        name = origin or content_hash(rows)
        if origin is None and any(folder.glob(f"[0-9]*.{name}.parquet")):
            return 0
        write_parquet(rows, folder / f"{known_at:{_STAMP}}.{name}.parquet")
        return rows.height

    def put_chains(
        self, set_name: str, frame: pl.DataFrame, origin: str, replaces: str | None = None
    ) -> tuple[int, int]:
        """Store the chains of an imported file (CHAIN_SCHEMA and `ticker`, `day`); give (rows written, rows held).

        A row whose ticker, moment and contract another file has stated already is held and not written: the first
        stays. Chains that this origin has written before are added to; `replaces` is an origin about to be dropped.
        """
        columns = [*_columns(frame, CHAIN_SCHEMA), pl.col("ticker"), pl.col("day")]
        rows = frame.select(columns).sort("ticker", "known_at", *CHAIN_KEY)
        bounds = (
            rows.select("ticker", "day", "known_at")
            .with_row_index("at")
            .group_by("ticker", "day", "known_at", maintain_order=True)
        )
        folders: dict[Path, dict[str, list[Path]]] = {}
        written = 0
        for ticker, day, known_at, first, count in bounds.agg(pl.col("at").first(), pl.len().alias("n")).iter_rows():
            folder = self._day_folder(set_name, ticker, day)
            if folder not in folders:
                folders[folder] = _by_stamp(folder, replaces)
            stamp = f"{known_at:{_STAMP}}"
            path = folder / f"{stamp}.{origin}.parquet"
            chain = rows.slice(first, count).select(*CHAIN_SCHEMA)
            before = folders[folder].setdefault(stamp, [])
            if before:
                held = pl.scan_parquet(before).select(CHAIN_KEY).collect()
                chain = chain.join(held, on=CHAIN_KEY, how="anti")
            if not chain.height:
                continue
            written += chain.height
            if path in before:
                chain = pl.concat([pl.read_parquet(path), chain]).sort(CHAIN_KEY)
            write_parquet(chain, path)
            if path not in before:
                before.append(path)
        return written, rows.height - written

    def drop_origin(self, origin: str) -> None:
        """Forget everything that an imported file gave, before it is converted anew."""
        for path in (*self.folder.rglob(f"{origin}.parquet"), *self.folder.rglob(f"*.{origin}.parquet")):
            path.unlink()

    def put_bars(self, ticker: str, interval: Interval, origin: str, frame: pl.DataFrame) -> None:
        """Store a ticker's bars of one origin, in place of what that origin gave before."""
        rows = _shaped(frame, BAR_SCHEMA).sort("start")
        write_parquet(rows, self._bar_folder(ticker, interval) / f"{origin}.parquet")

    def put_rows(self, shelf: str, name: str, origin: str, frame: pl.DataFrame) -> None:
        """Store reference rows of one origin, in place of what that origin gave before."""
        rows = _shaped(frame, SHELVES[shelf].schema).sort(SHELVES[shelf].order)
        write_parquet(rows, self._shelf_folder(shelf, name) / f"{origin}.parquet")

    def add_bars(self, ticker: str, interval: Interval, origin: str, frame: pl.DataFrame) -> None:
        """Add bars to those of one origin. Not safe by itself against another writer of the same origin."""
        _add(self._bar_folder(ticker, interval) / f"{origin}.parquet", _shaped(frame, BAR_SCHEMA), ("start",))

    def add_rows(self, shelf: str, name: str, origin: str, frame: pl.DataFrame) -> None:
        """Add reference rows to those of one origin. Not safe by itself against another writer of the same origin."""
        _, schema, order = SHELVES[shelf]
        _add(self._shelf_folder(shelf, name) / f"{origin}.parquet", _shaped(frame, schema), order)

    def drop_before(self, set_name: str, moment: datetime) -> int:
        """Forget the chains of a set that became known before a moment; the number of chains gone."""
        gone = 0
        for path in (self.folder / set_name / "chains").glob("ticker=*/date=*/[0-9]*.parquet"):
            if path.name.split(".")[0] < f"{moment:{_STAMP}}":
                path.unlink(missing_ok=True)
                gone += 1
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()
        return gone

    # Imports

    @contextlib.contextmanager
    def importing(self) -> Iterator[None]:
        """Alone at the store's imports; another waits. What one that was cut off left half done is forgotten first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".importing").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            standing = {entry.get("origin") for entry in self.manifest().values()}
            for begun in self.folder.glob(f"{_BEGUN}*"):
                origin = begun.name.removeprefix(_BEGUN)
                if origin not in standing:
                    self.drop_origin(origin)
                begun.unlink()
            yield

    def begin(self, origin: str) -> None:
        """Note that an origin's rows are about to come or go; until `end` they stand only if the manifest says so."""
        (self.folder / f"{_BEGUN}{origin}").touch()

    def end(self, origin: str) -> None:
        """Note that an origin's rows all stand, or are all gone."""
        (self.folder / f"{_BEGUN}{origin}").unlink(missing_ok=True)

    # The manifest

    def manifest(self) -> dict[str, dict[str, Any]]:
        """What was imported: {content hash: {name, layout, stamp, rows}}. Raises BadInput for another version's."""
        path = self.folder / "manifest.json"
        if not path.exists():
            return {}
        data = json.loads(path.read_text())
        if data.get("version") != VERSION:
            raise BadInput(
                f"{path} has layout version {data.get('version')}, not {VERSION}: set another store_dir, or move "
                f"{self.folder} away, and import again"
            )
        files: dict[str, dict[str, Any]] = data["files"]
        return files

    def begin_manifest(self) -> None:
        """Give the store an empty manifest where it has none. Raises BadInput for a store of another version."""
        path = self.folder / "manifest.json"
        if self.manifest() or path.exists():
            return
        half = path.with_name(f".manifest.{os.getpid()}.empty")
        half.write_text(json.dumps({"version": VERSION, "files": {}}))
        with contextlib.suppress(FileExistsError):  # an import was first, and what it wrote stands
            path.hardlink_to(half)
        half.unlink()

    def save_manifest(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the manifest."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "manifest.json"
        half = path.with_name(f".manifest.{os.getpid()}")
        half.write_text(json.dumps({"version": VERSION, "files": files}, indent=1, sort_keys=True))
        half.replace(path)

    # Paths

    def _ticker_folder(self, set_name: str, ticker: str) -> Path:
        return self.folder / set_name / "chains" / f"ticker={ticker}"

    def _day_folder(self, set_name: str, ticker: str, day: date) -> Path:
        return self._ticker_folder(set_name, ticker) / f"date={day.isoformat()}"

    def _bar_folder(self, ticker: str, interval: Interval) -> Path:
        return self.folder / REFERENCE / "bars" / f"interval={interval.value}" / f"ticker={ticker}"

    def _shelf_folder(self, shelf: str, name: str) -> Path:
        by = SHELVES[shelf].by
        folder = self.folder / REFERENCE / shelf
        return folder / f"{by}={name}" if by else folder


_BEGUN = ".import-"  # and an origin: written before its rows, gone when they all stand
_STAMP = "%Y%m%dT%H%M%SZ"


def content_hash(chain: pl.DataFrame) -> str:
    """Short hash of what a chain says, whenever it was received: equal content has equal names."""
    plain = chain.drop(*_RECEIPT).sort(CHAIN_KEY)
    return hashlib.sha256(plain.write_csv().encode()).hexdigest()[:16]


def _scan(folder: Path) -> pl.LazyFrame | None:
    files = sorted(folder.glob("[!.]*.parquet"))
    return pl.scan_parquet(files) if files else None


def _add(path: Path, rows: pl.DataFrame, order: tuple[str, ...]) -> None:
    if path.exists():
        rows = pl.concat([pl.read_parquet(path), rows])
    write_parquet(rows.sort(*order, "known_at", maintain_order=True), path)


def _by_stamp(folder: Path, without: str | None) -> dict[str, list[Path]]:
    """The chain files of a day, but those of one origin, by the moment in their name."""
    found: dict[str, list[Path]] = {}
    for path in folder.glob("[0-9]*.parquet"):
        if without is not None and path.name.endswith(f".{without}.parquet"):
            continue
        found.setdefault(path.name.split(".")[0], []).append(path)
    return found


def _columns(frame: pl.DataFrame, schema: Mapping[str, Any]) -> list[pl.Expr]:
    return [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    ]


def _shaped(frame: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    """The frame in a shelf's columns; a column that it lacks is null."""
    return frame.select(_columns(frame, schema))
