"""Replay: the same graphs, session by session, over a recorded or simulated market with an injected clock.

There is one tick. Live, paper and replay differ only in the clock, the market and the broker that are injected.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from domain.codec import record
from domain.decision import Decision, Outcome, RunSpec
from domain.errors import BadInput
from domain.ports import Market
from domain.views import Refused
from graph.runs import Runs
from lab.usefulness import Observation, Usefulness, forward_usefulness
from tools.clock import ManualClock

NEW_YORK = ZoneInfo("America/New_York")


@record
class ReplayTick:
    """One tick of a replay, as it went into the books."""

    at: datetime
    run_id: str
    decision_hash: str
    tickets: int
    exits: int
    nlv: Decimal
    refused: tuple[Refused, ...]


@record
class ReplayReport:
    """A whole replay. Figures are of this account alone, fills of the declared mode."""

    account: str
    market: str
    simulated: bool
    fill_mode: str
    tickers: tuple[str, ...]
    start: date
    end: date
    ticks: tuple[ReplayTick, ...]
    outcomes: tuple[Outcome, ...]
    fees: Decimal
    nlv_start: Decimal
    nlv_end: Decimal
    usefulness: tuple[Usefulness, ...]


async def tick(runs: Runs, clock: ManualClock, spec: RunSpec, *, last_of_day: bool) -> tuple[Decision, int]:
    """One moment of the desk: resting orders, the watch graph, a decision run, and at the day's end the close graph.

    Returns the decision and the number of exits put forward.
    """
    clock.set(spec.as_of)
    await runs.settle_working(spec)
    watched = await runs.watch(dataclasses.replace(spec, run_id=f"{spec.run_id}-watch"))
    row = await runs.start(spec)
    if last_of_day:
        await runs.close(dataclasses.replace(spec, run_id=f"{spec.run_id}-close"))
    decision = row.decision
    if decision is None:
        raise BadInput(f"run {row.run_id} ended without a decision record")
    return decision, len(watched.get("tickets", ()))


async def replay(
    runs: Runs,
    clock: ManualClock,
    market: Market,
    make_spec: Callable[[datetime], RunSpec],
    start: date,
    end: date,
    progress: Callable[[datetime, int, int], None],
) -> ReplayReport:
    """Tick through every snapshot of the market between two days. Raises BadInput when there is none."""
    moments = market.snapshot_times(start, end)
    if not moments:
        raise BadInput(f"{market.label} holds no snapshot from {start} to {end}; `parley data status` shows its span")
    first = make_spec(moments[0])
    await runs.store.portfolio.ensure_account(first.account, runs.start_cash)
    opening = await runs.store.portfolio.book(first.account, moments[0])
    ticks: list[ReplayTick] = []
    seen: list[Observation] = []
    for number, moment in enumerate(moments):
        progress(moment, number, len(moments))
        following = moments[number + 1] if number + 1 < len(moments) else None
        last = following is None or _day(following) != _day(moment)
        decision, exits = await tick(runs, clock, make_spec(moment), last_of_day=last)
        seen.extend(_observations(decision))
        row = await runs.store.decisions.run(decision.spec.run_id)
        book = await runs.store.portfolio.book(first.account, moment)
        ticks.append(
            ReplayTick(
                at=moment,
                run_id=decision.spec.run_id,
                decision_hash=(row.decision_hash if row else None) or "",
                tickets=len(decision.tickets),
                exits=exits,
                nlv=book.nlv,
                refused=decision.refused,
            )
        )
    progress(moments[-1], len(moments), len(moments))
    fills = await runs.store.portfolio.fills(first.account)
    return ReplayReport(
        account=first.account,
        market=market.label,
        simulated=market.simulated,
        fill_mode=first.fill_mode,
        tickers=first.tickers,
        start=start,
        end=end,
        ticks=tuple(ticks),
        outcomes=await runs.store.portfolio.outcomes(first.account),
        fees=sum((fill.fees for fill in fills), Decimal(0)),
        nlv_start=opening.nlv,
        nlv_end=ticks[-1].nlv,
        usefulness=forward_usefulness(tuple(seen), (1, 5, 10)),
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(NEW_YORK).date()


def _observations(decision: Decision) -> list[Observation]:
    """Every piece of evidence of a run with the spot it was seen at."""
    return [
        Observation(
            name=f"{one.analyst}/{one.name}", ticker=scan.ticker, at=one.as_of, value=one.value, spot=scan.snapshot.spot
        )
        for scan in decision.scans
        for reading in scan.readings
        for one in reading.evidence
    ]
