"""snapshot: ticker, as-of → MarketSnapshot, stored content-addressed before it returns."""

from __future__ import annotations

from langgraph.runtime import Runtime

from domain.market import Alignment
from graph.context import Desk
from graph.state import ScanState
from tools.market.snapshot import take_snapshot


async def snapshot(state: ScanState, runtime: Runtime[Desk]) -> ScanState:
    """Take and store everything known about the ticker; stale or broken data raises and refuses the ticker."""
    desk, spec = runtime.context, state["spec"]
    taken = await take_snapshot(
        desk.market,
        state["ticker"],
        spec.as_of,
        lags=desk.policy.lags,
        keep_stale=any(desk.playbooks[name].alignment is Alignment.DECAY_ONLY for name in spec.playbooks),
    )
    return {"snapshot": await desk.store.snapshots.put(taken)}
