"""open: universe, clock and kill switches → regime and book. Ends the run at once when halted."""

from __future__ import annotations

from langgraph.runtime import Runtime

from domain.decision import Opened
from domain.market import Absent
from domain.views import Refused
from graph.context import Desk
from graph.nodes.mark import mark_book
from graph.state import RunState
from quant.regime import step


async def open_run(state: RunState, runtime: Runtime[Desk]) -> RunState:
    """Step the regime once for everyone, mark and read the book, and refuse the run under a halt."""
    desk, spec = runtime.context, state["spec"]
    answer = await desk.market.index("VIX", spec.as_of)
    prior = await desk.store.regimes.last(spec.account, spec.as_of)
    stepped, regime = step(prior, None if isinstance(answer, Absent) else answer, spec.as_of)
    await desk.store.regimes.put(spec.account, spec.as_of, stepped, regime)
    await desk.store.portfolio.ensure_account(spec.account, desk.policy.start_cash)
    _, unmarked = await mark_book(desk, spec.account, close=False)
    book = await desk.store.portfolio.book(spec.account, spec.as_of)
    refused = None
    if book.halts:
        why = "; ".join(f"{halt.scope} halted: {halt.reason}" for halt in book.halts)
        refused = Refused(ticker="*", stage="open", reason=f"{why}; lift it with `parley resume`")
    opened = Opened(regime=regime, nlv=book.nlv, open_positions=len(book.positions), refused=refused)
    return {"opened": opened, "refused": (*unmarked, *((refused,) if refused else ()))}
