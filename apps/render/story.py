"""A whole decision as a reader meets it: evidence, debate, gate, proposals, refusals."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from apps.render.debate import debate
from apps.render.evidence import evidence
from apps.render.gate import mandate, veto
from apps.render.header import header
from apps.render.proposal import proposal, unpriced
from apps.render.words import BAD, DIM, STRONG
from domain.decision import Decision


def heading(words: str) -> RenderableType:
    """A section's head."""
    return Rule(Text(words, STRONG), align="left", style=DIM)


def story(decision: Decision, *, delayed: bool = False, answers: str = "", full: bool = False) -> RenderableType:
    """The decision from its head to its refusals; tickets are told by who holds them.

    What led to a proposal is told in full and the rest in brief, unless there is no proposal, or `full` asks for all.
    """
    return Group(header(decision, delayed=delayed, answers=answers), *_sections(decision, full))


def _sections(decision: Decision, full: bool) -> Iterator[RenderableType]:
    if decision.opened.refused is not None:
        yield Text("HALTED  ", f"{STRONG} {BAD}").append(decision.opened.refused.reason, "not bold default")
        return
    if decision.scans:
        yield heading("Evidence")
        for scan in decision.scans:
            yield Padding(evidence(scan, full=full), (0, 0, 1, 0))
    if decision.debates:
        yield heading("Debate")
        told = {priced.ticker for priced in decision.proposals}
        yield from (debate(one, brief=not full and bool(told) and one.ticker not in told) for one in decision.debates)
    if decision.mandates or decision.vetoes:
        yield heading("Gate")
        sheets = {(priced.ticker, priced.playbook) for priced in decision.proposals}
        for granted in decision.mandates:
            brief = bool(sheets) and (granted.ticker, granted.playbook) not in sheets
            yield mandate(granted, full=full, brief=brief)
        for refused in decision.vetoes:
            yield veto(refused, full=full)
    if decision.proposals or decision.unpriced:
        yield heading("Proposal")
        sized = {one.proposal.id: one for one in decision.sized}
        yield from (proposal(priced, sized.get(priced.id)) for priced in decision.proposals)
        yield from (unpriced(gone) for gone in decision.unpriced)
    if decision.refused:
        yield heading("Refused")
        yield refusals(decision)


def refusals(decision: Decision) -> RenderableType:
    """What went no further, where, and why."""
    lines = []
    for one in decision.refused:
        line = Text(f"{'run' if one.ticker == '*' else one.ticker} ", STRONG)
        lines.append(line.append(f"at {one.stage}: ", f"not bold {DIM}").append(one.reason, "not bold"))
    return Group(*lines)
