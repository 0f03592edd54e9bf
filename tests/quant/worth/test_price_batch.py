from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from domain.codec import dumps, loads
from domain.decision import GateReport, Mandate, Unpriced
from domain.errors import DataAbsent
from domain.market import Alignment, Exercise, MarketSnapshot, OptionChain, RateCurve
from domain.playbook import ExitRules, Playbook, SearchSpace
from domain.regime import RegimeName
from domain.structures import Option, Proposal, StructureName
from domain.views import Direction, Verdict, Volatility
from quant.structures.enumerate import enumerate_candidates
from quant.surface import Surface, fit
from quant.volatility.forecast import VarianceForecast
from quant.worth.measure import Skill, make_measure
from quant.worth.price_batch import is_plateau, price_all, price_mandate, reprice, trading_day
from quant.worth.proposal import Priced, pnl_of, propose

N = StructureName
EVERYTHING = tuple(StructureName)
NLV = Decimal(100_000)
Market = tuple[MarketSnapshot, Surface]


def playbook(names: tuple[N, ...] = (N.IRON_CONDOR,), band: tuple[float, float] = (0.1, 0.35)) -> Playbook:
    return Playbook(
        name="test",
        version=1,
        universe=(),
        broad_index_only=False,
        direction=("up", "down", "inconclusive"),
        volatility=("rich", "cheap", "inconclusive"),
        needs="volatility",
        regimes=tuple(RegimeName),
        structures=names,
        search=SearchSpace(min_dte=25, max_dte=50, short_delta=band, widths=(0.01, 0.02, 0.04)),
        exits=ExitRules(profit_target=0.5, stop_loss=2.0, close_dte=7),
        kelly_scale=1.0,
        largest_loss=0.05,
    )


def closed(days: int) -> Playbook:
    """The playbook, closing so many days before expiry."""
    return dataclasses.replace(playbook(), exits=dataclasses.replace(playbook().exits, close_dte=days))


def mandate(names: tuple[N, ...] = (N.IRON_CONDOR,), budget: str = "5000") -> Mandate:
    report = GateReport(subject="t", checks=())
    return Mandate(
        ticker="SPX", playbook="test", structures=names, loss_budget=Decimal(budget), max_contracts=10, report=report
    )


def verdict(direction: Direction = Direction.INCONCLUSIVE, p: float = 0.5) -> Verdict:
    return Verdict(
        ticker="SPX",
        author="test",
        direction=direction,
        direction_p=p,
        volatility=Volatility.RICH,
        volatility_p=0.7,
        horizon=21,
        why="",
        claims=(),
    )


def expected(variance: float, usable: bool = True) -> VarianceForecast:
    return VarianceForecast(
        variance=variance, horizon_days=21, log_error=0.6, log_bias=0.2, usable=usable, source="test", why="told"
    )


RICH = expected(0.018)  # against 0.2 at the money and more below it
NONE = expected(0.0, usable=False)
PRIOR = Skill.prior()
STRONG = Skill(ic_dir=0.08, ic_vol=0.0, n=900.0, label="earned")


@pytest.fixture
def market(
    make_black_chain: Callable[..., OptionChain],
    make_snapshot: Callable[..., MarketSnapshot],
    make_flat_rates: Callable[..., RateCurve],
    black_as_of: datetime,
) -> Market:
    chain = make_black_chain(half_spread=0.004)
    return make_snapshot(chain, black_as_of, make_flat_rates()), fit(chain, black_as_of, make_flat_rates())


def found_in(market: Market, names: tuple[N, ...] = (N.IRON_CONDOR,), **kwargs: object) -> Proposal | Unpriced:
    chosen: dict[str, object] = {"forecast": RICH, "verdict": verdict(), "skill": PRIOR, "budget": "5000"} | kwargs
    return price_mandate(
        mandate(names, str(chosen["budget"])),
        playbook(names),
        market[0],
        market[1],
        (chosen["forecast"],),  # type: ignore[arg-type]
        chosen["verdict"],  # type: ignore[arg-type]
        chosen["skill"],  # type: ignore[arg-type]
        NLV,
    )


