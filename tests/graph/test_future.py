"""Cutting off the future changes nothing: a run decides the same in a store that ends at its as-of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.desk import desk_house
from tools.market.importers.importing import import_path

FILES = (
    "options/yahoo_chain_snapshots_2026-02.parquet",
    "bars/daily_index_etf_to_2026-08.parquet",
    "vol_rates/vix_daily_1990_2026_pddl.parquet",
    "vol_rates/vix_term_structure_daily.parquet",
    "vol_rates/fred_treasury_yields_daily.parquet",
)
AS_OF = datetime(2026, 2, 12, 18, 0, tzinfo=UTC)  # 13:00 New York
MARKET = "recorded:yahoo-2026-02"


async def _hash(uri: str, store: Path) -> str:
    async with desk_house(uri, change={"store_dir": store, "market": MARKET}) as house:
        row = await house.runs.start(house.spec(("SPY", "NVDA"), MARKET, AS_OF))
        assert row.decision_hash is not None
        return row.decision_hash


@pytest.mark.data
@pytest.mark.slow
async def test_a_store_that_ends_at_the_as_of_decides_the_same(
    make_database: Callable[[], str], shared_data: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for name in FILES:
        import_path(shared_data / name, whole)
    shutil.copytree(whole, cut)
    removed = 0
    for file in cut.rglob("*.parquet"):
        rows = pl.read_parquet(file)
        kept = rows.filter(pl.col("known_at") <= AS_OF)
        removed += len(rows) - len(kept)
        kept.write_parquet(file) if len(kept) else file.unlink()
    assert removed > 1000, "there was a future to cut off"
    assert await _hash(make_database(), whole) == await _hash(make_database(), cut)
