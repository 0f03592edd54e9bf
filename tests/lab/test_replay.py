"""Replay: the same graphs over a span of moments. What goes into the books adds up, and repeats to the bit."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.wiring import House
from domain.book import Book
from domain.errors import BadInput
from domain.money import CENT
from domain.orders import Effect, FillMode, TicketState
from domain.ports import Market
from lab.replay import ReplayReport, replay, tick
from quant.selection.playbooks import PLAYBOOKS
from tests.desk import MARKET, desk_house
from tools.clock import ManualClock
from tools.market.open import open_market

ACCOUNT = "replay/test"
CASH = Decimal(100_000)
FIRST = date(2026, 5, 18)  # a condor is sold on this day of the simulated market, and on the 21st


@dataclasses.dataclass
class Desk:
    """A house whose clock is moved by hand."""

    house: House
    clock: ManualClock
    market: Market
    name: str

    def spec(self, at: datetime) -> Any:
        return self.house.spec(("SPX",), self.name, at, account=ACCOUNT, auto=True)

    async def tick(self, at: datetime, *, last_of_day: bool = True) -> Any:
        await self.house.store.portfolio.ensure_account(ACCOUNT, CASH)
        return await tick(self.house.runs, self.clock, self.spec(at), last_of_day=last_of_day)

    async def replay(self, start: date, end: date, seen: list[datetime] | None = None) -> ReplayReport:
        def progress(at: datetime, done: int, total: int) -> None:
            if seen is not None:
                seen.append(at)

        return await replay(self.house.runs, self.clock, self.market, self.spec, start, end, progress)

    async def book(self) -> Book:
        return await self.house.store.portfolio.book(ACCOUNT, self.clock.now())


@asynccontextmanager
async def desk_of(
    uri: str, mode: FillMode = FillMode.SAME_SNAPSHOT, name: str = MARKET, store: Path = Path("/nonexistent")
) -> AsyncIterator[Desk]:
    clock, market = ManualClock(datetime(2019, 1, 1, tzinfo=UTC)), open_market(name, store, 0)
    async with desk_house(
        uri,
        answers_itself="replay",
        clock_for=lambda *_: clock,
        checkpoint=False,
        fill_mode=mode,
        markets=lambda _: market,
    ) as house:
        yield Desk(house, clock, market, name)


async def conserved(desk: Desk) -> None:
    """Cash is what fills and fees left of the start, and with the marks of what is held it is the account's equity."""
    portfolio, at = desk.house.store.portfolio, desk.clock.now()
    fills = await desk.house.store.paper.paper_fills(ACCOUNT)
    moved = sum((fill.net * order.multiplier * fill.contracts + fill.fees for order, fill in fills), Decimal(0))
    book = await desk.book()
    assert book.cash == CASH - moved
    worth = Decimal(0)
    for position in book.positions:
        (mark,) = [one for one in await portfolio.marks(position.id) if one.at == at][-1:]
        worth += mark.value
    assert (book.nlv, book.nlv_at) == (book.cash + worth, at)
    closes = {fill.client_order_id: fill for order, fill in fills if order.effect == Effect.CLOSE}
    realised = [one.pnl for one in await portfolio.outcomes(ACCOUNT) if one.pnl is not None]
    assert len(realised) == len(closes)


async def test_a_simulated_span_adds_up_at_every_tick_and_is_the_same_again(
    make_database: Callable[[], str],
) -> None:
    made = []
    for _ in range(2):
        async with desk_of(make_database()) as desk:
            seen: list[datetime] = []
            report = await desk.replay(FIRST, date(2026, 5, 20), seen)
            await conserved(desk)
            made.append(report)
            assert seen == [*desk.market.snapshot_times(FIRST, date(2026, 5, 20)), seen[-1]]
    one, two = made
    assert (one.simulated, one.fill_mode, one.market) == (True, "same_snapshot", MARKET)
    assert [len({item.at.date() for item in one.ticks}), len(one.ticks)] == [3, 6]
    assert all(len(item.decision_hash) == 64 for item in one.ticks)
    assert [item.decision_hash for item in one.ticks] == [item.decision_hash for item in two.ticks]
    assert one == two
    assert [outcome.state for outcome in one.outcomes].count(TicketState.FILLED) >= 1
    assert one.fees > 0
    assert one.nlv_end != one.nlv_start == CASH
    assert one.usefulness
    assert {item.finding for item in one.usefulness} == {"insufficient"}
    assert all(item.needed > 0 for item in one.usefulness)


