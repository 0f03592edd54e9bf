"""Quotes that cannot be lose bid and ask, each under its reason; open interest and volume stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domain.market import ChainQuality, OptionChain
from tests.tools.market.quality.chains import NAN, RATES, clean, rows, spoilt, spy
from tools.market.quality import ALONE, screen

BESIDE = ALONE._replace(rates=RATES)


def judged(chain: OptionChain, reason: str, *expected: int) -> ChainQuality:
    """These rows and no others are without quotes, for this reason."""
    screened, quality = screen(chain, BESIDE)
    blank = np.flatnonzero(np.isnan(screened.bid) & np.isnan(screened.ask))
    assert sorted(blank.tolist()) == sorted(expected)
    assert quality.unquoted == ((reason, len(expected)),)
    assert quality.dropped == ()
    assert np.array_equal(screened.open_interest, chain.open_interest)
    assert np.array_equal(screened.volume, chain.volume)
    assert reason in quality.text()
    return quality


@pytest.mark.parametrize("make", [clean, spy])
def test_a_clean_chain_beside_rates_passes_untouched(make: Any) -> None:
    chain = make()
    screened, quality = screen(chain, BESIDE)
    assert screened is chain
    assert quality.text() == ""


@pytest.mark.parametrize(("bid", "ask"), [(0.0, NAN), (NAN, NAN), (NAN, 0.0), (0.0, 0.0)])
def test_no_bid_and_no_ask_is_no_market(bid: float, ask: float) -> None:
    chain = clean()
    at = rows(chain, 31, 1.15, True)
    judged(spoilt(chain, at, bid=bid, ask=ask), "no market", at)


@pytest.mark.parametrize(("bid", "ask"), [(0.0, 0.3), (NAN, 0.3), (0.05, NAN)])
def test_one_side_is_a_fact_and_stays(bid: float, ask: float) -> None:
    chain = spoilt(clean(), rows(clean(), 31, 1.15, True), bid=bid, ask=ask)
    screened, quality = screen(chain, BESIDE)
    assert screened is chain
    assert quality.unquoted == ()


def test_infinite_quotes_are_none() -> None:
    chain = clean()
    at = rows(chain, 31, 1.15, True)
    judged(spoilt(chain, at, ask=np.inf), "infinite", at)


@pytest.mark.parametrize("make", [clean, spy])
@pytest.mark.parametrize(
    ("is_call", "moneyness", "price"),
    [
        (True, 1.05, 1.01),  # dearer than the underlying
        (False, 0.95, 0.96),  # a put dearer than its strike
        (True, 1.1, 0.5),  # above the value at 500 %, in three days
        (True, 0.85, 0.14),  # under intrinsic value
        (False, 1.15, 0.14),
    ],
)
def test_a_price_outside_every_model_is_absurd(make: Any, is_call: bool, moneyness: float, price: float) -> None:
    chain = make()
    at = rows(chain, 3, moneyness, is_call)
    judged(spoilt(chain, at, bid=price * chain.spot, ask=price * chain.spot + 0.1), "absurd", at)


def test_an_american_put_may_cost_what_exercise_pays_and_a_european_one_less() -> None:
    """Deep in the money: K - S is more than D (K - F), so one is the floor of an American put only."""
    american, european = spy(days=(31, 66, 101)), clean(days=(31, 66, 101))
    at = rows(american, 101, 1.19, False)
    now = american.strike[at] - american.spot
    judged(spoilt(american, at, bid=now - 3.0, ask=now - 1.0), "absurd", at)
    assert european.ask[at] < european.strike[at] - european.spot
    assert screen(european, BESIDE)[1].unquoted == ()


@pytest.mark.parametrize(("make", "shift"), [(clean, 0.004), (spy, 0.03)])
@pytest.mark.parametrize(("is_call", "moneyness"), [(True, 0.90), (False, 1.10)])
def test_off_parity_names_the_option_in_the_money(make: Any, shift: float, is_call: bool, moneyness: float) -> None:
    """American options have more room: unknown dividends and early exercise. (Too cheap: intrinsic value says it.)"""
    chain = make()
    at, moved = rows(chain, 66, moneyness, is_call), shift * chain.spot
    judged(spoilt(chain, at, bid=chain.bid[at] + moved, ask=chain.ask[at] + moved), "off parity", at)


def test_within_the_spreads_parity_may_be_off() -> None:
    chain = clean()
    at = rows(chain, 66, 0.90, True)
    moved = spoilt(chain, at, bid=chain.bid[at] - 20.0, ask=chain.ask[at] + 20.0)
    assert screen(moved, BESIDE)[1].unquoted == ()


def test_near_the_money_both_are_named() -> None:
    chain = clean()
    at, other = rows(chain, 66, 1.0, True), rows(chain, 66, 1.0, False)
    judged(spoilt(chain, at, bid=chain.bid[at] + 20.0, ask=chain.ask[at] + 20.0), "off parity", at, other)


@pytest.mark.parametrize("make", [clean, spy])
@pytest.mark.parametrize(("is_call", "moneyness"), [(True, 1.15), (False, 0.85)])
def test_dearer_than_what_lies_nearer_the_money_is_out_of_order(make: Any, is_call: bool, moneyness: float) -> None:
    chain = make(vol=0.3)
    at = rows(chain, 66, moneyness, is_call)
    nearer = [rows(chain, 66, moneyness + step * (-1 if is_call else 1), is_call) for step in (0.005, 0.010)]
    just = float(np.max(chain.ask[nearer]))
    dear = spoilt(chain, at, bid=just + 0.06, ask=just + 0.2)
    judged(dear, "out of order", at)
    touching = spoilt(chain, at, bid=just + 0.04, ask=just + 0.2)
    assert "out of order" not in dict(screen(touching, BESIDE)[1].unquoted)
    # one low ask nearer to the money does not condemn what lies beyond it
    low = spoilt(chain, nearer[0], bid=chain.bid[at] * 0.5, ask=chain.bid[at] * 0.6)
    assert "out of order" not in dict(screen(low, BESIDE)[1].unquoted)


def test_a_put_that_is_out_of_order_is_not_held_against_its_call() -> None:
    chain = clean()
    put, call = rows(chain, 66, 0.9, False), rows(chain, 66, 0.9, True)
    dear = spoilt(chain, put, bid=chain.bid[put] + 40.0, ask=chain.ask[put] + 40.0)
    judged(dear, "out of order", put)
    assert not np.isnan(screen(dear, BESIDE)[0].bid[call])


def test_american_room_for_dividends_and_early_exercise() -> None:
    """C - P between S - PV(dividends) - K and S - K D is nothing to complain of, whatever the forward says."""
    chain = spy()
    at = rows(chain, 101, 1.0, True)
    for low in (-9.0, 3.0):  # an ex-date that nobody told us of; carry of the strike
        moved = spoilt(chain, at, bid=chain.bid[at] + low, ask=chain.ask[at] + low)
        assert screen(moved, BESIDE)[1].unquoted == (), low


def test_without_rates_american_parity_is_still_bounded() -> None:
    chain = spy()
    at = rows(chain, 66, 0.90, True)
    moved = spoilt(chain, at, bid=chain.bid[at] + 15.0, ask=chain.ask[at] + 15.0)
    screened, quality = screen(moved)
    assert quality.unquoted == (("off parity", 1),)
    assert np.isnan(screened.bid[at])


def test_numbers_of_the_source_that_cannot_be_are_left_out() -> None:
    chain = clean()
    wild = [rows(chain, 31, m, True) for m in (0.9, 1.0, 1.1)]
    spoiled = spoilt(chain, slice(None), vendor_delta=0.5)
    for at, iv in zip(wild, (5.01, 0.0009, np.inf), strict=True):
        spoiled = spoilt(spoiled, at, vendor_iv=iv)
    spoiled = spoilt(spoiled, rows(chain, 31, 1.2, True), vendor_delta=1.2, volume=-1.0, open_interest=np.inf)
    screened, quality = screen(spoiled, BESIDE)
    assert np.isnan(screened.vendor_iv[wild]).all()
    assert np.isnan(screened.vendor_delta[wild]).all()
    assert np.isnan(screened.vendor_iv).sum() == 3
    assert np.isnan(screened.vendor_delta).sum() == 4
    assert np.isnan(screened.volume).sum() == np.isnan(screened.open_interest).sum() == 1
    assert quality.flags == (
        "3 volatilities of the source outside 0.1 % to 500 %, left out",
        "1 deltas of the source outside -1 to 1, left out",
        "2 impossible volumes or open interests, left out",
    )
    assert quality.unquoted == ()
    edge = spoilt(chain, wild[:2], vendor_iv=[5.0, 0.001])
    assert screen(edge, BESIDE)[1].flags == ()
