"""Views: what analysts, advocates and the judge hold, and how each may fail to hold one.

Two axes throughout: *direction* (the underlying against its forward) and *volatility* (realised against implied).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from domain.codec import record
from domain.evidence import Evidence

Horizon = Literal[5, 10, 21, 45]  # trading days
HORIZONS: tuple[Horizon, ...] = (5, 10, 21, 45)
ANALYSTS = ("vol_surface", "social", "technical", "flow")


class Direction(StrEnum):
    """The sign of log(S_h / F_h)."""

    UP = "up"
    DOWN = "down"
    INCONCLUSIVE = "inconclusive"


class Volatility(StrEnum):
    """Realised variance to the horizon against the snapshot's implied: RICH means realised will be below."""

    RICH = "rich"
    CHEAP = "cheap"
    INCONCLUSIVE = "inconclusive"


class Side(StrEnum):
    """Who argues."""

    BULL = "bull"
    BEAR = "bear"


@record
class Abstained:
    """Someone who was asked for a view gave none. Not neutral, not zero."""

    who: str
    ticker: str
    why: str


@record
class Refused:
    """A ticker (or the whole run: ticker "*") that went no further, where, and why."""

    ticker: str
    stage: str
    reason: str
    stale: bool = False  # refused because its newest data was older than the limit
    down: bool = False  # refused because its sources did not answer


@record
class Signal:
    """One analyst's reading: direction -1..1, volatility -1 (cheap)..1 (rich), a conviction 0..1 for each."""

    ticker: str
    analyst: str
    direction: float
    direction_conviction: float
    volatility: float
    volatility_conviction: float
    horizon: Horizon
    why: str
    evidence: tuple[str, ...]  # ids


@record
class Reading:
    """What one analyst node gives: its evidence and a signal, or its abstention (evidence may still stand)."""

    analyst: str
    evidence: tuple[Evidence, ...]
    signal: Signal | Abstained


@record
class Composite:
    """Signals of one ticker combined per axis, and the edge that `rank` sorts by (after estimated cost)."""

    ticker: str
    direction: float
    volatility: float
    direction_conviction: float
    volatility_conviction: float
    horizon: Horizon
    agreement: float
    edge: float


@record
class Claim:
    """One argued statement, pointing at the evidence behind it (ids), made by one side about one axis."""

    id: str
    side: Side
    axis: Literal["direction", "volatility"]
    text: str
    evidence: tuple[str, ...]
    memories: tuple[int, ...]  # ids of recalled memories it leans on
    weight: float  # 0..1, by code from the evidence; never a model's own


@record
class Case:
    """All claims of one side; `struck` holds what code removed because no evidence bears it, with the reason."""

    side: Side
    author: str  # "rules" or the model's name
    claims: tuple[Claim, ...]
    struck: tuple[str, ...]


@record
class Verdict:
    """The debate's outcome: per axis a view and its probability, and one horizon. All that a model may decide."""

    ticker: str
    author: str
    direction: Direction
    direction_p: float  # probability that `direction` comes true; 0.5 when inconclusive
    volatility: Volatility
    volatility_p: float
    horizon: Horizon
    why: str
    claims: tuple[str, ...]  # ids of the claims that carried it


@record
class Recalled:
    """A memory as it was recalled into a debate."""

    id: int
    text: str
    similarity: float
    event_time: datetime
    known_at: datetime


@record
class Debate:
    """The whole argument about one ticker."""

    ticker: str
    bull: Case | Abstained
    bear: Case | Abstained
    recalled: tuple[Recalled, ...]
    outcome: Verdict | Abstained