def test_rich_volatility_sells_a_condor(market: Market) -> None:
    found = found_in(market)
    assert isinstance(found, Proposal)
    assert found.structure.name is N.IRON_CONDOR
    assert found.net_mid < 0
    assert found.net_mid < found.net_entry < found.net_natural
    assert found.ev_p.total > 0
    assert found.ev_p.variance_premium > -found.ev_p.costs
    assert found.ev_p_adverse > 0
    assert found.cvar_p < 0
    assert 0.5 < found.pop_p < 1
    assert found.candidates > 500
    assert len(found.runners_up) == 5
    assert found.greeks.vega < 0 < found.greeks.theta
    assert loads(dumps(found), Proposal) == found
    again = found_in(market)
    assert dumps(again) == dumps(found)


def test_parts_sum_to_the_cent_and_nodes_to_the_total(market: Market) -> None:
    for names, view in ((EVERYTHING, verdict(Direction.UP, 0.8)), ((N.IRON_CONDOR,), verdict())):
        found = found_in(market, names, verdict=view, skill=STRONG)
        assert isinstance(found, Proposal)
        parts = found.ev_p
        total = parts.costs + parts.relative_value + parts.variance_premium + parts.direction + parts.beta + parts.rest
        assert total == parts.total
        assert abs(parts.rest) <= Decimal("0.03")
        assert len(found.pnl_nodes) <= 200
        assert sum(found.pnl_weights) == pytest.approx(1.0, abs=1e-9)
        mean = np.dot(found.pnl_nodes, found.pnl_weights)
        assert mean == pytest.approx(float(parts.total), abs=0.02)
        assert min(found.pnl_nodes) >= -float(found.payoff.max_loss) - 2 * float(-parts.costs) - 1


def test_p_equal_q_trades_nothing(market: Market) -> None:
    found = found_in(market, EVERYTHING, forecast=NONE)
    assert isinstance(found, Unpriced)
    assert found.candidates > 1_000
    assert "no part of EV pays the costs" in found.reason
    assert "m = 1: told" in found.reason


def test_a_small_budget_excludes_and_says_so(market: Market) -> None:
    found = found_in(market, budget="40")
    assert isinstance(found, Unpriced)
    assert "over the loss budget of 40" in found.reason
    small = found_in(market, budget="400")
    assert isinstance(small, Proposal)
    natural = small.payoff.max_loss + (small.net_natural - small.net_entry) * 100 + small.fees
    assert natural <= Decimal("400.01")


def test_a_strong_direction_buys_a_vertical_on_its_side(market: Market) -> None:
    names = (N.BULL_CALL_SPREAD, N.BEAR_PUT_SPREAD)
    band = (0.35, 0.65)
    quiet = Skill(ic_dir=0.08, ic_vol=0.0, n=900.0, label="earned")
    for direction, name in ((Direction.UP, N.BULL_CALL_SPREAD), (Direction.DOWN, N.BEAR_PUT_SPREAD)):
        found = price_mandate(
            mandate(names), playbook(names, band), *market, (NONE,), verdict(direction, 0.95), quiet, NLV
        )
        assert isinstance(found, Proposal), found
        assert found.structure.name is name
        assert found.ev_p.direction > 0
        assert found.ev_p.variance_premium == 0


def _centred(one: Priced, chain: OptionChain) -> np.ndarray:
    """Butterflies whose body is the strike nearest the forward and whose wings are alike."""
    strikes = chain.strike[one.batch.rows]
    body = strikes[:, 1]
    near = np.abs(body - one.measure.forward) < 4.0
    return np.flatnonzero(near & (np.abs(strikes[:, 3] - 2 * body + strikes[:, 0]) < 1e-9))


