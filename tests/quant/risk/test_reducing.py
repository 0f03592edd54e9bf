"""Which orders only reduce: a few books by hand, then properties over random ones."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.book import Position
from domain.orders import BrokerOrder, Effect
from domain.structures import Leg, Option, Shares
from quant.risk.reducing import reduces
from quant.risk.worst import joined, multiplied, worst_loss
from tests.fakes import LATER, D, book, closing, commitment, condor_legs, leg, option, order, position


def closes(held: Position, *legs: Leg, contracts: int = 1) -> BrokerOrder:
    return order(legs, effect=Effect.CLOSE, position_id=held.id, contracts=contracts, max_loss=D(0))


def test_worst_losses_known_in_closed_form() -> None:
    def loss(*legs: Leg) -> float:
        return float(worst_loss(multiplied(legs, 1)).loss)

    assert loss(*condor_legs(10)) == 1000
    assert loss(leg(1, 2800), leg(1, 2900, "call")) == 0  # bought options owe nothing
    assert loss(leg(-1, 2800)) == 280_000  # a put sold: the whole strike
    assert loss(leg(-1, 2800, "call"), leg(1, 2800, "call", expiry=LATER)) == 0  # calendar
    assert loss(leg(-1, 2800, "call"), leg(1, 2830, "call", expiry=LATER)) == 3000  # diagonal: the gap in strikes
    assert loss(leg(-1, 2830, "call"), leg(1, 2800, "call", expiry=LATER)) == 0
    assert loss(leg(1, 2800, "call"), leg(-2, 2810, "call"), leg(1, 2840, "call")) == 2000  # broken wing
    box = (leg(1, 2800, "call"), leg(-1, 2810, "call"), leg(1, 2810), leg(-1, 2800))
    assert loss(*box) == -1000  # a box pays its width whatever happens
    stock = Leg(instrument=Shares(ticker="SPX"), quantity=100)
    assert loss(stock, leg(-1, 2900, "call")) == 0
    assert worst_loss(multiplied((leg(-1, 2900, "call"),), 1)).tail == -100
    # Sold for later against a long that settles first: the underlying, bought for the strike, covers any call.
    assert loss(leg(1, 2800, "call"), leg(-1, 2900, "call", expiry=LATER)) == 280_000


def test_the_later_leg_counts_at_its_convex_bound_not_at_its_payoff() -> None:
    # A later butterfly pays at least nothing everywhere, so a front spread sold beside it still loses its width.
    later = (
        leg(1, 2790, "call", expiry=LATER),
        leg(-2, 2800, "call", expiry=LATER),
        leg(1, 2810, "call", expiry=LATER),
    )
    front = (leg(-1, 2800, "call"), leg(1, 2810, "call"))
    assert worst_loss(multiplied((*later, *front), 1)).loss == 1000
    # A later put spread sold can cost its width wherever the front settles below.
    sold = (leg(-1, 2800, expiry=LATER), leg(1, 2790, expiry=LATER))
    assert worst_loss(multiplied((*sold, *front), 1)).loss == 2000


def test_by_hand() -> None:
    condor = position(contracts=2)
    mine = book(positions=(condor,))
    put_long, put_short, call_short, call_long = condor.legs

    def out(*legs: Leg, contracts: int = 1) -> bool:
        return reduces(closes(condor, *legs, contracts=contracts), mine)

    def back(one: Leg) -> Leg:
        return Leg(instrument=one.instrument, quantity=-one.quantity)

    whole = tuple(back(one) for one in condor.legs)
    assert out(*whole)
    assert out(*whole, contracts=2)
    assert not out(*whole, contracts=3)  # past flat
    assert out(back(put_short))  # buying a short back
    assert out(back(call_short), back(call_long))
    assert not out(back(call_long))  # would leave the short without limit
    assert not out(back(put_long))  # would leave the put spread wide open
    assert not out(put_short)  # adds
    assert not out(back(put_short), put_short)  # trades a leg both ways
    assert not out(leg(1, 2705))  # not held
    assert not reduces(closes(condor, back(leg(1, 2740, ticker="XYZ"))), mine)


def test_a_position_that_hedges_another_is_not_closed_as_reducing() -> None:
    risky = position((leg(-1, 2800), leg(1, 2790)), id="a")
    hedge = position((leg(1, 2800), leg(-1, 2790)), id="b")
    both = book(positions=(risky, hedge))
    assert not reduces(closing(hedge), both)
    assert reduces(closing(hedge), book(positions=(hedge,)))


def test_condors_that_share_a_strike_close_one_by_one() -> None:
    one = position((leg(-1, 2800), leg(1, 2790)), id="a")
    other = position((leg(-1, 2790), leg(1, 2780)), id="b")  # 2790 nets to nothing in the account
    both = book(positions=(one, other))
    assert reduces(closing(one), both)
    assert reduces(closing(other), both)


def test_what_works_already_is_taken_off() -> None:
    spare = position((leg(2, 2800, "call"), leg(-1, 2810, "call")), id="a")
    sell_one = order((leg(-1, 2800, "call"),), effect=Effect.CLOSE, position_id="a", max_loss=D(0), ticket_id="t-2")
    working = commitment(id="t-1", legs=(leg(-1, 2800, "call"),), position_id="a", working=True, max_loss=D(0))
    assert reduces(sell_one, book(positions=(spare,)))
    assert not reduces(sell_one, book(positions=(spare,), commitments=(working,)))
    own = dataclasses.replace(sell_one, ticket_id="t-1")
    assert reduces(own, book(positions=(spare,), commitments=(working,)))


@pytest.mark.parametrize("contracts", [0, -1])
def test_a_count_that_is_none_does_not_reduce(contracts: int) -> None:
    held = position()
    assert not reduces(closing(held, contracts=contracts), book(positions=(held,)))


STRIKES = (90, 95, 100, 105, 110)
LEGS = st.builds(
    lambda quantity, strike, right, later: leg(
        quantity, strike, right, ticker="XYZ", **({"expiry": LATER} if later else {})
    ),
    st.sampled_from((-2, -1, 1, 2)),
    st.sampled_from(STRIKES),
    st.sampled_from(("call", "put")),
    st.booleans(),
)


def unique(legs: list[Leg]) -> tuple[Leg, ...]:
    return tuple({one.instrument: one for one in legs}.values())


POSITIONS = st.lists(
    st.tuples(st.lists(LEGS, min_size=1, max_size=4).map(unique), st.integers(1, 3)), min_size=1, max_size=3
).map(
    lambda found: tuple(
        position(legs, id=f"p{n}", contracts=count, sector="tech") for n, (legs, count) in enumerate(found)
    )
)


@st.composite
def orders(draw: st.DrawFn, held: tuple[Position, ...]) -> BrokerOrder:
    """Mostly closes of some legs of one position, at times more than it holds, at times something else."""
    one = draw(st.sampled_from(held))
    legs = []
    for part in one.legs:
        quantity = draw(st.sampled_from((0, 0, 1, 1, 2, -1)))
        if quantity:
            legs.append(Leg(instrument=part.instrument, quantity=-quantity if part.quantity > 0 else quantity))
    if draw(st.integers(0, 9)) == 0:
        legs.append(draw(LEGS))
    assume(legs)
    return closes(one, *legs, contracts=draw(st.integers(1, 4)))


def total(held: tuple[Position, ...]) -> dict[Option | Shares, int]:
    return joined(*(multiplied(one.legs, one.contracts) for one in held))


@given(POSITIONS, st.data())
@settings(max_examples=150, deadline=None)
def test_no_reducing_order_passes_flat_or_raises_the_worst_loss(
    held: tuple[Position, ...], data: st.DataObject
) -> None:
    asked = data.draw(orders(held))
    if not reduces(asked, book(positions=held)):
        return
    own = next(one for one in held if one.id == asked.position_id)
    have, trade = multiplied(own.legs, own.contracts), multiplied(asked.legs, asked.contracts)
    for instrument, quantity in trade.items():
        assert have[instrument] * quantity < 0
        assert abs(quantity) <= abs(have[instrument])
    before, after = total(held), joined(total(held), trade)
    was, would = worst_loss(before), worst_loss(after)
    assert would.loss <= max(was.loss, 0) or not was.bounded
    assert would.tail >= was.tail


@given(POSITIONS)
@settings(max_examples=150, deadline=None)
def test_a_lone_position_that_owes_at_most_its_own_loss_can_always_be_closed(held: tuple[Position, ...]) -> None:
    one = held[0]
    assert reduces(closing(one), book(positions=(one,)))
    assert reduces(closing(one, contracts=1), book(positions=(one,)))


@given(POSITIONS, POSITIONS)
@settings(max_examples=150, deadline=None)
def test_worst_loss_is_no_more_than_the_sum_of_its_parts(
    one: tuple[Position, ...], other: tuple[Position, ...]
) -> None:
    a, b = total(one), total(other)
    together = worst_loss(joined(a, b))
    apart = (worst_loss(a), worst_loss(b))
    assume(all(part.bounded for part in apart))
    assert together.loss <= apart[0].loss + apart[1].loss


@given(POSITIONS, st.lists(st.integers(60, 140), min_size=2, max_size=2))
@settings(max_examples=200, deadline=None)
def test_no_path_through_both_settlements_loses_more_on_average_than_the_bound(
    held: tuple[Position, ...], spots: list[int]
) -> None:
    """A martingale oracle: from the front price, go to two later prices with the chances that keep the mean."""
    legs = total(held)
    bound = worst_loss(legs)
    assume(bound.bounded)
    low, high = sorted(spots)
    assume(low < high)
    front = Fraction(low + high, 2)

    def paid(later: bool, spot: Fraction) -> Fraction:
        value = Fraction(0)
        for instrument, quantity in legs.items():
            assert isinstance(instrument, Option)
            if (instrument.expiry == LATER) == later:
                gain = (
                    spot - Fraction(instrument.strike)
                    if instrument.right == "call"
                    else Fraction(instrument.strike) - spot
                )
                value += quantity * 100 * max(gain, Fraction(0))
        return value

    value = paid(False, front) + (paid(True, Fraction(low)) + paid(True, Fraction(high))) / 2
    assert value >= -bound.loss


def test_instruments_of_one_strike_and_two_expiries_are_two() -> None:
    assert option(100) != option(100, expiry=LATER)
