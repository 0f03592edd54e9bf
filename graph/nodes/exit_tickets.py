"""tickets (of watch): exits and rolls → closing tickets, which go the one way to the broker."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import timedelta

from langgraph.runtime import Runtime

from domain.book import Position
from domain.market import Absent, Interval
from domain.orders import OPEN_STATES, Effect, OrderTicket
from domain.structures import Leg, Structure, StructureName
from domain.views import Refused
from graph.context import Desk
from graph.recorder import refusal
from graph.state import WatchState
from quant.lifecycle.closing import closing_price

SETTLEMENT_BARS = 10


async def exit_tickets(state: WatchState, runtime: Runtime[Desk]) -> WatchState:
    """Write one closing ticket per exit, unless an earlier one for the position is still open."""
    desk, spec = runtime.context, state["spec"]
    held = {p.id: p for p in await desk.store.portfolio.open_positions(spec.account)}
    written = await desk.store.tickets.list(account=spec.account)
    waiting = {row.ticket.position_id for row in written if row.state in OPEN_STATES}
    exits = Counter(row.ticket.position_id for row in written)
    ids: list[str] = []
    refused: list[Refused] = []
    for position_id, why in state["exits"]:
        position = held.get(position_id)
        if position is None or position_id in waiting:
            continue
        if position_id in state["rolls"]:
            why = f"roll, {why}"
        try:
            ticket = await closing_ticket(desk, state, position, why, exits[position_id] + 1)
            await desk.store.tickets.create(ticket)
        except Exception as error:
            refused.append(refusal(position.ticker, "tickets", error))
            continue
        ids.append(ticket.id)
    return {"tickets": tuple(ids), "refused": tuple(refused)}


async def closing_ticket(desk: Desk, state: WatchState, position: Position, why: str, number: int) -> OrderTicket:
    """A ticket that takes every leg to flat at its natural price, or at settlement when it has expired.

    Old quotes do not stop it, they are told: closing must stay possible when opening is not.
    """
    spec, now = state["spec"], desk.clock.now()
    answered = await desk.market.chain(position.ticker, now)
    bars = await desk.market.bars(position.ticker, Interval.DAY, now, SETTLEMENT_BARS)
    chain = None if isinstance(answered, Absent) else answered
    age = (now - chain.shown_at).total_seconds() if chain else 0.0
    if age > desk.policy.lags.limit_s:
        why = f"{why}; priced on quotes that are {age / 60:.0f} minutes old"
    daily = None if isinstance(bars, Absent) else bars
    legs = tuple(Leg(instrument=leg.instrument, quantity=-leg.quantity) for leg in position.legs)
    return OrderTicket(
        id=f"{position.id}.x{number}",
        run_id=spec.run_id,
        account=spec.account,
        market=spec.market,
        as_of=spec.as_of,
        effect=Effect.CLOSE,
        ticker=position.ticker,
        sector=position.sector,
        structure=Structure(name=StructureName(position.name), ticker=position.ticker, legs=legs),
        contracts=position.contracts,
        multiplier=position.multiplier,
        playbook=position.playbook,
        params_hash=position.params_hash,
        order=None,
        position_id=position.id,
        why=why,
        limit_price=closing_price(dataclasses.replace(position, legs=legs), chain, daily, now),
        nonce=desk.nonce(),
        created_at=now,
        expires_at=now + timedelta(seconds=desk.policy.ticket_life_s),
        settings_hash=spec.settings_hash,
        graph_version=spec.graph_version,
    )
