"""What a claim weighs: said by code from the signals of the analysts whose evidence it cites, never by its author."""

from __future__ import annotations

from collections.abc import Iterable

from agents.debate.axes import SIGN, Axis, lean
from agents.debate.sentences import sentence
from agents.recollection import remembered, signals
from domain.decision import Scan
from domain.evidence import Evidence
from domain.units import Unit, on_grid
from domain.views import Claim, Recalled, Side, Signal

SOCIAL_CAP = 0.25  # what crowds write may sway a debate by no more than this
MEMORY_WEIGHT = 0.10  # of one remembered outcome at similarity 1
MEMORY_CAP = 0.15  # of all remembered outcomes together


class Scales:
    """Weighs claims about one scan and the memories recalled for it."""

    def __init__(self, scan: Scan, recalled: tuple[Recalled, ...]) -> None:
        self.evidence: dict[str, Evidence] = {item.id: item for reading in scan.readings for item in reading.evidence}
        self.recalled: dict[int, Recalled] = {memory.id: memory for memory in recalled}
        self._signals: dict[str, Signal] = {signal.analyst: signal for signal in signals(scan)}
        self._bears = {name: self._rests_on(signal) for name, signal in self._signals.items()}
        self._ticker = scan.ticker

    def weight(self, side: Side, axis: Axis, evidence: Iterable[str], memories: Iterable[int]) -> float:
        """0..1: the support of the cited analysts' signals for the side, plus a little for memories that agree.

        An analyst counts when a cited row is among those its signal rests on, or is quoted together with one (both
        volatilities behind their ratio); one that leans the other way, or abstained, adds nothing.
        """
        parts = self._analysts(side, axis, evidence)
        total = sum(parts.values()) + self._memory(side, axis, memories)
        return on_grid(min(1.0, total), Unit.SCORE)

    def support(self, claims: Iterable[Claim], side: Side, axis: Axis) -> float:
        """What all claims of a side on an axis weigh together, each analyst counted once however often it is cited."""
        made = [claim for claim in claims if claim.side is side and claim.axis == axis]
        cited = {name for claim in made for name in claim.evidence}
        memories = {number for claim in made for number in claim.memories}
        return self.weight(side, axis, sorted(cited), sorted(memories))

    def horizons(self, claims: Iterable[Claim], side: Side, axis: Axis) -> dict[int, float]:
        """Support by the horizon of the signals that give it."""
        made = [claim for claim in claims if claim.side is side and claim.axis == axis]
        found: dict[int, float] = {}
        for analyst, part in self._analysts(side, axis, sorted({i for claim in made for i in claim.evidence})).items():
            days = self._signals[analyst].horizon
            found[days] = found.get(days, 0.0) + part
        return found

    def _analysts(self, side: Side, axis: Axis, evidence: Iterable[str]) -> dict[str, float]:
        cited = tuple(evidence)
        parts: dict[str, float] = {}
        for analyst, signal in sorted(self._signals.items()):
            if not any(name in self._bears[analyst] for name in cited):
                continue
            value, conviction = lean(signal, axis)
            part = max(0.0, SIGN[side] * value * conviction)
            if part:
                parts[analyst] = min(part, SOCIAL_CAP) if analyst == "social" else part
        return parts

    def _rests_on(self, signal: Signal) -> frozenset[str]:
        rows = [self.evidence[name] for name in signal.evidence if name in self.evidence]
        return frozenset(name for row in rows for name in sentence(row, self.evidence)[1])

    def _memory(self, side: Side, axis: Axis, memories: Iterable[int]) -> float:
        return min(MEMORY_CAP, sum(self.memory_weight(side, axis, number) for number in memories))

    def memory_weight(self, side: Side, axis: Axis, number: int) -> float:
        """What one recalled outcome adds for a side: a view that paid speaks for it, one that lost for the other."""
        memory = self.recalled.get(number)
        known = None if memory is None else remembered(memory.text)
        if memory is None or known is None or known.ticker != self._ticker or known.axis != axis:
            return 0.0
        speaks_for = known.sign if known.paid else -known.sign
        return MEMORY_WEIGHT * max(0.0, min(1.0, memory.similarity)) if speaks_for == SIGN[side] else 0.0
