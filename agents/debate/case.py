"""Make a side's case from what it argued: strike what nothing bears, weigh what stands, number it."""

from __future__ import annotations

from collections.abc import Iterable

from agents.debate.axes import Axis
from agents.debate.weights import Scales
from agents.envelope import plain
from agents.grounding import why_struck
from domain.codec import record
from domain.views import Abstained, Case, Claim, Side

MAX_CLAIMS = 6  # per side and round
MAX_TEXT = 500  # characters of one claim
_QUOTED = 160
CONCEDED = "it has no case to make"


@record
class Draft:
    """A claim as argued, before it is checked."""

    axis: Axis
    text: str
    evidence: tuple[str, ...]
    memories: tuple[int, ...]


def make_case(
    ticker: str, side: Side, author: str, drafts: Iterable[Draft], scales: Scales, before: Case | None = None
) -> Case | Abstained:
    """The case of one side; Abstained when no claim stands, saying what was struck.

    Claims are numbered "bull-1", "bull-2", ... in the order they were argued, on from those of `before` (an earlier
    round of the same side, whose claims stand first).
    """
    claims = list(before.claims) if before else []
    struck = list(before.struck) if before else []
    for number, draft in enumerate(drafts, start=1):
        text = " ".join(plain(draft.text, MAX_TEXT).split())
        reason = _fault(draft, text, number, scales)
        if reason is not None:
            struck.append(f"“{text[:_QUOTED]}”: {reason}")
            continue
        evidence, memories = tuple(dict.fromkeys(draft.evidence)), tuple(dict.fromkeys(draft.memories))
        claims.append(
            Claim(
                id=f"{side.value}-{len(claims) + 1}",
                side=side,
                axis=draft.axis,
                text=text,
                evidence=evidence,
                memories=memories,
                weight=scales.weight(side, draft.axis, evidence, memories),
            )
        )
    if claims:
        return Case(side=side, author=author, claims=tuple(claims), struck=tuple(struck))
    if struck:
        return Abstained(who=side.value, ticker=ticker, why=f"no claim stands; struck: {' '.join(struck)}")
    return Abstained(who=side.value, ticker=ticker, why=CONCEDED)


def _fault(draft: Draft, text: str, number: int, scales: Scales) -> str | None:
    if number > MAX_CLAIMS:
        return f"more than {MAX_CLAIMS} claims"
    if not text:
        return "it says nothing"
    if len(draft.text) > MAX_TEXT:
        return f"longer than {MAX_TEXT} characters"
    return why_struck(text, draft.evidence, draft.memories, scales.evidence, scales.recalled)
