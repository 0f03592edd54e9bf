"""aggregate: readings → one composite per ticker and axis."""

from __future__ import annotations

from langgraph.runtime import Runtime

from agents.aggregate import aggregate
from domain.decision import Scan
from domain.views import ANALYSTS
from graph.context import Desk
from graph.state import ScanState


async def aggregate_scan(state: ScanState, runtime: Runtime[Desk]) -> ScanState:
    """Combine the four readings. A ticker that an analyst's data failure refused gives no scan."""
    if state.get("refused"):
        return {}
    ticker = state["ticker"]
    readings = tuple(state["readings"][name] for name in ANALYSTS)
    composite = aggregate(ticker, readings, dict(runtime.context.policy.analyst_weights))
    scan = Scan(ticker=ticker, snapshot=state["snapshot"], readings=readings, composite=composite)
    return {"scans": {ticker: scan}}
