"""The simulated market's statistics beside the recorded sets', and what its chains cost.

    python benchmarks/simulator.py [--quick] [--json | --table] [--data DIR]

One code measures both: chains as frames of (day, spot, dte, strike, side, bid, ask, iv, volume, open interest). The
simulator runs under `vrp`, over windows as long as the recorded ones (47 sessions) of several seeds; a figure is the
mean over windows. `error` is the standard deviation between windows: how far one window strays from another.

simulator.TICKER.*        levels, dynamics, skew, spreads, zero bids, empty contracts, flows, against the recorded set
simulator.edge.*          a playbook by its fixed rule over 200 seeds, per unit of maximum loss, at mid and after costs
market.sim_cold_ms        one SPY chain of a seed whose paths are to make first (with them held: benchmarks/market.py)

`--table` writes the table of `docs/simulator.md`. Without the recorded data the figures stand alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from chain_statistics import BANDS, MATURITIES, frame, levels, recorded, shape, spreads

from tools.market.simulated import paths, quotes
from tools.market.simulated.edges import CASES, edges
from tools.market.simulated.paths import grid

ROOT = Path(__file__).resolve().parents[1]
WINDOW = 47  # sessions
PRESET = "vrp"
SEED = 15  # of the timed chains: SPY trades where its chain has about 14,000 rows
BEFORE_CLOSE = 3  # nodes


class Recorded(NamedTuple):
    """Which files stand beside a ticker: one for volatilities and flows, one with bids and asks."""

    chains: str
    quoted: str


YAHOO, GREEKS = (
    "options/yahoo_chain_snapshots_2026-02.parquet",
    "options/yahoo_cboe_greeks_snapshots_2026-07_08.parquet",
)
SPX = "options/spx_cboe_eod_2019-04-25_2019-06-28.parquet"
DAILY = "options/chain_eod_2026/{}_2026-05-26_2026-07-31.parquet"
RECORDED = {
    "SPX": Recorded(SPX, SPX),
    "SPY": Recorded(DAILY.format("SPY"), YAHOO),
    "QQQ": Recorded(DAILY.format("QQQ"), YAHOO),
    "NVDA": Recorded(DAILY.format("NVDA"), GREEKS),
    "TSLA": Recorded(DAILY.format("TSLA"), GREEKS),
    "AAPL": Recorded(DAILY.format("AAPL"), YAHOO),
}
UNITS = {
    "rows": "rows",
    "expirations": "",
    "atm_mean": "%",
    "atm_low": "%",
    "atm_high": "%",
    "atm_change_sd": "points",
    "spot_vol_corr": "",
    "skew_95": "points",
    "skew_105": "points",
    "term_slope": "points",
    "realised": "%",
    "zero_bids": "%",
    "no_volatility": "%",
    "empty": "%",
    "flow_corr": "",
}
WORDS = {
    "rows": "rows of a chain",
    "expirations": "expirations",
    "atm_mean": "30-day ATM IV, mean",
    "atm_low": "… lowest of a window",
    "atm_high": "… highest of a window",
    "atm_change_sd": "sd of its daily change",
    "spot_vol_corr": "corr(daily return, its change)",
    "skew_95": "95 % put − ATM",
    "skew_105": "105 % call − ATM",
    "term_slope": "90-day − 30-day ATM IV",
    "realised": "realised volatility",
    "zero_bids": "zero bids",
    "no_volatility": "rows without vendor IV",
    "empty": "no OI and no volume",
    "flow_corr": "corr(volume, next change of OI)",
}


def windows(ticker: str, quick: bool) -> Iterator[pl.DataFrame]:
    """Simulated windows of consecutive sessions, of several seeds."""
    about = grid()
    for seed in range(2 if quick else 12):
        first = 150 + (seed * 397) % (len(about.days) - WINDOW - 150)
        sessions = range(first, first + (24 if quick else WINDOW))
        yield pl.concat(
            [
                frame(quotes.chain(PRESET, seed, ticker, session, int(about.steps[session]) - BEFORE_CLOSE))
                for session in sessions
            ]
        )


def compared(data: Path, ticker: str, quick: bool) -> list[dict[str, Any]]:
    """Every statistic of a ticker: simulated, and recorded where there is a file."""
    found = [{**levels(each), **shape(each), **spreads(each)} for each in windows(ticker, quick)]
    source, beside = RECORDED[ticker], {}
    if (data / source.chains).exists():
        chains = recorded(data / source.chains, ticker)
        quoted = recorded(data / source.quoted, ticker)
        beside = {**levels(chains), **shape(chains), **spreads(quoted)}
        beside["zero_bids"] = shape(quoted)["zero_bids"]
    lines = []
    for name in dict.fromkeys(name for each in found for name in each):
        values = [each[name] for each in found if name in each]
        value, peer = statistics.fmean(values), beside.get(name)
        lines.append(
            {
                "figure": f"simulator.{ticker}.{name}",
                "value": value,
                "unit": UNITS.get(name, "% of mid"),
                "peer": f"recorded {Path(source.chains).stem}" if peer is not None else None,
                "peer_value": peer,
                "ratio": value / peer if peer else None,
                "error": statistics.stdev(values) if len(values) > 1 else None,
                "reference": f"{len(values)} windows under {PRESET}",
            }
        )
    return lines


def edge_lines(quick: bool) -> list[dict[str, Any]]:
    """What each case earns under `fair`, and the condor under planted edges either way."""
    seeds, each = (range(40), 1) if quick else (range(200), 4)
    tried = [("fair", case) for case in CASES]
    tried += [(f"planted:{edge}", CASES[0]) for edge in ("-0.25", "0.10", "0.25")]
    lines = []
    for (preset, case), found in zip(tried, edges(tried, seeds, each), strict=True):
        name = f"simulator.edge.{preset}.{case.build.__name__}"
        for what, value, error in (
            ("at_mid", found.at_mid, found.at_mid_error),
            ("after_costs", found.after_costs, found.after_costs_error),
        ):
            lines.append(
                {
                    "figure": f"{name}.{what}",
                    "value": value,
                    "unit": "of maximum loss",
                    "peer": None,
                    "peer_value": None,
                    "ratio": value / error,
                    "error": error,
                    "reference": f"{len(seeds)} seeds x {each}; ratio is t; {found.sessions:.0f} sessions held",
                }
            )
    return lines


def chain_lines(quick: bool) -> list[dict[str, Any]]:
    """How long one chain takes."""
    quotes.chain(PRESET, SEED, "SPY", 700, 30)  # the first builds the exchange calendar and the listings
    cold, rows = [], 0
    for seed in range(3 if quick else 9):
        paths.path.cache_clear()
        started = time.perf_counter()
        rows = len(quotes.chain(PRESET, 1000 + seed, "SPY", 1000, 40))
        cold.append(1e3 * (time.perf_counter() - started))
    return [
        {
            "figure": "market.sim_cold_ms",
            "value": statistics.median(cold),
            "unit": "ms",
            "peer": None,
            "peer_value": None,
            "ratio": None,
            "error": max(cold) - min(cold),
            "reference": f"{rows} rows in the last, median of {len(cold)}",
        }
    ]


def table(lines: list[dict[str, Any]]) -> str:
    """The statistics as Markdown: a row a statistic, a ticker's simulated and recorded figures in one cell."""
    by = {line["figure"]: line for line in lines}
    tickers = [ticker for ticker in RECORDED if f"simulator.{ticker}.atm_mean" in by]

    def cell(ticker: str, name: str) -> str:
        line = by.get(f"simulator.{ticker}.{name}")
        if line is None:
            return "–"
        form = "{:.0f}" if name in ("rows", "expirations") else "{:.2f}" if "corr" in name else "{:.1f}"
        peer = "–" if line["peer_value"] is None else form.format(line["peer_value"])
        return f"{form.format(line['value'])} / {peer}"

    names = {**WORDS}
    for name, _, _ in MATURITIES:
        for least, most in BANDS:
            names[f"spread_{name}_{least:g}"] = f"spread, {name} days, {least:g}–{most:g} sd"
    out = [f"| | {' | '.join(tickers)} |", "|---" * (len(tickers) + 1) + "|"]
    for name, words in names.items():
        unit = UNITS.get(name, "% of mid")
        label = f"{words}, {unit}" if unit and unit != "rows" else words
        out.append(f"| {label} | {' | '.join(cell(ticker, name) for ticker in tickers)} |")
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer seeds, sessions and tickers")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--table", action="store_true", help="the statistics as Markdown, nothing else")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the recorded data")
    asked = parser.parse_args()
    tickers = ("SPX", "NVDA") if asked.quick and not asked.table else tuple(RECORDED)
    lines = [line for ticker in tickers for line in compared(asked.data, ticker, asked.quick)]
    if asked.table:
        print(table(lines))
        return
    for one in [*chain_lines(asked.quick), *lines, *edge_lines(asked.quick)]:
        if asked.json:
            print(json.dumps(one))
        else:
            peer = "" if one["peer_value"] is None else f"{one['peer_value']:>12,.2f} recorded"
            print(f"{one['figure']:46} {one['value']:>12,.3f} {one['unit']:16} {peer} {one['reference']}")


if __name__ == "__main__":
    main()
