"""How long one decision takes: six recorded tickers, rules, this machine's cores.

    python benchmarks/decision_run.py [--quick] [--json] [--data DIR]

decision_run.wall_s         a process that has run once; nothing cached (another as-of, another account)
decision_run.cold_s         a fresh process, warm database
decision_run.overhead_s     the same run with every computing function replaced by its stored result
decision_run.parallel_gain  6 x one ticker / six tickers
cli.help_s, doctor.s        `parley --help`; `parley doctor` with a cold embedded database
decision_run.peak_mb        resident memory of this process at its peak

There is no peer here: other systems ask a language model. Every line states its target instead.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from apps.settings import Settings
from apps.wiring import House, open_house
from graph.compute import Compute
from tools.market.importers.importing import import_path

ROOT = Path(__file__).resolve().parents[1]
TICKERS = ("SPY", "QQQ", "NVDA", "TSLA", "AAPL", "AMZN")
MARKET = "recorded:yahoo-2026-02"
AS_OF = datetime(2026, 2, 12, 13, 0, tzinfo=ZoneInfo("America/New_York"))
FILES = (
    "options/yahoo_chain_snapshots_2026-02.parquet",
    "bars/daily_index_etf_to_2026-08.parquet",
    "bars/daily_single_names_2000_2024.parquet",
    "bars/5min_15names_2025-05_2025-12.parquet",
    "vol_rates/vix_daily_1990_2026_pddl.parquet",
    "vol_rates/vix_term_structure_daily.parquet",
    "vol_rates/fred_treasury_yields_daily.parquet",
)


class StoredCompute(Compute):
    """Records what every computing function gave the first time, and gives it back without computing afterwards."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._stored: dict[tuple[str, str, int], Any] = {}
        self._seen: Counter[tuple[str, str]] = Counter()
        self.replaying = False

    async def run(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        ticker = next((str(arg.ticker) for arg in args if hasattr(arg, "ticker")), "")
        name = (getattr(fn, "__qualname__", "?"), ticker)
        key = (*name, self._seen[name])
        self._seen[name] += 1
        if self.replaying and key in self._stored:
            return self._stored[key]
        self._stored[key] = await super().run(fn, *args, **kwargs)
        return self._stored[key]

    def again(self) -> None:
        self._seen.clear()
        self.replaying = True


async def timed(house: House, tickers: tuple[str, ...], account: str, seconds: int) -> float:
    spec = house.spec(tickers, MARKET, AS_OF + timedelta(seconds=seconds), account=account)
    started = time.perf_counter()
    await house.runs.start(spec)
    return time.perf_counter() - started


async def warm_figures(settings: Settings, repeats: int) -> dict[str, list[float]]:
    compute = StoredCompute(settings.threads)
    figures: dict[str, list[float]] = {"wall": [], "one": [], "overhead": []}
    async with open_house(settings, compute=compute) as house:
        await timed(house, TICKERS, "paper/bench-warm", 0)
        for number in range(1, repeats + 1):
            figures["wall"].append(await timed(house, TICKERS, f"paper/bench-six-{number}", number))
            singles = [await timed(house, (t,), f"paper/bench-{t}-{number}", 20 + number) for t in TICKERS]
            figures["one"].append(sum(singles))
        compute.again()
        compute.replaying = False
        await timed(house, TICKERS, "paper/bench-record", 50)
        for number in range(repeats):
            compute.again()
            figures["overhead"].append(await timed(house, TICKERS, f"paper/bench-stored-{number}", 50))
    return figures


def command_s(arguments: list[str], env: dict[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        [str(Path(sys.executable).parent / "parley"), *arguments], env=env, capture_output=True, check=False
    )
    elapsed = time.perf_counter() - started
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"parley {' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()[-400:]}")
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one repeat instead of five")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    options = parser.parse_args()
    repeats = 1 if options.quick else 5
    base = Path(tempfile.mkdtemp(prefix="parley-bench-", dir="/var/tmp"))
    base.chmod(0o755)
    try:
        store = base / "store"
        for name in FILES:
            import_path(options.data / name, store)
        settings = Settings(data_dir=base / "data", store_dir=store, market=MARKET)
        env = {k: v for k, v in os.environ.items() if not k.startswith("PARLEY_")}
        env |= {"PARLEY_DATA_DIR": str(base / "data"), "PARLEY_STORE_DIR": str(store), "PARLEY_MARKET": MARKET}
        doctor = command_s(["doctor"], env)
        help_s = [command_s(["--help"], env) for _ in range(repeats + 1)][1:]
        figures = asyncio.run(warm_figures(settings, repeats))
        arguments = ["run", *TICKERS, "--market", MARKET, "--json", "--as-of"]
        cold = [command_s([*arguments, f"2026-02-12T13:01:{10 + n}"], env) for n in range(repeats)]
        wall, one = statistics.median(figures["wall"]), statistics.median(figures["one"])
        rows = [
            ("decision_run.wall_s", wall, "s", 5.0, figures["wall"]),
            ("decision_run.cold_s", statistics.median(cold), "s", 12.0, cold),
            ("decision_run.overhead_s", statistics.median(figures["overhead"]), "s", 0.4, figures["overhead"]),
            ("decision_run.parallel_gain", one / wall, "x", 1.0, []),
            ("cli.help_s", statistics.median(help_s), "s", 0.5, help_s),
            ("doctor.s", doctor, "s", 5.0, [doctor]),
            ("decision_run.peak_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB", 2048.0, []),
        ]
    finally:
        from memory import embedded

        embedded.remove(base / "data" / "postgres")
        shutil.rmtree(base, ignore_errors=True)
    for figure, value, unit, target, runs in rows:
        spread = (max(runs) - min(runs)) / 2 if len(runs) > 1 else None
        if options.json:
            line = {"figure": figure, "value": round(value, 3), "unit": unit, "peer": None, "target": target}
            print(json.dumps({**line, "error": None if spread is None else round(spread, 3)}))
        else:
            print(f"{figure:28s} {value:9.3f} {unit}  (target {target:g})")


if __name__ == "__main__":
    main()
