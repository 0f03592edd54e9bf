"""Model quotes: where they stand around a value, what they keep (parity, the surface), and whom they refuse."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime

import numpy as np
import pytest
from scipy.special import ndtr

from domain.errors import BadInput
from domain.market import Exercise, Kind, OptionChain, Quotes, RateCurve
from quant.execution.quotes import Venue, too_late, untradable
from quant.execution.spreads import (
    DAYS,
    MONEYNESS,
    VERSION,
    KindSpreads,
    SpreadCell,
    SpreadModel,
    around,
    cell_of,
    days_left,
    tick,
    with_model_quotes,
)
from quant.surface import Surface, fit
from quant.vanilla.clock import YEAR_S
from quant.vanilla.implied import implied_vol
from tools.randomness import generator

Make = Callable[..., OptionChain]
SHARES = (0.02, 0.03, 0.05, 0.12, 0.40)  # by moneyness, the same for all days


def a_model(kind: Kind = Kind.ETF, *, unbid: float = 0.0, inside: float = 0.01, floor: int = 1) -> SpreadModel:
    cells = tuple(SpreadCell(share=share, unbid=unbid, n=500) for _ in DAYS[1:] for share in SHARES)
    fitted = KindSpreads(kind=kind, cells=cells, floor_ticks=floor, inside_share=inside, error=0.3, held_out="b from a")
    return SpreadModel(
        name="trial",
        version=VERSION,
        sets=("a", "b"),
        first=date(2023, 1, 3),
        last=date(2023, 6, 1),
        chains=9,
        quotes=10_000,
        kinds=(fitted,),
    )


def quoteless(chain: OptionChain) -> OptionChain:
    """The chain with its mids' volatilities (at the true forward, carry 3 %) in place of its quotes."""
    t = (chain.settles_at - chain.quoted_at.timestamp()) / YEAR_S
    forward = chain.spot * np.exp(0.03 * t)
    mid = 0.5 * (chain.bid + chain.ask)
    vol = implied_vol(mid, forward, chain.strike, t, np.exp(-0.04 * t), chain.is_call).sigma
    sd = vol * np.sqrt(t)
    delta = ndtr(np.log(forward / chain.strike) / sd + 0.5 * sd) - np.where(chain.is_call, 0.0, 1.0)
    nothing = np.full(len(chain), np.nan)
    return dataclasses.replace(
        chain, bid=nothing, ask=nothing, vendor_iv=vol, vendor_delta=delta, quotes=Quotes.NONE, source="archive"
    )


@pytest.fixture
def rates(make_flat_rates: Callable[..., RateCurve]) -> RateCurve:
    return make_flat_rates()


@pytest.fixture
def bare(make_black_chain: Make) -> OptionChain:
    """Four expiries of an American ETF without quotes."""
    return quoteless(make_black_chain(ticker="SPY", exercise=Exercise.AMERICAN))


@pytest.fixture
def surface(bare: OptionChain, black_as_of: datetime, rates: RateCurve) -> Surface:
    return fit(bare, black_as_of, rates)


def test_cells_by_days_and_moneyness() -> None:
    columns = len(MONEYNESS) - 1
    assert cell_of(np.array([0, 7, 8, 35, 36, 95, 96, 400, 900]), np.full(9, 0.2)).tolist() == [
        row * columns for row in (0, 0, 1, 1, 2, 2, 3, 3, 3)
    ]
    away = np.array([0.0, 0.49, 0.5, 1.2, 1.5, 2.5, 3.9, 9.0])
    assert cell_of(8, away).tolist() == [columns + i for i in (0, 0, 1, 2, 3, 4, 4, 4)]


def test_days_are_those_of_the_list() -> None:
    """A quarter to four to the close a week ahead is 7 days, and so is the opening print of that day."""
    quarter, night = 900 / YEAR_S, (17.75 * 3600) / YEAR_S
    assert days_left(7 / 365 + quarter) == 7
    assert days_left(6 / 365 + night) == 7
    assert days_left(quarter) == 0


