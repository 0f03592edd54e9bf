"""A store with all recorded data, imported once, and the same store as it stood at a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from shutil import copytree

import polars as pl
import pytest

from tools.market.importers.importing import ImportReport, import_path


@pytest.fixture(scope="session")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImportReport]:
    """(store, report) of the whole recorded data folder."""
    folder = tmp_path_factory.mktemp("store")
    return folder, import_path(shared_data, folder)


@pytest.fixture(scope="session")
def store_dir(imported: tuple[Path, ImportReport]) -> Path:
    """The store with every layout imported."""
    return imported[0]


@pytest.fixture
def cut(tmp_path: Path) -> Callable[[Path, datetime], Path]:
    """Copy a store without the rows that became known after a moment; files left empty are gone."""

    def copy(store: Path, moment: datetime) -> Path:
        out = tmp_path / f"cut-{moment:%Y%m%dT%H%M}"
        copytree(store, out, ignore=lambda _, names: [name for name in names if name.endswith(".parquet")])
        for file in store.rglob("*.parquet"):
            rows = pl.read_parquet(file)
            known = rows.filter(pl.col("known_at") <= moment)
            if known.height:
                known.write_parquet(out / file.relative_to(store))
        return out

    return copy
