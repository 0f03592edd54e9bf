"""SVI slices fitted a second, free of butterfly arbitrage, beside scipy's fits; and every recorded chain once.

    python benchmarks/svi.py [--quick] [--json]
    python benchmarks/svi.py --chains STORE [--every N] [--set NAME]     a Markdown table of all chains of a store

The slices: 25 strikes, 20 bp of noise, arbitrage-free underneath; and hostile ones, whose best free fit has a negative
density. Peers: scipy's Levenberg-Marquardt with the analytic Jacobian (no guarantee) and SLSQP with the least variance
and the wings' slopes as constraints (no guarantee between). Errors are in volatility, of the same quotes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares, minimize

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CHUNK = 20
TARGET = "target 5 times scipy LM with g >= 0 guaranteed"
Array = np.ndarray[Any, Any]


class Smile(NamedTuple):
    k: Array
    vol: Array
    t: float


def best(work: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def noisy(n: int) -> list[Smile]:
    rng, made = np.random.default_rng(0), []
    for _ in range(n):
        t = rng.uniform(0.05, 1.5)
        a, b, rho = 0.01 * t + 0.002, 0.08 * np.sqrt(t) + 0.02, rng.uniform(-0.8, -0.2)
        m, s = rng.uniform(-0.05, 0.05), rng.uniform(0.05, 0.3)
        k = np.linspace(-1.2, 0.7, 25) * np.sqrt(t)
        w = a + b * (rho * (k - m) + np.hypot(k - m, s))
        made.append(Smile(k, np.sqrt(w / t) + rng.normal(0.0, 0.002, 25), t))
    return made


def hostile(n: int) -> list[Smile]:
    """Exact SVI slices with butterfly arbitrage."""
    from quant.svi.arbitrage import certified

    rng, made = np.random.default_rng(3), []
    while len(made) < n:
        t = 10 ** rng.uniform(-2.0, 0.3)
        sd = rng.uniform(0.1, 0.6) * np.sqrt(t)
        b, rho, m = sd * rng.uniform(0.2, 1.5), rng.uniform(-0.95, 0.95), sd * rng.uniform(-1.5, 1.5)
        s = sd * 10 ** rng.uniform(-1.5, 0.5)
        a = sd * sd - b * (-rho * m + np.hypot(m, s))
        if a + b * s * np.sqrt(1 - rho * rho) < 0.05 * sd * sd or b * (1 + abs(rho)) > 1.9:
            continue
        if certified(np.array([[a, b, rho, m, s]]))[0]:
            continue
        k = np.sort(rng.uniform(-3.0, 3.0, 25)) * sd
        made.append(Smile(k, np.sqrt((a + b * (rho * (k - m) + np.hypot(k - m, s))) / t), t))
    return made


def value(p: Any, k: Array) -> Array:
    return np.asarray(p[0] + p[1] * (p[2] * (k - p[3]) + np.hypot(k - p[3], p[4])))


def start(k: Array, w: Array) -> list[float]:
    return [max(w.min() * 0.5, 1e-4), 0.1, -0.3, 0.0, 0.1]


def scipy_lm(one: Smile) -> Array:
    k, w = one.k, one.vol**2 * one.t

    def jacobian(p: Array) -> Array:
        d = k - p[3]
        r = np.hypot(d, p[4])
        return np.stack([np.ones_like(k), p[2] * d + r, p[1] * d, -p[1] * (p[2] + d / r), p[1] * p[4] / r], 1)

    return np.asarray(least_squares(lambda p: value(p, k) - w, start(k, w), jac=jacobian, method="lm").x)


def scipy_slsqp(one: Smile) -> Array:
    k, w = one.k, one.vol**2 * one.t
    bounds = [(-1, 2), (1e-6, 5), (-0.999, 0.999), (-1, 1), (1e-3, 2)]
    constraints = [
        {"type": "ineq", "fun": lambda p: p[0] + p[1] * p[4] * np.sqrt(1 - p[2] ** 2)},
        {"type": "ineq", "fun": lambda p: 2 - p[1] * (1 + abs(p[2]))},
    ]
    found = minimize(
        lambda p: ((value(p, k) - w) ** 2).sum() * 1e4,
        start(k, w),
        method="SLSQP",
        bounds=bounds,
        constraints=constraints,
    )
    return np.asarray(found.x)


def judged(params: list[Array], smiles: list[Smile]) -> dict[str, Any]:
    from quant.svi.arbitrage import certified

    rms = [
        float(np.sqrt(np.mean((np.sqrt(np.maximum(value(p, s.k), 0.0) / s.t) - s.vol) ** 2)))
        for p, s in zip(params, smiles, strict=True)
    ]
    free = certified(np.array([[p[0], abs(p[1]), p[2], p[3], abs(p[4])] for p in params]))
    return {"error": float(np.median(rms)), "worst": max(rms), "free": float(np.mean(free))}


def figures(quick: bool) -> list[dict[str, Any]]:
    from quant.svi.batch import fit_slices
    from quant.svi.quotes import SmileQuotes

    n, rounds = (60, 3) if quick else (400, 10)
    lines: list[dict[str, Any]] = []
    for label, smiles in (("slices_per_s", noisy(n)), ("hostile_slices_per_s", hostile(n // 4))):
        flat = np.full(25, 0.002)
        rows = np.zeros(25, dtype=np.int64)
        quotes = tuple(SmileQuotes(rows, one.k, one.vol, flat, True) for one in smiles)
        times = np.array([one.t for one in smiles])
        batch = fit_slices(quotes, times, robust=False)
        plain = best(lambda q=quotes, t=times: fit_slices(q, t, robust=False), rounds)  # type: ignore[misc]
        robust = best(lambda q=quotes, t=times: fit_slices(q, t), rounds)  # type: ignore[misc]
        ours = judged(list(batch.raw), smiles)
        assert ours["free"] == 1.0, "a slice came back with arbitrage"
        few = smiles if label == "slices_per_s" or quick else smiles[:50]
        peers = {}
        for name, solver in (("scipy LM, analytic Jacobian", scipy_lm), ("scipy SLSQP, constrained", scipy_slsqp)):
            found, seconds = [], 0.0
            for first in range(0, len(few), CHUNK):  # pieces as short as our whole batch, each at its best
                piece = few[first : first + CHUNK]
                with np.errstate(all="ignore"):
                    found += [solver(one) for one in piece]
                    seconds += best(lambda p=piece, f=solver: [f(one) for one in p], 2 if quick else 3)  # type: ignore[misc]
            peers[name] = (len(few) / seconds, judged(found, few))
        for (name, (rate, peer)), figure in zip(
            peers.items(), (label, "vs_slsqp" if label == "slices_per_s" else "hostile_vs_slsqp"), strict=True
        ):
            lines.append({
                "figure": f"svi.{figure}", "value": len(smiles) / plain, "unit": "slices/s", "peer": name,
                "peer_value": rate, "ratio": len(smiles) / plain / rate, "error": ours["error"],
                "reference": f"rms in volatility of the quotes, median; {TARGET}", "worst_error": ours["worst"],
                "free_of_arbitrage": ours["free"], "peer_error": peer["error"], "peer_worst_error": peer["worst"],
                "peer_free_of_arbitrage": peer["free"], "robust_slices_per_s": len(smiles) / robust,
            })  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        cold, warm = loading(Path(name))
    lines.append({
        "figure": "svi.first_use_s", "value": warm, "unit": "s", "peer": "compiling", "peer_value": cold,
        "ratio": cold / warm, "error": None, "reference": "numba's own load is part of both",
    })  # fmt: skip
    return lines


def loading(cache: Path) -> tuple[float, float]:
    """Seconds to load numba and the compiled code: (with an empty cache, with a full one)."""
    code = "import time; a = time.perf_counter(); import quant.svi.kernel; print(time.perf_counter() - a)"
    env = dict(os.environ) | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    both = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env).stdout)
        for _ in range(2)
    ]
    return both[0], both[1]


def chains(folder: Path, every: int, only: str | None) -> None:
    """One line for each set: slices, liquid ones, their fit errors, violations before, failures."""
    from datetime import date

    from domain.errors import BadChain
    from domain.market import Absent
    from quant.surface import fit as smooth
    from quant.svi.anomalies import anomalies
    from quant.svi.fit import fit, remaining
    from tools.market.recorded import RecordedMarket
    from tools.market.store import Store

    store = Store(folder)
    print("| set | chains | without a surface | slices | of SSVI | liquid | error median | p95 | worst | over 2 |"
          " butterfly before | crossings before | after | left out | anomalies | ms a chain |")  # fmt: skip
    print("|" + "---|" * 16)
    for name in store.sets():
        if only not in (None, name):
            continue
        market = RecordedMarket(folder, name)
        count = dict.fromkeys(
            ("chains", "refused", "slices", "ssvi", "butterfly", "crossing", "after", "left", "odd"), 0
        )
        errors: list[tuple[float, str]] = []
        spent, told = 0.0, []
        for ticker in store.tickers(name):
            moments = [at for day in store.chain_days(name, ticker) for at in store.chain_moments(name, ticker, day)]
            for at in moments[::every]:
                chain, rates = asyncio.run(market.chain(ticker, at)), asyncio.run(market.rates(at))
                if isinstance(chain, Absent):
                    continue
                count["chains"] += 1
                try:
                    surface = smooth(chain, at, None if isinstance(rates, Absent) else rates)
                    started = time.perf_counter()
                    found = fit(surface, chain)
                    spent += time.perf_counter() - started
                except BadChain:
                    count["refused"] += 1
                    continue
                still = remaining(found)
                count["after"] += len(still.butterflies) + len(still.crossings)
                left = found.failures[len(surface.skipped) :]
                told += [f"{ticker} {at:%Y-%m-%d %H:%M} {line}" for line in left]
                count["slices"] += len(found.slices)
                count["ssvi"] += sum(one.source == "ssvi" for one in found.slices)
                count["butterfly"] += found.butterflies
                count["crossing"] += found.crossings
                count["left"] += len(left)
                count["odd"] += len(anomalies(chain, surface, found).found)
                errors += [
                    (100 * one.fit_error, f"{ticker} {at:%Y-%m-%d %H:%M} {one.root} {date.fromordinal(one.expiry)}"
                     f" {one.repaired} {one.doubts}")
                    for one in found.slices if one.liquid
                ]  # fmt: skip
        e = np.array([one for one, _ in errors]) if errors else np.full(1, np.nan)
        print(
            f"| {name} | {count['chains']} | {count['refused']} | {count['slices']} | {count['ssvi']} | {len(errors)} |"
            f" {np.median(e):.2f} | {np.quantile(e, 0.95):.2f} | {e.max():.2f} | {int((e > 2).sum())} |"
            f" {count['butterfly']} | {count['crossing']} | {count['after']} | {count['left']} | {count['odd']} |"
            f" {1e3 * spent / max(count['chains'] - count['refused'], 1):.0f} |",
            flush=True,
        )
        for line in [f"{one:.2f} {what}" for one, what in sorted(errors)[::-1][:5] if one > 2] + told[:5]:
            print("    " + line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--chains", type=Path, help="a store; its recorded chains, one line a set")
    parser.add_argument("--every", type=int, default=1, help="with --chains: every so many chains of a ticker")
    parser.add_argument("--set", help="with --chains: one set only")
    given = parser.parse_args()
    if given.chains:
        chains(given.chains, given.every, given.set)
        return
    for one in figures(given.quick):
        if given.json:
            print(json.dumps(one))
        else:
            more = ""
            if one["error"] is not None:
                more = f"  error {one['error']:.1e} vs {one['peer_error']:.1e}"
                more += f"  free {one['free_of_arbitrage']:.2f} vs {one['peer_free_of_arbitrage']:.2f}"
            print(f"{one['figure']:28} {one['value']:9.4g} {one['unit']}  {one['peer']}: {one['peer_value']:.4g}"
                  f"  ratio {one['ratio']:.1f}{more}")  # fmt: skip


if __name__ == "__main__":
    main()
