"""Real SPX chains: with P = Q every candidate is worth its mid within its own quotes, and nothing is traded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from domain.decision import GateReport, Mandate, Unpriced
from domain.market import BarSeries, MarketSnapshot, OptionChain, RateCurve
from domain.playbook import ExitRules, Playbook, SearchSpace
from domain.regime import RegimeName
from domain.structures import Proposal, StructureName
from domain.views import Direction, Verdict, Volatility
from quant.structures.enumerate import enumerate_candidates
from quant.surface import fit
from quant.volatility.forecast import curve, forecast
from quant.worth.measure import Skill, make_measure
from quant.worth.outlook import thirty_day
from quant.worth.price_batch import price_all, price_mandate, trading_day

pytestmark = pytest.mark.data

N = StructureName
SINGLE = tuple(name for name in StructureName if name not in (N.CALENDAR, N.DIAGONAL))
SPACE = SearchSpace(min_dte=5, max_dte=60, short_delta=(0.10, 0.30), widths=(0.01, 0.02))
FIELDS = ("start", "known_at", "open", "high", "low", "close", "volume")


def known(bars: BarSeries, moment: float) -> BarSeries:
    n = int(np.searchsorted(bars.known_at, moment, side="right"))
    return dataclasses.replace(bars, **{name: getattr(bars, name)[:n] for name in FIELDS})


def view(direction: Direction = Direction.INCONCLUSIVE, p: float = 0.5) -> Verdict:
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


def book_of(names: tuple[N, ...], space: SearchSpace) -> tuple[Mandate, Playbook]:
    report = GateReport(subject="t", checks=())
    asked = Mandate(
        ticker="SPX", playbook="test", structures=names, loss_budget=Decimal(5_000), max_contracts=10, report=report
    )
    return asked, Playbook(
        name="test",
        version=1,
        universe=(),
        broad_index_only=True,
        direction=(),
        volatility=(),
        needs="volatility",
        regimes=tuple(RegimeName),
        structures=names,
        search=space,
        exits=ExitRules(profit_target=0.5, stop_loss=1.0, close_dte=21),
        kelly_scale=1.0,
        largest_loss=0.05,
    )


@pytest.fixture(scope="module")
def quiet(spx_daily: BarSeries) -> object:
    return forecast(None, None, 21)


def test_under_q_a_candidate_is_worth_its_mid_and_nothing_is_traded(
    spx_chain: Callable[[date], OptionChain],
    spx_days: list[date],
    rates_of: Callable[[date], RateCurve],
    make_snapshot: Callable[..., MarketSnapshot],
) -> None:
    still = forecast(None, None, 21)
    shares = []
    total = 0
    for day in spx_days[::4]:
        chain = spx_chain(day)
        surface = fit(chain, chain.quoted_at, rates_of(day))
        snapshot = make_snapshot(chain, chain.quoted_at, rates_of(day))
        batches = enumerate_candidates(SINGLE, SPACE, chain, surface, trading_day(snapshot))
        fronts = {batch.front for batch in batches}
        measures = {i: make_measure(surface.slices[i], still, view(), Skill.prior()) for i in fronts}
        priced = price_all(batches, chain, surface, measures, trading_day(snapshot))
        away = np.concatenate([np.abs(one.scored.fair - one.scored.net_mid) / one.scored.half for one in priced])
        shares.append(np.mean(away <= 1.0))
        total += len(away)
        assert max(float(np.max(one.scored.ev)) for one in priced) < 0.0
        asked, playbook = book_of(SINGLE, SPACE)
        found = price_mandate(asked, playbook, snapshot, surface, (still,), view(), Skill.prior(), Decimal(100_000))
        assert isinstance(found, Unpriced), day
    print(
        f"\nEV_Q at mid within the own half-width: {100 * np.mean(shares):.2f} % of {total} candidates (worst day "
        f"{100 * min(shares):.2f} %); traded: 0"
    )
    assert min(shares) > 0.995


def test_condors_of_the_recorded_weeks_are_sane(
    spx_chain: Callable[[date], OptionChain],
    spx_days: list[date],
    rates_of: Callable[[date], RateCurve],
    make_snapshot: Callable[..., MarketSnapshot],
    spx_daily: BarSeries,
    vix_daily: BarSeries,
) -> None:
    """What would be sold with the real forecast: shorts out of the money, EV below the credit, costs counted."""
    space = SearchSpace(min_dte=30, max_dte=60, short_delta=(0.10, 0.25), widths=(0.005, 0.01, 0.015, 0.02))
    asked, playbook = book_of((N.IRON_CONDOR,), space)
    traded = 0
    for day in spx_days[1::5]:
        chain = spx_chain(day)
        moment = chain.quoted_at.timestamp()
        surface = fit(chain, chain.quoted_at, rates_of(day))
        snapshot = make_snapshot(chain, chain.quoted_at, rates_of(day))
        expected = curve(known(spx_daily, moment), known(vix_daily, moment), thirty_day(surface))
        assert all(one.usable for one in expected)
        found = price_mandate(asked, playbook, snapshot, surface, expected, view(), Skill.prior(), Decimal(100_000))
        if isinstance(found, Proposal):
            traded += 1
            credit = -float(found.net_entry) * 100
            assert 0 < float(found.ev_p.total) < 0.5 * credit
            assert float(found.payoff.max_loss) + float(found.fees) <= 5_000
            assert found.payoff.breakevens[0] < chain.spot < found.payoff.breakevens[1]
            assert found.variance_ratio < 1.0
            print(f"{day} m {found.variance_ratio:.2f} credit {credit:.0f} EV {found.ev_p.total} of {found.id}")
        else:
            print(f"{day} {found.reason[:150]}")
    assert traded >= 3
