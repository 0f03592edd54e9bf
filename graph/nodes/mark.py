"""mark: open positions → their value now, and the account's net liquidation value when every one could be marked."""

from __future__ import annotations

from langgraph.runtime import Runtime

from domain.book import Mark
from domain.money import to_cents
from domain.structures import Option
from domain.views import Refused
from graph.context import Desk
from graph.present import present
from graph.recorder import refusal
from graph.state import WatchState
from quant.structures.marks import mark


async def mark_book(desk: Desk, account: str, *, close: bool) -> tuple[tuple[Mark, ...], tuple[Refused, ...]]:
    """Mark every open position of an account. A position that cannot be marked leaves the NLV as old as it was."""
    now = desk.clock.now()
    marks: list[Mark] = []
    refused: list[Refused] = []
    book = await desk.store.portfolio.book(account, now)  # positions and cash of one moment
    held: dict[str, tuple[Option, ...]] = {}
    for position in book.positions:
        own = tuple(leg.instrument for leg in position.legs if isinstance(leg.instrument, Option))
        held[position.ticker] = held.get(position.ticker, ()) + own
    for position in book.positions:
        try:
            at_hand = await present(desk, position.ticker, held[position.ticker])
            marks.append(await desk.compute.run(mark, position, at_hand.snapshot, at_hand.surface, now))
        except Exception as error:
            refused.append(refusal(position.ticker, "mark", error))
    nlv = None
    if not refused:
        nlv = to_cents(book.cash + sum(one.value for one in marks))
    await desk.store.portfolio.save_marks(account, tuple(marks), nlv, now, close=close)
    return tuple(marks), tuple(refused)


async def mark_positions(state: WatchState, runtime: Runtime[Desk]) -> WatchState:
    """Mark the book in session."""
    marks, refused = await mark_book(runtime.context, state["spec"].account, close=False)
    return {"marks": marks, "refused": refused}
