"""The store of recorded data as it stood at a moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from shutil import copytree

import polars as pl
import pytest


@pytest.fixture
def cut(tmp_path: Path) -> Callable[[Path, datetime], Path]:
    """Copy a store without the rows that became known after a moment; files left empty are gone.

    A chain became known as a whole, when its name says.
    """

    def copy(store: Path, moment: datetime) -> Path:
        out = tmp_path / f"cut-{moment:%Y%m%dT%H%M}"
        copytree(store, out, ignore=lambda _, names: [name for name in names if name.endswith(".parquet")])
        for file in store.rglob("*.parquet"):
            if file.name[0].isdigit():
                if file.name.split(".")[0] <= f"{moment:%Y%m%dT%H%M%SZ}":
                    os.link(file, out / file.relative_to(store))
                continue
            rows = pl.read_parquet(file)
            known = rows.filter(pl.col("known_at") <= moment)
            if known.height:
                known.write_parquet(out / file.relative_to(store))
        return out

    return copy
