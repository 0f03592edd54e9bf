"""How fast and how exactly prices are turned into volatilities, beside fast-vollib and QuantLib in the same minute.

    python benchmarks/implied_vol.py [--quick] [--json]

implied_vol.vs_fast_vollib          options a second on one thread; peer: fast-vollib's `jackel_iv_black`
implied_vol.vs_fast_vollib_threads  the same on every core: ours split over threads, the peer as it comes
implied_vol.vs_quantlib_lirs        peer: QuantLib's `blackFormulaImpliedStdDevLiRS`, one call an option
implied_vol.error_median, _p99, _max  relative error of sigma where the price is the correctly rounded one (mpmath)
implied_vol.reference_error         worst relative error over ten hostile options, down to prices of 1e-59
implied_vol.normalised_error        the same points as Jaeckel's (x, beta)
implied_vol.first_use_s             loading the compiled code; peer: compiling it, once an installation

Input: 100,000 out-of-the-money-forward options, 0.01 to 2 years, volatility 10 to 80 %, to 2.5 standard deviations. The
error beside a speed is the worst one against the volatility that made the price; prices made in doubles carry errors of
their own, so the error figures use prices rounded once. Warm-up stands outside every timing. fast-vollib lives in an
environment of its own under .bench/, made on demand; if that fails, its lines say so.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".bench" / "implied_vol"
NEEDS = ("fast-vollib==0.2.4", "numba==0.68.1", "numpy==2.4.6", "scipy==1.17.1")
PEER = "fast-vollib 0.2.4 jackel"
# (x, s) of P. Jaeckel's normalised Black function; the values are computed at 50 digits
POINTS = (
    (0.0, 0.2), (-0.1, 0.05), (-0.1, 0.2), (-1.0, 0.1), (-1.0, 1.0), (-16.0, 1.0), (-0.001, 0.0001), (-2.0, 6.0),
    (-1e-6, 1e-6), (-0.01, 2.0),
)  # fmt: skip


def best(work: Callable[[], Any], rounds: int) -> float:
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def options(n: int) -> dict[str, Any]:
    """Undiscounted prices of out-of-the-money-forward options and the volatilities that made them."""
    from scipy.special import ndtr

    rng = np.random.default_rng(1)
    t, sigma = 10 ** rng.uniform(-2, 0.3, n), rng.uniform(0.1, 0.8, n)
    k = rng.uniform(-2.5, 2.5, n) * sigma * np.sqrt(t)
    forward, strike, sign = 100.0 * np.exp(0.04 * t), 100.0 * np.exp(0.04 * t + k), np.where(k >= 0, 1.0, -1.0)
    sd = sigma * np.sqrt(t)
    d1 = np.log(forward / strike) / sd + 0.5 * sd
    price = sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - sd)))
    return {"price": price, "forward": forward, "strike": strike, "t": t, "call": sign > 0, "sigma": sigma}


def exact(inputs: dict[str, Any], n: int) -> dict[str, Any]:
    """The first n options with prices at 50 digits, rounded once."""
    import mpmath as mp

    few = {name: column[:n] for name, column in inputs.items()}
    with mp.workdps(50):
        price = []
        for f, k, t, v, call in zip(
            *(few[c].tolist() for c in ("forward", "strike", "t", "sigma", "call")), strict=True
        ):
            sd = mp.mpf(v) * mp.sqrt(mp.mpf(t))
            d1, sign = mp.log(mp.mpf(f) / mp.mpf(k)) / sd + sd / 2, 1 if call else -1
            price.append(float(sign * (f * mp.ncdf(sign * d1) - k * mp.ncdf(sign * (d1 - sd)))))
    return few | {"price": np.array(price)}


def points() -> dict[str, Any]:
    """The reference points: as (x, beta), and as options on the doubles nearest e^{x/2} and e^{-x/2}."""
    import mpmath as mp

    x, s = (np.array(column) for column in zip(*POINTS, strict=True))
    forward, strike = np.exp(x / 2), np.exp(-x / 2)

    def value(at: Any, deviation: Any) -> Any:
        h, t = at / deviation, deviation / 2
        return mp.ncdf(h + t) * mp.exp(at / 2) - mp.ncdf(h - t) * mp.exp(-at / 2)

    with mp.workdps(50):
        beta = [float(value(mp.mpf(a), mp.mpf(b))) for a, b in POINTS]
        both = [(mp.mpf(f), mp.mpf(k)) for f, k in zip(forward.tolist(), strike.tolist(), strict=True)]
        price = [
            float(mp.sqrt(f * k) * value(mp.log(f / k), mp.mpf(b))) for (f, k), b in zip(both, s.tolist(), strict=True)
        ]
    every = np.ones(len(x))
    options = {"price": np.array(price), "forward": forward, "strike": strike, "t": every, "call": every > 0}
    return options | {"sigma": s, "x": x, "beta": np.array(beta)}


def off(found: Any, inputs: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Relative errors; an option without an answer counts as 1."""
    errors = np.abs(np.asarray(found, dtype=float).ravel() / inputs["sigma"] - 1.0)
    return np.where(np.isfinite(errors), errors, 1.0)


