"""Bull and bear with a model: typed claims that cite evidence. An advocate sees evidence and memories, never limits."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.ask import ask
from agents.debate.case import MAX_CLAIMS, Draft, make_case
from agents.debate.weights import Scales
from agents.envelope import seal
from agents.words import citations, evidence_table, position_lines, signal_lines
from domain.book import Position
from domain.decision import Scan
from domain.ports import ChatModel
from domain.views import Abstained, Case, Claim, Recalled, Side


class ArguedClaim(BaseModel):
    """One claim."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    axis: Literal["direction", "volatility"]
    text: str = Field(description="One or two sentences. Every number stands in a row that `evidence` cites.")
    evidence: tuple[str, ...] = Field(description="Ids of the evidence rows behind the claim, exactly as in the table.")
    memories: tuple[int, ...] = Field(description="Numbers of the memories it leans on; empty when none.")


class Argument(BaseModel):
    """One side's claims; an empty list concedes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claims: tuple[ArguedClaim, ...]


async def opening(
    model: ChatModel, side: Side, scan: Scan, recalled: tuple[Recalled, ...], positions: tuple[Position, ...]
) -> Case | Abstained:
    """The first case of a side, made without sight of the other."""
    answer = await ask(
        model,
        f"debate/{side.value}",
        brief(scan, recalled, positions),
        Argument,
        who=side.value,
        ticker=scan.ticker,
    )
    return _case(model, side, scan, recalled, answer, None)


async def rebuttal(
    model: ChatModel,
    side: Side,
    own: Case,
    other: Case,
    scan: Scan,
    recalled: tuple[Recalled, ...],
    positions: tuple[Position, ...],
) -> Case | Abstained:
    """The side's case after it has seen the other's grounded claims: it may add claims, never take any back."""
    answer = await ask(
        model,
        "debate/rebuttal",
        {
            **brief(scan, recalled, positions),
            "side": side.value,
            "own": claim_lines(own.claims),
            "other": claim_lines(other.claims),
        },
        Argument,
        who=side.value,
        ticker=scan.ticker,
    )
    return _case(model, side, scan, recalled, answer, own)


def brief(scan: Scan, recalled: tuple[Recalled, ...], positions: tuple[Position, ...]) -> dict[str, str]:
    """What every advocate is shown of a ticker, as text; memories inside their envelope."""
    return {
        "ticker": scan.ticker,
        "limit": str(MAX_CLAIMS),
        "evidence": evidence_table(item for reading in scan.readings for item in reading.evidence),
        "signals": signal_lines(scan.readings),
        "positions": position_lines(positions),
        "memories": "\n".join(seal(memory.text, f"memory {memory.id}") for memory in recalled) or "(none)",
    }


def claim_lines(claims: tuple[Claim, ...]) -> str:
    """Claims inside an envelope: their words come from a model that has read other people's text."""
    return "\n".join(
        f"{claim.id} ({claim.side.value}, {claim.axis}, weight {claim.weight:.3f}, cites {citations(claim)}):\n"
        + seal(claim.text, f"claim {claim.id}")
        for claim in claims
    )


def _case(
    model: ChatModel,
    side: Side,
    scan: Scan,
    recalled: tuple[Recalled, ...],
    answer: Argument | Abstained,
    before: Case | None,
) -> Case | Abstained:
    if isinstance(answer, Abstained):
        return answer
    drafts = (
        Draft(axis=claim.axis, text=claim.text, evidence=claim.evidence, memories=claim.memories)
        for claim in answer.claims
    )
    return make_case(scan.ticker, side, model.name, drafts, Scales(scan, recalled), before)
