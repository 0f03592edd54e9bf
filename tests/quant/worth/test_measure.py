from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest
import QuantLib as ql

from domain.market import Exercise, Floats, OptionChain, RateCurve
from domain.views import Direction, Verdict, Volatility
from quant.surface import SliceFit, fit
from quant.vanilla.implied import implied_vol
from quant.volatility.forecast import VarianceForecast
from quant.worth.measure import M_RANGE, Held, Skill, density, make_measure, scaled, score, to_settlement
from quant.worth.terminal import exercise

PRIOR = Skill.prior()


def verdict(direction: Direction = Direction.INCONCLUSIVE, p: float = 0.5, horizon: int = 21) -> Verdict:
    return Verdict(
        ticker="SPX",
        author="test",
        direction=direction,
        direction_p=p,
        volatility=Volatility.RICH,
        volatility_p=0.7,
        horizon=horizon,  # type: ignore[arg-type]
        why="",
        claims=(),
    )


def expected(variance: float, usable: bool = True) -> VarianceForecast:
    return VarianceForecast(
        variance=variance, horizon_days=21, log_error=0.6, log_bias=0.24, usable=usable, source="test", why="because"
    )


@pytest.fixture
def one(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> SliceFit:
    return fit(make_black_chain(half_spread=0.004), black_as_of, make_flat_rates()).slices[2]


def test_q_is_a_martingale_density_that_prices_the_slice(one: SliceFit) -> None:
    nodes, weights = density(one)
    assert np.all(np.diff(nodes) > 0.0)
    assert np.all(weights > 0.0)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert weights @ nodes == pytest.approx(one.forward, rel=1e-12)
    assert 200 < len(nodes) <= 400
    strikes = np.arange(420.0, 581.0, 5.0)
    for call in (True, False):
        sides = np.full(len(strikes), call)
        found = one.discount * (exercise(strikes, sides, nodes) @ weights)
        np.testing.assert_allclose(found, one.price(strikes, sides), atol=0.01)


def heston_slice() -> SliceFit:
    """S=100, v0 .04, kappa 3, theta .045, sigma .6, rho -.7, r=.04, q=0, T=45/365, smile from QuantLib's engine."""
    day = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = day
    count = ql.Actual365Fixed()
    r = ql.YieldTermStructureHandle(ql.FlatForward(day, 0.04, count))
    q = ql.YieldTermStructureHandle(ql.FlatForward(day, 0.0, count))
    process = ql.HestonProcess(r, q, ql.QuoteHandle(ql.SimpleQuote(100.0)), 0.04, 3.0, 0.045, 0.6, -0.7)
    engine = ql.AnalyticHestonEngine(ql.HestonModel(process), 192)
    t = 45 / 365
    forward, discount = 100.0 * np.exp(0.04 * t), np.exp(-0.04 * t)
    strikes: Floats = np.arange(66.0, 123.01, 0.75)
    prices = []
    for strike in strikes.tolist():
        kind = ql.Option.Call if strike >= forward else ql.Option.Put
        option = ql.EuropeanOption(ql.PlainVanillaPayoff(kind, strike), ql.EuropeanExercise(day + 45))
        option.setPricingEngine(engine)
        prices.append(option.NPV())
    vols = implied_vol(np.array(prices), forward, strikes, t, discount, strikes >= forward).sigma
    k = np.log(strikes / forward)
    as_of = datetime.fromisoformat("2024-01-02T20:00:00+00:00")
    return SliceFit(
        root="X",
        expiry=as_of.date().toordinal() + 45,
        settles_at=int(as_of.timestamp()) + 45 * 86_400,
        t=t,
        forward=float(forward),
        discount=float(discount),
        atm_vol=float(np.interp(0.0, k, vols)),
        knots_k=k,
        knots_vol=vols,
        rows=np.zeros(0, dtype=np.int64),
        row_iv=np.zeros(0),
        quotes=len(k),
        fit_error=0.0,
        source="test",
        quality="",
    )


def test_heston_reference_probabilities_and_condor() -> None:
    """P(S_T > K), call values and the iron condor's PoP to 14 digits (mpmath), here through the smile's density."""
    one = heston_slice()
    nodes, weights = density(one, nodes=1_200)
    above = {
        85: 0.9717744854346524,
        90: 0.919825622866357,
        95: 0.8021265845961397,
        100: 0.5816314691614457,
        105: 0.2737198893273168,
        110: 0.05568562605661065,
        115: 0.005409343427383284,
    }
    for strike, probability in above.items():
        assert weights @ (nodes > strike) == pytest.approx(probability, abs=3e-3)
    calls = {90: 10.80838963257724, 100: 2.999229004522289, 110: 0.1218663764106225}
    for strike, value in calls.items():
        found = one.discount * float((exercise(np.array([float(strike)]), np.array([True]), nodes) @ weights)[0])
        assert found == pytest.approx(value, abs=2e-3)
    inside = (nodes > 89.638002408531) & (nodes < 110.361997591469)
    assert weights @ inside == pytest.approx(0.877377760546527, abs=3e-3)
    strikes, sides = np.array([85.0, 90.0, 110.0, 115.0]), np.array([False, False, True, True])
    legs = one.discount * (exercise(strikes, sides, nodes) @ weights)
    assert -legs[0] + legs[1] + legs[2] - legs[3] == pytest.approx(0.361997591468904, abs=2e-3)


def test_m_one_and_no_drift_is_q_exactly(one: SliceFit) -> None:
    found = make_measure(one, expected(0.0, usable=False), verdict(), PRIOR)
    assert (found.m, found.alpha, found.spread) == (1.0, 0.0, 0.0)
    np.testing.assert_array_equal(found.p_nodes, found.q_nodes)
    np.testing.assert_array_equal(found.p_weights, found.q_weights)
    np.testing.assert_array_equal(found.neutral_nodes, found.q_nodes)
    np.testing.assert_array_equal(found.adverse_nodes, np.stack([found.q_nodes, found.q_nodes]))
    assert "because" in found.note


def test_scaling_keeps_the_martingale_and_scales_variance(one: SliceFit) -> None:
    nodes, weights = density(one)
    for m in (0.4, 0.75, 1.0, 1.5):
        moved = scaled(nodes, weights, one.forward, m, 0.0)
        assert weights @ moved == pytest.approx(one.forward, rel=1e-12)
        before, after = (np.log(item / one.forward) for item in (nodes, moved))
        spread = [weights @ (x - weights @ x) ** 2 for x in (before, after)]
        assert spread[1] / spread[0] == pytest.approx(m, rel=1e-9)
        assert weights @ scaled(nodes, weights, one.forward, m, 0.01) == pytest.approx(one.forward * np.exp(0.01))


def test_level_comes_from_the_forecast(one: SliceFit) -> None:
    base = make_measure(one, expected(0.0, usable=False), verdict(), PRIOR)
    fair = base.implied * 252 / base.days
    found = make_measure(one, expected(0.75 * fair), verdict(), PRIOR)
    assert found.m == pytest.approx(0.75)
    assert found.p_weights.sum() == pytest.approx(1.0)
    assert found.p_weights @ found.p_nodes == pytest.approx(one.forward, rel=1e-12)
    log = np.log(found.p_nodes / one.forward)
    mixed = 0.75 * (0.5 + 0.5 * np.cosh(0.24))
    assert -2 * (found.p_weights @ log) / base.implied == pytest.approx(mixed, rel=0.02)
    assert make_measure(one, expected(0.01 * fair), verdict(), PRIOR).m == M_RANGE[0]
    assert make_measure(one, expected(9.0 * fair), verdict(), PRIOR).m == M_RANGE[1]
    assert "clipped" in make_measure(one, expected(9.0 * fair), verdict(), PRIOR).note


def test_a_position_that_is_closed_early_earns_the_premium_of_its_own_time_only(one: SliceFit) -> None:
    """Under the law of realised variance until the exit and implied after it, a straddle's EV is the held share's."""
    days = one.t * 252
    whole = make_measure(one, expected(0.0, usable=False), verdict(), PRIOR).implied
    sure = dataclasses.replace(expected(0.6 * 0.4 * whole * 252 / (0.5 * days)), log_bias=0.0)
    part = make_measure(one, sure, verdict(), PRIOR, held=Held(days=0.5 * days, share=0.4))
    assert part.m == pytest.approx(1.0 - 0.4 * (1.0 - 0.6))
    assert "m = 0.600" in part.note
    assert "0.840 to expiry" in part.note
    strikes, sides = np.full(2, one.forward), np.array([True, False])

    def straddle(nodes: Floats, weights: Floats) -> float:
        return float((exercise(strikes, sides, nodes) @ weights).sum())

    full = make_measure(one, dataclasses.replace(sure, variance=0.6 * whole * 252 / part.days), verdict(), PRIOR)
    lost = straddle(full.q_nodes, full.q_weights) - straddle(full.p_nodes, full.p_weights)
    some = straddle(part.q_nodes, part.q_weights) - straddle(part.p_nodes, part.p_weights)
    assert full.m == pytest.approx(0.6)
    assert some / lost == pytest.approx(0.4, abs=0.04)


def test_the_part_that_is_not_held_moves_nothing() -> None:
    assert to_settlement(0.6, 1.0) == 0.6
    assert to_settlement(0.6, 0.5) == pytest.approx(0.8)
    assert to_settlement(1.0, 0.3) == 1.0


def test_direction_is_grinold_clipped_and_signed(one: SliceFit) -> None:
    quiet = expected(0.0, usable=False)
    up = make_measure(one, quiet, verdict(Direction.UP, 0.7), PRIOR)
    sigma = np.sqrt(up.implied * min(21.0, up.days) / up.days)
    assert up.alpha == pytest.approx(0.03 * 0.4 * np.sqrt(3.0) * sigma)
    down = make_measure(one, quiet, verdict(Direction.DOWN, 0.7), PRIOR)
    assert down.alpha == -up.alpha
    assert up.p_weights @ up.p_nodes == pytest.approx(one.forward * np.exp(up.alpha))
    bold = make_measure(one, quiet, verdict(Direction.UP, 1.0), dataclasses.replace(PRIOR, ic_dir=0.9))
    assert bold.alpha == pytest.approx(0.08 * np.sqrt(3.0) * sigma)
    assert make_measure(one, quiet, verdict(Direction.UP, 0.4), PRIOR).alpha == 0.0
    unskilled = dataclasses.replace(PRIOR, ic_dir=0.0)
    assert make_measure(one, quiet, verdict(Direction.UP, 0.9), unskilled).alpha == 0.0
    short = make_measure(one, quiet, verdict(Direction.UP, 0.7, horizon=5), PRIOR)
    assert short.alpha == pytest.approx(up.alpha * np.sqrt(5 / min(21.0, up.days)))


def test_volatility_view_is_a_parameter_at_weight_zero(one: SliceFit) -> None:
    base = make_measure(one, expected(0.03), verdict(), PRIOR)
    tilted = make_measure(one, expected(0.03), verdict(), PRIOR, volatility_tilt=1.0)
    z = 0.4 * np.sqrt(3.0)
    assert tilted.m == pytest.approx(base.m * np.exp(-0.6 * 0.03 * z))
    wild = make_measure(one, expected(0.03), verdict(), dataclasses.replace(PRIOR, ic_vol=5.0), volatility_tilt=1.0)
    assert wild.m == pytest.approx(base.m * np.exp(-0.6 * 0.25 * z))


def test_score() -> None:
    assert score(0.5) == score(0.2) == 0.0
    assert score(1.0) == pytest.approx(np.sqrt(3.0))


def test_arbitrage_in_the_smile_never_gives_a_negative_weight(one: SliceFit) -> None:
    """A smile so steep that its call prices are not convex: mass 1, mean F, weights positive all the same."""
    vols = np.maximum(0.2 + 6.0 * np.abs(one.knots_k) * np.sign(-one.knots_k), 0.05)
    nodes, weights = density(dataclasses.replace(one, knots_vol=vols, atm_vol=0.2))
    assert np.all(weights > 0.0)
    assert weights @ nodes == pytest.approx(one.forward, rel=1e-12)


def test_american_slices_make_measures_too(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    chain = make_black_chain(exercise=Exercise.AMERICAN, ticker="NVDA", vol=0.45)
    for one in fit(chain, black_as_of, make_flat_rates()).slices:
        found = make_measure(one, expected(0.0, usable=False), None, PRIOR)
        assert found.q_weights @ found.q_nodes == pytest.approx(one.forward, rel=1e-12)