def summary(errors: np.ndarray[Any, Any]) -> list[float]:
    return [float(v) for v in np.quantile(errors, [0.5, 0.99, 1.0])]


def peer_main(folder: Path, rounds: int) -> None:
    """Inside the peer's environment: answers as JSON on the last line."""
    from fast_vollib.jackel import jackel_iv_black

    sets = {name: dict(np.load(folder / f"{name}.npz")) for name in ("all", "exact", "points")}

    def solve(one: dict[str, Any]) -> Any:
        return jackel_iv_black(one["price"], one["forward"], one["strike"], one["t"], one["call"])

    started = time.perf_counter()
    answers = {name: summary(off(solve(one), one)) for name, one in sets.items()}
    warm = time.perf_counter() - started
    seconds = best(lambda: solve(sets["all"]), rounds)
    print(json.dumps({"rate": len(sets["all"]["price"]) / seconds, "warm_up_s": warm, **answers}))


def peer(folder: Path, rounds: int, threads: int | None) -> dict[str, Any]:
    """fast-vollib's answers, or {"failed": why}."""
    python = HOME / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True, capture_output=True, text=True)
            subprocess.run(
                [str(python), "-m", "pip", "install", "-q", *NEEDS], check=True, capture_output=True, text=True
            )
        env = dict(os.environ)
        env.pop("PYTHONPATH", None)
        if threads is not None:
            env |= {"NUMBA_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        command = [str(python), str(Path(__file__).resolve()), "--peer", str(folder), "--rounds", str(rounds)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    except subprocess.CalledProcessError as error:
        return {"failed": (error.stderr or str(error)).strip().splitlines()[-1]}
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def quantlib(inputs: dict[str, Any], n: int) -> tuple[float, list[float]]:
    import QuantLib as ql

    few = {name: column[:n] for name, column in inputs.items()}
    rows = list(zip(*(few[c].tolist() for c in ("call", "strike", "forward", "price")), strict=True))

    def solve() -> list[float]:
        return [
            ql.blackFormulaImpliedStdDevLiRS(1 if call else -1, k, f, p, 1.0, 0.0, 0.2, 1.0, 1e-12, 200)
            for call, k, f, p in rows
        ]

    seconds = best(solve, 3)
    return n / seconds, summary(off(np.array(solve()) / np.sqrt(few["t"]), few))


def loading(cache: Path) -> tuple[float, float]:
    """Seconds to load numba and the compiled code: (with an empty cache, with a full one)."""
    code = "import time; a = time.perf_counter(); import quant.vanilla.kernel; print(time.perf_counter() - a)"
    env = dict(os.environ) | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    both = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env).stdout)
        for _ in range(2)
    ]
    return both[0], both[1]


