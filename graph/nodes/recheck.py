"""recheck: an approved ticket, priced and gated again on the present book and quotes."""

from __future__ import annotations

from langgraph.runtime import Runtime

from domain.decision import GateReport, Outcome, Unpriced
from domain.errors import DataError
from domain.orders import Effect, OrderTicket, SizedOrder, TicketState
from domain.regime import Regime
from domain.views import Verdict
from graph.context import Desk
from graph.present import present, present_regime
from graph.reserve import failures, without
from graph.state import TicketGraphState
from quant.risk.gate import check
from quant.sizing.order import broker_order
from quant.sizing.size import size
from quant.worth.outlook import outlook
from quant.worth.price_batch import reprice


async def recheck(state: TicketGraphState, runtime: Runtime[Desk]) -> TicketGraphState:
    """What no longer passes ends here with the reason. A person edits down; an exit needs no fresh surface."""
    desk, ticket, answer = runtime.context, state["ticket"], state["answer"]
    asked = ticket.contracts if answer.contracts is None else answer.contracts
    contracts = min(ticket.contracts, asked)
    if ticket.effect == Effect.OPEN:
        try:
            worth = await worth_now(desk, ticket)
        except DataError as error:
            worth = str(error)
        if isinstance(worth, str):
            return {"outcome": refused(desk, ticket, worth, None)}
        contracts = min(contracts, worth.contracts)
    limit = ticket.limit_price if answer.limit_price is None else answer.limit_price
    now = desk.clock.now()
    order = broker_order(ticket, limit_price=limit, contracts=contracts, at=now)
    book = await desk.store.portfolio.book(ticket.account, now)
    report = check((order,), book, await regime_or_none(desk, ticket.account), desk.limits, now)
    if not report.passed:
        return {"report": report, "outcome": refused(desk, ticket, failures(report), report)}
    return {"report": report, "send": order}


async def regime_or_none(desk: Desk, account: str) -> Regime | None:
    """The present regime; None when its source fails, which no opening order passes and every exit does."""
    try:
        return await present_regime(desk, account)
    except DataError:
        return None


def refused(desk: Desk, ticket: OrderTicket, reason: str, report: GateReport | None) -> Outcome:
    """The end of a ticket that the recheck or the guard did not let through."""
    return Outcome(
        ticket_id=ticket.id,
        state=TicketState.REFUSED,
        reason=reason,
        report=report,
        position_id=ticket.position_id,
        fill_net=None,
        contracts=0,
        pnl=None,
        at=desk.clock.now(),
    )


async def worth_now(desk: Desk, ticket: OrderTicket) -> SizedOrder | str:
    """The ticket's structure at present prices and in the present book, or why it is no longer worth it."""
    run = await desk.store.decisions.run(ticket.run_id)
    if run is None or run.decision is None or ticket.order is None:
        return f"run {ticket.run_id} has no decision record to recheck against"
    verdict = next((d.outcome for d in run.decision.debates if d.ticker == ticket.ticker), None)
    at_hand = await present(desk, ticket.ticker)
    if not isinstance(verdict, Verdict) or at_hand.surface is None:
        return "no verdict or no option chain to price it by"
    snapshot, now = at_hand.snapshot, desk.clock.now()
    expected = await desk.compute.run(outlook, snapshot, at_hand.surface)
    again = await desk.compute.run(
        reprice,
        ticket.order.proposal,
        snapshot,
        at_hand.surface,
        expected,
        verdict,
        desk.skill,
        desk.playbooks[ticket.playbook],
    )
    if isinstance(again, Unpriced):
        return f"at present prices: {again.reason}"
    book = without(await desk.store.portfolio.book(ticket.account, now), ticket.id)
    (sized,) = size(
        (again,),
        tuple(m for m in run.decision.mandates if (m.ticker, m.playbook) == (ticket.ticker, ticket.playbook)),
        book,
        await regime_or_none(desk, ticket.account),
        desk.limits,
        auto=desk.policy.auto_execute,
        at=now,
        instruments={ticket.ticker: snapshot.instrument},
        playbooks=desk.playbooks,
    )
    return sized if sized.contracts else f"at present prices: {sized.why}"
