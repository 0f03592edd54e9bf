"""exits: marked positions → those whose playbook says to close, with the rule that says so."""

from __future__ import annotations

from langgraph.runtime import Runtime

from domain.views import Refused
from graph.context import Desk
from graph.state import WatchState
from quant.lifecycle.exits import due


async def exits(state: WatchState, runtime: Runtime[Desk]) -> WatchState:
    """Ask each position's playbook. A position without a mark has no exit today, except by expiry."""
    desk, now = runtime.context, runtime.context.clock.now()
    marks = {one.position_id: one for one in state["marks"]}
    found = []
    orphans = []
    for position in await desk.store.portfolio.open_positions(state["spec"].account):
        playbook = desk.playbooks.get(position.playbook)
        if playbook is None:
            why = f"{position.id} was opened under playbook {position.playbook}, which is gone: close it by hand"
            orphans.append(Refused(ticker=position.ticker, stage="exits", reason=why))
            continue
        signal = due(position, playbook.exits, marks.get(position.id), now)
        if signal is not None:
            found.append((position.id, f"{signal.rule}: {signal.why}"))
    return {"exits": tuple(found), "refused": tuple(orphans)}
