from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from domain.book import Position
from domain.errors import DataAbsent, StaleData
from domain.market import BarSeries, Interval, MarketSnapshot, OptionChain, RateCurve
from domain.structures import Leg, Option, Shares
from quant.structures.marks import mark
from quant.surface import Surface, fit
from quant.worth.proposal import option_of


@pytest.fixture
def snapshot(
    make_black_chain: Callable[..., OptionChain], make_snapshot: Callable[..., MarketSnapshot], black_as_of: datetime
) -> MarketSnapshot:
    return make_snapshot(make_black_chain(), black_as_of)


@pytest.fixture
def surface(snapshot: MarketSnapshot, make_flat_rates: Callable[..., RateCurve]) -> Surface:
    assert snapshot.chain is not None
    return fit(snapshot.chain, snapshot.as_of, make_flat_rates())


def _row(chain: OptionChain, strike: float, call: bool) -> int:
    return int(np.flatnonzero((chain.strike == strike) & (chain.is_call == call))[1])


def _position(snapshot: MarketSnapshot, legs: tuple[Leg, ...]) -> Position:
    return Position(
        id="p1",
        account="paper/test",
        ticker="SPX",
        sector="broad",
        name="x",
        legs=legs,
        contracts=2,
        entry_net=Decimal("-1"),
        fees=Decimal("1"),
        max_loss=Decimal("100"),
        max_profit=None,
        multiplier=100,
        cycle=snapshot.as_of.date(),
        opened_at=snapshot.as_of,
        playbook="x",
        params_hash="x",
        ticket_id="t",
    )


def _spread(snapshot: MarketSnapshot) -> tuple[Leg, Leg]:
    assert snapshot.chain is not None
    return (
        Leg(instrument=option_of(snapshot.chain, _row(snapshot.chain, 480.0, False)), quantity=1),
        Leg(instrument=option_of(snapshot.chain, _row(snapshot.chain, 490.0, False)), quantity=-1),
    )


def test_mark_is_the_surface_inside_the_quotes(snapshot: MarketSnapshot, surface: Surface) -> None:
    chain = snapshot.chain
    assert chain is not None
    found = mark(_position(snapshot, _spread(snapshot)), snapshot, surface)
    low, high = (_row(chain, strike, False) for strike in (480.0, 490.0))
    mid = 0.5 * (chain.bid + chain.ask)
    assert float(found.value) == pytest.approx(200 * (mid[low] - mid[high]), abs=1.0)
    assert found.note == "2 surface"


def test_a_bad_quote_clamps(snapshot: MarketSnapshot, surface: Surface) -> None:
    chain = snapshot.chain
    assert chain is not None
    row = _row(chain, 480.0, False)
    bid, ask = chain.bid.copy(), chain.ask.copy()
    bid[row], ask[row] = 60.0, 61.0
    off = dataclasses.replace(snapshot, chain=dataclasses.replace(chain, bid=bid, ask=ask))
    found = mark(_position(off, _spread(snapshot)[:1]), off, surface)
    assert found.value == Decimal("12000.00")
    assert "clamped" in found.note


def test_without_quote_the_surface_without_both_an_error(snapshot: MarketSnapshot, surface: Surface) -> None:
    chain = snapshot.chain
    assert chain is not None
    row = _row(chain, 480.0, False)
    ask = chain.ask.copy()
    ask[row] = np.nan
    off = dataclasses.replace(snapshot, chain=dataclasses.replace(chain, ask=ask))
    found = mark(_position(off, _spread(snapshot)[:1]), off, surface)
    assert found.note == "1 surface, no quote"
    assert float(found.value) == pytest.approx(200 * 0.5 * (chain.bid[row] + chain.ask[row]), rel=0.02)
    with pytest.raises(DataAbsent, match="no sound quote and no fitted slice"):
        mark(_position(off, _spread(snapshot)[:1]), off, None)
    with pytest.raises(DataAbsent, match="holds no option chain"):
        mark(_position(off, _spread(snapshot)[:1]), dataclasses.replace(off, chain=None), surface)


def test_old_quotes_are_no_mark(snapshot: MarketSnapshot, surface: Surface) -> None:
    later = snapshot.as_of + timedelta(minutes=16)
    with pytest.raises(StaleData, match="16 minutes old"):
        mark(_position(snapshot, _spread(snapshot)), snapshot, surface, later)


def test_settled_legs_take_the_known_close(snapshot: MarketSnapshot, surface: Surface) -> None:
    legs = _spread(snapshot)
    option = legs[0].instrument
    assert isinstance(option, Option)
    after = option.settles_at + timedelta(days=1)
    start = np.array(
        [int(datetime.combine(option.expiry, datetime.min.time(), UTC).timestamp()) + 52_200], dtype=np.int64
    )
    bar = BarSeries(
        ticker="SPX",
        interval=Interval.DAY,
        source="t",
        adjusted=False,
        start=start,
        known_at=start + 24_000,
        open=np.array([470.0]),
        high=np.array([475.0]),
        low=np.array([460.0]),
        close=np.array([464.0]),
        volume=np.array([np.nan]),
    )
    done = dataclasses.replace(snapshot, daily=bar, as_of=after, chain=None)
    assert mark(_position(snapshot, legs), done, None).value == Decimal("-2000.00")  # (16 - 26) x 100 x 2
    with pytest.raises(DataAbsent, match="no unadjusted daily bar"):
        mark(_position(snapshot, legs), dataclasses.replace(done, daily=dataclasses.replace(bar, adjusted=True)), None)


def test_shares_are_marked_at_spot(snapshot: MarketSnapshot) -> None:
    legs = (Leg(instrument=Shares(ticker="SPX"), quantity=100),)
    assert mark(_position(snapshot, legs), snapshot, None).value == Decimal("100000.00")
