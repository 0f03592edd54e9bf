"""snapshot: ticker, as-of → MarketSnapshot, stored content-addressed before it returns."""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import Desk
from graph.state import ScanState
from tools.market.snapshot import take_snapshot


async def snapshot(state: ScanState, runtime: Runtime[Desk]) -> ScanState:
    """Take and store everything known about the ticker; stale or broken data raises and refuses the ticker."""
    desk, policy = runtime.context, runtime.context.policy
    taken = await take_snapshot(
        desk.market,
        state["ticker"],
        state["spec"].as_of,
        lag_limit_s=policy.lag_limit_s,
        index_lag_limit_s=policy.index_lag_limit_s,
        half_life_s=policy.half_life_s,
    )
    return {"snapshot": await desk.store.snapshots.put(taken)}
