"""Heston fitted to a chain of 120 quotes, beside QuantLib; and every recorded chain once.

    python benchmarks/heston_calibration.py [--quick] [--json]
    python benchmarks/heston_calibration.py --chains STORE [--every N] [--set NAME] [--json]

heston_calibration.vs_quantlib            seconds a fit; peer: QuantLib's LevenbergMarquardt on its fastest accurate
                                          engine, AnalyticHestonEngine with Gauss-Laguerre of 64 nodes
heston_calibration.vs_quantlib_exponential_fitting   peer: the same on its most exact fast engine
heston_calibration.own_start              without a start given: from the at-the-money term structure; same peer
heston_calibration.bates                  eight parameters, of quotes that have jumps; no peer
heston_calibration.fit_vp                 with --chains: misfit in vol points by days to expiry; Heston, Bates, SVI
heston_calibration.stability              with --chains: median change of each Heston parameter from one day to the next

Quotes are exact prices of known parameters; the error is the worst of the parameters found. Both sides start from the
same guess. The engines alternate and the best of each counts; warm-up stands outside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

from heston_price import CARRY, DAYS, LABEL, RATE, TRUE, alternate, columns, ql_model, ql_options, valued  # noqa: E402

START = {"v0": 0.09, "kappa": 1.0, "theta": 0.09, "sigma": 0.3, "rho": -0.3}
BUCKETS = ((5, 30), (30, 90), (90, 365), (365, 913))
Array = np.ndarray[Any, Any]


def ql_fit(vols: Array, engine: str) -> list[float]:
    """QuantLib's parameters from volatilities of the 120 quotes."""
    import QuantLib as ql

    model = ql_model(START.values(), RATE, CARRY)
    made = ql.AnalyticHestonEngine(model, 64) if engine == "laguerre" else ql.ExponentialFittingHestonEngine(model)
    process = model.process()
    helpers = []
    for d, k, v in zip(np.repeat(DAYS, 12), columns()[0], vols, strict=True):
        one = ql.HestonModelHelper(
            ql.Period(int(d), ql.Days), ql.NullCalendar(), 100.0, float(k), ql.QuoteHandle(ql.SimpleQuote(float(v))),
            process.riskFreeRate(), process.dividendYield(), ql.BlackCalibrationHelper.PriceError,
        )  # fmt: skip
        one.setPricingEngine(made)
        helpers.append(one)
    model.calibrate(helpers, ql.LevenbergMarquardt(1e-10, 1e-10, 1e-10), ql.EndCriteria(400, 40, 1e-10, 1e-10, 1e-10))
    return [model.v0(), model.kappa(), model.theta(), model.sigma(), model.rho()]


def figures(quick: bool) -> list[dict[str, Any]]:
    import QuantLib as ql

    from quant.heston.calibration import calibrate, encoded
    from quant.heston.chain import grid, prices
    from quant.heston.params import BatesParams, HestonParams, Jump
    from quant.vanilla.implied import implied_vol

    strikes, years, forwards, discounts, calls = columns()
    truth = list(TRUE.values())
    # the peer's own adaptive integration makes the prices, so that neither side fits itself
    exact = ql.AnalyticHestonEngine(ql_model(truth, RATE, CARRY), 1e-14, 1_000_000)
    price = valued(ql_options(np.repeat(DAYS, 12), strikes, calls), exact)
    vols = implied_vol(price, forwards, strikes, years, discounts, calls).sigma
    start = HestonParams(**START)
    jumpy = BatesParams(diffusion=HestonParams(**TRUE), jumps=(Jump(intensity=0.8, mean=-0.12, sd=0.09),))
    bates = prices(jumpy, grid(strikes, years, forwards, discounts, calls), 1e-14)

    def ours(from_: HestonParams | None) -> list[float]:
        law = calibrate(strikes, years, forwards, discounts, price, calls, start=from_).params
        assert isinstance(law, HestonParams)
        return [law.v0, law.kappa, law.theta, law.sigma, law.rho]

    def with_jumps() -> Any:
        return calibrate(strikes, years, forwards, discounts, bates, calls, jumps=True)

    seconds = alternate(
        {
            "ours": lambda: ours(start),
            "laguerre": lambda: ql_fit(vols, "laguerre"),
            "own": lambda: ours(None),
            "fitting": lambda: ql_fit(vols, "fitting"),
            "bates": with_jumps,
        },
        3 if quick else 15,
    )

    def off(found: list[float]) -> float:
        return float(np.max(np.abs(np.array(found) - truth)))

    jump_error = float(np.max(np.abs(encoded(with_jumps().params) - encoded(jumpy))))
    peers = {name: off(ql_fit(vols, name)) for name in ("laguerre", "fitting")}
    names = {"laguerre": f"{LABEL} LM, Laguerre 64", "fitting": f"{LABEL} LM, ExponentialFitting"}
    told = "120 exact quotes; target 5 times the peer, worst parameter error 1e-9"

    def line(figure: str, mine: str, peer: str, error: float) -> dict[str, Any]:
        return {"figure": f"heston_calibration.{figure}", "value": seconds[mine], "unit": "s", "peer": names[peer],
                "peer_value": seconds[peer], "ratio": seconds[peer] / seconds[mine], "error": error,
                "reference": told, "peer_error": peers[peer]}  # fmt: skip

    return [
        line("vs_quantlib", "ours", "laguerre", off(ours(start))),
        line("vs_quantlib_exponential_fitting", "ours", "fitting", off(ours(start))),
        line("own_start", "own", "laguerre", off(ours(None))),
        {"figure": "heston_calibration.bates", "value": seconds["bates"], "unit": "s", "peer": "none",
         "peer_value": None, "ratio": None, "error": jump_error,
         "reference": "120 exact quotes; worst error of the eight coordinates (logarithms)"},
    ]  # fmt: skip


