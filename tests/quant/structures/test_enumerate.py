from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from domain.market import OptionChain, RateCurve
from domain.playbook import SearchSpace
from domain.structures import StructureName
from quant.structures.catalogue import from_options
from quant.structures.enumerate import Batch, enumerate_candidates
from quant.surface import Surface, fit
from quant.worth.proposal import option_of

SPACE = SearchSpace(min_dte=25, max_dte=50, short_delta=(0.1, 0.35), widths=(0.02, 0.04))


@pytest.fixture(scope="module")
def market(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> tuple[OptionChain, Surface, date]:
    chain = make_black_chain()
    return chain, fit(chain, black_as_of, make_flat_rates()), black_as_of.date()


def _all(market: tuple[OptionChain, Surface, date], *names: StructureName) -> tuple[Batch, ...]:
    chain, surface, day = market
    return enumerate_candidates(names or tuple(StructureName), SPACE, chain, surface, day)


def test_every_candidate_has_the_geometry_of_its_name(market: tuple[OptionChain, Surface, date]) -> None:
    chain = market[0]
    batches = _all(market)
    assert {batch.shape.name for batch in batches} == set(StructureName)
    for batch in batches:
        for rows in batch.rows[:: max(1, len(batch.rows) // 20)].tolist():
            from_options(batch.shape.name, tuple(option_of(chain, row) for row in rows), batch.shape.legs[0].right)
        assert len(np.unique(batch.rows, axis=0)) == len(batch.rows)


def test_window_deltas_and_quotes(market: tuple[OptionChain, Surface, date]) -> None:
    chain, surface, day = market
    for batch in _all(market, StructureName.IRON_CONDOR, StructureName.BULL_CALL_SPREAD):
        one = surface.slices[batch.front]
        assert 25 <= one.expiry - day.toordinal() <= 50
        for column, leg in enumerate(batch.shape.legs):
            rows = batch.rows[:, column]
            chosen = leg.quantity < 0 if batch.shape.name is StructureName.IRON_CONDOR else leg.quantity > 0
            if chosen:
                delta = np.abs(one.delta(chain.strike[rows], leg.right == "call"))
                assert np.all((delta >= 0.1) & (delta <= 0.35))
            assert np.all(chain.ask[rows] > 0.0)
            if leg.quantity < 0:
                assert np.all(chain.bid[rows] > 0.0)


def test_latest_expiry_bounds_every_leg(market: tuple[OptionChain, Surface, date]) -> None:
    chain, surface, day = market
    latest = day + timedelta(days=40)
    for batch in enumerate_candidates(tuple(StructureName), SPACE, chain, surface, day, latest):
        assert np.all(chain.expiry[batch.rows] <= latest.toordinal())


def test_earliest_expiry_bounds_every_leg(market: tuple[OptionChain, Surface, date]) -> None:
    chain, surface, day = market
    earliest = day + timedelta(days=40)
    batches = enumerate_candidates(tuple(StructureName), SPACE, chain, surface, day, None, earliest)
    assert batches
    for batch in batches:
        assert np.all(chain.expiry[batch.rows] >= earliest.toordinal())
    early = day + timedelta(days=SPACE.min_dte - 20)
    assert len(enumerate_candidates(tuple(StructureName), SPACE, chain, surface, day, None, early)) == len(_all(market))


def test_nothing_is_sold_without_a_bid(market: tuple[OptionChain, Surface, date]) -> None:
    chain, surface, day = market
    mute = dataclasses.replace(chain, bid=np.where(chain.is_call, chain.bid, 0.0))
    names = (StructureName.BULL_PUT_SPREAD, StructureName.IRON_CONDOR)
    assert enumerate_candidates(names, SPACE, mute, surface, day) == ()
