"""tickets (of watch): exits and rolls → closing tickets, which go the one way to the broker."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from langgraph.runtime import Runtime

from domain.book import Position
from domain.orders import Effect, OrderTicket
from domain.structures import Leg, Structure, StructureName
from domain.views import Refused
from graph.context import Desk
from graph.present import present
from graph.recorder import refusal
from graph.state import WatchState
from quant.lifecycle.closing import closing_price


async def exit_tickets(state: WatchState, runtime: Runtime[Desk]) -> WatchState:
    """Write one closing ticket per exit, unless an earlier one for the position is still open."""
    desk, spec = runtime.context, state["spec"]
    held = {p.id: p for p in await desk.store.portfolio.open_positions(spec.account)}
    waiting = {row.ticket.position_id for row in await desk.store.tickets.list(account=spec.account, open_only=True)}
    ids: list[str] = []
    refused: list[Refused] = []
    for position_id, why in state["exits"]:
        position = held.get(position_id)
        if position is None or position_id in waiting:
            continue
        if position_id in state["rolls"]:
            why = f"roll, {why}"
        try:
            ticket = await closing_ticket(desk, state, position, why)
        except Exception as error:
            refused.append(refusal(position.ticker, "tickets", error))
            continue
        await desk.store.tickets.create(ticket)
        ids.append(ticket.id)
    return {"tickets": tuple(ids), "refused": tuple(refused)}


async def closing_ticket(desk: Desk, state: WatchState, position: Position, why: str) -> OrderTicket:
    """A ticket that takes every leg to flat at its natural price, or at settlement when it has expired."""
    spec, now = state["spec"], desk.clock.now()
    at_hand = await present(desk, position.ticker)
    legs = tuple(Leg(instrument=leg.instrument, quantity=-leg.quantity) for leg in position.legs)
    return OrderTicket(
        id=f"{position.id}.x{now:%Y%m%d%H%M%S}",
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
        limit_price=closing_price(dataclasses.replace(position, legs=legs), at_hand.snapshot, now),
        nonce=desk.nonce(),
        created_at=now,
        expires_at=now + timedelta(seconds=desk.policy.ticket_life_s),
        settings_hash=spec.settings_hash,
        graph_version=spec.graph_version,
    )
