"""State of the graphs: ids and small frozen records. Each field says who writes it and how parallel writes merge."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypedDict, TypeVar

from domain.book import Mark
from domain.decision import GateReport, Mandate, Opened, Outcome, RunSpec, Scan, Unpriced, Veto
from domain.market import SnapshotRef
from domain.orders import Answer, BrokerOrder, OrderTicket, SizedOrder
from domain.structures import Proposal
from domain.views import Debate, Reading, Refused

T = TypeVar("T")


def merge(left: dict[str, T], right: dict[str, T]) -> dict[str, T]:
    """Join what parallel branches wrote under their own keys. Two different values under one key are a defect."""
    for key in left.keys() & right.keys():
        if left[key] != right[key]:
            raise ValueError(f"two branches wrote different values for {key}")
    return {**left, **right}


def append(left: tuple[T, ...], right: tuple[T, ...]) -> tuple[T, ...]:
    """Join tuples; what is there already is not added again, so a node that runs twice adds once."""
    return left + tuple(item for item in right if item not in left)


class RunState(TypedDict, total=False):
    """A decision run."""

    spec: RunSpec  # the caller
    opened: Opened  # open
    scans: Annotated[dict[str, Scan], merge]  # scan, by ticker
    ranked: tuple[str, ...]  # rank
    analysis_only: str  # rank: why the whole run proposes nothing, "" when it may
    debates: Annotated[dict[str, Debate], merge]  # debate, by ticker
    mandates: tuple[Mandate, ...]  # risk_gate
    vetoes: tuple[Veto, ...]  # risk_gate
    proposals: tuple[Proposal, ...]  # price
    unpriced: tuple[Unpriced, ...]  # price
    sized: tuple[SizedOrder, ...]  # size
    tickets: tuple[str, ...]  # tickets
    refused: Annotated[tuple[Refused, ...], append]  # any node


class ScanState(TypedDict, total=False):
    """One ticker's scan; `scans` and `refused` go back to the run."""

    spec: RunSpec  # the run
    ticker: str  # the run
    snapshot: SnapshotRef  # snapshot
    readings: Annotated[dict[str, Reading], merge]  # the four analysts, by name
    scans: Annotated[dict[str, Scan], merge]  # aggregate
    refused: Annotated[tuple[Refused, ...], append]  # any node


class ScanOutput(TypedDict, total=False):
    """What the run sees of a scan."""

    scans: Annotated[dict[str, Scan], merge]
    refused: Annotated[tuple[Refused, ...], append]


class DebateTask(TypedDict):
    """What one parallel debate is given."""

    spec: RunSpec
    ticker: str
    scan: Scan


class TicketGraphState(TypedDict, total=False):
    """One ticket: the only path to a broker, for entries, exits and rolls alike."""

    ticket: OrderTicket  # the caller
    answer: Answer  # approve
    send: BrokerOrder  # recheck: what goes to the broker
    report: GateReport  # recheck
    outcome: Outcome  # recheck (refused), execute, or approve (rejected, expired)


class WatchState(TypedDict, total=False):
    """One look at the open positions of an account."""

    spec: RunSpec  # the caller
    marks: tuple[Mark, ...]  # mark
    halted: bool  # protect
    exits: tuple[tuple[str, str], ...]  # exits: (position id, reason)
    rolls: tuple[str, ...]  # rolls: position ids to roll
    tickets: tuple[str, ...]  # tickets
    refused: Annotated[tuple[Refused, ...], append]


class CloseState(TypedDict, total=False):
    """The end of a day."""

    spec: RunSpec  # the caller
    nlv: Decimal  # snapshot: dollars
    marks: tuple[Mark, ...]  # snapshot
    attribution: tuple[tuple[str, str], ...]  # attribute: (position id, P&L in dollars since entry)
    risk: GateReport  # risk
    lessons: tuple[str, ...]  # reflect
    report: str  # report
    refused: Annotated[tuple[Refused, ...], append]
