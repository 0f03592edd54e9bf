"""Reserving a ticket's worst case under the account's lock, so that two runs cannot both spend one budget."""

from __future__ import annotations

import dataclasses

from domain.book import Book
from domain.decision import GateReport
from domain.orders import OrderTicket
from domain.regime import Regime
from graph.context import Desk
from quant.risk.gate import check
from quant.sizing.order import broker_order


def failures(report: GateReport) -> str:
    """Every failed check of a report in one line."""
    return "; ".join(f"{one.name}: {one.value or one.note} against {one.limit}" for one in report.failed)


def without(book: Book, ticket_id: str) -> Book:
    """The book without one ticket's own reservation or working order, for sizing that ticket anew."""
    own = [one for one in book.commitments if one.id == ticket_id]
    sent = {one.ticker: one.contracts for one in own if one.working}  # a working order is in today's count as well
    return dataclasses.replace(
        book,
        commitments=tuple(one for one in book.commitments if one.id != ticket_id),
        contracts_today=tuple((ticker, max(0, n - sent.get(ticker, 0))) for ticker, n in book.contracts_today),
    )


async def reserve(desk: Desk, ticket: OrderTicket, regime: Regime) -> str:
    """Check the ticket's order against the present book and hold its budget. Returns what failed, "" when held."""
    now = desk.clock.now()
    order = broker_order(ticket, limit_price=ticket.limit_price, contracts=ticket.contracts, at=now)
    async with desk.store.portfolio.door(ticket.account, now) as door:
        report = check((order,), await door.book(), regime, desk.limits, now)
        if not report.passed:
            return failures(report)
        await door.reserve(ticket.id, order, ticket.expires_at)
    return ""