def chains(store: Path, every: int, only: str | None) -> Iterator[dict[str, Any]]:
    """Misfits of every recorded chain by days to expiry, and how far parameters move from one chain to the next."""
    from domain.errors import ParleyError
    from domain.market import OptionChain, RateCurve
    from quant.heston.calibration import encoded
    from quant.heston.chain import grid, prices
    from quant.heston.quotes import calibrate_chain, chain_quotes
    from quant.surface import fit as smooth
    from quant.svi.fit import fit
    from quant.vanilla.implied import implied_vol
    from tools.market.recorded import RecordedMarket
    from tools.market.store import Store

    held = Store(store)
    for name in sorted(held.sets()) if only is None else [only]:
        market, misses = RecordedMarket(store, name), defaultdict(list)
        lines: list[dict[str, Any]] = []
        failures: list[str] = []
        moves: list[Array] = []
        fitted = 0
        for ticker in held.tickers(name):
            moments = [at for day in held.chain_days(name, ticker) for at in held.chain_moments(name, ticker, day)]
            before: Array | None = None
            for at in moments[::every]:
                chain, rates = asyncio.run(market.chain(ticker, at)), asyncio.run(market.rates(at))
                if not isinstance(chain, OptionChain):
                    continue
                try:
                    surface = smooth(chain, at, rates if isinstance(rates, RateCurve) else None)
                    quotes = chain_quotes(surface, chain)
                    found = {"heston": calibrate_chain(quotes), "bates": calibrate_chain(quotes, jumps=True)}
                    svi = fit(surface, chain)
                except ParleyError as error:
                    failures.append(f"{ticker} {at:%Y-%m-%d %H:%M}: {error}")
                    continue
                fitted += 1
                failures += [
                    f"{ticker} {at:%Y-%m-%d %H:%M} {m}: {one.failure}" for m, one in found.items() if one.failure
                ]
                vols = {}
                for model, one in found.items():
                    if not one.failure:
                        value = prices(
                            one.params,
                            grid(quotes.strike, quotes.years, quotes.forward, quotes.discount, quotes.is_call),
                        )
                        vols[model] = implied_vol(
                            value, quotes.forward, quotes.strike, quotes.years, quotes.discount, quotes.is_call
                        ).sigma
                smile = np.full(len(quotes.vol), np.nan)
                for one_slice in svi.slices:
                    mask = (quotes.years == one_slice.t) & (quotes.forward == one_slice.forward)
                    smile[mask] = one_slice.vol(np.log(quotes.strike[mask] / one_slice.forward))
                vols["svi"] = smile
                for model, vol in vols.items():
                    for low, high in BUCKETS:
                        inside = (365 * quotes.years > low) & (365 * quotes.years <= high)
                        misses[model, low, high].append(100 * np.abs(vol - quotes.vol)[inside])
                if not found["heston"].failure:
                    now = encoded(found["heston"].params)
                    if before is not None:
                        moves.append(np.abs(now - before))
                    before = now
        for (model, low, high), parts in misses.items():
            miss = np.concatenate(parts)
            miss = miss[np.isfinite(miss)]
            if len(miss):
                lines.append(
                    {"figure": "heston_calibration.fit_vp", "value": float(np.median(miss)), "unit": "vol points",
                     "peer": "none", "peer_value": None, "ratio": None, "error": float(np.quantile(miss, 0.95)),
                     "reference": "median, and 95 % as error", "set": name, "model": model, "days": f"{low}-{high}",
                     "quotes": len(miss), "chains": fitted}
                )  # fmt: skip
        if moves:
            step = np.median(np.stack(moves), axis=0)
            lines.append(
                {"figure": "heston_calibration.stability", "value": float(np.max(step)), "unit": "logarithm",
                 "peer": "none", "peer_value": None, "ratio": None, "error": None, "set": name,
                 "reference": "median change from chain to chain", **dict(zip(TRUE, step.tolist(), strict=True))}
            )  # fmt: skip
        for told in failures[:5]:
            print(f"    {name} {told}", file=sys.stderr, flush=True)
        if failures:
            print(f"    {name}: {len(failures)} fits failed", file=sys.stderr, flush=True)
        yield from lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--chains", type=Path, help="a store; its recorded chains")
    parser.add_argument("--every", type=int, default=1, help="with --chains: every so many chains of a ticker")
    parser.add_argument("--set", help="with --chains: one set only")
    given = parser.parse_args()
    for one in chains(given.chains, given.every, given.set) if given.chains else figures(given.quick):
        if given.json:
            print(json.dumps(one))
        elif given.chains:
            print(*(f"{v:.3g}" if isinstance(v, float) else v for v in one.values() if v is not None), flush=True)
        else:
            ratio = f"{one['ratio']:.1f}" if one["ratio"] else "-"
            print(
                f"{one['figure']:52} {1e3 * one['value']:.2f} ms  error {one['error']:.1e}  {one['peer']}:"
                f" {one['peer_value']}  ratio {ratio}  its error {one.get('peer_error')}"
            )


if __name__ == "__main__":
    main()