def only(**rules: Any) -> Any:
    """The condor playbook with these exits and no others."""
    kept = {"profit_target": None, "stop_loss": None, "close_dte": -1, **rules}
    playbook = PLAYBOOKS["index_iron_condor"]
    return dataclasses.replace(playbook, exits=dataclasses.replace(playbook.exits, **kept))


@pytest.mark.parametrize(
    ("rule", "exits", "later"),
    [
        ("dte", {"close_dte": 60}, date(2026, 5, 19)),
        ("stop", {"stop_loss": 0.02}, date(2026, 6, 2)),
        ("profit", {"profit_target": 0.005}, date(2026, 5, 22)),
        ("expiry", {}, None),
    ],
)
async def test_each_exit_rule_closes_a_position(
    postgres_uri: str, monkeypatch: pytest.MonkeyPatch, rule: str, exits: dict[str, Any], later: date | None
) -> None:
    """Opened under the playbook as it is; then only one rule is left, and it closes the position by itself."""
    async with desk_of(postgres_uri) as desk:
        start = FIRST if later else date(2026, 4, 27)
        await desk.tick(desk.market.snapshot_time(start))
        await conserved(desk)
        (held,) = (await desk.book()).positions
        monkeypatch.setitem(PLAYBOOKS, "index_iron_condor", only(**exits))
        at = desk.market.snapshot_times(later or held.cycle, date(2026, 6, 30))[1 if later else 2]
        _, closing = await desk.tick(at)
        assert closing == 1
        await conserved(desk)
        tickets = [row for row in await desk.house.store.tickets.list(account=ACCOUNT) if row.ticket.position_id]
        assert [(row.ticket.position_id, row.state) for row in tickets] == [(held.id, TicketState.FILLED)]
        assert tickets[0].ticket.why.startswith(f"{rule}: ")
        assert held.id not in {one.id for one in (await desk.book()).positions}
        (outcome,) = [one for one in await desk.house.store.portfolio.outcomes(ACCOUNT) if one.pnl is not None]
        assert outcome.position_id == held.id
        assert outcome.pnl is not None
        assert -outcome.pnl <= held.max_loss + CENT  # the fees of each way are rounded up on their own


async def test_the_next_quote_is_never_that_of_the_order(postgres_uri: str) -> None:
    """An order of the morning rests, and fills or ends on quotes of the afternoon."""
    async with desk_of(postgres_uri, FillMode.NEXT_QUOTE) as desk:
        report = await desk.replay(FIRST, date(2026, 5, 21))
        fills = await desk.house.store.paper.paper_fills(ACCOUNT)
        states = {one.state for one in report.outcomes}
        assert report.fill_mode == "next_quote"
        assert TicketState.WORKING in states
        assert fills
        for order, fill in fills:
            assert fill.at > order.as_of
            assert fill.net <= order.limit_price
            assert fill.mode == "next_quote"
        moments = [item.at for item in report.ticks]
        for order, fill in fills:
            assert moments.index(fill.at) == moments.index(order.as_of) + 1
        await conserved(desk)


async def test_a_span_without_a_snapshot_is_refused(postgres_uri: str) -> None:
    async with desk_of(postgres_uri) as desk:
        with pytest.raises(BadInput, match="holds no snapshot"):
            await desk.replay(date(2031, 1, 1), date(2031, 2, 1))


@pytest.mark.data
@pytest.mark.slow
async def test_recorded_sessions_replay_the_same_and_prove_nothing(
    make_database: Callable[[], str], store_dir: Path
) -> None:
    """2019-04-25 to 05-02: condors are sold, a third of the same cycle finds no room, and six days show nothing."""
    reports = []
    for _ in range(2):
        async with desk_of(make_database(), name="recorded:spx-2019", store=store_dir) as desk:
            reports.append(await desk.replay(date(2019, 4, 25), date(2019, 5, 2)))
            await conserved(desk)
            book = await desk.book()
            cycles = {one.cycle for one in book.positions}
            for cycle in cycles:
                assert sum(one.max_loss for one in book.positions if one.cycle == cycle) <= CASH * 5 / 100
    one, two = reports
    assert one == two
    assert len(one.ticks) == 6
    assert one.simulated is False
    assert sum(outcome.state == TicketState.FILLED for outcome in one.outcomes) >= 1
    assert {item.finding for item in one.usefulness} == {"insufficient"}
