"""Chains without quotes: nothing can be proposed on them, and what is held is marked on the surface."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from domain.book import Position
from domain.market import Exercise, Kind, MarketSnapshot, OptionChain, RateCurve
from domain.playbook import SearchSpace
from domain.structures import Leg, StructureName
from quant.execution.quotes import Unquoted, leg_quote
from quant.execution.spreads import with_model_quotes
from quant.structures.enumerate import enumerate_candidates
from quant.structures.marks import mark
from quant.surface import Surface, fit
from quant.worth.proposal import option_of
from tests.quant.execution.test_spreads import a_model, quoteless

SPACE = SearchSpace(min_dte=25, max_dte=50, short_delta=(0.1, 0.35), widths=(0.02, 0.04))


@pytest.fixture
def bare(make_black_chain: Callable[..., OptionChain]) -> OptionChain:
    return quoteless(make_black_chain(ticker="SPY", exercise=Exercise.AMERICAN))


@pytest.fixture
def surface(bare: OptionChain, make_flat_rates: Callable[..., RateCurve]) -> Surface:
    return fit(bare, bare.quoted_at, make_flat_rates())


def test_nothing_is_proposed_without_quotes_and_much_with_those_of_a_model(bare: OptionChain, surface: Surface) -> None:
    day: date = bare.quoted_at.date()
    names = (StructureName.IRON_CONDOR, StructureName.BULL_CALL_SPREAD)
    assert not [batch for batch in enumerate_candidates(names, SPACE, bare, surface, day) if len(batch.rows)]
    quoted = with_model_quotes(bare, surface, a_model(), Kind.ETF)
    assert sum(len(batch.rows) for batch in enumerate_candidates(names, SPACE, quoted, surface, day)) > 10


def test_what_is_held_is_marked_on_the_surface(
    bare: OptionChain, surface: Surface, make_snapshot: Callable[..., MarketSnapshot]
) -> None:
    row = int(np.flatnonzero((bare.strike == 480.0) & ~bare.is_call)[1])
    leg = Leg(instrument=option_of(bare, row), quantity=1)
    held = Position(
        id="p1",
        account="paper/test",
        ticker="SPY",
        sector="broad",
        name="long put",
        legs=(leg,),
        contracts=1,
        entry_net=Decimal(1),
        fees=Decimal(1),
        max_loss=Decimal(100),
        max_profit=None,
        multiplier=100,
        cycle=bare.quoted_at.date(),
        opened_at=bare.quoted_at,
        playbook="x",
        params_hash="x",
        ticket_id="t",
    )
    found = mark(held, make_snapshot(bare, bare.quoted_at), surface)
    assert found.note == "1 surface, no quote"
    assert float(found.value) == pytest.approx(100 * float(surface.slices[1].price(480.0, False)), abs=0.01)
    quote = leg_quote(leg, bare)
    assert isinstance(quote, Unquoted)
    assert quote.why == "no bid or no ask"
