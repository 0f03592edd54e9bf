"""rolls: exits → those positions that are rolled instead of closed."""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import Desk
from graph.state import WatchState


async def rolls(state: WatchState, runtime: Runtime[Desk]) -> WatchState:
    """Pick the exits whose playbook rolls. A roll is a close and a new decision; no shipped playbook asks for one."""
    desk = runtime.context
    leaving = {position_id for position_id, _ in state["exits"]}
    held = await desk.store.portfolio.open_positions(state["spec"].account)
    rolled = (p.id for p in held if p.id in leaving and desk.playbooks[p.playbook].exits.roll)
    return {"rolls": tuple(rolled)}
