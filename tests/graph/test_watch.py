"""Watch and close: positions are marked, protected and closed by rule, through the one ticket graph."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.wiring import House
from domain.book import Position
from domain.decision import RunSpec
from domain.errors import BadInput, SourceFailed
from domain.orders import FillMode, TicketState
from graph import working
from graph.context import Desk
from graph.runs import Runs
from tests.desk import MARKET, desk_house
from tools.clock import ManualClock
from tools.market.open import open_market
from tools.sessions import new_york
from tools.sessions import next as next_session

OPENED = new_york(date(2026, 5, 13), 12, 45)  # a session out of which a condor on SPX comes
ACCOUNT = "paper/watched"


def _spec(house: House, at: datetime) -> RunSpec:
    return house.spec(("SPX",), MARKET, at, account=ACCOUNT)


@asynccontextmanager
async def _holding(
    uri: str, answers_itself: str = "watcher", opened: datetime = OPENED
) -> AsyncIterator[tuple[House, ManualClock, Position]]:
    """A house with one SPX position, and the clock that everything stands by."""
    clock = ManualClock(opened)
    async with desk_house(uri, clock_for=lambda market, as_of: clock, answers_itself="opener") as house:
        await house.runs.start(_spec(house, opened))
    async with desk_house(uri, clock_for=lambda market, as_of: clock, answers_itself=answers_itself) as house:
        (position,) = await house.store.portfolio.open_positions(ACCOUNT)
        yield house, clock, position


def _with_exits(runs: Runs, **changes: Any) -> Runs:
    """The same threads on desks whose playbooks exit by other rules."""

    async def open_desk(market: str, as_of: datetime) -> Desk:
        desk = await runs.open_desk(market, as_of)
        playbooks = {
            name: dataclasses.replace(one, exits=dataclasses.replace(one.exits, **changes))
            for name, one in desk.playbooks.items()
        }
        return dataclasses.replace(desk, playbooks=playbooks)

    return dataclasses.replace(runs, open_desk=open_desk)


async def test_a_position_that_no_rule_touches_is_marked_and_kept(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, position):
        clock.advance(timedelta(minutes=30))
        state = await house.runs.watch(_spec(house, clock.now()))
        (mark,) = state["marks"]
        assert mark.position_id == position.id
        assert state["tickets"] == ()
        book = await house.store.portfolio.book(ACCOUNT, clock.now())
        assert book.nlv == book.cash + mark.value
        assert book.nlv_at == clock.now()


async def test_n_dte_closes_and_the_books_balance(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, _):
        clock.set(new_york(date(2026, 6, 15), 12, 45))
        state = await house.runs.watch(_spec(house, clock.now()))
        assert [why.split(":")[0] for _, why in state["exits"]] == ["dte"]
        assert await house.store.portfolio.open_positions(ACCOUNT) == ()
        outcomes = await house.store.portfolio.outcomes(ACCOUNT)
        assert [one.state for one in outcomes] == ["filled", "filled"]
        pnl = outcomes[-1].pnl
        assert pnl is not None
        book = await house.store.portfolio.book(ACCOUNT, clock.now())
        assert book.cash == Decimal(100_000) + pnl
        held = dict(await house.store.paper.paper_fills(ACCOUNT))  # the broker's side: everything is flat
        net = sum(one.leg.quantity * fill.contracts for fill in held.values() for one in fill.legs)
        assert net == 0


async def test_profit_target_and_stop_close(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, _):
        clock.advance(timedelta(days=7))
        runs = _with_exits(house.runs, profit_target=-5.0)  # any mark has made that much
        state = await runs.watch(_spec(house, clock.now()))
        assert [why.split(":")[0] for _, why in state["exits"]] == ["profit"]
        assert await house.store.portfolio.open_positions(ACCOUNT) == ()


async def test_an_expired_position_is_settled_at_the_close(postgres_uri: str) -> None:
    async with _holding(postgres_uri, opened=new_york(date(2026, 4, 29), 12, 45)) as (house, clock, position):
        runs = _with_exits(house.runs, close_dte=-1, profit_target=None, stop_loss=None)
        expiry = position.cycle
        clock.set(new_york(expiry, 12, 45))
        assert (await runs.watch(_spec(house, clock.now())))["tickets"] == ()
        clock.set(new_york(next_session(expiry), 12, 45))
        state = await runs.watch(_spec(house, clock.now()))
        assert [why.split(":")[0] for _, why in state["exits"]] == ["expiry"]
        assert await house.store.portfolio.open_positions(ACCOUNT) == ()
        outcome = (await house.store.portfolio.outcomes(ACCOUNT))[-1]
        assert outcome.pnl is not None
        assert -position.max_loss - 20 <= outcome.pnl <= (position.max_profit or Decimal(0))


async def test_an_exit_waits_for_a_person_once_and_is_not_asked_twice(postgres_uri: str) -> None:
    async with _holding(postgres_uri, answers_itself="") as (house, clock, _):
        clock.set(new_york(date(2026, 6, 15), 12, 45))
        first = await house.runs.watch(_spec(house, clock.now()))
        assert len(first["tickets"]) == 1
        clock.advance(timedelta(minutes=5))
        again = await house.runs.watch(_spec(house, clock.now()))
        assert again["tickets"] == ()
        row = await house.runs.answer(first["tickets"][0], "approve", who="me", through="test", at=clock.now())
        assert row.state == TicketState.FILLED
        assert await house.store.portfolio.open_positions(ACCOUNT) == ()


async def test_a_late_exit_expires_and_is_put_forward_anew(postgres_uri: str) -> None:
    async with _holding(postgres_uri, answers_itself="") as (house, clock, _):
        clock.set(new_york(date(2026, 6, 15), 12, 45))
        (first,) = (await house.runs.watch(_spec(house, clock.now())))["tickets"]
        clock.advance(timedelta(minutes=15))
        (anew,) = (await house.runs.watch(_spec(house, clock.now())))["tickets"]
        assert anew != first
        assert (await house.runs.ticket(first)).state == TicketState.EXPIRED


async def test_a_halted_account_still_closes(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, _):
        clock.set(new_york(date(2026, 6, 15), 12, 45))
        await house.store.acts.write("halt", "me", "test", ACCOUNT, "n", {"reason": "drill"}, clock.now())
        await house.runs.watch(_spec(house, clock.now()))
        assert await house.store.portfolio.open_positions(ACCOUNT) == ()


async def test_a_roll_closes_and_decides_anew(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, position):
        clock.set(new_york(date(2026, 6, 15), 12, 45))
        state = await _with_exits(house.runs, roll=True).watch(_spec(house, clock.now()))
        assert state["rolls"] == (position.id,)
        closed = await house.store.portfolio.position(position.id)
        assert closed is not None
        assert closed.contracts == 0
        rolled = [row for row in await house.store.decisions.runs(10) if "-roll-" in row.run_id]
        assert [row.spec.tickers for row in rolled] == [("SPX",)]


async def test_a_loss_that_stands_at_two_marks_halts_the_account(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, _):
        clock.advance(timedelta(days=1))
        portfolio = house.store.portfolio
        before = clock.now() - timedelta(days=1)
        book = await portfolio.book(ACCOUNT, clock.now())
        await portfolio.save_marks(ACCOUNT, (), book.nlv * 2, before, close=True)
        assert not (await house.runs.watch(_spec(house, clock.now())))["halted"], "one mark is not enough"
        clock.advance(timedelta(minutes=5))
        assert (await house.runs.watch(_spec(house, clock.now())))["halted"]
        (halt,) = (await portfolio.book(ACCOUNT, clock.now())).halts
        assert halt.scope == ACCOUNT
        row = await house.runs.start(_spec(house, clock.now()))
        assert row.status.value == "halted"


async def test_close_reports_attributes_and_remembers(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, position):
        clock.advance(timedelta(hours=3))
        spec = dataclasses.replace(_spec(house, clock.now()), run_id="close-1")
        state = await house.runs.close(spec)
        assert [name for name, _ in state["attribution"]] == [position.id]
        assert state["risk"].checks
        assert str(state["nlv"])[:3] in state["report"].replace(",", "")
        clock.set(new_york(date(2026, 6, 15), 12, 45))
        await house.runs.watch(_spec(house, clock.now()))
        later = await house.runs.close(dataclasses.replace(_spec(house, clock.now()), run_id="close-2"))
        assert len(later["lessons"]) == 1
        found = await house.store.recall.recall(
            "SPX lesson", as_of=clock.now(), limit=5, ticker="SPX", world=_spec(house, clock.now()).world
        )
        assert any(one.text == later["lessons"][0] for one in found)


async def test_resting_orders_fill_at_the_next_quote_or_end(postgres_uri: str) -> None:
    """The next_quote mode: nothing fills on the snapshot that was decided on."""
    clock = ManualClock(OPENED)
    wiring = {"clock_for": lambda market, as_of: clock, "answers_itself": "t", "fill_mode": FillMode.NEXT_QUOTE}
    async with desk_house(postgres_uri, **wiring) as house:
        row = await house.runs.start(_spec(house, OPENED))
        assert row.decision is not None
        (ticket,) = row.decision.tickets
        assert (await house.runs.ticket(ticket)).state == TicketState.WORKING
        assert await house.store.portfolio.open_positions(ACCOUNT) == ()
        (promised,) = (await house.store.portfolio.book(ACCOUNT, clock.now())).commitments
        assert promised.working
        await house.runs.settle_working(_spec(house, clock.now()))
        assert await house.store.portfolio.open_positions(ACCOUNT) == (), "the same snapshot fills nothing"
        clock.set(new_york(date(2026, 5, 13), 16, 5))
        assert await house.runs.settle_working(_spec(house, clock.now())) == 1
        end = (await house.runs.ticket(ticket)).state
        held = await house.store.portfolio.open_positions(ACCOUNT)
        assert (end, len(held)) in ((TicketState.FILLED, 1), (TicketState.UNFILLED, 0))
        assert (await house.store.portfolio.book(ACCOUNT, clock.now())).commitments == ()


async def test_old_quotes_do_not_stop_an_exit_ticket(postgres_uri: str) -> None:
    """The chain is half an hour old: no mark, no opening, but what is due by date is put forward and says so."""

    class Old:
        def __init__(self, market: Any) -> None:
            self._market = market

        def __getattr__(self, name: str) -> Any:
            return getattr(self._market, name)

        async def chain(self, ticker: str, as_of: datetime) -> Any:
            return await self._market.chain(ticker, as_of - timedelta(minutes=30))

    async with _holding(postgres_uri, answers_itself="") as (house, clock, _):
        clock.set(new_york(date(2026, 6, 15), 12, 45))
    markets = lambda name: Old(open_market(name, Path("/nonexistent"), 43))  # noqa: E731
    wiring = {"clock_for": lambda market, as_of: clock, "markets": markets}
    async with desk_house(postgres_uri, **wiring) as house:
        state = await house.runs.watch(_spec(house, clock.now()))
        assert state["marks"] == ()
        (ticket,) = state["tickets"]
        assert "30 minutes old" in (await house.runs.ticket(ticket)).ticket.why


async def test_a_failing_index_does_not_stop_an_approved_exit(postgres_uri: str) -> None:
    class NoIndex:
        def __init__(self, market: Any) -> None:
            self._market = market

        def __getattr__(self, name: str) -> Any:
            return getattr(self._market, name)

        async def index(self, name: str, as_of: datetime) -> Any:
            raise SourceFailed("the index vendor answered 502")

    async with _holding(postgres_uri, answers_itself="") as (house, clock, _):
        clock.set(new_york(date(2026, 6, 15), 12, 45))
        (ticket,) = (await house.runs.watch(_spec(house, clock.now())))["tickets"]
    markets = lambda name: NoIndex(open_market(name, Path("/nonexistent"), 43))  # noqa: E731
    wiring = {"clock_for": lambda market, as_of: clock, "markets": markets}
    async with desk_house(postgres_uri, **wiring) as house:
        row = await house.runs.answer(ticket, "approve", who="me", through="test", at=clock.now())
        assert row.state == TicketState.FILLED, row.reason


async def test_a_refused_exit_can_be_asked_for_again_at_the_same_moment(postgres_uri: str) -> None:
    async with _holding(postgres_uri, answers_itself="") as (house, clock, _):
        clock.set(new_york(date(2026, 6, 15), 12, 45))
        (first,) = (await house.runs.watch(_spec(house, clock.now())))["tickets"]
        await house.runs.answer(first, "reject", who="me", through="test", at=clock.now(), reason="wait")
        (second,) = (await house.runs.watch(_spec(house, clock.now())))["tickets"]
        assert second != first


async def test_an_unanswered_exit_of_another_day_cannot_fill_in_the_past(postgres_uri: str) -> None:
    async with _holding(postgres_uri, answers_itself="") as (house, clock, _):
        clock.set(new_york(date(2026, 6, 15), 12, 45))
        (first,) = (await house.runs.watch(_spec(house, clock.now())))["tickets"]
    # No injected clock: a ticket's clock stands at its own moment, as from the command line.
    async with desk_house(postgres_uri) as house:
        later = new_york(date(2026, 6, 22), 12, 45)
        (second,) = (await house.runs.watch(_spec(house, later)))["tickets"]
        assert (await house.runs.ticket(first)).state == TicketState.EXPIRED
        row = await house.runs.answer(first, "approve", who="me", through="test", at=later)
        assert row.state == TicketState.EXPIRED
        assert (await house.runs.answer(second, "approve", who="me", through="test", at=later)).state == "filled"


async def test_an_account_lives_in_one_market_and_forwards(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, _):
        other = dataclasses.replace(_spec(house, clock.now()), market="simulated:fair:7")
        with pytest.raises(BadInput, match="another"):
            await house.runs.start(other)
        with pytest.raises(BadInput, match="later"):
            await house.runs.start(_spec(house, OPENED - timedelta(days=1)))


async def test_a_second_latch_of_a_day_halts_again(postgres_uri: str) -> None:
    async with _holding(postgres_uri) as (house, clock, _):
        clock.advance(timedelta(days=1))
        portfolio = house.store.portfolio
        book = await portfolio.book(ACCOUNT, clock.now())
        await portfolio.save_marks(ACCOUNT, (), book.nlv * 2, clock.now() - timedelta(hours=20), close=True)
        for number in range(2):
            for _ in range(2):
                clock.advance(timedelta(minutes=5))
                await house.runs.watch(_spec(house, clock.now()))
            assert (await portfolio.book(ACCOUNT, clock.now())).halts, number
            await house.store.acts.write("resume", "me", "test", ACCOUNT, f"r{number}", {}, clock.now())


async def test_a_crash_between_the_brokers_end_and_our_books_loses_nothing(
    postgres_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(OPENED)
    wiring = {"clock_for": lambda market, as_of: clock, "answers_itself": "t", "fill_mode": FillMode.NEXT_QUOTE}
    async with desk_house(postgres_uri, **wiring) as house:
        await house.runs.start(_spec(house, OPENED))
        clock.set(new_york(date(2026, 5, 13), 16, 5))

        async def dies(*_: Any) -> None:
            raise RuntimeError("power cut")

        with monkeypatch.context() as cut:
            cut.setattr(working, "settled", dies)
            with pytest.raises(RuntimeError, match="power cut"):
                await house.runs.settle_working(_spec(house, clock.now()))
        with monkeypatch.context() as cut:
            cut.setattr(working, "conclude", dies)
            with pytest.raises(RuntimeError, match="power cut"):
                await house.runs.settle_working(_spec(house, clock.now()))
        assert await house.runs.settle_working(_spec(house, clock.now())) == 1
        assert await house.runs.settle_working(_spec(house, clock.now())) == 0
        (row,) = await house.store.tickets.list(account=ACCOUNT)
        held = await house.store.portfolio.open_positions(ACCOUNT)
        assert (row.state, len(held)) in ((TicketState.FILLED, 1), (TicketState.UNFILLED, 0))
