"""The simulated market's statistics beside the recorded sets', and what its chains cost.

    python benchmarks/simulator.py [--quick] [--json | --table] [--data DIR]

One code measures both: chains as frames of (day, spot, dte, strike, side, bid, ask, iv, volume, open interest). The
simulator runs under `vrp`, over windows as long as the recorded ones (47 sessions) of several seeds; a figure is the
mean over windows. `error` is the standard deviation between windows: how far one window strays from another.

simulator.TICKER.*        levels, dynamics, skew, spreads, zero bids, empty contracts, flows, against the recorded set
simulator.edge.*          a playbook by its fixed rule over 200 seeds, per unit of maximum loss, at mid and after costs
market.sim_chain_ms       one SPY chain at a moment never asked for, nothing of that chain held; its path is
market.sim_cold_ms        the same with the seed's paths to make first

`--table` writes the table of `docs/simulator.md`. Without the recorded data the figures stand alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from domain.market import OptionChain
from tools.market.simulated import paths, quotes
from tools.market.simulated.edges import CASES, edges
from tools.market.simulated.paths import grid

ROOT = Path(__file__).resolve().parents[1]
WINDOW = 47  # sessions
PRESET = "vrp"
BANDS = ((0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.5))
MATURITIES = (("8-35", 8, 35), ("36-95", 36, 95))
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


def frame(chain: OptionChain) -> pl.DataFrame:
    """A simulated chain in the columns that are measured."""
    at = chain.quoted_at - timedelta(hours=5)
    return pl.DataFrame(
        {
            "root": chain.root,
            "expiry": chain.expiry,
            "strike": chain.strike,
            "call": chain.is_call,
            "bid": chain.bid,
            "ask": chain.ask,
            "iv": chain.vendor_iv,
            "volume": chain.volume,
            "oi": chain.open_interest,
        }
    ).with_columns(
        day=pl.lit(at.date()),
        stamp=pl.lit(at.replace(tzinfo=None)),
        spot=pl.lit(chain.spot),
        dte=pl.col("expiry") - at.date().toordinal(),
        iv=pl.col("iv").fill_nan(None),
    )


def recorded(path: Path, ticker: str) -> pl.DataFrame:
    """A recorded file in the same columns."""
    table = pl.read_parquet(path).filter(pl.col("underlying") == ticker)
    day = pl.col("quote_ts").dt.date()
    quoted = "bid" in table.columns
    return table.select(
        root=pl.col("root"),
        expiry=pl.col("expiration").dt.date().to_physical() + 719_163,  # proleptic ordinal of 1970-01-01
        strike=pl.col("strike"),
        call=pl.col("right") == "C",
        bid=pl.col("bid").cast(pl.Float64) if quoted else pl.lit(None, pl.Float64),
        ask=pl.col("ask").cast(pl.Float64) if quoted else pl.lit(None, pl.Float64),
        iv=pl.col("iv").cast(pl.Float64),
        volume=pl.col("volume").cast(pl.Float64),
        oi=pl.col("open_interest").cast(pl.Float64),
        day=day,
        stamp=pl.col("quote_ts"),
        spot=pl.col("underlying_price").cast(pl.Float64),
        dte=(pl.col("expiration").dt.date() - day).dt.total_days(),
    )


def levels(chains: pl.DataFrame) -> dict[str, float]:
    """Volatility of constant maturity, its skew and its dynamics, over the sessions of a frame; {} when too few."""
    found = []
    for _, chain in chains.group_by("day", maintain_order=True):
        spot = chain["spot"].drop_nulls()
        smile = _smile(chain, float(spot[0])) if len(spot) else None
        if smile is not None:
            found.append((float(spot[0]), *smile))
    if len(found) < 10:
        return {}
    spot, atm, put, call, far = np.array(found).T
    moves, changes = np.diff(np.log(spot)), 100 * np.diff(atm)
    sound = np.abs(changes) < 8  # a vendor's bad day is no dynamics
    return {
        "atm_mean": 100 * float(atm.mean()),
        "atm_low": 100 * float(atm.min()),
        "atm_high": 100 * float(atm.max()),
        "atm_change_sd": float(changes[sound].std()),
        "spot_vol_corr": float(np.corrcoef(moves[sound], changes[sound])[0, 1]),
        "skew_95": 100 * float((put - atm).mean()),
        "skew_105": 100 * float((call - atm).mean()),
        "term_slope": 100 * float(np.nanmean(far - atm)),
        "realised": 100 * float(moves.std() * np.sqrt(252)),
    }


def _smile(chain: pl.DataFrame, spot: float) -> tuple[float, float, float, float] | None:
    """30-day volatility at 100, 95 and 105 % of the spot, and 90-day at 100 %; linear in strike and total variance."""
    out = chain.filter((pl.col("strike") >= spot) == pl.col("call"), pl.col("iv").is_between(0.02, 3))
    smiles: dict[int, np.ndarray] = {}
    for (dte,), rows in out.filter(pl.col("dte").is_between(7, 130)).sort("strike").group_by("dte"):
        k, iv = rows["strike"].to_numpy(), rows["iv"].to_numpy()
        if len(k) >= 12 and k.min() <= 0.95 * spot and k.max() >= 1.05 * spot:
            smiles[int(str(dte))] = np.interp(np.array([1, 0.95, 1.05]) * spot, k, iv)
    month, quarter = (_at(smiles, days) for days in (30, 90))
    if month is None:
        return None
    return float(month[0]), float(month[1]), float(month[2]), float("nan") if quarter is None else float(quarter[0])


def _at(smiles: dict[int, np.ndarray], days: int) -> np.ndarray | None:
    near, far = [d for d in smiles if d <= days], [d for d in smiles if d > days]
    if not near or not far:
        return None
    a, b = max(near), min(far)
    weight = (b - days) / (b - a)
    return np.asarray(np.sqrt((weight * smiles[a] ** 2 * a + (1 - weight) * smiles[b] ** 2 * b) / days))


def shape(chains: pl.DataFrame) -> dict[str, float]:
    """Counts of a frame's chains: rows, expirations, and the shares without bid, volatility, interest and volume."""
    by = chains.group_by("stamp").agg(pl.len(), pl.col("expiry").n_unique().alias("expirations"))
    found = {"rows": float(by["len"].mean() or 0), "expirations": float(by["expirations"].mean() or 0)}  # type: ignore[arg-type]
    if chains["bid"].null_count() < chains.height:
        found["zero_bids"] = 100 * float((chains["bid"].fill_null(0) <= 0).mean() or 0)
    found["no_volatility"] = 100 * float((chains["iv"].fill_null(0) <= 0).mean() or 0)
    found["empty"] = 100 * float(((chains["oi"].fill_null(0) == 0) & (chains["volume"].fill_null(0) == 0)).mean() or 0)
    days = chains["day"].unique().sort().to_list()
    following = dict(pairwise(days))
    key = ["root", "expiry", "strike", "call"]
    both = chains.with_columns(day=pl.col("day").replace_strict(following, default=None, return_dtype=pl.Date)).join(
        chains.select(*key, "day", pl.col("oi").alias("then")), on=[*key, "day"]
    )
    change, volume = (both["then"] - both["oi"]).to_numpy(), both["volume"].fill_null(0).to_numpy()
    known = np.isfinite(change)
    if known.sum() > 1000:
        found["flow_corr"] = float(np.corrcoef(change[known], volume[known])[0, 1])
    return found


