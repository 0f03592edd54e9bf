"""risk_gate: verdicts, playbooks, book, regime, limits → a mandate per verdict, or a veto with every failed check."""

from __future__ import annotations

from langgraph.runtime import Runtime

from domain.decision import Mandate, Veto
from domain.orders import FillMode
from domain.views import Abstained, Refused, Verdict
from graph.context import Desk
from graph.state import RunState
from quant.execution.quotes import Venue
from quant.selection.mandate import mandate


async def risk_gate(state: RunState, runtime: Runtime[Desk]) -> RunState:
    """Ask the gate for headroom before any work is spent on pricing."""
    desk, spec, opened = runtime.context, state["spec"], state["opened"]
    book = await desk.store.portfolio.book(spec.account, spec.as_of)
    mandates: list[Mandate] = []
    vetoes: list[Veto] = []
    refused: list[Refused] = []
    for ticker, argued in sorted(state.get("debates", {}).items()):
        if isinstance(argued.outcome, Abstained):
            refused.append(Refused(ticker=ticker, stage="debate", reason=argued.outcome.why))
            continue
        assert isinstance(argued.outcome, Verdict)
        scan = state["scans"][ticker]
        snapshot = await desk.store.snapshots.get(scan.snapshot.hash)
        for name in spec.playbooks:
            answer = mandate(
                argued.outcome,
                scan,
                desk.playbooks[name],
                snapshot,
                book,
                opened.regime,
                desk.limits,
                spec.as_of,
                Venue(paper=desk.broker.paper, waits=spec.fill_mode == FillMode.NEXT_QUOTE),
                state.get("analysis_only", ""),
            )
            if isinstance(answer, Mandate):
                mandates.append(answer)
            else:
                vetoes.append(answer)
    return {"mandates": tuple(mandates), "vetoes": tuple(vetoes), "refused": tuple(refused)}