def test_ticks() -> None:
    prices = np.array([0.5, 2.99, 3.0, 40.0])
    assert tick("SPY", Kind.ETF, prices).tolist() == [0.01, 0.01, 0.01, 0.01]
    assert tick("NVDA", Kind.STOCK, prices).tolist() == [0.01, 0.01, 0.05, 0.05]
    assert tick("SPX", Kind.INDEX, prices).tolist() == [0.05, 0.05, 0.10, 0.10]


def test_quotes_stand_around_their_value() -> None:
    draw = generator(11)
    step = draw.choice([0.01, 0.05, 0.10], 4000)
    value, width = draw.lognormal(0.0, 2.0, 4000), draw.lognormal(-2.0, 1.5, 4000)
    bid, ask = around(value, width, step, np.ones(4000, dtype=bool))
    assert (bid >= 0.0).all()
    assert (ask > bid).all()
    assert (ask >= value - 1e-9).all()
    assert (bid <= value + 1e-9).all()
    two = bid > 0.0
    assert 0.5 < two.mean() < 1.0
    shown = (ask - bid)[two]
    assert (shown >= width[two] - 1e-9).all()
    assert (shown < width[two] + step[two] + 1e-9).all()
    assert (np.abs(0.5 * (bid + ask) - value)[two] <= 0.5 * step[two] + 1e-4).all()
    for side in (bid, ask):
        np.testing.assert_allclose(side / step, np.round(side / step), atol=2e-3)


def test_nobody_bids_for_what_is_worth_less_than_a_tick_or_where_most_have_no_bid() -> None:
    step = np.full(3, 0.05)
    bid, ask = around(np.array([0.02, 1.0, 1.0]), np.array([0.05, 0.1, 0.1]), step, np.array([True, True, False]))
    assert bid.tolist() == [0.0, 0.95, 0.0]
    assert ask.tolist() == [0.05, 1.05, 1.05]


def test_quotes_follow_the_model(bare: OptionChain, surface: Surface) -> None:
    quoted = with_model_quotes(bare, surface, a_model(), Kind.ETF)
    assert quoted.quotes is Quotes.MODEL
    assert quoted.spread_model == "trial: fitted on a, b, 10,000 quotes to 2023-06-01"
    assert quoted.source == "archive, quotes of spread model trial"
    for one in surface.slices:
        strike, call = quoted.strike[one.rows], quoted.is_call[one.rows]
        bid, ask = quoted.bid[one.rows], quoted.ask[one.rows]
        value = one.price(strike, call)
        k = np.log(strike / one.forward)
        away = np.abs(k) / (one.vol(k) * np.sqrt(one.t))
        outside = np.where(call, k >= 0.0, k < 0.0) & (value > 2.0) & (away < 2.5)
        share = np.array(SHARES)[np.searchsorted(MONEYNESS, away[outside], side="right") - 1]
        np.testing.assert_allclose((ask - bid)[outside], share * value[outside], atol=0.0101)
        np.testing.assert_allclose(0.5 * (bid + ask)[outside], value[outside], atol=0.03)
    assert not untradable(quoted)
    assert "carry no live order" in too_late(quoted, Venue(paper=False, waits=True))


def test_options_in_the_money_are_wider_by_the_stated_share(bare: OptionChain, surface: Surface) -> None:
    one = surface.slices[1]
    quoted = with_model_quotes(bare, surface, a_model(inside=0.01), Kind.ETF)
    rows = one.rows
    for strike in (420.0, 470.0):
        call = rows[(quoted.strike[rows] == strike) & quoted.is_call[rows]][0]
        put = rows[(quoted.strike[rows] == strike) & ~quoted.is_call[rows]][0]
        more = quoted.bid[call] + quoted.ask[call] - quoted.bid[put] - quoted.ask[put]
        wider = (quoted.ask - quoted.bid)[call] - (quoted.ask - quoted.bid)[put]
        assert wider == pytest.approx(0.01 * 0.5 * more, abs=0.0201)


