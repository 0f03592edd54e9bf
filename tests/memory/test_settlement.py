"""What fills do to money: nothing is lost, whatever the order of events."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.money import ZERO, to_cents
from domain.structures import Right
from memory.settlement import amount, closed, largest_leg, mirrored, opened, position_id
from tests.memory.records import CONDOR, NOW, REVERSED, closing, fill, leg, order, ticket

prices = st.decimals(min_value=-60, max_value=60, places=4)
charges = st.decimals(min_value=0, max_value=30, places=2)


@given(
    opens=st.lists(st.tuples(st.integers(1, 9), prices, charges), min_size=1, max_size=4),
    closes=st.lists(st.tuples(st.integers(1, 9), prices, charges), max_size=6),
)
def test_cash_is_start_plus_realised_less_what_is_held(
    opens: list[tuple[int, Decimal, Decimal]], closes: list[tuple[int, Decimal, Decimal]]
) -> None:
    sent = order(contracts=sum(count for count, _, _ in opens))
    cash, held = Decimal("100000"), None
    for count, net, fees in opens:
        done = fill(sent, count, net=net, fees=fees)
        held = opened(held, sent, done, None)
        cash -= amount(done, 100) + fees
    assert held is not None
    back = closing(held.position.id)
    total = ZERO
    for count, net, fees in closes:
        count = min(count, held.position.contracts)
        if count:
            done = fill(back, count, net=net, fees=fees)
            held, realised = closed(held, back, done)
            total += realised
            cash -= amount(done, 100) + fees
        assert cash == 100000 + total - held.entry_cost - held.position.fees
    assert held.realised == total
    if not held.position.contracts:
        assert held.entry_cost == held.position.fees == held.position.max_loss == 0
        assert held.closed_at == NOW
        assert cash == 100000 + total


def test_a_round_trip_by_hand() -> None:
    """Two condors sold at 10.00 and bought back at 4.00: 2 x 100 x 6.00 less 20 of fees."""
    held = opened(None, order(), fill(order()), ticket())
    assert held.entry_cost == -2000
    assert held.position.entry_net == -10
    assert held.position.name == "iron_condor"
    assert held.position.max_loss == 8010
    assert held.position.max_profit == 2000
    back = closing(held.position.id)
    after, realised = closed(held, back, fill(back, 1))
    assert realised == 1000 - 400 - 5 - 5
    assert (after.position.contracts, after.position.max_loss, after.position.max_profit) == (1, 4005, 1000)
    assert after.closed_at is None
    end, realised = closed(after, back, fill(back, 1))
    assert (end.realised, end.position.contracts) == (2 * realised, 0)


def test_a_better_fill_moves_the_largest_profit_but_not_the_worst_case() -> None:
    held = opened(None, order(), fill(order(), net=Decimal("-10.50")), ticket())
    assert held.position.max_profit == 2 * (1000 + 50)
    assert held.position.max_loss == 8010


def test_without_a_ticket_the_largest_profit_is_unknown() -> None:
    held = opened(None, order(), fill(order()), None)
    assert held.position.max_profit is None
    assert held.position.name == "index_iron_condor"


def test_partial_fills_carry_their_share_of_the_worst_case() -> None:
    sent = order(contracts=3, max_loss=Decimal("100"))
    first = opened(None, sent, fill(sent, 1), None)
    assert first.position.max_loss == Decimal("33.34"), "a share of a loss limit is rounded up"
    both = opened(first, sent, fill(sent, 2, net=Decimal("-13")), None)
    assert both.position.entry_net == -12
    assert both.position.max_loss >= 100


def test_what_cannot_be() -> None:
    held = opened(None, order(), fill(order()), None)
    back = closing(held.position.id, contracts=3)
    with pytest.raises(BadInput, match="reconcile"):
        closed(held, back, fill(back))
    other = order(legs=CONDOR[:2])
    with pytest.raises(BadInput, match="other legs"):
        opened(held, other, fill(other), None)


def test_mirrored_legs() -> None:
    assert mirrored(REVERSED, CONDOR)
    assert mirrored(tuple(reversed(REVERSED)), CONDOR)
    assert not mirrored(CONDOR, CONDOR)
    assert not mirrored(REVERSED[:3], CONDOR)
    assert not mirrored((*REVERSED[:3], REVERSED[0]), CONDOR)
    doubled = tuple(dataclasses.replace(one, quantity=2 * one.quantity) for one in REVERSED)
    assert not mirrored(doubled, CONDOR)


def test_small_things() -> None:
    assert largest_leg((leg(2700, Right.PUT, -3), leg(2650, Right.PUT, 1))) == 3
    assert position_id("t1") == position_id("t1") != position_id("t2")
    assert amount(fill(order(), 1, net=Decimal("1.23455")), 100) == to_cents(Decimal("123.455"))
