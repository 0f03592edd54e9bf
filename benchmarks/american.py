"""How fast and how exactly American options are priced, beside QuantLib's fixed-point engines in the same minute.

    python benchmarks/american.py [--quick] [--json]

american.vs_quantlib            options a second on one thread, standard scheme; peer: QdFp at its fast scheme
american.fast_vs_quantlib       the same of the fast scheme
american.fine_vs_quantlib       the fine scheme; peer: QdFp at its accurate scheme
american.mixed_vs_quantlib      sixty mixed options, standard scheme; peer: QdFp fast
american.threads_vs_quantlib    the standard scheme split over every core; peer: QdFp fast, which has one
american.greeks_per_s           delta, gamma, vega, theta and rho, standard scheme; no peer (QdFp gives no Greeks)
american.implied_per_s          volatilities of a chain of 14,000 quotes in 30 expiries; error in volatility
american.first_use_s            loading the compiled code; peer: compiling it, once an installation

Errors are root mean squares in dollars at a spot of 100 against QdFp with twice the iterations of its high precision
(tanh-sinh, 30 nodes, 20 iterations, FP-B; the two agree to 1e-9 of the spot); `error_max` stands beside. Input: 20,000
random options as QUANT's sixty, 7 days to 2 years, volatilities 12 to 60 %, r 1 to 8 %, q 0 to 6 %, half calls, strikes
to 1.3 deviations; the reference covers the first thousand. QuantLib is driven from Python, its option and engine made
beforehand: what is timed is one NPV. Warm-up stands outside every timing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def best(work: Callable[[], Any], rounds: int) -> float:
    """The shortest of so many runs, in seconds."""
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def options(n: int, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    days = rng.integers(7, 730, n)
    sigma, r, q = rng.uniform(0.12, 0.6, n), rng.uniform(0.01, 0.08, n), rng.uniform(0.0, 0.06, n)
    strike = 100.0 * np.exp(rng.uniform(-1.3, 1.3, n) * sigma * np.sqrt(days / 365))
    return {"days": days, "sigma": sigma, "r": r, "q": q, "strike": strike, "call": rng.random(n) < 0.5}


def columns(inputs: dict[str, Array]) -> tuple[Any, Any, Any, Any, Any, Any, Any]:
    return (100.0, inputs["strike"], inputs["days"] / 365, inputs["sigma"], inputs["r"], inputs["q"], inputs["call"])


class Peer:
    """QuantLib's options on one set of inputs."""

    def __init__(self, inputs: dict[str, Array]) -> None:
        import QuantLib as ql

        today = ql.Date(1, 1, 2024)
        ql.Settings.instance().evaluationDate = today
        count = ql.Actual365Fixed()

        def flat(rate: float) -> Any:
            return ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count))

        self.made = []
        for days, sigma, r, q, strike, call in zip(*(inputs[name].tolist() for name in inputs), strict=True):
            vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), sigma, count))
            spot = ql.QuoteHandle(ql.SimpleQuote(100.0))
            process = ql.BlackScholesMertonProcess(spot, flat(q), flat(r), vol)
            payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike)
            self.made.append((process, ql.VanillaOption(payoff, ql.AmericanExercise(today, today + days))))
        engine = ql.QdFpAmericanEngine
        self.engines: dict[str, Callable[[Any], Any]] = {
            "fast": lambda process: engine(process, engine.fastScheme()),
            "accurate": lambda process: engine(process, engine.accurateScheme()),
            "reference": lambda process: engine(process, ql.QdFpTanhSinhIterationScheme(20, 30, 1e-11), engine.FP_B),
        }

    def price(self, which: str, count: int) -> Array:
        for process, option in self.made[:count]:
            option.setPricingEngine(self.engines[which](process))
        return np.array([option.NPV() for _, option in self.made[:count]])

    def rate(self, which: str, count: int, rounds: int) -> float:
        """Options a second; a new engine makes each option compute again, and is made outside the timing."""
        shortest = np.inf
        for _ in range(rounds + 1):
            for process, option in self.made[:count]:
                option.setPricingEngine(self.engines[which](process))
            started = time.perf_counter()
            for _, option in self.made[:count]:
                option.NPV()
            shortest = min(shortest, time.perf_counter() - started)
        return count / float(shortest)


def first_use() -> tuple[float, float]:
    """Seconds of a fresh process to load the compiled code, and to compile it."""
    code = "import time; t = time.perf_counter(); import quant.vanilla.american_kernel; print(time.perf_counter() - t)"
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder, "PYTHONPATH": root}
        cold, warm = (
            float(subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout)
            for _ in range(2)
        )
    return warm, cold


