"""Heston prices of a chain a second, and their errors on hard cases, beside QuantLib in the same minutes.

    python benchmarks/heston_price.py [--quick] [--json]

heston_price.vs_quantlib     prices a second, one thread; peer: AnalyticHestonEngine's most exact fast relative, the
                             ExponentialFittingHestonEngine. Error: worst against an adaptive Gauss-Lobatto to 1e-14
heston_price.vs_laguerre     the same beside QuantLib's default, Gauss-Laguerre of 144 nodes
heston_price.gradient        chains' worth of prices with all five derivatives a second; no peer has them
heston_price.probabilities   P(S_T > K) a second; no peer has them
heston_price.hard_cases      worst error over published hard cases at 40 digits; peer: COSHestonEngine at its default
heston_price.hard_cases_exponential_fitting   the same; peer: ExponentialFittingHestonEngine
heston_price.first_use_s     loading numba and the compiled code; peer: compiling it, once an installation

Input: 120 options, ten maturities of two weeks to two years, twelve strikes each. Pieces of both engines alternate and
the best of each counts; warm-up stands outside. QuantLib is called once an option, as its interface asks.
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
from math import exp
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

DAYS = (14, 30, 45, 60, 91, 122, 182, 273, 365, 730)
TRUE = {"v0": 0.04, "kappa": 2.0, "theta": 0.06, "sigma": 0.6, "rho": -0.7}
RATE, CARRY = 0.04, 0.01
LABEL = "QuantLib 1.44"
# v0, kappa, theta, sigma, rho; r, q, whole years; strike, call, value by mpmath at 40 digits
HARD = (
    ((0.04, 0.5, 0.04, 1, -0.9), 0.0, 0.0, 10, 60, True, 44.329975070174342043),
    ((0.04, 0.5, 0.04, 1, -0.9), 0.0, 0.0, 10, 70, True, 35.849769703837964477),
    ((0.04, 0.5, 0.04, 1, -0.9), 0.0, 0.0, 10, 100, True, 13.084670136992361480),
    ((0.04, 0.5, 0.04, 1, -0.9), 0.0, 0.0, 10, 140, True, 0.29577443579803072369),
    ((0.09, 1, 0.09, 1, -0.3), 0.05, 0.0, 5, 100, True, 33.596818064563706293),
    ((0.16, 1, 0.16, 2, -0.8), 0.0, 0.0, 10, 200, True, 4.9521147208797647304),
    ((0.1, 4, 0.22, 1.8, -0.75), 0.15, 0.07, 1, 120, True, 9.3644105884260209),
    ((0.1, 4, 0.22, 1.8, -0.75), 0.15, 0.07, 1, 250, True, 0.010367976581391832),
    ((0.1, 4, 0.22, 1.8, -0.75), 0.15, 0.07, 1, 10, False, 0.010326819063325288),
    ((0.0175, 1.5768, 0.0398, 0.5751, -0.5711), 0.0, 0.0, 10, 100, True, 22.318945791154489180),
)


def columns() -> tuple[Any, ...]:
    """Strikes, years, forwards, discounts, is_call of the 120 options."""
    years = np.repeat(np.array(DAYS) / 365, 12)
    forwards = 100 * np.exp((RATE - CARRY) * years)
    strikes = forwards * np.exp(np.tile(np.linspace(-1.8, 1.5, 12), len(DAYS)) * 0.22 * np.sqrt(years))
    return strikes, years, forwards, np.exp(-RATE * years), strikes > 100


def ql_model(values: Any, r: float, q: float) -> Any:
    """QuantLib's model of (v0, kappa, theta, sigma, rho) on flat curves, spot 100."""
    import QuantLib as ql

    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    rates, carries = (ql.YieldTermStructureHandle(ql.FlatForward(today, z, ql.Actual365Fixed())) for z in (r, q))
    spot = ql.QuoteHandle(ql.SimpleQuote(100.0))
    return ql.HestonModel(ql.HestonProcess(rates, carries, spot, *(float(v) for v in values)))


def ql_options(days: Any, strikes: Any, calls: Any) -> list[Any]:
    import QuantLib as ql

    today = ql.Date(1, 1, 2024)
    return [
        ql.VanillaOption(
            ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, float(k)),
            ql.EuropeanExercise(today + int(d)),
        )
        for d, k, call in zip(days, strikes, calls, strict=True)
    ]


def valued(options: list[Any], engine: Any) -> np.ndarray[Any, Any]:
    for one in options:
        one.setPricingEngine(engine)
    return np.array([one.NPV() for one in options])


