"""How fast the market answers, and how much memory a set of chains takes.

    python benchmarks/market.py [--quick] [--json] [--data DIR]

market.snapshot_ms        a snapshot of SPX (about 13,500 rows, two-sided) from the store: chain read from disk, gate,
                          10,000 daily and 1,560 five-minute bars, rates, indices; bars and rates held in memory
market.snapshot_held_ms   the same with the chain held too: what a second reader pays
market.import_rows_per_s  rows of every vendor file through its converter into a fresh store
market.sim_chain_ms       one simulated SPY chain of about 14,000 rows at a moment never asked for before
market.peak_mb            resident memory at its peak while the whole set of 2026 is imported and every session of every
                          ticker is snapshot, in a process of its own

The peer of a snapshot is the plain read: polars filters the vendor's own file for the day and converts nothing, checks
nothing, aligns nothing. Its error is the largest difference of bids and asks between the two. The others state targets.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from domain.errors import DataError
from domain.market import OptionChain
from tools import sessions
from tools.market.importers.importing import import_path
from tools.market.recorded import RecordedMarket
from tools.market.simulated.market import SimulatedMarket
from tools.market.snapshot import take_snapshot
from tools.market.store import Store

ROOT = Path(__file__).resolve().parents[1]
SPX = "options/spx_cboe_eod_2019-04-25_2019-06-28.parquet"
FILES = (
    "bars/5min_spx_ndx_usdjpy_histdata_2018H1_2019.parquet",
    "bars/daily_index_etf_to_2026-08.parquet",
    "bars/5min_spy_qqq_spx_2026-05_2026-08.parquet",
    "vol_rates/vix_daily_1990_2026_pddl.parquet",
    "vol_rates/vix_term_structure_daily.parquet",
    "vol_rates/fred_treasury_yields_daily.parquet",
)
TARGETS = {
    "market.snapshot_ms": 60.0,
    "market.import_rows_per_s": None,
    "market.sim_chain_ms": 150.0,
    "market.peak_mb": 1500.0,
}


def spx_moments(market: RecordedMarket, quick: bool) -> list[datetime]:
    """The stated moments of full sessions, the newest last."""
    days = market.snapshot_times(date(2019, 5, 1), date(2019, 6, 28))
    return list(days[-6:] if quick else days[-24:])


def plain(file: Path, day: date) -> pl.DataFrame:
    """The peer: one day's rows of the vendor's file, as they are."""
    wanted = pl.col("quote_ts").dt.date() == day
    return pl.scan_parquet(file).filter(wanted).collect()


def drift(chain: OptionChain, rows: pl.DataFrame) -> float:
    """The largest difference of a bid or ask, where both have the contract."""
    ours = pl.DataFrame(
        {
            "root": chain.root.tolist(),
            "strike": chain.strike,
            "expiry": chain.expiry,
            "right": np.where(chain.is_call, "C", "P").tolist(),
            "our_bid": chain.bid,
            "our_ask": chain.ask,
        }
    ).filter(pl.col("our_bid").is_not_nan() & pl.col("our_ask").is_not_nan())
    epoch = date(1970, 1, 1).toordinal()
    theirs = rows.with_columns(
        expiry=pl.col("expiration").cast(pl.Date).dt.epoch("d").cast(pl.Int64) + epoch,
        strike=pl.col("strike").cast(pl.Float64),
    )
    both = ours.join(theirs, on=["root", "strike", "expiry", "right"])
    gaps = both.select(
        (pl.col("our_bid") - pl.col("bid")).abs().max().alias("bid"),
        (pl.col("our_ask") - pl.col("ask")).abs().max().alias("ask"),
    ).row(0)
    return max(float(gap or 0.0) for gap in gaps)


async def snapshots(data: Path, store: Path, quick: bool) -> list[dict[str, Any]]:
    market = RecordedMarket(store, "spx-2019")
    moments = spx_moments(market, quick)
    await take_snapshot(market, "SPX", moments[0])
    cold, held, peer, rows, error = [], [], [], 0, 0.0
    for moment in moments[1:]:
        started = time.perf_counter()
        found = plain(data / SPX, moment.astimezone(sessions.NEW_YORK).date())
        peer.append(time.perf_counter() - started)
        started = time.perf_counter()
        shot = await take_snapshot(market, "SPX", moment)
        cold.append(time.perf_counter() - started)
        started = time.perf_counter()
        await take_snapshot(market, "SPX", moment)
        held.append(time.perf_counter() - started)
        assert shot.chain is not None
        rows = len(shot.chain)
        error = max(error, drift(shot.chain, found))
    ours, theirs = 1e3 * statistics.median(cold), 1e3 * statistics.median(peer)
    return [
        {
            "figure": "market.snapshot_ms",
            "value": ours,
            "unit": "ms",
            "peer": "polars, plain filtered read of the vendor's file",
            "peer_value": theirs,
            "ratio": theirs / ours,
            "error": error,
            "reference": f"median of {len(cold)} sessions, {rows} rows in the last; target 60",
        },
        line("market.snapshot_held_ms", 1e3 * statistics.median(held), "ms", "the chain held in memory"),
    ]


def importing(data: Path, store: Path, quick: bool) -> dict[str, Any]:
    started = time.perf_counter()
    if quick:
        reports = [import_path(data / name, store) for name in (*FILES, SPX)]
    else:
        reports = [import_path(data / name, store) for name in ("bars", "vol_rates", "options", "social")]
    wall = time.perf_counter() - started
    rows = sum(file.rows for report in reports for file in report.files)
    stored = sum(file.stored for report in reports for file in report.files)
    told = f"{rows:,} rows of {sum(len(report.files) for report in reports)} files in {wall:.1f} s, {stored:,} stored"
    return line("market.import_rows_per_s", rows / wall, "rows/s", told)


async def simulated(quick: bool) -> dict[str, Any]:
    market = SimulatedMarket("vrp", 15)
    opened, _ = sessions.open_close(date(2026, 6, 24))
    first = await market.chain("SPY", opened)
    walls, rows = [], len(first) if isinstance(first, OptionChain) else 0
    for step in range(1, 4 if quick else 12):
        moment = opened + timedelta(minutes=25 * step)
        started = time.perf_counter()
        chain = await market.chain("SPY", moment)
        walls.append(time.perf_counter() - started)
        rows = len(chain) if isinstance(chain, OptionChain) else 0
    return line("market.sim_chain_ms", 1e3 * statistics.median(walls), "ms", f"{rows} rows, median of {len(walls)}")


async def whole_set(data: Path, quick: bool) -> None:
    """Import the set of 2026 and take a snapshot of every session of every ticker; prints the peak, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        for name in FILES:
            import_path(data / name, store)
        import_path(data / "options" / "chain_eod_2026", store)
        market, tickers = RecordedMarket(store, "eod-2026"), Store(store).tickers("eod-2026")
        count = 0
        for moment in market.snapshot_times(date(2026, 5, 26), date(2026, 5, 29) if quick else date(2026, 7, 31)):
            for ticker in tickers:
                try:
                    await take_snapshot(market, ticker, moment)
                    count += 1
                except DataError as error:
                    print(f"{ticker} {moment}: {error}", file=sys.stderr)
    print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "snapshots": count}))


