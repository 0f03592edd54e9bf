"""Ports: the seams between layers, each with its failure contract.

`Absent` is an answer (the source has no such datum), `SourceFailed` is raised (the source did not answer or answered
nonsense). Nothing returned by a market as of t may have `known_at` later than t.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Protocol, TypeVar

from pydantic import BaseModel

from domain.book import Book
from domain.market import (
    Absent,
    BarSeries,
    Calendar,
    IndexLevel,
    Instrument,
    Interval,
    OptionChain,
    RateCurve,
    SocialCounts,
    SourceUse,
)
from domain.orders import BrokerOrder, BrokerReport, Fill
from domain.structures import Option

Answer = TypeVar("Answer", bound=BaseModel)


class Clock(Protocol):
    """The only source of the present moment."""

    def now(self) -> datetime:
        """The present, aware UTC."""
        ...

    async def sleep_until(self, moment: datetime) -> None:
        """Return when `now()` has reached `moment`."""
        ...


class Market(Protocol):
    """One market: live, recorded or simulated. Every method answers as of a moment and raises SourceFailed."""

    label: str  # "recorded:spx-2019"; shown wherever a result is shown
    simulated: bool
    delayed: bool
    live: bool  # its present is the wall clock's: refreshed, then decided on
    one_shot: bool  # one snapshot a session: fills are `same_snapshot`

    async def refresh(self, tickers: tuple[str, ...], held: Mapping[str, tuple[Option, ...]] | None = None) -> None:
        """Fetch and keep what may have changed since; a recorded or simulated market has nothing to do.

        Tickers in `held` are only watched, for these contracts: of their chains a market keeps no more than the rows
        near them, and for a time. A moment at or after the return sees what was fetched. A source that fails is noted
        (`uses`), never raised.
        """
        ...

    def uses(self, ticker: str) -> tuple[SourceUse, ...]:
        """Where the last refresh asked a source in vain, of this ticker and of what all tickers share."""
        ...

    async def instrument(self, ticker: str, as_of: datetime) -> Instrument | Absent: ...
    async def chain(self, ticker: str, as_of: datetime) -> OptionChain | Absent:
        """The newest chain known at `as_of`, whatever its age; the caller judges the lag."""
        ...

    async def bars(self, ticker: str, interval: Interval, as_of: datetime, count: int) -> BarSeries | Absent:
        """At most the last `count` bars complete at `as_of`; today's daily bar is not known in session."""
        ...

    async def index(self, name: str, as_of: datetime) -> IndexLevel | Absent: ...
    async def index_history(self, name: str, as_of: datetime, count: int) -> BarSeries | Absent: ...
    async def rates(self, as_of: datetime) -> RateCurve | Absent: ...
    async def calendar(self, ticker: str, as_of: datetime) -> Calendar: ...
    async def social(self, ticker: str, as_of: datetime) -> SocialCounts | Absent: ...

    def snapshot_time(self, day: date) -> datetime:
        """The stated moment that a bare date means in this market. Raises DataAbsent when it holds no such session."""
        ...

    def snapshot_times(self, start: date, end: date) -> tuple[datetime, ...]:
        """All moments with a new chain between two days, inclusive: the ticks of a replay."""
        ...


class Broker(Protocol):
    """A broker, idempotent by client order id: placing the same id again returns what the first call led to.

    `place` raises BrokerFailed when the outcome is unknown; the caller then asks `find`, and never sends again.
    Closing and opening orders go the same way.
    """

    name: str
    paper: bool

    async def place(self, order: BrokerOrder) -> BrokerReport: ...
    async def cancel(self, client_order_id: str) -> BrokerReport: ...
    async def find(self, client_order_id: str) -> BrokerReport | None:
        """What the broker knows of this id; None when it never heard of it."""
        ...

    async def settle_working(self, account: str, now: datetime) -> tuple[tuple[BrokerOrder, BrokerReport], ...]:
        """Resting orders of an account that have ended since they were last asked after."""
        ...

    async def open_orders(self) -> tuple[BrokerReport, ...]: ...
    async def positions(self) -> tuple[tuple[str, int], ...]:
        """(instrument key, signed quantity) of everything held."""
        ...

    async def ping(self) -> str:
        """A read-only check that the credentials work; one line for `parley doctor`."""
        ...


class Door(Protocol):
    """One transaction under the account's lock: read, check, write the intent, commit; only then send."""

    async def book(self) -> Book: ...
    async def known(self, client_order_id: str) -> bool:
        """True when an intent with this id was ever written."""
        ...

    async def write_intent(self, order: BrokerOrder, reducing: bool) -> None:
        """Commit this order's worst case in place of its ticket's reservation."""
        ...

    async def reserve(self, commitment_id: str, order: BrokerOrder, expires_at: datetime) -> None:
        """Hold a ticket's worst case until it is answered."""
        ...


class Ledger(Protocol):
    """What the guard and the paper broker need kept. Implemented in memory, joined in apps/wiring."""

    def door(self, account: str, at: datetime) -> AbstractAsyncContextManager[Door]:
        """Open the account's lock; leaving without an exception commits, with one rolls back."""
        ...


class PaperBook(Protocol):
    """The paper broker's own durable memory, apart from the desk's book, so that the two can be reconciled."""

    async def paper_find(self, client_order_id: str) -> BrokerReport | None: ...
    async def paper_put(self, account: str, order: BrokerOrder, report: BrokerReport) -> BrokerReport:
        """Store a report unless the id is known; return what is stored."""
        ...

    async def paper_update(self, report: BrokerReport) -> None: ...
    async def paper_open(self, account: str) -> tuple[tuple[BrokerOrder, BrokerReport], ...]: ...
    async def paper_fills(self, account: str) -> tuple[tuple[BrokerOrder, Fill], ...]: ...


class ChatModel(Protocol):
    """A language model that answers in a schema, or raises ModelFailed."""

    name: str

    async def ask(self, system: str, user: str, schema: type[Answer]) -> Answer: ...