def spreads(chains: pl.DataFrame) -> dict[str, float]:
    """Median spread in percent of the mid, out of the money, by |ln K/S|/(iv √T) and maturity."""
    out = chains.filter(
        pl.col("bid") > 0,
        pl.col("ask") > pl.col("bid"),
        pl.col("iv").is_between(0.03, 3),
        (pl.col("strike") >= pl.col("spot")) == pl.col("call"),
    ).with_columns(
        x=(pl.col("strike") / pl.col("spot")).log().abs() / (pl.col("iv") * (pl.col("dte") / 365).sqrt()),
        share=200 * (pl.col("ask") - pl.col("bid")) / (pl.col("ask") + pl.col("bid")),
    )
    found = {}
    for name, low, high in MATURITIES:
        for least, most in BANDS:
            band = out.filter(pl.col("dte").is_between(low, high), pl.col("x").is_between(least, most, closed="left"))
            if band.height >= 30:
                found[f"spread_{name}_{least:g}"] = float(band["share"].median() or 0)  # type: ignore[arg-type]
    return found


def windows(ticker: str, quick: bool) -> Iterator[pl.DataFrame]:
    """Simulated windows of consecutive sessions, of several seeds."""
    about = grid()
    for seed in range(2 if quick else 8):
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
    quotes.chain(PRESET, 990, "SPY", 700, 30)  # the first builds the exchange calendar and the listings
    warm, cold, rows = [], [], 0
    for step in range(5 if quick else 25):
        started = time.perf_counter()
        rows = len(quotes.chain(PRESET, 990, "SPY", 720 + 19 * step, 3 * step))
        warm.append(1e3 * (time.perf_counter() - started))
    for seed in range(3 if quick else 9):
        paths.path.cache_clear()
        started = time.perf_counter()
        quotes.chain(PRESET, 1000 + seed, "SPY", 1000, 40)
        cold.append(1e3 * (time.perf_counter() - started))
    return [
        {
            "figure": name,
            "value": statistics.median(walls),
            "unit": "ms",
            "peer": None,
            "peer_value": None,
            "ratio": None,
            "error": max(walls) - min(walls),
            "reference": f"{rows} rows, median of {len(walls)}; target 150",
        }
        for name, walls in (("market.sim_chain_ms", warm), ("market.sim_cold_ms", cold))
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
