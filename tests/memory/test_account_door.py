"""An account: its door, its promises, its fills."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.book import Mark
from domain.decision import Outcome
from domain.errors import BadInput, BrokerFailed, NotFound, OrderRefused, ThreadBusy
from domain.orders import BrokerOrder, BrokerState
from domain.ports import Ledger
from memory import portfolio as portfolio_module
from memory.portfolio import Portfolio
from memory.settlement import position_id
from memory.store import Store
from tests.memory.records import (
    ACCOUNT,
    CONDOR,
    NOW,
    TODAY,
    closing,
    fill,
    later,
    order,
    report,
    ticket,
)
from tools.randomness import generator

ROOT = Path(__file__).resolve().parents[2]
START = Decimal("100000")


@pytest.fixture
async def books(store: Store) -> Portfolio:
    await store.portfolio.ensure_account(ACCOUNT, START)
    return store.portfolio


async def send(books: Portfolio, sent: BrokerOrder, at: datetime = NOW, reducing: bool = False) -> None:
    async with books.door(sent.account, at) as door:
        await door.write_intent(sent, reducing)


async def trade(books: Portfolio, sent: BrokerOrder) -> None:
    await send(books, sent)
    await books.settle(sent, report(sent, fill(sent)), NOW)


def test_it_is_the_port(books: Portfolio) -> None:
    port: Ledger = books
    assert port is books


async def test_a_fresh_account(books: Portfolio) -> None:
    await books.ensure_account(ACCOUNT, Decimal("5"))
    book = await books.book(ACCOUNT, NOW)
    assert (book.cash, book.nlv, book.nlv_at, book.nlv_prior_close) == (START, START, None, START)
    assert (book.positions, book.commitments, book.contracts_today, book.halts) == ((), (), (), ())
    assert await books.accounts() == (ACCOUNT,)


async def test_an_account_never_opened(store: Store) -> None:
    with pytest.raises(NotFound, match="never opened"):
        await store.portfolio.book("paper/nowhere", NOW)
    with pytest.raises(NotFound, match="never opened"):
        await store.portfolio.set_broker_only("paper/nowhere", ())


async def test_a_reservation_counts_until_it_expires_or_is_released(books: Portfolio) -> None:
    for name in ("t1", "t2"):
        async with books.door(ACCOUNT, NOW) as door:
            await door.reserve(name, order(name), later(minutes=15))
            await door.reserve(name, order(name, contracts=1, max_loss=Decimal("4005")), later(minutes=15))
    (first, _) = (await books.book(ACCOUNT, later(minutes=14))).commitments
    assert (first.id, first.max_loss, first.contracts, first.working) == ("t1", Decimal("4005"), 1, False)
    assert first.legs == CONDOR
    assert (await books.book(ACCOUNT, later(minutes=15))).commitments == ()
    await books.release("t1", NOW)
    await books.release("t1", NOW)
    async with books.door(ACCOUNT, NOW) as door:
        await door.reserve("t1", order(), later(minutes=15))
    assert [one.id for one in (await books.book(ACCOUNT, NOW)).commitments] == ["t2"]


async def test_an_intent_takes_the_place_of_its_reservation(books: Portfolio) -> None:
    async with books.door(ACCOUNT, NOW) as door:
        await door.reserve("t1", order(), later(minutes=15))
    async with books.door(ACCOUNT, NOW) as door:
        assert not await door.known("t1-1")
        await door.write_intent(order(), reducing=False)
        assert await door.known("t1-1")
        (commitment,) = (await door.book()).commitments
    assert commitment.working
    assert commitment.max_loss == 8010
    assert [leg.quantity for leg in commitment.legs] == [2, -2, -2, 2]
    assert await books.unresolved(ACCOUNT) == (order(),)
    assert (await books.book(ACCOUNT, NOW)).contracts_today == (("SPX", 2),)


async def test_an_id_is_written_once_ever(books: Portfolio) -> None:
    await trade(books, order())
    with pytest.raises(OrderRefused) as caught:
        await send(books, order())
    assert caught.value.failed == ("duplicate",)


async def test_leaving_with_an_error_writes_nothing(books: Portfolio) -> None:
    async def fail() -> None:
        async with books.door(ACCOUNT, NOW) as door:
            await door.write_intent(order(), reducing=False)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with books.door(ACCOUNT, NOW) as door:
        assert not await door.known("t1-1")


async def test_an_order_of_another_account_is_refused(books: Portfolio) -> None:
    stranger = order(account="paper/other")
    async with books.door(ACCOUNT, NOW) as door:
        with pytest.raises(OrderRefused, match="paper/other"):
            await door.write_intent(stranger, reducing=False)
        with pytest.raises(OrderRefused, match="paper/other"):
            await door.reserve("t1", stranger, later(minutes=1))


async def test_opening_and_closing(store: Store, books: Portfolio) -> None:
    await store.tickets.create(ticket())
    await send(books, order())
    done = await books.settle(order(), report(order(), fill(order())), NOW)
    assert (done.position_id, done.contracts, done.amount, done.fees, done.realised) == (
        position_id("t1"),
        2,
        Decimal("-2000"),
        Decimal("10"),
        0,
    )
    book = await books.book(ACCOUNT, NOW)
    assert book.cash == START + 2000 - 10
    assert (book.nlv, book.nlv_at) == (START - 10, NOW), "never marked: at entry, as old as the last fill"
    (position,) = book.positions
    assert (position.name, position.contracts, position.entry_net) == ("iron_condor", 2, Decimal("-10"))
    assert (position.max_loss, position.max_profit, position.fees) == (8010, 2000, 10)
    assert book.commitments == ()
    back = closing(position.id)
    await send(books, back, later(days=3), reducing=True)
    done = await books.settle(back, report(back, fill(back)), later(days=3))
    assert done.realised == 1200 - 20
    book = await books.book(ACCOUNT, NOW)
    assert (book.cash, book.positions) == (START + 1180, ())
    (held,) = await books.holdings(ACCOUNT)
    assert (held.realised, held.closed_at) == (1180, NOW)
    closed = await books.position(position.id)
    assert closed is not None
    assert closed.contracts == 0
    assert await books.fills(ACCOUNT) == (fill(order()), fill(back))
    assert (await books.book(ACCOUNT, NOW)).contracts_today == (("SPX", 2),), "reducing orders are not counted"


async def test_settling_twice_changes_nothing(books: Portfolio) -> None:
    await send(books, order())
    said = report(order(), fill(order()))
    first = await books.settle(order(), said, NOW)
    before = await books.book(ACCOUNT, NOW)
    assert await books.settle(order(), said, NOW) == first
    done = await asyncio.gather(*(books.settle(order(), said, NOW) for _ in range(4)))
    assert set(done) == {first}
    assert await books.book(ACCOUNT, NOW) == before


async def test_cumulative_reports_and_a_cancelled_rest(books: Portfolio) -> None:
    sent = order(contracts=3, max_loss=Decimal("12015"))
    await send(books, sent)
    one, two = fill(sent, 1), fill(sent, 1, net=Decimal("-11"), at=later(minutes=1))
    await books.settle(sent, report(sent, one, state=BrokerState.WORKING), NOW)
    book = await books.book(ACCOUNT, NOW)
    (commitment,) = book.commitments
    assert (commitment.max_loss, commitment.contracts) == (8010, 2)
    assert book.positions[0].max_loss == 4005
    assert [leg.quantity for leg in commitment.legs] == [2, -2, -2, 2]
    await books.settle(sent, report(sent, one, two, state=BrokerState.CANCELLED), NOW)
    await books.settle(sent, report(sent, one, state=BrokerState.WORKING), NOW)  # late and old
    book = await books.book(ACCOUNT, NOW)
    assert book.commitments == ()
    assert (book.positions[0].contracts, book.positions[0].entry_net) == (2, Decimal("-10.5"))
    assert await books.unresolved(ACCOUNT) == ()


async def test_an_order_without_fills_frees_what_it_held(books: Portfolio) -> None:
    await send(books, order())
    done = await books.settle(order(), report(order(), state=BrokerState.REJECTED), NOW)
    assert (done.position_id, done.contracts) == (None, 0)
    book = await books.book(ACCOUNT, NOW)
    assert (book.cash, book.commitments, book.nlv_at) == (START, (), None)


async def test_reports_that_cannot_be(books: Portfolio) -> None:
    with pytest.raises(NotFound, match="never meant to send"):
        await books.settle(order(), report(order(), fill(order())), NOW)
    await send(books, order())
    with pytest.raises(BrokerFailed, match="more of t1-1"):
        await books.settle(order(), report(order(), fill(order(), 3)), NOW)
    with pytest.raises(BrokerFailed, match="0 contracts"):
        await books.settle(order(), report(order(), fill(order(), 0)), NOW)
    with pytest.raises(BadInput, match="the report is on"):
        await books.settle(order(), report(order("t2"), fill(order("t2"))), NOW)
    assert (await books.book(ACCOUNT, NOW)).cash == START
    assert len(await books.unresolved(ACCOUNT)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"position_id": "pos-unknown"},
        {"contracts": 3},
        {"legs": CONDOR},
    ],
)
async def test_a_close_that_does_not_undo_what_is_held(books: Portfolio, changes: dict[str, object]) -> None:
    await trade(books, order())
    with pytest.raises(OrderRefused) as caught:
        await send(books, closing(position_id("t1"), **changes), reducing=True)
    assert caught.value.failed == ("position",)


async def test_what_is_being_closed_is_not_closed_again(books: Portfolio) -> None:
    await trade(books, order())
    half = closing(position_id("t1"), "c1", contracts=1)
    await send(books, half, reducing=True)
    with pytest.raises(OrderRefused, match="1 being closed"):
        await send(books, closing(position_id("t1"), "c2"), reducing=True)
    await books.settle(half, report(half, fill(half)), NOW)
    await send(books, closing(position_id("t1"), "c3", contracts=1), reducing=True)
    with pytest.raises(OrderRefused, match="1 held, 1 being closed"):
        await send(books, closing(position_id("t1"), "c4", contracts=1), reducing=True)


@pytest.mark.parametrize("seed", range(4))
async def test_conservation_over_random_histories(books: Portfolio, seed: int) -> None:
    """Cash + cost of open positions + their fees = start + realised, at every step, with repeats and partial fills."""
    rng = generator(seed, "conservation")
    for step in range(25):
        held = await books.open_positions(ACCOUNT)
        count = int(rng.integers(1, 5))
        if held and rng.random() < 0.5:
            position = held[int(rng.integers(len(held)))]
            sent = closing(position.id, f"s{step}", contracts=min(count, position.contracts))
        else:
            sent = order(f"s{step}", contracts=count)
        net = Decimal(int(rng.integers(-2000, 2000))) / 100
        fees = Decimal(int(rng.integers(0, 900))) / 100
        part = int(rng.integers(0, sent.contracts + 1))
        parts = [fill(sent, n, net=net, fees=fees) for n in (part, sent.contracts - part) if n]
        await send(books, sent)
        for upto in range(1, len(parts) + 1):
            said = report(sent, *parts[:upto], state=BrokerState.FILLED if upto == len(parts) else BrokerState.WORKING)
            for _ in range(int(rng.integers(1, 3))):
                await books.settle(sent, said, NOW)
        holdings = await books.holdings(ACCOUNT)
        book = await books.book(ACCOUNT, NOW)
        cost = sum((one.entry_cost + one.position.fees for one in holdings), Decimal(0))
        assert book.cash + cost == START + sum(one.realised for one in holdings)
        assert book.commitments == ()


async def test_two_doors_of_one_account_take_turns(books: Portfolio) -> None:
    entered: list[str] = []

    async def add(name: str) -> None:
        async with books.door(ACCOUNT, NOW) as door:
            committed = sum(one.max_loss for one in (await door.book()).commitments)
            entered.append(f"{name} {committed}")
            await asyncio.sleep(0.02)
            await door.write_intent(order(name), reducing=False)

    await asyncio.gather(*(add(f"t{number}") for number in range(6)))
    assert [line.split()[1] for line in entered] == [str(Decimal("8010.00") * n) if n else "0" for n in range(6)]


async def test_the_pool_is_not_used_up_by_those_who_wait(store: Store, books: Portfolio) -> None:
    async def wait_at_the_door(name: str) -> None:
        async with books.door(ACCOUNT, NOW) as door:
            await store.acts.halts()  # asks for a second connection while holding the door
            await door.write_intent(order(name), reducing=False)

    await asyncio.wait_for(asyncio.gather(*(wait_at_the_door(f"t{n}") for n in range(12))), timeout=20)
    assert len(await books.unresolved(ACCOUNT)) == 12


async def test_a_door_that_stays_shut(books: Portfolio, monkeypatch: pytest.MonkeyPatch, postgres_uri: str) -> None:
    monkeypatch.setattr(portfolio_module, "LOCK_WAIT_S", 0.05)
    async with books.door(ACCOUNT, NOW):
        with pytest.raises(ThreadBusy, match="try again"):
            await books.settle(order(), report(order()), NOW)


ADDER = """
import asyncio, dataclasses, sys
from decimal import Decimal
from memory.database import Database
from memory.portfolio import Portfolio
from tests.memory.records import ACCOUNT, NOW, order