def alternate(pieces: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Best seconds of each piece; all run once first, then in turn."""
    best = dict.fromkeys(pieces, float("inf"))
    for piece in pieces.values():
        piece()
    for _ in range(rounds):
        for name, piece in pieces.items():
            started = time.perf_counter()
            piece()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def hard() -> dict[str, float]:
    """Worst absolute error over the hard cases of each engine."""
    import QuantLib as ql

    from quant.heston.chain import grid, prices
    from quant.heston.params import HestonParams

    worst = {"ours": 0.0, "cos": 0.0, "fitting": 0.0}
    for values, r, q, years, strike, call, value in HARD:
        law = HestonParams(**dict(zip(TRUE, values, strict=True)))
        of = grid(strike, years, 100 * exp((r - q) * years), exp(-r * years), call)
        model = ql_model(values, r, q)
        option = ql_options([365 * years], [strike], [call])
        found = {
            "ours": prices(law, of)[0],
            "cos": valued(option, ql.COSHestonEngine(model))[0],
            "fitting": valued(option, ql.ExponentialFittingHestonEngine(model))[0],
        }
        for name, one in found.items():
            worst[name] = max(worst[name], abs(float(one) - value))
    return worst


def loading(cache: Path) -> tuple[float, float]:
    """Seconds to load numba and the compiled code: (with an empty cache, with a full one)."""
    code = "import time; a = time.perf_counter(); import quant.heston.kernel; print(time.perf_counter() - a)"
    env = dict(os.environ) | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    both = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env).stdout)
        for _ in range(2)
    ]
    return both[0], both[1]


def figures(quick: bool) -> list[dict[str, Any]]:
    import QuantLib as ql

    from quant.heston.chain import gradient, grid, prices, probabilities
    from quant.heston.params import HestonParams

    strikes, years, forwards, discounts, calls = columns()
    law = HestonParams(**TRUE)
    model = ql_model(TRUE.values(), RATE, CARRY)
    options = ql_options(np.repeat(DAYS, 12), strikes, calls)
    exact = valued(options, ql.AnalyticHestonEngine(model, 1e-14, 1_000_000))
    peers = {"fitting": ql.ExponentialFittingHestonEngine(model), "laguerre": ql.AnalyticHestonEngine(model, 144)}
    mine = {p: ql_options(np.repeat(DAYS, 12), strikes, calls) for p in peers}
    error = {p: float(np.max(np.abs(valued(mine[p], engine) - exact))) for p, engine in peers.items()}

    def again(rows: list[Any]) -> None:
        for one in rows:
            one.recalculate()

    def ours(work: Any) -> Any:
        return work(law, grid(strikes, years, forwards, discounts, calls))

    seconds = alternate(
        {
            "prices": lambda: ours(prices),
            "fitting": lambda: again(mine["fitting"]),
            "gradient": lambda: ours(gradient),
            "laguerre": lambda: again(mine["laguerre"]),
            "probabilities": lambda: ours(probabilities),
        },
        20 if quick else 200,
    )
    rate = {name: len(strikes) / one for name, one in seconds.items()}
    miss = float(np.max(np.abs(ours(prices) - exact)))
    worst = hard()
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = loading(Path(folder))

    def line(figure: str, value: float, unit: str, peer: str, other: float | None, **rest: Any) -> dict[str, Any]:
        up = unit.endswith("/s")
        ratio = None if not other else (value / other if up else other / max(value, 1e-17))
        return {"figure": f"heston_price.{figure}", "value": value, "unit": unit, "peer": peer, "peer_value": other,
                "ratio": ratio, **rest}  # fmt: skip

    lobatto = "QuantLib Gauss-Lobatto to 1e-14; target 2 times the peer at 1e-12"
    return [
        line("vs_quantlib", rate["prices"], "prices/s", f"{LABEL} ExponentialFitting", rate["fitting"], error=miss,
             reference=lobatto, peer_error=error["fitting"]),
        line("vs_laguerre", rate["prices"], "prices/s", f"{LABEL} Laguerre 144", rate["laguerre"], error=miss,
             reference=lobatto, peer_error=error["laguerre"]),
        line("gradient", rate["gradient"], "prices/s", "none", None, error=None,
             reference="held against eighth-order differences in the tests"),
        line("probabilities", rate["probabilities"], "probabilities/s", "none", None, error=None,
             reference="held against 40 digits in the tests"),
        line("hard_cases", worst["ours"], "absolute", f"{LABEL} COS, its default", worst["cos"], error=worst["ours"],
             reference="ten published cases at 40 digits; target 1e-11"),
        line("hard_cases_exponential_fitting", worst["ours"], "absolute", f"{LABEL} ExponentialFitting",
             worst["fitting"], error=worst["ours"], reference="ten published cases at 40 digits; target 1e-11"),
        line("first_use_s", warm, "s", "compiling", cold, error=None, reference="numba's own load is part of both"),
    ]  # fmt: skip


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
            error = f"{one['error']:.1e}" if one["error"] is not None else "-"
            print(
                f"{one['figure']:46} {one['value']:.4g} {one['unit']:15} error {error:8} {one['peer']}:"
                f" {one['peer_value']}  ratio {ratio}"
            )


if __name__ == "__main__":
    main()