def test_a_larger_view_never_flips_its_part(market: Market) -> None:
    """Direction of every vertical in p and IC; variance premium of every centred butterfly in the forecast."""
    snapshot, surface = market
    chain = snapshot.chain
    assert chain is not None
    day = trading_day(snapshot)
    names = (N.BULL_CALL_SPREAD, N.BEAR_PUT_SPREAD, N.BULL_PUT_SPREAD, N.BEAR_CALL_SPREAD)
    batches = enumerate_candidates(names, playbook().search, chain, surface, day)

    def parts(forecast: VarianceForecast, p: float, skill: Skill) -> np.ndarray:
        view = verdict(Direction.UP, p)
        measures = {b.front: make_measure(surface.slices[b.front], forecast, view, skill) for b in batches}
        return np.concatenate([one.scored.direction for one in price_all(batches, chain, surface, measures, day)])

    last = np.zeros(1)
    for p in (0.55, 0.65, 0.8, 0.95):
        now = parts(NONE, p, STRONG)
        assert np.all(np.sign(now) == np.sign(last)) or not np.any(last)
        assert np.all(np.abs(now) >= np.abs(last) - 1e-9)
        last = now
    half = parts(NONE, 0.95, dataclasses.replace(STRONG, ic_dir=0.04))
    assert np.all(np.sign(half) == np.sign(last))
    condors = enumerate_candidates((N.IRON_BUTTERFLY,), playbook().search, chain, surface, day)
    level = None
    for variance in (0.04, 0.03, 0.022, 0.018):
        measures = {
            b.front: make_measure(surface.slices[b.front], expected(variance), verdict(), PRIOR) for b in condors
        }
        scored = price_all(condors, chain, surface, measures, day)
        premium = np.concatenate([one.scored.variance[_centred(one, chain)] for one in scored])
        assert len(premium) > 10
        if level is not None:
            assert np.all(premium > level)
        level = premium


def test_two_expiries_are_priced_and_bounded(market: Market) -> None:
    snapshot, surface = market
    chain = snapshot.chain
    assert chain is not None
    day = trading_day(snapshot)
    batches = enumerate_candidates((N.CALENDAR, N.DIAGONAL), playbook().search, chain, surface, day)
    measures = {b.front: make_measure(surface.slices[b.front], NONE, verdict(), PRIOR) for b in batches}
    priced = price_all(batches, chain, surface, measures, day)
    assert sum(len(one.batch.rows) for one in priced) > 100
    for one in priced:
        quantity = np.array([leg.quantity for leg in one.batch.shape.legs])
        legs = np.stack(
            [
                surface.slices[one.batch.back if leg.expiry else one.batch.front].price(
                    chain.strike[one.batch.rows[:, i]], chain.is_call[one.batch.rows[:, i]]
                )
                for i, leg in enumerate(one.batch.shape.legs)
            ],
            axis=1,
        )
        # under Q every structure is worth its price on the surface
        np.testing.assert_allclose(one.scored.fair, legs @ quantity, atol=0.02)
        pick = np.arange(len(one.batch.rows))
        pnl = pnl_of(one, pick, chain, one.measure.q_nodes)
        mean = pnl @ one.measure.q_weights
        np.testing.assert_allclose(mean, one.scored.ev, atol=0.05)
        assert np.all(pnl.min(axis=1) >= -one.scored.max_loss - one.scored.costs - 2.0)


def test_a_calendar_becomes_a_whole_proposal(market: Market) -> None:
    """The record of a two-expiry structure: a bound, ranges, Greeks of both smiles, and reprice along the same path."""
    snapshot, surface = market
    chain = snapshot.chain
    assert chain is not None
    day = trading_day(snapshot)
    batches = enumerate_candidates((N.CALENDAR,), playbook().search, chain, surface, day)
    measures = {b.front: make_measure(surface.slices[b.front], NONE, verdict(), PRIOR) for b in batches}
    one = price_all(batches, chain, surface, measures, day)[0]
    made = propose(
        one,
        3,
        chain,
        surface,
        playbook="test",
        params_hash="x",
        snapshot="s",
        objective=0.0,
        candidates=1,
        runners_up=(),
    )
    assert not made.payoff.exact
    assert made.payoff.max_profit is not None
    assert made.payoff.max_profit_range is not None
    assert made.payoff.max_loss >= made.net_entry * 100
    assert len(made.payoff.breakeven_ranges) == 2
    assert made.greeks.vega > 0
    assert made.fair_q == pytest.approx(float(made.net_mid) * 100, abs=5.0)
    assert loads(dumps(made), Proposal) == made
    lost = reprice(made, snapshot, surface, (NONE,), verdict(), PRIOR, playbook())
    assert isinstance(lost, Unpriced)
    assert f"EV {float(made.ev_p.total):+.2f}" in lost.reason