def test_american_options_are_worth_their_intrinsic_value(make_black_chain: Make, rates: RateCurve) -> None:
    chain = quoteless(make_black_chain(ticker="SPY", exercise=Exercise.AMERICAN, vol=0.12, skew=0.0, smile=0.0))
    quoted = with_model_quotes(chain, fit(chain, chain.quoted_at, rates), a_model(), Kind.ETF)
    deep = ~chain.is_call & (chain.strike > 600.0) & (quoted.ask > 0.0)
    assert deep.sum() > 10
    assert (quoted.ask[deep] >= chain.strike[deep] - chain.spot).all()
    assert (0.5 * (quoted.bid + quoted.ask)[deep] >= chain.strike[deep] - chain.spot - 0.006).all()


def test_parity_holds_to_the_tick(make_black_chain: Make, rates: RateCurve) -> None:
    chain = quoteless(make_black_chain(ticker="XSP"))
    noise = np.exp(0.01 * generator(2).standard_normal(len(chain)))
    chain = dataclasses.replace(chain, vendor_iv=chain.vendor_iv * noise)
    surface = fit(chain, chain.quoted_at, rates)
    quoted = with_model_quotes(chain, surface, a_model(Kind.INDEX), Kind.INDEX)
    mid = np.where(quoted.bid > 0.0, 0.5 * (quoted.bid + quoted.ask), np.nan)
    for one in surface.slices:
        calls, puts = one.rows[quoted.is_call[one.rows]], one.rows[~quoted.is_call[one.rows]]
        strike, i, j = np.intersect1d(quoted.strike[calls], quoted.strike[puts], return_indices=True)
        off = mid[calls[i]] - mid[puts[j]] - one.discount * (one.forward - strike)
        assert np.isfinite(off).sum() > 20
        assert np.nanmax(np.abs(off)) <= 0.0101


def test_the_surface_of_model_quotes_is_the_vendors(
    bare: OptionChain, surface: Surface, rates: RateCurve, black_as_of: datetime
) -> None:
    again = fit(with_model_quotes(bare, surface, a_model(), Kind.ETF), black_as_of, rates)
    assert len(again.slices) == len(surface.slices)
    for one, other in zip(surface.slices, again.slices, strict=True):
        assert other.forward == pytest.approx(one.forward, rel=2e-5)
        k = np.linspace(-1.5, 1.0, 11) * one.atm_vol * np.sqrt(one.t)
        np.testing.assert_allclose(other.vol(k), one.vol(k), atol=5e-4)
        assert "no quotes" not in other.quality


def test_rows_without_a_volatility_stay_unquoted(bare: OptionChain, black_as_of: datetime, rates: RateCurve) -> None:
    lost = np.isin(bare.strike, (450.0, 520.0))
    chain = dataclasses.replace(bare, vendor_iv=np.where(lost, 0.0, bare.vendor_iv))
    quoted = with_model_quotes(chain, fit(chain, black_as_of, rates), a_model(), Kind.ETF)
    assert np.isnan(quoted.bid[lost]).all()
    assert np.isnan(quoted.ask[lost]).all()
    assert np.isfinite(quoted.ask[~lost & (np.abs(bare.strike - 500.0) < 60.0)]).all()


def test_where_most_have_no_bid_none_is_made(bare: OptionChain, surface: Surface) -> None:
    quoted = with_model_quotes(bare, surface, a_model(unbid=0.6), Kind.ETF)
    one = surface.slices[0]
    outside = np.where(
        bare.is_call[one.rows], bare.strike[one.rows] >= one.forward, bare.strike[one.rows] < one.forward
    )
    shown = np.isfinite(quoted.ask[one.rows])
    assert (quoted.bid[one.rows][outside & shown] == 0.0).all()
    assert (quoted.bid[one.rows][~outside & shown] > 0.0).any()


def test_a_model_of_later_quotes_says_so(bare: OptionChain, surface: Surface) -> None:
    later = dataclasses.replace(a_model(), last=date(2024, 12, 31))
    assert with_model_quotes(bare, surface, later, Kind.ETF).spread_model.endswith("some are later than this chain")


def test_whom_it_refuses(bare: OptionChain, surface: Surface, make_black_chain: Make) -> None:
    with pytest.raises(BadInput, match=r"trial knows no stock quotes, only etf.*parley data spreads fit"):
        with_model_quotes(bare, surface, a_model(), Kind.STOCK)
    with pytest.raises(BadInput, match="has quotes"):
        with_model_quotes(make_black_chain(), surface, a_model(), Kind.ETF)