def figures(quick: bool) -> list[dict[str, Any]]:
    sys.path.insert(0, str(ROOT))
    from quant.vanilla.implied import implied_vol, normalised_vol

    n, rounds = (20_000, 5) if quick else (100_000, 20)
    inputs = options(n)
    sets = {"all": inputs, "exact": exact(inputs, 500 if quick else 4000), "points": points()}

    def solve(one: dict[str, Any]) -> Any:
        return implied_vol(one["price"], one["forward"], one["strike"], one["t"], 1.0, one["call"]).sigma

    cores = os.cpu_count() or 1
    edges = [n * i // cores for i in range(cores + 1)]
    pieces = [{c: v[a:b] for c, v in inputs.items()} for a, b in itertools.pairwise(edges)]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(cores) as pool:
        folder = Path(name)
        for label, one in sets.items():
            np.savez(folder / f"{label}.npz", **one)
        cold, warm = loading(folder / "cache")
        first = best(lambda: solve(inputs), rounds)
        single = peer(folder, rounds, 1)
        ours = n / min(first, best(lambda: solve(inputs), rounds))
        spread = n / best(lambda: list(pool.map(solve, pieces)), rounds)
        every = peer(folder, rounds, None)
    theirs, ql_errors = quantlib(inputs, 2000 if quick else 20_000)

    def line(figure: str, value: float, unit: str, label: str, other: float | None, **rest: Any) -> dict[str, Any]:
        up = unit == "options/s"
        ratio = None if not other else (value / other if up else other / max(value, 1e-17))
        return {"figure": f"implied_vol.{figure}", "value": value, "unit": unit, "peer": label, "peer_value": other,
                "ratio": ratio, **rest}  # fmt: skip

    made = summary(off(solve(inputs), inputs))
    rounded = summary(off(solve(sets["exact"]), sets["exact"]))
    hostile = sets["points"]
    reference = summary(off(solve(hostile), hostile))[2]
    normalised = summary(off(normalised_vol(hostile["x"], hostile["beta"]).sigma, hostile))[2]
    target = "target 2 times the faster accurate peer"
    lines = []
    for figure, rate, one in (("vs_fast_vollib", ours, single), ("vs_fast_vollib_threads", spread, every)):
        note = (
            {"failed": one["failed"]}
            if "failed" in one
            else {"peer_error": one["all"][2], "peer_warm_up_s": one["warm_up_s"]}
        )
        lines.append(line(figure, rate, "options/s", PEER, one.get("rate"), error=made[2], reference=target, **note))
    lines.append(
        line("vs_quantlib_lirs", ours, "options/s", "QuantLib 1.44 LiRS", theirs, error=made[2], reference=target,
             peer_error=ql_errors[2])
    )  # fmt: skip
    for i, quantile in enumerate(("median", "p99", "max")):
        other = None if "failed" in single else single["exact"][i]
        lines.append(
            line(f"error_{quantile}", rounded[i], "relative", PEER, other, error=rounded[i],
                 reference="sigma, of prices rounded once from 50 digits; target 1e-14 at worst")
        )  # fmt: skip
    lines.append(
        line("reference_error", reference, "relative", PEER, None if "failed" in single else single["points"][2],
             error=reference, reference="ten options priced at 50 digits from the doubles given; target 2e-15")
    )  # fmt: skip
    lines.append(
        line("normalised_error", normalised, "relative", "none", None, error=normalised,
             reference="ten points of the normalised Black function at 50 digits; target 2e-15")
    )  # fmt: skip
    lines.append(
        line("first_use_s", warm, "s", "compiling", cold, error=None, reference="numba's own load is part of both")
    )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help=argparse.SUPPRESS)
    options_given = parser.parse_args()
    if options_given.peer:
        peer_main(options_given.peer, options_given.rounds)
        return
    for one in figures(options_given.quick):
        if options_given.json:
            print(json.dumps(one))
        else:
            beside = "failed: " + one["failed"] if "failed" in one else f"{one['peer_value']}"
            ratio = f"{one['ratio']:.2f}" if one["ratio"] else "-"
            print(f"{one['figure']:36} {one['value']:.4g} {one['unit']:10} {one['peer']}: {beside}  ratio {ratio}")


if __name__ == "__main__":
    main()
