"""journal: the thread → decision record, transcript, memory."""

from __future__ import annotations

from langgraph.runtime import Runtime

from agents.recollection import memory_of_decision
from agents.scribe import transcript
from domain.decision import Decision, RunStatus
from domain.views import Refused
from graph.context import Desk
from graph.state import RunState


def _key(refused: Refused) -> tuple[str, str, str]:
    return refused.ticker, refused.stage, refused.reason


def decision(state: RunState) -> Decision:
    """The canonical record: whatever order branches finished in, the record is the same to the bit."""
    return Decision(
        spec=state["spec"],
        opened=state["opened"],
        scans=tuple(scan for _, scan in sorted(state.get("scans", {}).items())),
        ranked=state.get("ranked", ()),
        debates=tuple(argued for _, argued in sorted(state.get("debates", {}).items())),
        mandates=state.get("mandates", ()),
        vetoes=state.get("vetoes", ()),
        proposals=state.get("proposals", ()),
        unpriced=state.get("unpriced", ()),
        sized=state.get("sized", ()),
        tickets=state.get("tickets", ()),
        refused=tuple(sorted(state.get("refused", ()), key=_key)),
        analysis_only=state.get("analysis_only", ""),
    )


async def journal(state: RunState, runtime: Runtime[Desk]) -> RunState:
    """Write the record, the story, and what is worth remembering per debated ticker."""
    store, made, spec = runtime.context.store, decision(state), state["spec"]
    await store.transcripts.put(spec.run_id, "*", transcript(made))
    for ticker, text in memory_of_decision(made):
        await store.recall.remember(
            "decision",
            ticker,
            text,
            event_time=spec.as_of,
            known_at=spec.as_of,
            source=spec.run_id,
            world=spec.world,
        )
    status = RunStatus.HALTED if made.opened.refused else RunStatus.AWAITING if made.tickets else RunStatus.DONE
    await store.decisions.finish(spec.run_id, status, made)
    return {}