def test_a_spike_is_no_plateau(market: Market) -> None:
    snapshot, surface = market
    chain = snapshot.chain
    assert chain is not None
    day = trading_day(snapshot)
    batch = enumerate_candidates((N.BULL_PUT_SPREAD,), playbook().search, chain, surface, day)[0]
    measures = {batch.front: make_measure(surface.slices[batch.front], NONE, verdict(), PRIOR)}
    one = price_all((batch,), chain, surface, measures, day)[0]
    ev = one.scored.ev.copy()
    ev[5] = 1_000.0
    assert not is_plateau(one._replace(scored=one.scored._replace(ev=ev)), 5, chain)
    assert is_plateau(one._replace(scored=one.scored._replace(ev=np.abs(ev))), 5, chain)
    alone = one._replace(batch=batch._replace(rows=batch.rows[:1]), scored=one.scored._replace(ev=np.array([9.0])))
    assert not is_plateau(alone, 0, chain)


def test_a_quote_error_is_not_an_edge(market: Market) -> None:
    """One option bid far over the surface must not make anything worth trading under P = Q."""
    snapshot, surface = market
    chain = snapshot.chain
    assert chain is not None
    bid, ask = chain.bid.copy(), chain.ask.copy()
    rows = np.flatnonzero((chain.strike == 460.0) & ~chain.is_call)
    bid[rows] *= 2.0
    ask[rows] *= 2.0
    off = dataclasses.replace(snapshot, chain=dataclasses.replace(chain, bid=bid, ask=ask))
    assert isinstance(found_in((off, surface), EVERYTHING, forecast=NONE), Unpriced)


def test_reprice_is_the_same_structure_on_present_quotes(market: Market) -> None:
    snapshot, surface = market
    chain = snapshot.chain
    found = found_in(market)
    assert isinstance(found, Proposal)
    assert chain is not None
    same = reprice(found, snapshot, surface, (RICH,), verdict(), PRIOR, playbook())
    assert isinstance(same, Proposal)
    assert (same.structure, same.ev_p, same.net_mid, same.payoff, same.cvar_p) == (
        found.structure,
        found.ev_p,
        found.net_mid,
        found.payoff,
        found.cvar_p,
    )
    gone = reprice(found, snapshot, surface, (NONE,), verdict(), PRIOR, playbook())
    assert isinstance(gone, Unpriced)
    assert "no longer worth trading" in gone.reason
    short = next(leg.instrument for leg in found.structure.legs if leg.quantity < 0)
    assert isinstance(short, Option)
    silent = np.where(chain.strike == float(short.strike), 0.0, chain.bid)
    mute = dataclasses.replace(snapshot, chain=dataclasses.replace(chain, bid=silent))
    lost = reprice(found, mute, surface, (RICH,), verdict(), PRIOR, playbook())
    assert isinstance(lost, Unpriced)
    assert "nobody bids" in lost.reason


