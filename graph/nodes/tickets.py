"""tickets: sized orders → one ticket each, its budget reserved under the account's lock."""

from __future__ import annotations

from datetime import timedelta

from langgraph.runtime import Runtime

from domain.decision import RunSpec
from domain.market import Instrument
from domain.orders import Effect, FillMode, OrderTicket, SizedOrder
from domain.views import Refused
from graph.context import Desk
from graph.reserve import reserve
from graph.state import RunState


async def open_tickets(state: RunState, runtime: Runtime[Desk]) -> RunState:
    """Write a ticket for every order with contracts. Running twice writes each ticket once."""
    desk, spec = runtime.context, state["spec"]
    written = {row.ticket.id: row.ticket for row in await desk.store.tickets.list(run_id=spec.run_id)}
    ids: list[str] = []
    refused: list[Refused] = []
    for number, sized in enumerate(state.get("sized", ()), start=1):
        if sized.contracts == 0:
            refused.append(Refused(ticker=sized.proposal.ticker, stage="size", reason=sized.why))
            continue
        snapshot = await desk.store.snapshots.get(sized.proposal.snapshot)
        ticket_id = f"{spec.run_id}.{number}"
        ticket = written.get(ticket_id) or _ticket(desk, spec, sized, ticket_id, snapshot.instrument)
        failed = await reserve(desk, ticket, state["opened"].regime)
        if failed:
            refused.append(Refused(ticker=ticket.ticker, stage="tickets", reason=failed))
            continue
        await desk.store.tickets.create(ticket)
        ids.append(ticket.id)
    return {"tickets": tuple(ids), "refused": tuple(refused)}


def _ticket(desk: Desk, spec: RunSpec, sized: SizedOrder, ticket_id: str, instrument: Instrument) -> OrderTicket:
    proposal, now = sized.proposal, desk.clock.now()
    natural = spec.fill_mode == FillMode.SAME_SNAPSHOT
    return OrderTicket(
        id=ticket_id,
        run_id=spec.run_id,
        account=spec.account,
        market=spec.market,
        as_of=spec.as_of,
        effect=Effect.OPEN,
        ticker=proposal.ticker,
        sector=instrument.bucket,
        structure=proposal.structure,
        contracts=sized.contracts,
        multiplier=instrument.multiplier,
        playbook=proposal.playbook,
        params_hash=proposal.params_hash,
        order=sized,
        position_id=None,
        why=sized.binding,
        limit_price=proposal.net_natural if natural else proposal.net_entry,
        nonce=desk.nonce(),
        created_at=now,
        expires_at=now + timedelta(seconds=desk.policy.ticket_life_s),
        settings_hash=spec.settings_hash,
        graph_version=spec.graph_version,
    )