def peak(data: Path, quick: bool) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__)), "--peak", "--data", str(data), *(["--quick"] if quick else [])]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout.splitlines()[-1])
    refused = len(answer.stderr.splitlines())
    told = f"{found['snapshots']} snapshots taken, {refused} refused"
    return line("market.peak_mb", found["peak"], "MB", told)


def line(figure: str, value: float, unit: str, told: str) -> dict[str, Any]:
    """A figure without a peer; its target stands in the reference."""
    target = TARGETS.get(figure)
    reference = f"{told}; target {target:g}" if target else told
    return {
        "figure": figure,
        "value": value,
        "unit": unit,
        "peer": None,
        "peer_value": None,
        "ratio": None,
        "error": None,
        "reference": reference,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer files and moments")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the recorded data")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peak:
        asyncio.run(whole_set(asked.data, asked.quick))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        lines = [importing(asked.data, store, asked.quick)]
        lines += asyncio.run(snapshots(asked.data, store, asked.quick))
    lines.append(asyncio.run(simulated(asked.quick)))
    lines.append(peak(asked.data, asked.quick))
    for one in lines:
        if asked.json:
            print(json.dumps(one))
        else:
            print(f"{one['figure']:28} {one['value']:>14,.1f} {one['unit']:8} {one['reference']}")


if __name__ == "__main__":
    main()
