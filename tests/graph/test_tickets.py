"""Tickets: answered once, in any order, from two processes, late, or under other settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import BadInput, BrokerFailed
from domain.orders import BrokerOrder, BrokerReport, TicketState
from graph.nodes import execute
from tests.desk import MARKET, demo_moment, demo_spec, desk_house
from tests.graph.conftest import Zygote
from tools.broker.paper import PaperBroker
from tools.clock import ManualClock

TWO = ("SPX", "SPY")


async def _run(uri: str, tickers: tuple[str, ...] = ("SPX",), **wiring: Any) -> list[str]:
    async with desk_house(uri, **wiring) as house:
        row = await house.runs.start(demo_spec(house, tickers))
        assert row.decision is not None
        return list(row.decision.tickets)


async def _orders(uri: str, *accounts: str) -> list[str]:
    async with desk_house(uri) as house:
        fills = [await house.store.paper.paper_fills(one) for one in accounts or (demo_spec(house).account,)]
        return [order.client_order_id for of_account in fills for order, _ in of_account]


async def test_approve_fills_once_and_an_end_is_final(postgres_uri: str) -> None:
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri) as house:
        at = demo_moment(house)
        first = await house.runs.answer(ticket, "approve", who="me", through="test", at=at)
        assert first.state == TicketState.FILLED, first.reason
        again = await house.runs.answer(ticket, "reject", who="me", through="test", at=at, reason="too late")
        assert again.state == TicketState.FILLED
        account = demo_spec(house).account
        book = await house.store.portfolio.book(account, at)
        assert len(book.positions) == 1
        assert book.commitments == ()
    assert len(await _orders(postgres_uri)) == 1


async def test_reject_sends_nothing_and_gives_back_the_budget(postgres_uri: str) -> None:
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri) as house:
        at = demo_moment(house)
        assert (await house.store.portfolio.book(demo_spec(house).account, at)).commitments
        row = await house.runs.answer(ticket, "reject", who="me", through="test", at=at, reason="not today")
        assert (row.state, row.reason) == (TicketState.REJECTED, "not today")
        book = await house.store.portfolio.book(demo_spec(house).account, at)
        assert book.commitments == ()
        assert book.positions == ()
    assert await _orders(postgres_uri) == []


async def test_edit_only_goes_down(postgres_uri: str) -> None:
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri) as house:
        at = demo_moment(house)
        asked = (await house.runs.ticket(ticket)).ticket.contracts
        row = await house.runs.answer(ticket, "edit", who="me", through="test", at=at, contracts=asked + 5)
        assert row.state == TicketState.FILLED
        (position,) = await house.store.portfolio.open_positions(demo_spec(house).account)
        assert position.contracts == asked


async def test_a_late_answer_finds_the_ticket_expired(postgres_uri: str) -> None:
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri) as house:
        late = demo_moment(house) + timedelta(hours=1)
    async with desk_house(postgres_uri, clock_for=lambda market, as_of: ManualClock(late)) as house:
        row = await house.runs.answer(ticket, "approve", who="me", through="test", at=late)
        assert row.state == TicketState.EXPIRED
        assert (await house.store.portfolio.book(demo_spec(house).account, late)).commitments == ()
    assert await _orders(postgres_uri) == []


async def test_other_settings_refuse_to_resume_and_say_so(postgres_uri: str) -> None:
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri, change={"half_life_s": 100.0}) as house:
        at = demo_moment(house)
        row = await house.runs.answer(ticket, "approve", who="me", through="test", at=at)
        assert row.state == TicketState.OUTDATED
        assert "settings" in row.reason
        assert (await house.store.portfolio.book(demo_spec(house).account, at)).commitments == ()
    assert await _orders(postgres_uri) == []


async def test_a_halt_stops_an_approved_order_at_the_door(postgres_uri: str) -> None:
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri) as house:
        at = demo_moment(house)
        await house.store.acts.write("halt", "me", "test", "desk", "n1", {"reason": "lunch"}, at)
        row = await house.runs.answer(ticket, "approve", who="me", through="test", at=at)
        assert row.state == TicketState.REFUSED
        assert "halt" in row.reason
        refused = await house.runs.start(demo_spec(house))
        assert refused.status.value == "halted"
        await house.store.acts.write("resume", "me", "test", "desk", "n2", {}, at)
        assert (await house.runs.start(demo_spec(house))).status.value != "halted"


@pytest.mark.slow
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_three_tickets_any_order_twice_from_two_processes(
    make_database: Callable[[], str], zygote: Zygote, order: tuple[int, ...]
) -> None:
    uri = make_database()
    tickets = asyncio.run(_three(uri))
    for index in order:
        for _ in range(2):
            zygote.start(uri=uri, do="answer", id=tickets[index], kind="approve")
    for index in reversed(order):
        zygote.start(uri=uri, do="answer", id=tickets[index], kind="approve")
    assert zygote.join() == [0] * 9
    sent = asyncio.run(_orders(uri, *ACCOUNTS))
    assert len(sent) == len(set(sent)) == 3
    assert asyncio.run(_states(uri)) == ["filled"] * 3


ACCOUNTS = ("paper/one", "paper/other")


async def _three(uri: str) -> list[str]:
    async with desk_house(uri) as house:
        one = await house.runs.start(demo_spec(house, TWO, account=ACCOUNTS[0]))
        other = await house.runs.start(demo_spec(house, account=ACCOUNTS[1]))
        assert one.decision is not None
        assert other.decision is not None
        tickets = [*one.decision.tickets, *other.decision.tickets]
    assert len(tickets) == 3, "the drill needs three tickets"
    return tickets


async def _states(uri: str) -> list[str]:
    async with desk_house(uri) as house:
        return [row.state.value for row in await house.store.tickets.list()]


async def test_a_ticket_remembers_its_market_and_clock(postgres_uri: str) -> None:
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri, change={"market": "simulated:fair:3"}) as house:
        row = await house.runs.answer(ticket, "approve", who="me", through="test", at=demo_moment(house))
        assert row.state == TicketState.FILLED
        outcome = (await house.store.portfolio.outcomes(demo_spec(house).account))[-1]
        assert outcome.at == row.ticket.as_of


async def test_a_persons_reject_beats_the_desk_that_answers_itself(postgres_uri: str) -> None:
    """The act came first; whatever else resumes the thread, the first act on record is the answer."""
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri) as house:
        row = await house.runs.ticket(ticket)
        at = demo_moment(house)
        await house.store.acts.write("reject", "me", "test", ticket, row.ticket.nonce, {"reason": "no"}, at)
    async with desk_house(postgres_uri, answers_itself="AUTO_EXECUTE") as house:
        assert (await house.runs.pick_up(ticket)).state == TicketState.REJECTED
    assert await _orders(postgres_uri) == []


@pytest.mark.parametrize("contracts", [0, -1])
async def test_an_edit_to_nothing_is_refused_before_it_is_an_act(postgres_uri: str, contracts: int) -> None:
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri) as house:
        at = demo_moment(house)
        with pytest.raises(BadInput, match="no order"):
            await house.runs.answer(ticket, "edit", who="me", through="test", at=at, contracts=contracts)
        row = await house.runs.answer(ticket, "reject", who="me", through="test", at=at, reason="then no")
        assert row.state == TicketState.REJECTED


async def test_an_unknown_outcome_at_the_broker_stays_open_until_it_is_known(
    postgres_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker times out after taking the order: it is neither called unsent nor sent again."""
    (ticket,) = await _run(postgres_uri)
    real = PaperBroker.place
    async with desk_house(postgres_uri) as house:
        at = demo_moment(house)

        async def silent(self: PaperBroker, order: BrokerOrder) -> BrokerReport:
            raise BrokerFailed("no answer in 30 s")

        with monkeypatch.context() as broken:
            broken.setattr(PaperBroker, "place", silent)
            row = await house.runs.answer(ticket, "approve", who="me", through="test", at=at)
        assert row.state == TicketState.WORKING
        (order,) = await house.store.portfolio.unresolved(demo_spec(house).account)
        assert (await house.store.portfolio.book(demo_spec(house).account, at)).commitments
        desk = await house.runs.open_desk(MARKET, at)
        await real(desk.broker._broker, order)  # type: ignore[attr-defined]  # it had arrived all the same
        assert await house.runs.settle_working(demo_spec(house)) == 1
        assert (await house.runs.ticket(ticket)).state == TicketState.FILLED


async def test_settings_that_change_after_sending_do_not_lose_the_fill(
    postgres_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ticket,) = await _run(postgres_uri)
    async with desk_house(postgres_uri) as house:
        at = demo_moment(house)

        async def dies(*_: object) -> None:
            raise RuntimeError("power cut")

        with monkeypatch.context() as cut:
            cut.setattr(execute, "settled", dies)
            with pytest.raises(RuntimeError, match="power cut"):
                await house.runs.answer(ticket, "approve", who="me", through="test", at=at)
    async with desk_house(postgres_uri, change={"half_life_s": 100.0}) as house:
        assert (await house.runs.pick_up(ticket)).state == TicketState.FILLED
        assert len(await house.store.portfolio.open_positions(demo_spec(house).account)) == 1