async def main(uri, name):
    db = await Database.open(uri)
    print("ready", flush=True)
    sys.stdin.readline()
    async with Portfolio(db).door(ACCOUNT, NOW) as door:
        book = await door.book()
        used = sum((one.max_loss for one in book.commitments), Decimal(0))
        await asyncio.sleep(0.1)
        allowed = used + 4000 <= book.nlv * 5 / 100
        if allowed:
            await door.write_intent(order(name, contracts=1, max_loss=Decimal(4000)), reducing=False)
    print("added" if allowed else "refused", flush=True)
    await db.close()

asyncio.run(main(*sys.argv[1:]))
"""


def adder(uri: str, name: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", ADDER, uri, name], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


async def test_two_processes_that_each_add_four_per_cent_cannot_both_pass_five(
    books: Portfolio, postgres_uri: str
) -> None:
    processes = [adder(postgres_uri, name) for name in ("a", "b")]
    answers = await asyncio.gather(*(asyncio.to_thread(process.communicate, "go\n") for process in processes))
    assert sorted(answer for answer, _ in answers) == ["added\n", "refused\n"]
    assert len(await books.unresolved(ACCOUNT)) == 1


async def test_net_liquidation_values(books: Portfolio) -> None:
    yesterday_evening = datetime(2019, 5, 21, 1, 0, tzinfo=UTC)  # still the 20th in New York
    await books.save_marks(ACCOUNT, (), Decimal("101000"), NOW - timedelta(days=4), close=True)
    await books.save_marks(ACCOUNT, (), Decimal("102000"), yesterday_evening, close=True)
    await books.save_marks(ACCOUNT, (), Decimal("103000"), NOW - timedelta(minutes=3), close=True)
    await books.save_marks(ACCOUNT, (), Decimal("104000"), later(minutes=3), close=False)
    await books.save_marks(ACCOUNT, (), None, later(minutes=1), close=False)
    book = await books.book(ACCOUNT, NOW)
    assert (book.nlv, book.nlv_at) == (103000, NOW - timedelta(minutes=3))
    assert book.nlv_prior_close == 102000, "today's close is no prior close"
    early = await books.book(ACCOUNT, NOW - timedelta(days=9))
    assert (early.nlv, early.nlv_prior_close) == (104000, START), "never closed: what it started with"
    assert [point.close for point in await books.nlv_history(ACCOUNT)] == [True, True, True, False]


async def test_a_second_mark_of_a_close_does_not_unmake_it(books: Portfolio) -> None:
    moment = NOW - timedelta(days=1)
    await books.save_marks(ACCOUNT, (), Decimal("101000"), moment, close=True)
    await books.save_marks(ACCOUNT, (), Decimal("102000"), moment, close=False)
    assert (await books.book(ACCOUNT, NOW)).nlv_prior_close == 102000


async def test_marks_of_positions(books: Portfolio) -> None:
    await trade(books, order())
    mark = Mark(position_id=position_id("t1"), value=Decimal("-1800.00"), at=NOW, note="")
    await books.save_marks(ACCOUNT, (mark,), Decimal("100190"), NOW, close=False)
    await books.save_marks(ACCOUNT, (mark,), Decimal("100190"), NOW, close=False)
    assert await books.marks(mark.position_id) == (mark,)


async def test_only_this_sessions_orders_are_counted(books: Portfolio) -> None:
    await send(books, order("t1", session=date(2019, 5, 20)))
    await send(books, order("t2", session=TODAY))
    await send(books, order("t3", session=TODAY, contracts=3))
    await send(books, order("t4", session=TODAY, ticker="SPY", contracts=1))
    book = await books.book(ACCOUNT, NOW)
    assert book.contracts_today == (("SPX", 5), ("SPY", 1))
    evening = datetime(2019, 5, 22, 1, 0, tzinfo=UTC)  # still the 21st in New York
    assert (await books.book(ACCOUNT, evening)).contracts_today == book.contracts_today
    assert (await books.book(ACCOUNT, later(days=1))).contracts_today == ()


async def test_halts_reach_the_accounts_they_are_for(store: Store, books: Portfolio) -> None:
    replay = "replay/1"
    await books.ensure_account(replay, START)
    await store.acts.write("halt", "me", "cli", "desk", "n1", {"reason": "storm"}, NOW)
    await store.acts.write("halt", "me", "cli", replay, "n2", {}, NOW)
    assert [(halt.scope, halt.reason) for halt in (await books.book(ACCOUNT, NOW)).halts] == [("desk", "storm")]
    assert [halt.scope for halt in (await books.book(replay, NOW)).halts] == [replay]


async def test_accounts_do_not_mix(books: Portfolio) -> None:
    await books.ensure_account("paper/other", Decimal("7"))
    await trade(books, order())
    await send(books, order("t2", account="paper/other"))
    assert (await books.book("paper/other", NOW)).cash == 7
    assert (await books.book("paper/other", NOW)).positions == ()
    assert len(await books.unresolved("paper/other")) == 1
    assert await books.unresolved(ACCOUNT) == ()
    stolen = closing(position_id("t1"), "c1", account="paper/other")
    with pytest.raises(OrderRefused):
        await send(books, stolen)


async def test_what_only_the_broker_knows(books: Portfolio) -> None:
    await books.set_broker_only(ACCOUNT, ("SPXW 2019-06-21 P 2700",))
    assert (await books.book(ACCOUNT, NOW)).broker_only == ("SPXW 2019-06-21 P 2700",)


async def test_outcomes(store: Store, books: Portfolio) -> None:
    end = Outcome(
        ticket_id="t1",
        state="filled",
        reason="",
        report=None,
        position_id=None,
        fill_net=Decimal("-10"),
        contracts=2,
        pnl=None,
        at=NOW,
    )
    with pytest.raises(NotFound, match="neither ticket"):
        await books.record_outcome(end)
    await store.tickets.create(ticket())
    await books.record_outcome(end)
    await books.record_outcome(dataclasses.replace(end, reason="again"))
    await books.record_outcome(dataclasses.replace(end, ticket_id="t9"), account="replay/1")
    assert await books.outcomes(ACCOUNT) == (end,)
    assert len(await books.outcomes("replay/1")) == 1
