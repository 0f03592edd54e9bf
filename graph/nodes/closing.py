"""The five nodes of the close graph: snapshot of the book, attribute, risk, reflect, report."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from langgraph.runtime import Runtime

from agents.recollection import lesson
from agents.scribe import day_report
from graph.context import Desk
from graph.nodes.mark import mark_book
from graph.present import present_regime
from graph.state import CloseState
from quant.risk.gate import check


async def book_snapshot(state: CloseState, runtime: Runtime[Desk]) -> CloseState:
    """Mark the book for the close; the NLV saved here is the prior close of the next day's loss limit."""
    desk, account = runtime.context, state["spec"].account
    marks, refused = await mark_book(desk, account, close=True)
    book = await desk.store.portfolio.book(account, desk.clock.now())
    return {"nlv": book.nlv, "marks": marks, "refused": refused}


async def attribute(state: CloseState, runtime: Runtime[Desk]) -> CloseState:
    """P&L since entry per open position: mark + what entry paid or received, fees out. First form: one number each."""
    held = {p.id: p for p in await runtime.context.store.portfolio.open_positions(state["spec"].account)}
    rows = []
    for one in state["marks"]:
        position = held[one.position_id]
        paid = position.entry_net * position.multiplier * position.contracts
        rows.append((position.id, str((one.value - paid - position.fees).quantize(Decimal("0.01")))))
    return {"attribution": tuple(rows)}


async def risk(state: CloseState, runtime: Runtime[Desk]) -> CloseState:
    """The gate's report on the book as it stands, with no order on top."""
    desk, account = runtime.context, state["spec"].account
    now = desk.clock.now()
    book = await desk.store.portfolio.book(account, now)
    return {"risk": check((), book, await present_regime(desk, account), desk.limits, now)}


async def reflect(state: CloseState, runtime: Runtime[Desk]) -> CloseState:
    """Word a lesson for every position closed since the last close, and remember it."""
    desk, account = runtime.context, state["spec"].account
    now = desk.clock.now()
    lessons = []
    for outcome in await desk.store.portfolio.outcomes(account):
        if outcome.pnl is None or outcome.at.date() != now.date() or outcome.position_id is None:
            continue
        position = await desk.store.portfolio.position(outcome.position_id)
        if position is None:
            continue
        opening = (await desk.store.tickets.get(position.ticket_id)).ticket
        if opening.order is not None:  # a closed position risks nothing any more; the lesson is about what it risked
            position = dataclasses.replace(position, max_loss=opening.order.max_loss)
        text = lesson(position, outcome)
        await desk.store.recall.remember(
            "lesson",
            position.ticker,
            text,
            event_time=outcome.at,
            known_at=now,
            source=f"{outcome.position_id}.lesson",
            world=state["spec"].world,
        )
        lessons.append(text)
    return {"lessons": tuple(lessons)}


async def report(state: CloseState, runtime: Runtime[Desk]) -> CloseState:
    """Write the day's report beside the transcripts."""
    spec = state["spec"]
    text = day_report(spec, state["nlv"], state["attribution"], state["risk"], state["lessons"])
    await runtime.context.store.transcripts.put(spec.run_id, "*", text)
    return {"report": text}
