"""protect: the daily loss latch. Two consecutive good marks beyond the limit halt the account, reduce-only."""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import Desk
from graph.state import WatchState
from quant.risk.latch import loss_latched


async def protect(state: WatchState, runtime: Runtime[Desk]) -> WatchState:
    """Halt the account when today's loss stands at two marks; a person lifts it."""
    desk, account = runtime.context, state["spec"].account
    now = desk.clock.now()
    book = await desk.store.portfolio.book(account, now)
    history = tuple((equity.at, equity.nlv) for equity in await desk.store.portfolio.nlv_history(account))
    why = loss_latched(history, book.nlv_prior_close, desk.limits.daily_loss, now)
    if why and not any(halt.scope == account for halt in book.halts):
        nonce = f"protect:{account}:{now:%Y-%m-%dT%H:%M:%S}"
        await desk.store.acts.write("halt", "protect", "watch", account, nonce, {"reason": why}, now)
    return {"halted": bool(why) or bool(book.halts)}
