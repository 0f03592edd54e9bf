"""vol_surface, social, technical, flow: snapshot → evidence and one signal, or an abstention."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from langgraph.runtime import Runtime

from agents.analysts import ANALYSTS
from graph.context import Desk
from graph.state import ScanState


def analyst(name: str) -> Callable[[ScanState, Runtime[Desk]], Awaitable[ScanState]]:
    """The node of one analyst. The surface is a fact of the snapshot: computed once, shared by all."""
    read = ANALYSTS[name]

    async def node(state: ScanState, runtime: Runtime[Desk]) -> ScanState:
        desk, ref = runtime.context, state["snapshot"]
        snapshot = await desk.store.snapshots.get(ref.hash)
        surface = await desk.facts.surface(ref.hash, snapshot)
        return {"readings": {name: await desk.compute.run(read, snapshot, surface)}}

    return node
