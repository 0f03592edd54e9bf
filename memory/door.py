"""The door: an account read, and a promise written, inside one transaction under the account's lock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.book import Book, Commitment, Position
from domain.codec import dumps, loads
from domain.errors import NotFound, OrderRefused
from domain.money import to_cents
from domain.orders import BrokerOrder, Effect
from domain.structures import Leg
from memory import acts
from memory.database import Connection, Row, execute, fetch, fetch_one, utc
from memory.settlement import Holding, largest_leg, mirrored

REPLAY = "replay/"  # accounts that a halt of the whole desk does not touch


def holding(row: Row) -> Holding:
    """A position's row as a record."""
    profit = row["max_profit"]
    position = Position(
        id=row["id"],
        account=row["account"],
        ticker=row["ticker"],
        sector=row["sector"],
        name=row["name"],
        legs=loads(row["legs"], tuple[Leg, ...]),
        contracts=row["contracts"],
        entry_net=row["entry_net"],
        fees=row["fees"],
        max_loss=row["max_loss"],
        max_profit=profit,
        multiplier=row["multiplier"],
        cycle=row["cycle"],
        opened_at=utc(row["opened_at"]),
        playbook=row["playbook"],
        params_hash=row["params_hash"],
        ticket_id=row["ticket_id"],
    )
    end = row["closed_at"]
    return Holding(position, row["entry_cost"], row["realised"], None if end is None else utc(end))


async def _nlv(conn: Connection, account: str, at: datetime) -> tuple[Any, datetime | None]:
    """The last mark of the account: the newest known at `at`, else the newest of all (its age then shows).

    Never marked: its cash, or once it has traded its positions at what they cost, as old as the last fill.
    """
    marked = await fetch_one(conn, "portfolio.nlv", account=account, at=at)
    if marked is not None:
        return marked["nlv"], utc(marked["at"])
    row = await fetch_one(conn, "portfolio.nlv_at_entry", account=account)
    if row is None:
        raise NotFound(f"account {account} was never opened")
    return row["nlv"], None if row["at"] is None else utc(row["at"])


def _commitment(commitment_id: str, order: BrokerOrder, structures: int, *, working: bool) -> Commitment:
    return Commitment(
        id=commitment_id,
        ticker=order.ticker,
        sector=order.sector,
        cycle=order.cycle,
        max_loss=to_cents(order.max_loss * structures / order.contracts, "up"),
        contracts=largest_leg(order.legs) * structures,
        working=working,
        legs=tuple(Leg(instrument=leg.instrument, quantity=leg.quantity * structures) for leg in order.legs),
        position_id=order.position_id,
    )


async def _commitments(conn: Connection, account: str, at: datetime) -> tuple[Commitment, ...]:
    """Live reservations, then what has not been filled of working orders."""
    found = []
    for row in await fetch(conn, "portfolio.reservations", account=account, at=at):
        order = loads(row["body"], BrokerOrder)
        found.append(_commitment(row["id"], order, order.contracts, working=False))
    for row in await fetch(conn, "portfolio.working", account=account):
        order = loads(row["body"], BrokerOrder)
        if order.contracts > row["filled"]:
            found.append(_commitment(row["ticket_id"], order, order.contracts - row["filled"], working=True))
    return tuple(found)


async def read_book(conn: Connection, account: str, at: datetime) -> Book:
    """One account at a moment. Raises NotFound for an account that was never opened."""
    row = await fetch_one(conn, "portfolio.account", account=account)
    if row is None:
        raise NotFound(f"account {account} was never opened; open it with its starting cash first")
    nlv, nlv_at = await _nlv(conn, account, at)
    prior = await fetch_one(conn, "portfolio.nlv_prior_close", account=account, at=at)
    scopes = (account,) if account.startswith(REPLAY) else (account, acts.DESK)
    return Book(
        account=account,
        at=at,
        cash=row["cash"],
        nlv=nlv,
        nlv_at=nlv_at,
        nlv_prior_close=None if prior is None else prior["nlv"],
        positions=tuple(
            holding(found).position for found in await fetch(conn, "portfolio.open_positions", account=account)
        ),
        commitments=await _commitments(conn, account, at),
        contracts_today=tuple(
            (found["ticker"], found["contracts"])
            for found in await fetch(conn, "portfolio.contracts_today", account=account, at=at)
        ),
        halts=tuple(halt for halt in await acts.halts(conn) if halt.scope in scopes),
        broker_only=tuple(row["broker_only"]),
    )


class AccountDoor:
    """The port `Door` over one open transaction. It is worth nothing after its `async with` has ended."""

    def __init__(self, conn: Connection, account: str, at: datetime) -> None:
        self._conn = conn
        self._account = account
        self._at = at

    async def book(self) -> Book:
        """The account as it stands under the lock."""
        return await read_book(self._conn, self._account, self._at)

    async def known(self, client_order_id: str) -> bool:
        """True when an intent with this id was ever written."""
        return await fetch_one(self._conn, "portfolio.known", client_order_id=client_order_id) is not None

    async def write_intent(self, order: BrokerOrder, reducing: bool) -> None:
        """Commit the order's worst case in place of its ticket's reservation.

        Raises OrderRefused for an id that was used before, an order of another account, and a closing order that
        does not undo a position held here.
        """
        self._check_account(order)
        if order.effect is Effect.CLOSE:
            await self._check_close(order)
        written = await fetch_one(
            self._conn,
            "portfolio.write_intent",
            client_order_id=order.client_order_id,
            account=order.account,
            ticket_id=order.ticket_id,
            ticker=order.ticker,
            session=order.session,
            reducing=reducing,
            contracts=order.contracts,
            largest_leg=largest_leg(order.legs) * order.contracts,
            max_loss=order.max_loss,
            body=dumps(order),
            at=self._at,
        )
        if written is None:
            raise OrderRefused(
                f"an order {order.client_order_id} was written before; it is never sent again", ("duplicate",)
            )
        await execute(self._conn, "portfolio.release", id=order.ticket_id, at=self._at)

    def _check_account(self, order: BrokerOrder) -> None:
        if order.account != self._account:
            raise OrderRefused(f"{order.client_order_id} is for {order.account}, not {self._account}", ("account",))

    async def _check_close(self, order: BrokerOrder) -> None:
        row = await fetch_one(self._conn, "portfolio.position", id=order.position_id)
        if row is None or row["account"] != self._account or not row["contracts"]:
            raise OrderRefused(
                f"{order.client_order_id} closes {order.position_id}, which is not held here", ("position",)
            )
        held = holding(row).position
        closing = 0
        for found in await fetch(self._conn, "portfolio.working", account=self._account):
            other = loads(found["body"], BrokerOrder)
            if other.effect is Effect.CLOSE and other.position_id == order.position_id:
                closing += other.contracts - found["filled"]
        if not mirrored(order.legs, held.legs) or order.contracts + closing > held.contracts:
            raise OrderRefused(
                f"{order.client_order_id} does not undo {held.id}: {held.contracts} held, {closing} being closed",
                ("position",),
            )

    async def reserve(self, commitment_id: str, order: BrokerOrder, expires_at: datetime) -> None:
        """Hold a ticket's worst case until it is answered; again replaces what it held, unless it was released.

        Raises OrderRefused for an order of another account.
        """
        self._check_account(order)
        await execute(
            self._conn,
            "portfolio.reserve",
            id=commitment_id,
            account=self._account,
            body=dumps(order),
            expires_at=expires_at,
        )
