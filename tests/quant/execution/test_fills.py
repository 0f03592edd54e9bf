"""Fills: the full natural price, a limit that holds, and no fill wherever a quote is missing."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders import BrokerOrder, Effect, Fill, FillMode
from domain.structures import Leg, Shares
from quant.execution.fills import NotFilled, fill
from quant.execution.quotes import price_band
from quant.execution.settlement import settled_prices, unsettled
from tests.fakes import AT, EXPIRY, LATER, D, chain, condor_legs, daily, leg, option, order

LEGS = condor_legs()
PUT_LONG, PUT_SHORT, CALL_SHORT, CALL_LONG = (one.instrument for one in LEGS)
QUOTES = {PUT_LONG: (9.9, 10.1), PUT_SHORT: (11.0, 11.2), CALL_SHORT: (8.0, 8.3), CALL_LONG: (6.0, 6.2)}
NATURAL = D("10.1") - D("11.0") - D("8.0") + D("6.2")  # -2.7
SAME, NEXT = FillMode.SAME_SNAPSHOT, FillMode.NEXT_QUOTE


def tried(asked: BrokerOrder, mode: FillMode = SAME) -> Fill | NotFilled:
    return fill(asked, chain(QUOTES), mode, at=AT)


def test_same_snapshot_takes_the_natural_price_of_each_leg() -> None:
    done = tried(order(limit_price=D("-2.70"), fees=D("5.32"), contracts=2))
    assert isinstance(done, Fill)
    assert done.net == NATURAL == D("-2.7")
    assert [one.price for one in done.legs] == [D("10.1"), D("11.0"), D("8.0"), D("6.2")]
    assert (done.contracts, done.fees, done.at, done.mode) == (2, D("5.32"), AT, "same_snapshot")


def test_a_limit_is_never_broken() -> None:
    missed = tried(order(limit_price=D("-2.71")))
    assert isinstance(missed, NotFilled)
    assert "-2.7" in missed.reason
    assert missed.final
    better = tried(order(limit_price=D("-1.00")))
    assert isinstance(better, Fill)
    assert better.net == NATURAL


def test_next_quote_rests_until_a_later_chain() -> None:
    resting = order(limit_price=D("-2.60"))
    early = fill(resting, chain(QUOTES, quoted_at=AT), NEXT, at=AT + timedelta(minutes=5))
    assert isinstance(early, NotFilled)
    assert not early.final
    later = chain(QUOTES, quoted_at=AT + timedelta(minutes=1))
    done = fill(resting, later, NEXT, at=AT + timedelta(minutes=5))
    assert isinstance(done, Fill)
    assert (done.net, done.at) == (NATURAL, AT + timedelta(minutes=5))
    assert isinstance(fill(order(limit_price=D("-2.80")), later, NEXT, at=AT + timedelta(minutes=5)), NotFilled)


def test_quotes_from_the_future_fill_nothing() -> None:
    later = chain(QUOTES, quoted_at=AT + timedelta(seconds=1))
    assert isinstance(fill(order(limit_price=D(0)), later, SAME, at=AT), NotFilled)


@pytest.mark.parametrize("quote", [(0.0, 0.3), (math.nan, 0.3), (0.2, math.nan), (0.4, 0.3), (-0.1, 0.3), (0.0, 0.0)])
def test_a_leg_that_nobody_bids_for_is_not_sold_to_open(quote: tuple[float, float]) -> None:
    poor = chain({**QUOTES, CALL_SHORT: quote})
    outcome = fill(order(limit_price=D(50)), poor, SAME, at=AT)
    assert isinstance(outcome, NotFilled)
    assert "SPX 2019-06-21 C 2950" in outcome.reason


def test_a_worthless_wing_is_given_away_when_closing() -> None:
    out = tuple(Leg(instrument=one.instrument, quantity=-one.quantity) for one in LEGS)
    poor = chain({PUT_LONG: (0.0, 0.05), PUT_SHORT: (0.05, 0.1), CALL_SHORT: (0.0, 0.05), CALL_LONG: (0.0, 0.05)})
    closing = order(out, effect=Effect.CLOSE, position_id="p", limit_price=D("0.15"))
    done = fill(closing, poor, SAME, at=AT)
    assert isinstance(done, Fill)
    assert done.net == D("0.15")
    assert "given away" in done.note
    assert isinstance(fill(dataclasses.replace(closing, limit_price=D("0.14")), poor, SAME, at=AT), NotFilled)


def test_a_leg_that_is_not_listed_or_holds_shares_is_not_filled() -> None:
    assert isinstance(tried(order((leg(1, 1234),), limit_price=D(5))), NotFilled)
    assert isinstance(tried(order((leg(1, 2740, expiry=LATER),), limit_price=D(50))), NotFilled)
    stock = order((Leg(instrument=Shares(ticker="SPX"), quantity=1),), cycle=EXPIRY, limit_price=D(5000))
    assert isinstance(tried(stock), NotFilled)


def test_the_band_runs_from_better_to_natural() -> None:
    band = price_band(LEGS, chain(QUOTES))
    assert band is not None
    assert (band.better, band.natural) == (D("9.9") - D("11.2") - D("8.3") + D("6.0"), NATURAL)
    assert price_band((*LEGS, leg(1, 1234)), chain(QUOTES)) is None


AFTER = datetime(2019, 6, 24, 14, 0, tzinfo=UTC)


def test_what_has_settled_is_closed_at_what_it_paid() -> None:
    bars = daily([(date(2019, 6, 20), 2900, 2954), (EXPIRY, 2953, 2955.5)])
    paid = settled_prices(LEGS, bars, AFTER)
    assert paid == {PUT_LONG: 0, PUT_SHORT: 0, CALL_SHORT: D("5.5"), CALL_LONG: 0}
    assert unsettled(LEGS, paid, AFTER) == ()
    out = tuple(Leg(instrument=one.instrument, quantity=-one.quantity) for one in LEGS)
    closing = order(out, effect=Effect.CLOSE, position_id="p", limit_price=D("5.5"))
    done = fill(closing, chain({}, quoted_at=AFTER), SAME, at=AFTER, settled=paid)
    assert isinstance(done, Fill)
    assert done.net == D("5.5")
    assert "at settlement" in done.note
    unknown = fill(closing, chain(QUOTES, quoted_at=AFTER), SAME, at=AFTER)
    assert isinstance(unknown, NotFilled)
    assert "settled" in unknown.reason


def test_morning_settlement_takes_the_open() -> None:
    morning = dataclasses.replace(option(2950, "call"), settles_at=datetime(2019, 6, 21, 13, 30, tzinfo=UTC))
    bars = daily([(EXPIRY, 2953, 2955.5)])
    assert settled_prices((Leg(instrument=morning, quantity=1),), bars, AFTER) == {morning: D(3)}


def test_a_settlement_is_not_known_before_its_bar_nor_from_adjusted_bars() -> None:
    bars = [(EXPIRY, 2953.0, 2955.5)]
    evening = datetime(2019, 6, 21, 20, 5, tzinfo=UTC)
    assert settled_prices(LEGS, daily(bars), evening) == {}
    assert len(unsettled(LEGS, {}, evening)) == 4
    assert settled_prices(LEGS, daily(bars, adjusted=True), AFTER) == {}
    assert settled_prices(LEGS, None, AFTER) == {}
    assert settled_prices(LEGS, daily([(EXPIRY, math.nan, math.nan)]), AFTER) == {}
    assert settled_prices(LEGS, daily(bars), AT) == {}


PRICES = st.tuples(st.integers(0, 400), st.integers(1, 40)).map(lambda one: (one[0] / 20, (one[0] + one[1]) / 20))


@given(st.lists(PRICES, min_size=4, max_size=4), st.integers(-2000, 2000))
@settings(max_examples=200, deadline=None)
def test_a_fill_is_the_sum_of_its_legs_at_the_worse_side_and_within_its_limit(
    quotes: list[tuple[float, float]], limit: int
) -> None:
    asked = order(limit_price=D(limit) / 100)
    done = fill(asked, chain(dict(zip(QUOTES, quotes, strict=True))), SAME, at=AT)
    if isinstance(done, NotFilled):
        return
    assert done.net <= asked.limit_price
    assert done.net == sum(one.leg.quantity * one.price for one in done.legs)
    for one, (bid, ask) in zip(done.legs, quotes, strict=True):
        assert float(one.price) == (ask if one.leg.quantity > 0 else bid)
