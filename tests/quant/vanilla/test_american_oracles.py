"""American prices against other methods: QuantLib's fixed point at high precision and a binomial tree of our own."""

from __future__ import annotations

import numpy as np
import pytest

from quant.vanilla import american
from quant.vanilla.american import FAST, FINE, STANDARD


def _quantlib(spot: float, days: int, sigma: float, r: float, q: float, strike: float, call: bool) -> float:
    import QuantLib as ql

    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    rate, carry = (ql.YieldTermStructureHandle(ql.FlatForward(today, value, count)) for value in (r, q))
    vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), sigma, count))
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), carry, rate, vol)
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + days))
    # Twice the iterations of its "high precision", which stops short with FP-B
    # and in places diverges with FP-A.
    scheme = ql.QdFpTanhSinhIterationScheme(20, 30, 1e-11)
    option.setPricingEngine(ql.QdFpAmericanEngine(process, scheme, ql.QdFpAmericanEngine.FP_B))
    return float(option.NPV())


def _hostile(n: int, seed: int) -> tuple[np.ndarray, ...]:
    """Days to four years, volatilities from 5 to 120 %, rates and dividends either side of each other, equal or 0."""
    rng = np.random.default_rng(seed)
    days = np.exp(rng.uniform(0.0, np.log(1460), n)).astype(int)
    sigma = np.exp(rng.uniform(np.log(0.05), np.log(1.2), n))
    r = rng.uniform(0.0005, 0.1, n)
    q = np.choose(rng.integers(0, 4, n), [np.zeros(n), rng.uniform(0.0005, 0.1, n), rng.uniform(0.0, 0.02, n), r])
    strike = np.exp(rng.uniform(-2.5, 2.5, n) * sigma * np.sqrt(days / 365))
    call = rng.random(n) < 0.5
    return days, sigma, np.where(call, q, r), np.where(call, r, q), strike, call


def test_quantlib_at_high_precision_on_a_hostile_grid() -> None:
    days, sigma, r, q, strike, call = _hostile(250, 21)
    args = (1.0, strike, days / 365, sigma, r, q, call)
    theirs = np.array(
        [
            _quantlib(1.0, int(d), s, a, b, k, bool(c))
            for d, s, a, b, k, c in zip(days, sigma, r, q, strike, call, strict=True)
        ]
    )
    size = np.where(call, 1.0, strike)  # the strike of the put that each is solved as
    for scheme, rms, worst in ((FAST, 1e-6, 2e-5), (STANDARD, 1e-8, 2e-7), (FINE, 5e-10, 1e-8)):
        found = american.price(*args, scheme=scheme)
        error = (found.value - theirs) / size
        assert not found.reason.any()
        assert np.sqrt(np.mean(error**2)) < rms, scheme.name
        assert np.abs(error).max() < worst, scheme.name


def _peizer_pratt(z: np.ndarray, n: int) -> np.ndarray:
    root = np.sqrt(0.25 - 0.25 * np.exp(-((z / (n + 1 / 3 + 0.1 / (n + 1))) ** 2) * (n + 1 / 6)))
    return np.asarray(0.5 + np.sign(z) * root)


def _leisen_reimer(spot: float, strike, t, sigma, r, q, call, n: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    """D. Leisen and M. Reimer (1996), batched; n odd."""
    sd, dt = sigma * np.sqrt(t), t / n
    d1 = (np.log(spot / strike) + (r - q) * t) / sd + 0.5 * sd
    p, p_up = _peizer_pratt(d1 - sd, n), _peizer_pratt(d1, n)
    grown = np.exp((r - q) * dt)
    up, down = grown * p_up / p, grown * (1.0 - p_up) / (1.0 - p)
    sign, disc = np.where(call, 1.0, -1.0), np.exp(-r * dt)
    j = np.arange(n + 1)
    log_s = np.log(spot) + np.outer(j, np.log(up)) + np.outer(n - j, np.log(down))
    value = np.maximum(sign * (np.exp(log_s) - strike), 0.0)
    for step in range(n - 1, -1, -1):
        value = disc * (p * value[1 : step + 2] + (1.0 - p) * value[: step + 1])
        j = np.arange(step + 1)
        s = np.exp(np.log(spot) + np.outer(j, np.log(up)) + np.outer(step - j, np.log(down)))
        value = np.maximum(value, sign * (s - strike))
    return np.asarray(value[0])


def test_a_binomial_tree() -> None:
    """An independent method: the tree's own error falls as 1/n, so two sizes extrapolate."""
    days, sigma, r, q, strike, call = (column[:60] for column in _hostile(60, 22))
    args = (1.0, strike, np.maximum(days, 7) / 365, sigma, r, q, call)
    small, large = _leisen_reimer(*args, 201), _leisen_reimer(*args, 401)
    found = american.price(*args).value
    off = np.abs(2.0 * large - small - found) / np.maximum(strike, 1.0)
    assert np.median(off) < 2e-6
    assert off.max() < 5e-4
    assert np.abs(large - found).mean() < np.abs(small - found).mean()


@pytest.mark.parametrize("scheme", [STANDARD, FINE])
def test_every_boundary_is_found_far_outside_of_markets(scheme: american.Scheme) -> None:
    """Half a minute to thirty years, volatilities from 2 to 300 %, rates to 30 %, negative dividends."""
    rng = np.random.default_rng(23)
    n = 1500
    t, sigma = np.exp(rng.uniform(np.log(1e-6), np.log(30), n)), np.exp(rng.uniform(np.log(0.02), np.log(3), n))
    r = np.exp(rng.uniform(np.log(1e-5), np.log(0.3), n))
    q = rng.choice([0.0, 1.0, 1.0, -0.3], n) * np.exp(rng.uniform(np.log(1e-5), np.log(0.3), n))
    spot = np.exp(rng.uniform(-3, 3, n) * sigma * np.sqrt(t))
    found = american.price(spot, 1.0, t, sigma, r, q, False, scheme=scheme)
    fine = found.reason == 0
    assert np.sum(~fine) <= 2  # rates of 0.002 %: named, and never a number
    assert np.isnan(found.value[~fine]).all()
    assert np.all(found.value[fine] >= np.maximum(1.0 - spot[fine], 0.0))
    assert np.all((found.boundary[fine] > 0.0) & (found.boundary[fine] <= 1.0))
