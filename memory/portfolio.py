"""The desk's books: accounts, promises, positions, fills, marks and outcomes (the port `Ledger`)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import errors

from domain.book import Book, Mark, Position
from domain.codec import dumps, loads
from domain.decision import Outcome
from domain.errors import BadInput, BrokerFailed, NotFound, ThreadBusy
from domain.money import ZERO, to_cents
from domain.orders import BrokerOrder, BrokerReport, BrokerState, Effect, Fill, OrderTicket
from domain.ports import Door
from memory import settlement
from memory.database import Connection, Database, execute, fetch, fetch_one, utc
from memory.door import AccountDoor, holding, read_book
from memory.settlement import Holding

LOCK_WAIT_S = 30


@dataclass(frozen=True, slots=True)
class Settlement:
    """What all fills of one order have done so far; the same however often it is settled. Dollars."""

    position_id: str | None
    contracts: int
    amount: Decimal  # positive: paid
    fees: Decimal
    realised: Decimal  # of closing orders, fees of both ways included


@dataclass(frozen=True, slots=True)
class Equity:
    """The account's net liquidation value at a moment."""

    at: datetime
    nlv: Decimal
    close: bool


class Portfolio:
    """Every change of an account is one transaction under that account's lock."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # One waiter per account and process stands at the database's lock; the rest of the pool stays free.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def _locked(self, account: str) -> AsyncIterator[Connection]:
        busy = f"account {account} has been in use for {LOCK_WAIT_S} s; try again in a moment"
        turn = self._turns[account]
        try:
            async with asyncio.timeout(LOCK_WAIT_S):
                await turn.acquire()
        except TimeoutError as error:
            raise ThreadBusy(busy) from error
        try:
            async with self._db.transaction() as conn:
                await fetch(conn, "session.lock_timeout_here", milliseconds=LOCK_WAIT_S * 1000)
                await fetch(conn, "session.lock_here", key=f"account/{account}")
                yield conn
        except errors.LockNotAvailable as error:
            raise ThreadBusy(busy) from error
        finally:
            turn.release()

    @asynccontextmanager
    async def door(self, account: str, at: datetime) -> AsyncIterator[Door]:
        """Open the account's lock; leaving without an exception commits, with one rolls back.

        Raises ThreadBusy when the account stays locked, NotFound (from `book`) when it was never opened.
        """
        async with self._locked(account) as conn:
            yield AccountDoor(conn, account, at)

    async def ensure_account(self, account: str, start_cash: Decimal) -> None:
        """Open an account with its starting cash; one that exists keeps what it has."""
        await self._db.run("portfolio.ensure_account", account=account, start_cash=to_cents(start_cash))

    async def accounts(self) -> tuple[str, ...]:
        """Every account ever opened."""
        return tuple(row["account"] for row in await self._db.rows("portfolio.accounts"))

    async def book(self, account: str, at: datetime) -> Book:
        """The account at a moment, read in one transaction without its lock. Raises NotFound."""
        async with self._db.transaction() as conn:
            await execute(conn, "session.one_view")
            return await read_book(conn, account, at)

    async def set_broker_only(self, account: str, keys: tuple[str, ...]) -> None:
        """Note the instruments that the broker holds and this book does not know. Raises NotFound."""
        if await self._db.row("portfolio.set_broker_only", account=account, keys=list(keys)) is None:
            raise NotFound(f"account {account} was never opened")

    async def settle(self, order: BrokerOrder, report: BrokerReport, at: datetime) -> Settlement:
        """Enter everything a report says about an order, in one transaction; the same report again changes nothing.

        Reports are cumulative: fill number i of an order is always the same fill. A final report frees what the order
        had committed. Raises NotFound for an order without intent, BadInput and BrokerFailed for fills that cannot be.
        """
        async with self._locked(order.account) as conn:
            intent = await fetch_one(conn, "portfolio.intent", client_order_id=order.client_order_id)
            if intent is None or intent["account"] != order.account:
                raise NotFound(
                    f"{order.account} never meant to send {order.client_order_id}; reconcile with the broker"
                )
            if report.client_order_id != order.client_order_id:
                raise BadInput(f"the report is on {report.client_order_id}, the order is {order.client_order_id}")
            if sum(fill.contracts for fill in report.fills) > intent["contracts"]:
                raise BrokerFailed(f"the broker reports more of {order.client_order_id} than was ordered; reconcile")
            sent = loads(intent["body"], BrokerOrder)
            for seq, fill in enumerate(report.fills):
                await self._enter(conn, sent, seq, fill)
            done = await fetch_one(conn, "portfolio.filled", client_order_id=order.client_order_id) or {}
            if report.state is not BrokerState.WORKING or intent["state"] == BrokerState.WORKING.value:
                await execute(
                    conn,
                    "portfolio.report_intent",
                    client_order_id=order.client_order_id,
                    state=report.state.value,
                    report=dumps(report),
                    filled=done["contracts"],
                )
            return Settlement(done["position_id"], done["contracts"], done["amount"], done["fees"], done["realised"])

    async def _enter(self, conn: Connection, order: BrokerOrder, seq: int, fill: Fill) -> None:
        known = await fetch_one(conn, "portfolio.fill_known", client_order_id=order.client_order_id, seq=seq)
        if known is not None:
            return
        if fill.contracts <= 0:
            raise BrokerFailed(f"fill {seq} of {order.client_order_id} is for {fill.contracts} contracts")
        key = order.position_id if order.effect is Effect.CLOSE else settlement.position_id(order.ticket_id)
        row = await fetch_one(conn, "portfolio.position", id=key)
        held = None if row is None else holding(row)
        realised = ZERO
        if order.effect is Effect.OPEN:
            held = settlement.opened(held, order, fill, await _ticket(conn, order.ticket_id))
        elif held is None:
            raise BadInput(f"{order.client_order_id} closed {order.position_id}, which was never held")
        else:
            held, realised = settlement.closed(held, order, fill)
        await _save(conn, held)
        moved, fees = settlement.amount(fill, order.multiplier), to_cents(fill.fees)
        await execute(
            conn,
            "portfolio.save_fill",
            client_order_id=order.client_order_id,
            seq=seq,
            account=order.account,
            position_id=held.position.id,
            contracts=fill.contracts,
            amount=moved,
            fees=fees,
            realised=realised,
            at=fill.at,
            body=dumps(fill),
        )
        await execute(conn, "portfolio.move_cash", account=order.account, amount=-moved - fees)

    async def release(self, ticket_id: str, at: datetime) -> None:
        """Give back a ticket's reservation; giving it back twice is harmless."""
        await self._db.run("portfolio.release", id=ticket_id, at=at)

    async def unresolved(self, account: str) -> tuple[BrokerOrder, ...]:
        """Orders that were meant to be sent and have no final report, oldest first."""
        return tuple(
            loads(row["body"], BrokerOrder) for row in await self._db.rows("portfolio.working", account=account)
        )

    async def intent(self, client_order_id: str) -> BrokerOrder | None:
        """The order that was meant to be sent under this id; None when there never was one."""
        row = await self._db.row("portfolio.intent", client_order_id=client_order_id)
        return None if row is None else loads(row["body"], BrokerOrder)

    async def open_positions(self, account: str) -> tuple[Position, ...]:
        """What the account holds, oldest first."""
        rows = await self._db.rows("portfolio.open_positions", account=account)
        return tuple(holding(row).position for row in rows)

    async def holdings(self, account: str) -> tuple[Holding, ...]:
        """Every position the account ever had, with what it realised, oldest first."""
        return tuple(holding(row) for row in await self._db.rows("portfolio.all_positions", account=account))

    async def position(self, position_id: str) -> Position | None:
        """One position; closed ones have 0 contracts. None when it never was."""
        row = await self._db.row("portfolio.position", id=position_id)
        return None if row is None else holding(row).position

    async def save_marks(
        self, account: str, marks: tuple[Mark, ...], nlv: Decimal | None, at: datetime, close: bool
    ) -> None:
        """Keep the marks of a moment and the account's value; `close` says that it is a session's last.

        `nlv` None (something could not be marked) leaves the account's value as old as it was.
        """
        async with self._db.transaction() as conn:
            for mark in marks:
                await execute(
                    conn,
                    "portfolio.save_mark",
                    position_id=mark.position_id,
                    at=mark.at,
                    value=to_cents(mark.value),
                    note=mark.note,
                )
            if nlv is not None:
                await execute(conn, "portfolio.save_nlv", account=account, at=at, nlv=to_cents(nlv), at_close=close)

    async def marks(self, position_id: str) -> tuple[Mark, ...]:
        """All marks of a position, oldest first."""
        rows = await self._db.rows("portfolio.marks", position_id=position_id)
        return tuple(Mark(**{**row, "at": utc(row["at"])}) for row in rows)

    async def nlv_history(self, account: str) -> tuple[Equity, ...]:
        """The account's saved values, oldest first."""
        rows = await self._db.rows("portfolio.nlv_history", account=account)
        return tuple(Equity(utc(row["at"]), row["nlv"], row["at_close"]) for row in rows)

    async def record_outcome(self, outcome: Outcome, account: str | None = None) -> None:
        """Keep how a ticket or its position ended; the first outcome of each state stands.

        The account is that of its ticket or position unless given. Raises NotFound when there is neither.
        """
        async with self._db.transaction() as conn:
            if account is None:
                row = await fetch_one(
                    conn, "portfolio.outcome_account", ticket_id=outcome.ticket_id, position_id=outcome.position_id
                )
                account = None if row is None else row["account"]
            if account is None:
                raise NotFound(f"neither ticket {outcome.ticket_id} nor its position is on record")
            await execute(
                conn,
                "portfolio.record_outcome",
                ticket_id=outcome.ticket_id,
                state=outcome.state,
                account=account,
                at=outcome.at,
                body=dumps(outcome),
            )

    async def outcomes(self, account: str) -> tuple[Outcome, ...]:
        """How the account's tickets and positions ended, oldest first."""
        return tuple(loads(row["body"], Outcome) for row in await self._db.rows("portfolio.outcomes", account=account))

    async def fills(self, account: str) -> tuple[Fill, ...]:
        """Every fill of the account, oldest first."""
        return tuple(loads(row["body"], Fill) for row in await self._db.rows("portfolio.fills", account=account))


async def _ticket(conn: Connection, ticket_id: str) -> OrderTicket | None:
    row = await fetch_one(conn, "tickets.get", id=ticket_id)
    return None if row is None else loads(row["body"], OrderTicket)


async def _save(conn: Connection, held: Holding) -> None:
    position = held.position
    fields = {name: getattr(position, name) for name in Position.__dataclass_fields__}
    await execute(
        conn,
        "portfolio.save_position",
        **{**fields, "legs": dumps(position.legs)},
        entry_cost=held.entry_cost,
        realised=held.realised,
        closed_at=held.closed_at,
    )