def figures(quick: bool) -> list[dict[str, Any]]:
    from quant.vanilla import american
    from quant.vanilla.american import FAST, FINE, STANDARD, Scheme

    n, checked, rounds = (4000, 300, 3) if quick else (20_000, 1000, 5)
    inputs, mixed = options(n, 7), options(60, 5)
    few = {name: column[:checked] for name, column in inputs.items()}
    peer, sixty = Peer(inputs), Peer(mixed)
    reference, mixed_reference = peer.price("reference", checked), sixty.price("reference", 60)

    def off(values: Array, against: Array) -> tuple[float, float]:
        error = np.where(np.isfinite(values), values - against, np.inf)
        return float(np.sqrt(np.mean(error**2))), float(np.abs(error).max())

    def ours(scheme: Scheme) -> tuple[float, tuple[float, float]]:
        cost = best(lambda: american.price(*columns(inputs), scheme), rounds)
        return n / cost, off(american.price(*columns(few), scheme).value, reference)

    def line(
        figure: str, value: float, error: tuple[float, float], label: str, other: float | None, **rest: Any
    ) -> Any:
        return {"figure": f"american.{figure}", "value": value, "unit": "options/s", "peer": label, "peer_value": other,
                "ratio": None if other is None else value / other, "error": error[0], "error_max": error[1],
                **rest}  # fmt: skip

    timed = n if quick else 5000
    fast_rate, accurate_rate = peer.rate("fast", timed, rounds), peer.rate("accurate", timed // 5, 2)
    fast_error, accurate_error = (off(peer.price(which, checked), reference) for which in ("fast", "accurate"))
    beside_fast = {"peer_error": fast_error[0], "peer_error_max": fast_error[1]}
    beside_accurate = {"peer_error": accurate_error[0], "peer_error_max": accurate_error[1]}
    fast, accurate = "QuantLib 1.44 QdFp fast", "QuantLib 1.44 QdFp accurate"
    target = "target 2 times the peer at an error of 1e-6"
    rate, error = ours(STANDARD)
    lines = [line("vs_quantlib", rate, error, fast, fast_rate, reference=target, **beside_fast)]
    for name, scheme, label, other, beside in (
        ("fast_vs_quantlib", FAST, fast, fast_rate, beside_fast),
        ("fine_vs_quantlib", FINE, accurate, accurate_rate, beside_accurate),
    ):
        rate, error = ours(scheme)
        lines.append(line(name, rate, error, label, other, reference=f"scheme {scheme.name}", **beside))
    cost = best(lambda: american.price(*columns(mixed)), 20 * rounds)
    error = off(american.price(*columns(mixed)).value, mixed_reference)
    theirs = off(sixty.price("fast", 60), mixed_reference)
    lines.append(
        line("mixed_vs_quantlib", 60 / cost, error, fast, sixty.rate("fast", 60, 20 * rounds), reference=target,
             peer_error=theirs[0], peer_error_max=theirs[1])
    )  # fmt: skip
    cores = os.cpu_count() or 1
    cuts = zip(*(np.array_split(column, 8 * cores) for column in inputs.values()), strict=True)
    pieces = [dict(zip(inputs, row, strict=True)) for row in cuts]
    with ThreadPoolExecutor(cores) as pool:
        spread = n / best(lambda: list(pool.map(lambda one: american.price(*columns(one)), pieces)), rounds)
    error = off(american.price(*columns(few)).value, reference)
    lines.append(
        line("threads_vs_quantlib", spread, error, fast, fast_rate, reference=f"{cores} threads", **beside_fast)
    )

    greeks = n / best(lambda: american.greeks(*columns(inputs)), rounds)
    g, fine = american.greeks(*columns(few)), american.greeks(*columns(few), FINE)
    lines.append(
        line("greeks_per_s", greeks, off(g.delta, fine.delta), "none", None,
             reference="error: delta against the fine scheme's", gamma_error=off(g.gamma, fine.gamma)[0])
    )  # fmt: skip

    rng = np.random.default_rng(9)
    t, r, q = (np.repeat(rng.uniform(*span, 30), 467) for span in ((0.01, 2.0), (0.03, 0.05), (0.0, 0.02)))
    sigma = rng.uniform(0.1, 0.7, t.size)
    strike, call = 600.0 * np.exp(rng.uniform(-2, 2, t.size) * sigma * np.sqrt(t)), rng.random(t.size) < 0.5
    value = american.price(600.0, strike, t, sigma, r, q, call, scheme=FINE).value
    found = american.implied_vol(value, 600.0, strike, t, r, q, call)
    waits = value - np.maximum(np.where(call, 600.0 - strike, strike - 600.0), 0.0) > 1e-3
    seconds = best(lambda: american.implied_vol(value, 600.0, strike, t, r, q, call), rounds)
    lines.append(
        line("implied_per_s", t.size / seconds, off(found.sigma[waits], sigma[waits]), "none", None,
             reference="quotes with a tenth of a cent of time value; target 14,000 in 0.1 s", seconds=seconds)
    )  # fmt: skip
    warm, cold = first_use()
    lines.append({"figure": "american.first_use_s", "value": warm, "unit": "s", "peer": "compiling", "peer_value": cold,
                  "ratio": cold / warm, "error": None, "reference": "numba's own load is part of both"})  # fmt: skip
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for one in figures(given.quick):
        if given.json:
            print(json.dumps(one))
        else:
            ratio = f"{one['ratio']:.2f}" if one["ratio"] else "-"
            error = "-" if one["error"] is None else f"{one['error']:.1e}"
            beside = f"{one['peer_value']:.4g}" if one["peer_value"] else "-"
            ours = f"{one['figure']:32} {one['value']:.4g} {one['unit']:10} error {error}"
            print(f"{ours}  {one['peer']}: {beside}  ratio {ratio}")


if __name__ == "__main__":
    main()