def test_the_edge_in_variance_shrinks_with_the_age_of_the_quotes(market: Market) -> None:
    snapshot, surface = market
    found = found_in(market)
    assert isinstance(found, Proposal)
    old = dataclasses.replace(snapshot, chain_lag_s=300.0, lag_limit_s=600.0, iv_confidence=0.8)
    half = reprice(found, old, surface, (RICH,), verdict(), PRIOR, playbook())
    assert isinstance(half, Proposal)
    assert 0 < half.ev_p.variance_premium < found.ev_p.variance_premium
    assert half.ev_p.costs == found.ev_p.costs
    hard = dataclasses.replace(playbook(), alignment=Alignment.HARD_CUTOFF)
    whole = reprice(found, old, surface, (RICH,), verdict(), PRIOR, hard)
    assert isinstance(whole, Proposal)
    assert whole.ev_p == found.ev_p
    nothing = reprice(
        found, dataclasses.replace(old, iv_confidence=0.0), surface, (RICH,), verdict(), PRIOR, playbook()
    )
    assert isinstance(nothing, Unpriced)


def test_a_stop_beyond_the_maximum_loss_is_no_stop(market: Market) -> None:
    """A condor whose stop can't be reached before all is lost isn't proposed under a playbook that promises one."""
    snapshot, surface = market
    usual = found_in(market)
    assert isinstance(usual, Proposal)
    credit = -float(usual.net_natural) * 100
    reach = (float(usual.payoff.max_loss) + credit) / credit
    loose = dataclasses.replace(playbook(), exits=ExitRules(profit_target=0.5, stop_loss=50.0, close_dte=7))
    none = price_mandate(mandate(), loose, snapshot, surface, (RICH,), verdict(), PRIOR, NLV)
    assert reach < 50
    assert isinstance(none, Unpriced)
    assert "with a stop beyond the maximum loss" in none.reason
    free = dataclasses.replace(loose, exits=dataclasses.replace(loose.exits, stop_loss=None))
    assert isinstance(price_mandate(mandate(), free, snapshot, surface, (RICH,), verdict(), PRIOR, NLV), Proposal)


def test_closing_earlier_leaves_less_of_the_premium(market: Market) -> None:
    """The same condor, held to expiry, for most of its life, and for a few days: EV falls, the costs stay."""
    snapshot, surface = market
    found = found_in(market)
    assert isinstance(found, Proposal)
    held = [reprice(found, snapshot, surface, (RICH,), verdict(), PRIOR, closed(days)) for days in (0, 5)]
    assert all(isinstance(one, Proposal) for one in held)
    premium = [one.ev_p.variance_premium for one in held if isinstance(one, Proposal)]
    assert premium[1] < premium[0]
    assert isinstance(held[0], Proposal)
    assert isinstance(held[1], Proposal)
    assert held[0].ev_p.costs == held[1].ev_p.costs
    days = (found.structure.legs[0].instrument.expiry - trading_day(snapshot)).days  # type: ignore[union-attr]
    gone = reprice(found, snapshot, surface, (RICH,), verdict(), PRIOR, closed(days))
    assert isinstance(gone, Unpriced)


def test_latest_expiry_and_empty_space(market: Market) -> None:
    snapshot, surface = market
    near = dataclasses.replace(mandate(), latest_expiry=trading_day(snapshot) + timedelta(days=10))
    found = price_mandate(near, playbook(), snapshot, surface, (RICH,), verdict(), PRIOR, NLV)
    assert isinstance(found, Unpriced)
    assert (found.candidates, found.reason[:19]) == (0, "no quoted candidate")
    with pytest.raises(DataAbsent, match="no option chain"):
        price_mandate(
            mandate(), playbook(), dataclasses.replace(snapshot, chain=None), surface, (RICH,), verdict(), PRIOR, NLV
        )


def test_american_names_are_priced(
    make_black_chain: Callable[..., OptionChain],
    make_snapshot: Callable[..., MarketSnapshot],
    make_flat_rates: Callable[..., RateCurve],
    black_as_of: datetime,
) -> None:
    chain = make_black_chain(half_spread=0.004, exercise=Exercise.AMERICAN, ticker="SPY")
    surface = fit(chain, black_as_of, make_flat_rates())
    found = found_in((make_snapshot(chain, black_as_of), surface), EVERYTHING)
    assert isinstance(found, Proposal)
