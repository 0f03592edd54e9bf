"""debate: evidence, signals, positions held and recalled memories → bull case, bear case, verdict."""

from __future__ import annotations

from datetime import timedelta

from langgraph.runtime import Runtime

from agents.debate.debate import debate
from agents.recollection import situation
from graph.context import Desk
from graph.state import DebateTask, RunState


async def debate_ticker(state: DebateTask, runtime: Runtime[Desk]) -> RunState:
    """Argue about one ticker. Memories are point-in-time and of this market's world only."""
    desk, spec, scan = runtime.context, state["spec"], state["scan"]
    recalled = await desk.store.recall.recall(
        situation(scan),
        as_of=spec.as_of - timedelta(microseconds=1),  # a decision never recalls itself
        limit=desk.policy.recall_limit,
        ticker=scan.ticker,
        world=spec.world,
    )
    held = await desk.store.portfolio.open_positions(spec.account)
    positions = tuple(position for position in held if position.ticker == scan.ticker)
    return {"debates": {scan.ticker: await debate(scan, recalled, positions, desk.model)}}
