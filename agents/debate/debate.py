"""One debate about one ticker, from blind openings to a verdict."""

from __future__ import annotations

import asyncio

from agents.debate import rules
from agents.debate.advocate import opening, rebuttal
from agents.debate.case import CONCEDED
from agents.debate.judge import rule
from domain.book import Position
from domain.decision import Scan
from domain.ports import ChatModel
from domain.views import Abstained, Case, Debate, Recalled, Side, Verdict


async def debate(
    scan: Scan,
    recalled: tuple[Recalled, ...],
    positions: tuple[Position, ...],
    model: ChatModel | None,
    *,
    max_rounds: int = 1,
) -> Debate:
    """Argue about one ticker. With no model the rules speak, and say so; with one, they never stand in for it.

    Bull and bear open at once and blind to each other; each further round of `max_rounds` lets both answer the other's
    grounded claims. When either fails, or nothing that it said stands, there is no verdict: the outcome abstains.
    A side that concedes leaves the judge with the other. Only positions in this ticker are shown.
    """
    held = tuple(position for position in positions if position.ticker == scan.ticker)
    if model is None:
        bull, bear = (rules.argue(scan, recalled, side) for side in (Side.BULL, Side.BEAR))
        outcome = rules.judge(scan, bull, bear, recalled, held)
    else:
        bull, bear = await asyncio.gather(
            *(opening(model, side, scan, recalled, held) for side in (Side.BULL, Side.BEAR))
        )
        for _ in range(max_rounds - 1):
            if isinstance(bull, Abstained) or isinstance(bear, Abstained):
                break
            bull, bear = await asyncio.gather(
                rebuttal(model, Side.BULL, bull, bear, scan, recalled, held),
                rebuttal(model, Side.BEAR, bear, bull, scan, recalled, held),
            )
        outcome = await _judged(model, scan, (bull, bear), recalled, held)
    return Debate(ticker=scan.ticker, bull=bull, bear=bear, recalled=recalled, outcome=outcome)


async def _judged(
    model: ChatModel,
    scan: Scan,
    sides: tuple[Case | Abstained, Case | Abstained],
    recalled: tuple[Recalled, ...],
    held: tuple[Position, ...],
) -> Verdict | Abstained:
    failed = [side for side in sides if isinstance(side, Abstained) and side.why != CONCEDED]
    if failed:
        why = "; ".join(f"the {side.who} gave no case: {side.why}" for side in failed)
        return Abstained(who="judge", ticker=scan.ticker, why=f"no verdict without both sides heard: {why}")
    cases = tuple(side for side in sides if isinstance(side, Case))
    if not cases:
        return Abstained(who="judge", ticker=scan.ticker, why="neither side has a claim")
    return await rule(model, scan, cases, recalled, held)
