"""rank: composites → the shortlist, the only tickers that cost a debate."""

from __future__ import annotations

from langgraph.runtime import Runtime

from agents.aggregate import rank
from domain.views import Refused
from graph.context import Desk
from graph.state import RunState
from quant.alignment import too_many_stale


async def rank_tickers(state: RunState, runtime: Runtime[Desk]) -> RunState:
    """Order tickers by edge after estimated cost and keep the first `shortlist`."""
    scans = state.get("scans", {})
    stale = {t for t, scan in scans.items() if scan.snapshot.stale}
    stale |= {one.ticker for one in state.get("refused", ()) if one.stale}
    composites = tuple(scan.composite for _, scan in sorted(scans.items()) if scan.composite is not None)
    ranked = rank(composites, state["spec"].shortlist)
    silent = (
        Refused(ticker=t, stage="rank", reason="every analyst abstained") for t in scans if not scans[t].composite
    )
    below = (
        Refused(ticker=c.ticker, stage="rank", reason=f"not among the best {len(ranked)} by edge ({c.edge})")
        for c in composites
        if c.ticker not in ranked
    )
    return {
        "ranked": ranked,
        "analysis_only": too_many_stale(stale, len(state["spec"].tickers), runtime.context.policy.stale_share),
        "refused": tuple(sorted((*silent, *below), key=lambda refused: refused.ticker)),
    }
