"""The judge with a model. It sees grounded claims only, and may say two views, their probabilities and one horizon."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.ask import ask
from agents.debate.advocate import claim_lines
from agents.debate.axes import Axis, stance
from agents.debate.rules import MIN_SUPPORT
from agents.debate.weights import Scales
from agents.envelope import cell
from agents.grounding import stray_numbers
from agents.words import evidence_table, position_lines
from domain.book import Position
from domain.decision import Scan
from domain.ports import ChatModel
from domain.units import Unit, on_grid
from domain.views import Abstained, Case, Claim, Direction, Horizon, Recalled, Side, Verdict, Volatility

MAX_PROBABILITY = 0.75  # no claim made of daily evidence bears more
_WHY = 600


class Ruling(BaseModel):
    """The judge's ruling on both axes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    direction: Literal["up", "down", "inconclusive"]
    direction_probability: float = Field(
        ge=0, le=1, allow_inf_nan=False, description="That `direction` comes true; 0.5 when inconclusive."
    )
    volatility: Literal["rich", "cheap", "inconclusive"]
    volatility_probability: float = Field(
        ge=0, le=1, allow_inf_nan=False, description="That `volatility` comes true; 0.5 when inconclusive."
    )
    horizon: Horizon = Field(description="Trading days.")
    claims: tuple[str, ...] = Field(description="Ids of the claims that carried the ruling.")
    why: str = Field(description="Two or three sentences.")


async def rule(
    model: ChatModel,
    scan: Scan,
    cases: tuple[Case, ...],
    recalled: tuple[Recalled, ...],
    positions: tuple[Position, ...],
) -> Verdict | Abstained:
    """Ask for a ruling on the surviving claims, and hold it against them: `hold` says how."""
    claims = tuple(claim for case in cases for claim in case.claims)
    scales = Scales(scan, recalled)
    cited = {name for claim in claims for name in claim.evidence}
    answer = await ask(
        model,
        "debate/judge",
        {
            "ticker": scan.ticker,
            "claims": claim_lines(claims),
            "evidence": evidence_table(item for name, item in scales.evidence.items() if name in cited),
            "positions": position_lines(positions),
        },
        Ruling,
        who="judge",
        ticker=scan.ticker,
    )
    return answer if isinstance(answer, Abstained) else hold(answer, model.name, scan.ticker, claims, scales)


def hold(ruling: Ruling, author: str, ticker: str, claims: tuple[Claim, ...], scales: Scales) -> Verdict:
    """The verdict that a ruling may become: probabilities clipped to [0.5, MAX_PROBABILITY], and a view made
    inconclusive when it is no better than even or its claims do not carry it. Each correction is said in `why`."""
    notes: list[str] = []
    direction, direction_p = _held("direction", ruling.direction, ruling.direction_probability, claims, scales, notes)
    volatility, volatility_p = _held(
        "volatility", ruling.volatility, ruling.volatility_probability, claims, scales, notes
    )
    known = {claim.id for claim in claims}
    if unknown := [name for name in ruling.claims if name not in known]:
        notes.append(f"claims that do not exist were named: {', '.join(cell(name, 20) for name in unknown[:5])}")
    if stray := stray_numbers(ruling.why, scales.evidence.values(), [claim.text for claim in claims]):
        notes.append(f"its reasons quote numbers that stand in no evidence: {', '.join(stray[:5])}")
    why = cell(ruling.why, _WHY)
    return Verdict(
        ticker=ticker,
        author=author,
        direction=Direction(direction),
        direction_p=direction_p,
        volatility=Volatility(volatility),
        volatility_p=volatility_p,
        horizon=ruling.horizon,
        why=f"{why} [Corrected by code: {'; '.join(notes)}.]" if notes else why,
        claims=tuple(dict.fromkeys(name for name in ruling.claims if name in known)),
    )


def _held(
    axis: Axis, said: str, p: float, claims: tuple[Claim, ...], scales: Scales, notes: list[str]
) -> tuple[str, float]:
    if said == "inconclusive":
        return said, 0.5
    side = Side.BULL if said == stance(Side.BULL, axis) else Side.BEAR
    other = Side.BEAR if side is Side.BULL else Side.BULL
    ours, theirs = scales.support(claims, side, axis), scales.support(claims, other, axis)
    if p <= 0.5:
        notes.append(f"{axis} {said} at {100 * p:.0f} % is no view, made inconclusive")
        return "inconclusive", 0.5
    if ours < MIN_SUPPORT or ours <= theirs:
        notes.append(
            f"{axis} {said} is not carried by the surviving claims (support {ours:.3f} for, {theirs:.3f} against), "
            "made inconclusive"
        )
        return "inconclusive", 0.5
    if p > MAX_PROBABILITY:
        notes.append(f"{axis} {said} at {100 * p:.0f} % clipped to {100 * MAX_PROBABILITY:.0f} %")
    return said, on_grid(min(p, MAX_PROBABILITY), Unit.PROBABILITY)
