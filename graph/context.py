"""The runtime context: everything a node may touch, built once by the composition root. Nothing is global.

It is not checkpointed; whoever resumes a thread supplies it again (`graph/runs`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.codec import record
from domain.playbook import Playbook
from domain.ports import Broker, ChatModel, Clock, Market
from graph.compute import Compute
from graph.facts import FactCache
from memory.store import Store
from quant.alignment import LagRules
from quant.risk.limits import HardLimits
from quant.worth.measure import Skill

Progress = Callable[[str, str, str], None]  # node, ticker, "started" | "done" | "refused"


@record
class DeskPolicy:
    """The settings that nodes obey; part of the settings hash."""

    start_cash: Decimal
    lags: LagRules
    stale_share: float  # more stale snapshots than this and a run is analysis only
    ticket_life_s: float
    auto_execute: bool
    analyst_weights: tuple[tuple[str, float], ...]
    recall_limit: int
    watch_days: int  # how long snapshots are kept that only marked a position


@dataclass(frozen=True)
class Desk:
    """One desk in one market: clock, market, guarded broker, store, model and what they are set to."""

    clock: Clock
    market: Market
    broker: Broker  # always the guarded one
    store: Store
    compute: Compute
    model: ChatModel | None  # None: the rule debater
    limits: HardLimits
    playbooks: Mapping[str, Playbook]
    policy: DeskPolicy
    skill: Skill
    facts: FactCache
    progress: Progress
    nonce: Callable[[], str]
    answers_itself: str = ""  # who answers tickets in code ("" = nobody: a person does)
