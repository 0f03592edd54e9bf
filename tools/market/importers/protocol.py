"""The seam between vendors' files and the store: how a layout is recognised, and what its converter gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from domain.market import Interval
from tools.market.store import Store


@dataclass(frozen=True)
class Converted:
    """What a file, or a part of it, holds, in the store's columns.

    `dropped` and `added` count rows by reason: rows in - dropped + added is what goes into the store.
    """

    rows_in: int
    chains: tuple[str, pl.DataFrame] | None = None  # (set name, "" without rows; rows with ticker and day)
    bars: tuple[tuple[Interval, pl.DataFrame], ...] = ()
    reference: tuple[tuple[str, pl.DataFrame], ...] = ()  # (shelf, rows; with ticker where the shelf has folders)
    dropped: dict[str, int] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """One vendor layout. A file has it when its name matches and it has these columns.

    `after` is the layout whose bars the converter reads from the store; the import of a folder obeys it, and a file is
    converted anew when those bars have changed since. `by` is the column of moments along which a file may be read in
    parts of whole days, so that a year of chains is never in memory; None: it is converted whole.
    """

    name: str
    pattern: str
    columns: frozenset[str]
    convert: Callable[[pl.DataFrame, Store], Converted]
    after: str | None = None
    by: str | None = None

    def fits(self, name: str, columns: frozenset[str]) -> bool:
        """True when a file of this name with these columns has this layout."""
        return re.match(self.pattern, name) is not None and self.columns <= columns


def add(*counts: dict[str, int]) -> dict[str, int]:
    """Counts by reason, summed."""
    total: dict[str, int] = {}
    for part in counts:
        for reason, count in part.items():
            total[reason] = total.get(reason, 0) + count
    return total


def split(rows_in: int, rows_out: int, why: str) -> dict[str, int]:
    """`added` of a wide row that becomes several rows of the store."""
    return {why: rows_out - rows_in} if rows_out > rows_in else {}
