"""Records of one whole run about the scene: gate, proposal, size, ticket and its end."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from domain.decision import Check, Decision, GateReport, Mandate, Opened, Outcome, RunSpec, Scan, Unpriced, Veto
from domain.market import SnapshotRef
from domain.orders import Answer, Effect, OrderTicket, Shrink, SizedOrder
from domain.regime import Regime, RegimeName
from domain.structures import BookGreeks, EvParts, Payoff, Proposal, Structure, StructureName
from domain.views import Debate, Reading, Refused
from tests.agents.scene import AS_OF, put, scan

ACCOUNT = "paper/recorded:spx-2019"
PASSED = Check(
    name="nlv_mark", hard=True, limit="900 s", value="0 s", headroom="900 s", passed=True, age_s=0.0, note=""
)
FAILED = Check(
    name="direction",
    hard=False,
    limit="conclusive",
    value="inconclusive",
    headroom="",
    passed=False,
    age_s=None,
    note="n",
)
STRUCTURE = Structure(name=StructureName.BULL_PUT_SPREAD, ticker="SPX", legs=(put("2700", 1), put("2750.50", -1)))
PROPOSAL = Proposal(
    id="SPX-1",
    ticker="SPX",
    playbook="index_iron_condor",
    params_hash="abc",
    structure=STRUCTURE,
    quotes=(),
    spot=2862.25,
    snapshot="ab" * 32,
    net_mid=Decimal("-4.30"),
    net_entry=Decimal("-4.10"),
    net_natural=Decimal("-3.70"),
    fees=Decimal("5.20"),
    payoff=Payoff(
        max_profit=Decimal("410.00"),
        max_loss=Decimal("4640.00"),
        breakevens=(2746.4,),
        exact=True,
        max_profit_range=None,
        breakeven_ranges=(),
    ),
    fair_q=-425.0,
    greeks=BookGreeks(delta=1.0, gamma=0.0, vega=0.0, theta=0.0, rho=0.0),
    pop_p=0.81,
    ev_p=EvParts(
        costs=Decimal("-25.00"),
        relative_value=Decimal("0.00"),
        variance_premium=Decimal("61.00"),
        direction=Decimal("0.00"),
        beta=Decimal("0.00"),
        rest=Decimal("0.00"),
        total=Decimal("36.00"),
    ),
    ev_p_adverse=4.0,
    cvar_p=-3900.0,
    variance_ratio=0.8,
    alpha=0.0,
    pnl_nodes=(),
    pnl_weights=(),
    measure_note="m 0.80.",
    objective=1.0,
    candidates=4321,
    runners_up=("the next one",),
)
SIZED = SizedOrder(
    proposal=PROPOSAL,
    contracts=2,
    kelly_fraction=0.031,
    binding="largest loss per trade",
    shrinks=(Shrink(by="sector", before=3, after=2),),
    max_loss=Decimal("9285.20"),
    why="Half of Kelly.",
)
TICKET = OrderTicket(
    id="t-1",
    run_id="r-1",
    account=ACCOUNT,
    market="recorded:spx-2019",
    as_of=AS_OF,
    effect=Effect.OPEN,
    ticker="SPX",
    sector="broad_index",
    structure=STRUCTURE,
    contracts=2,
    multiplier=100,
    playbook="index_iron_condor",
    params_hash="abc",
    order=SIZED,
    position_id=None,
    why="largest loss per trade",
    limit_price=Decimal("-4.10"),
    nonce="n",
    created_at=AS_OF,
    expires_at=AS_OF + timedelta(minutes=30),
    settings_hash="s",
    graph_version="g",
)
ANSWER = Answer(
    kind="approve", who="anna", through="cli", at=AS_OF, contracts=1, limit_price=Decimal("-4.20"), reason="looks fair"
)


def report(*checks: Check) -> GateReport:
    return GateReport(subject="SPX", checks=checks)


def outcome(pnl: str | None = None, reason: str = "filled at the limit", fill: str | None = "-4.20") -> Outcome:
    return Outcome(
        ticket_id="t-1",
        state="filled",
        reason=reason,
        report=None,
        position_id="p-1",
        fill_net=None if fill is None else Decimal(fill),
        contracts=1,
        pnl=None if pnl is None else Decimal(pnl),
        at=AS_OF,
    )


def other(ticker: str) -> Scan:
    """A second ticker that was scanned and not debated."""
    ref = scan().snapshot
    return Scan(
        ticker=ticker,
        snapshot=SnapshotRef(
            hash="cd" * 32,
            ticker=ticker,
            as_of=AS_OF,
            market=ref.market,
            simulated=True,
            spot=100.0,
            chain_at=None,
            chain_lag_s=0.0,
            iv_confidence=0.0,
            lag_limit_s=600.0,
            sources=(),
            restrictions=(),
            absent=(),
        ),
        readings=(Reading(analyst="flow", evidence=(), signal=scan().readings[1].signal),),
        composite=None,
    )


def decision(argued: Debate, *, trades: bool = True) -> Decision:
    spec = RunSpec(
        run_id="r-1",
        tickers=("SPX", "XYZ"),
        market="recorded:spx-2019",
        as_of=AS_OF,
        account=ACCOUNT,
        playbooks=("index_iron_condor", "debit_vertical"),
        seed=7,
        settings_hash="s",
        graph_version="g",
        shortlist=1,
        fill_mode="same_snapshot",
        auto_execute=False,
    )
    regime = Regime(name=RegimeName.NEUTRAL, as_of=AS_OF, vix=16.3, vix_known_at=AS_OF, reasons=("VIX 16.3 < 22",))
    mandate = Mandate(
        ticker="SPX",
        playbook="index_iron_condor",
        structures=(StructureName.IRON_CONDOR, StructureName.BULL_PUT_SPREAD),
        loss_budget=Decimal("5000.00"),
        max_contracts=5,
        report=report(PASSED),
    )
    unpriced = Unpriced(ticker="SPX", playbook="index_iron_condor", reason="no part was positive", candidates=4321)
    return Decision(
        spec=spec,
        opened=Opened(regime=regime, nlv=Decimal("100000.00"), open_positions=1, refused=None),
        scans=(scan(), other("XYZ")),
        ranked=("SPX",),
        debates=(argued,),
        mandates=(mandate,),
        vetoes=(Veto(ticker="SPX", playbook="debit_vertical", report=report(PASSED, FAILED)),),
        proposals=(PROPOSAL,) if trades else (),
        unpriced=() if trades else (unpriced,),
        sized=(SIZED,) if trades else (),
        tickets=("t-1",) if trades else (),
        refused=(Refused(ticker="NVDA", stage="snapshot", reason="stale: 3900 s old"),),
    )
