"""The one store of recorded market data: Parquet files in a documented layout, read lazily with polars.

    <store>/manifest.json                                          what was imported, by content hash
    <store>/<set>/chains/ticker=SPX/date=2019-05-21.parquet        all chains of a New York day
    <store>/reference/bars/interval=1d/ticker=SPY/<file>.parquet   bars, one file per imported file
    <store>/reference/indices/name=VIX/<file>.parquet              daily index values
    <store>/reference/rates/<file>.parquet                         Treasury par yields

Bars, indices and rates are shared by all recorded sets. All times are UTC, microseconds; null means absent. Every row
carries `known_at`, when a trader could first have had it.

chains   quoted_at known_at closing(quotes of the close) uncertainty_s(how much earlier the stated time may lie) source
         file(layout and hash of the imported file) spot root expiry(Date, as listed) settles_at strike is_call bid ask
         last(dollars a share or points; a bid of 0 is a fact, an ask of 0 is null) volume open_interest(contracts; open
         interest is that of the prior close)
         vendor_iv(decimal) vendor_delta
bars     start known_at(end of the bar; daily: 15 minutes after the close) open high low close volume(null: unknown)
         session(false: outside regular hours) adjusted(prices adjusted for later dividends or splits: returns only)
indices  day(Date) known_at(15 minutes after the close) open high low close
rates    day(Date) known_at(16:15 New York on the next session, after the H.15 release) tenor(years) yield(decimal)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from domain.errors import BadInput
from domain.market import Interval

REFERENCE = "reference"
VERSION = 1  # of this layout; a store of another version is refused

MOMENT = pl.Datetime("us", "UTC")
CHAIN_SCHEMA: dict[str, Any] = {
    "quoted_at": MOMENT,
    "known_at": MOMENT,
    "closing": pl.Boolean,
    "uncertainty_s": pl.Int32,
    "source": pl.String,
    "file": pl.String,
    "spot": pl.Float64,
    "root": pl.String,
    "expiry": pl.Date,
    "settles_at": MOMENT,
    "strike": pl.Float64,
    "is_call": pl.Boolean,
    "bid": pl.Float64,
    "ask": pl.Float64,
    "last": pl.Float64,
    "volume": pl.Float64,
    "open_interest": pl.Float64,
    "vendor_iv": pl.Float64,
    "vendor_delta": pl.Float64,
}
CHAIN_KEY = ("quoted_at", "root", "expiry", "strike", "is_call")
_PRICES: dict[str, Any] = dict.fromkeys(("open", "high", "low", "close"), pl.Float64)
BAR_SCHEMA: dict[str, Any] = {
    "start": MOMENT,
    "known_at": MOMENT,
    **_PRICES,
    "volume": pl.Float64,
    "session": pl.Boolean,
    "adjusted": pl.Boolean,
    "source": pl.String,
}
INDEX_SCHEMA: dict[str, Any] = {"day": pl.Date, "known_at": MOMENT, **_PRICES, "source": pl.String}
RATE_SCHEMA: dict[str, Any] = {"day": pl.Date, "known_at": MOMENT, "tenor": pl.Float64, "yield": pl.Float64}


def _write(frame: pl.DataFrame, path: Path) -> None:
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
        files = (self.folder / set_name / "chains" / f"ticker={ticker}").glob("date=*.parquet")
        return tuple(sorted(date.fromisoformat(file.stem.removeprefix("date=")) for file in files))

    # Lazy reads

    def chains(self, set_name: str, ticker: str, day: date) -> pl.LazyFrame:
        """All chains of a ticker on a New York day. Columns as CHAIN_SCHEMA."""
        return pl.scan_parquet(self._chain_path(set_name, ticker, day))

    def bars(self, ticker: str, interval: Interval) -> pl.LazyFrame | None:
        """Bars of a ticker from every source. Columns as BAR_SCHEMA; None when there are none."""
        return self._scan(self._bar_folder(ticker, interval))

    def index(self, name: str) -> pl.LazyFrame | None:
        """Daily values of an index from every source. Columns as INDEX_SCHEMA; None when there are none."""
        return self._scan(self.folder / REFERENCE / "indices" / f"name={name}")

    def rates(self) -> pl.LazyFrame | None:
        """Treasury yields, long format. Columns as RATE_SCHEMA; None when there are none."""
        return self._scan(self.folder / REFERENCE / "rates")

    # Writes

    def put_chains(self, set_name: str, ticker: str, day: date, file: str, frame: pl.DataFrame) -> int:
        """Add a day's chains to a set, in place of what the same file gave before; other files' rows stay.

        Gives the number of rows added.
        """
        path = self._chain_path(set_name, ticker, day)
        named = frame.with_columns(file=pl.lit(file))
        rows = named.select(pl.col(name).cast(kind) for name, kind in CHAIN_SCHEMA.items())
        before = 0
        if path.exists():
            held = pl.read_parquet(path).filter(pl.col("file") != file)
            before = held.height
            rows = pl.concat([held, rows])
        rows = rows.unique(CHAIN_KEY, keep="first", maintain_order=True).sort(CHAIN_KEY)
        _write(rows, path)
        return rows.height - before

    def put_bars(self, ticker: str, interval: Interval, file: str, frame: pl.DataFrame) -> None:
        """Store one imported file's bars of a ticker, in place of what that file gave before."""
        _write(self._shaped(frame, BAR_SCHEMA, "start"), self._bar_folder(ticker, interval) / f"{file}.parquet")

    def put_index(self, name: str, file: str, frame: pl.DataFrame) -> None:
        """Store one imported file's daily values of an index, in place of what that file gave before."""
        path = self.folder / REFERENCE / "indices" / f"name={name}" / f"{file}.parquet"
        _write(self._shaped(frame, INDEX_SCHEMA, "day"), path)

    def put_rates(self, file: str, frame: pl.DataFrame) -> None:
        """Store one imported file's yields, in place of what that file gave before."""
        _write(self._shaped(frame, RATE_SCHEMA, "day", "tenor"), self.folder / REFERENCE / "rates" / f"{file}.parquet")

    # The manifest

    def manifest(self) -> dict[str, dict[str, Any]]:
        """What was imported: {content hash: {name, layout, stamp, rows}}. Raises BadInput for another version's."""
        path = self.folder / "manifest.json"
        if not path.exists():
            return {}
        data = json.loads(path.read_text())
        if data.get("version") != VERSION:
            raise BadInput(f"{path} has layout version {data.get('version')}, not {VERSION}; import into a new folder")
        files: dict[str, dict[str, Any]] = data["files"]
        return files

    def save_manifest(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the manifest."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "manifest.json"
        half = path.with_name(f".manifest.{os.getpid()}")
        half.write_text(json.dumps({"version": VERSION, "files": files}, indent=1, sort_keys=True))
        half.replace(path)

    def _chain_path(self, set_name: str, ticker: str, day: date) -> Path:
        return self.folder / set_name / "chains" / f"ticker={ticker}" / f"date={day.isoformat()}.parquet"

    def _bar_folder(self, ticker: str, interval: Interval) -> Path:
        return self.folder / REFERENCE / "bars" / f"interval={interval.value}" / f"ticker={ticker}"

    @staticmethod
    def _scan(folder: Path) -> pl.LazyFrame | None:
        files = sorted(folder.glob("*.parquet"))
        return pl.scan_parquet(files) if files else None

    @staticmethod
    def _shaped(frame: pl.DataFrame, schema: Mapping[str, Any], *key: str) -> pl.DataFrame:
        columns: Iterable[pl.Expr] = (pl.col(name).cast(kind) for name, kind in schema.items())
        return frame.select(columns).sort(key)
