"""What a run decided, and the specification it ran under."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from domain.codec import record
from domain.market import SnapshotRef
from domain.orders import SizedOrder
from domain.playbook import InvestorMandate
from domain.regime import Regime
from domain.structures import Proposal, StructureName
from domain.views import Composite, Debate, Reading, Refused


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    AWAITING = "awaiting"  # tickets wait for a person
    DONE = "done"
    HALTED = "halted"
    FAILED = "failed"


def world_of(account: str, market: str) -> str:
    """Whose memories an account shares: all of its market's, or, in a replay, that replay's alone."""
    return account if account.startswith("replay/") else market


@record
class RunSpec:
    """Everything a run is a function of, besides the market's data, model replies and the book."""

    run_id: str
    tickers: tuple[str, ...]
    market: str  # "simulated:vrp:7", "recorded:spx-2019", ...
    as_of: datetime
    account: str
    playbooks: tuple[str, ...]
    seed: int
    settings_hash: str
    graph_version: str
    shortlist: int  # how many tickers get a debate
    fill_mode: str
    auto_execute: bool
    investor: InvestorMandate = InvestorMandate()  # quoted in the transcript, obeyed by the gate

    @property
    def world(self) -> str:
        """Whose memories may be recalled."""
        return world_of(self.account, self.market)


@record
class Opened:
    """What `open` found: regime and the book's head line. `refused` ends the run at once."""

    regime: Regime
    nlv: Decimal
    open_positions: int
    refused: Refused | None


@record
class Scan:
    """One ticker after its four analysts."""

    ticker: str
    snapshot: SnapshotRef
    readings: tuple[Reading, ...]
    composite: Composite | None  # None: every analyst abstained


@record
class Check:
    """One check of the gate. A check that could not be made did not pass."""

    name: str
    hard: bool
    limit: str
    value: str
    headroom: str
    passed: bool
    age_s: float | None
    note: str


@record
class GateReport:
    """Every check, in order; the subject passes when all of them do."""

    subject: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def passed(self) -> bool:
        """True when every check passed."""
        return not self.failed


@record
class Mandate:
    """What the gate lets the price node look for, for one verdict under one playbook."""

    ticker: str
    playbook: str
    structures: tuple[StructureName, ...]
    loss_budget: Decimal  # largest maximum loss, dollars
    max_contracts: int
    report: GateReport
    latest_expiry: date | None = None  # no leg may expire later (an event without a known date); None: no such bound
    earliest_expiry: date | None = None  # no leg may expire sooner (the person's own mandate); None: no such bound


@record
class Veto:
    """A verdict that may not trade, with every failed check."""

    ticker: str
    playbook: str
    report: GateReport


@record
class Unpriced:
    """A mandate for which no structure was worth trading, with the reason and the count priced."""

    ticker: str
    playbook: str
    reason: str
    candidates: int


@record
class Decision:
    """The canonical record of a run. Durations, row ids and wall-clock times are outside it."""

    spec: RunSpec
    opened: Opened
    scans: tuple[Scan, ...]
    ranked: tuple[str, ...]
    debates: tuple[Debate, ...]
    mandates: tuple[Mandate, ...]
    vetoes: tuple[Veto, ...]
    proposals: tuple[Proposal, ...]
    unpriced: tuple[Unpriced, ...]
    sized: tuple[SizedOrder, ...]
    tickets: tuple[str, ...]
    refused: tuple[Refused, ...]
    analysis_only: str = ""  # why the whole run proposes nothing, whatever it found; "" when it may


@record
class Outcome:
    """How a ticket or position ended."""

    ticket_id: str
    state: str
    reason: str
    report: GateReport | None
    position_id: str | None
    fill_net: Decimal | None
    contracts: int
    pnl: Decimal | None
    at: datetime
