"""size: proposals, book, records → sized orders; the binding limit is named, each shrink recorded."""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import Desk
from graph.state import RunState
from quant.sizing.size import size


async def size_orders(state: RunState, runtime: Runtime[Desk]) -> RunState:
    """Fractional Kelly under the joint gate. The risk stage may only shrink."""
    desk, spec = runtime.context, state["spec"]
    proposals = state.get("proposals", ())
    if not proposals:
        return {"sized": ()}
    book = await desk.store.portfolio.book(spec.account, spec.as_of)
    sectors = {}
    for proposal in proposals:
        snapshot = await desk.store.snapshots.get(proposal.snapshot)
        sectors[proposal.ticker] = snapshot.instrument
    sized = size(
        proposals,
        state["mandates"],
        book,
        state["opened"].regime,
        desk.limits,
        auto=spec.auto_execute,
        at=spec.as_of,
        instruments=sectors,
        playbooks=desk.playbooks,
    )
    return {"sized": sized}
