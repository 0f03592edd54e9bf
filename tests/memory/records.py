"""Plain records to keep: a condor, its orders, tickets and fills. Every builder takes what differs."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.decision import Decision, Opened, RunSpec
from domain.market import Exercise
from domain.orders import (
    BrokerOrder,
    BrokerReport,
    BrokerState,
    Effect,
    Fill,
    FillMode,
    LegFill,
    OrderTicket,
    SizedOrder,
)
from domain.regime import Regime, RegimeName
from domain.structures import (
    BookGreeks,
    EvParts,
    Leg,
    Option,
    Payoff,
    Proposal,
    Right,
    Structure,
    StructureName,
)

NOW = datetime(2019, 5, 21, 17, 45, tzinfo=UTC)
TODAY = date(2019, 5, 21)
EXPIRY = date(2019, 6, 21)
ACCOUNT = "paper/recorded:spx-2019"
MARKET = "recorded:spx-2019"


def later(**span: float) -> datetime:
    """A moment after NOW."""
    return NOW + timedelta(**span)


def leg(strike: int, right: Right, quantity: int) -> Leg:
    """One SPXW option leg."""
    option = Option(
        ticker="SPX",
        root="SPXW",
        expiry=EXPIRY,
        settles_at=datetime(2019, 6, 21, 20, 0, tzinfo=UTC),
        strike=Decimal(strike),
        right=right,
        exercise=Exercise.EUROPEAN,
        multiplier=100,
    )
    return Leg(instrument=option, quantity=quantity)


CONDOR = (leg(2650, Right.PUT, 1), leg(2700, Right.PUT, -1), leg(2950, Right.CALL, -1), leg(3000, Right.CALL, 1))
REVERSED = tuple(Leg(instrument=one.instrument, quantity=-one.quantity) for one in CONDOR)


def order(name: str = "t1", **changes: Any) -> BrokerOrder:
    """An order of two condors for a credit of 10.00, worst case 8,010."""
    made = BrokerOrder(
        client_order_id=f"{name}-1",
        account=ACCOUNT,
        ticker="SPX",
        sector="broad index",
        legs=CONDOR,
        contracts=2,
        limit_price=Decimal("-10"),
        effect=Effect.OPEN,
        position_id=None,
        max_loss=Decimal("8010"),
        cycle=EXPIRY,
        multiplier=100,
        fees=Decimal("10"),
        playbook="index_iron_condor",
        params_hash="p1",
        ticket_id=name,
        as_of=NOW,
        session=TODAY,
    )
    return dataclasses.replace(made, **changes)


def closing(position: str, name: str = "c1", **changes: Any) -> BrokerOrder:
    """An order that buys the condors back at 4.00."""
    given: dict[str, Any] = {
        "legs": REVERSED,
        "effect": Effect.CLOSE,
        "position_id": position,
        "limit_price": Decimal("4"),
        "max_loss": Decimal("0"),
    }
    return order(name, **{**given, **changes})


def fill(sent: BrokerOrder, contracts: int | None = None, **changes: Any) -> Fill:
    """An execution at the order's limit, five dollars of fees a structure."""
    count = sent.contracts if contracts is None else contracts
    made = Fill(
        client_order_id=sent.client_order_id,
        contracts=count,
        net=sent.limit_price,
        legs=tuple(LegFill(leg=one, price=Decimal("3.10")) for one in sent.legs),
        fees=Decimal(5 * count),
        at=NOW,
        mode=FillMode.SAME_SNAPSHOT.value,
        note="",
    )
    return dataclasses.replace(made, **changes)


def report(sent: BrokerOrder, *fills: Fill, state: BrokerState = BrokerState.FILLED) -> BrokerReport:
    """What the broker says of an order."""
    return BrokerReport(client_order_id=sent.client_order_id, state=state, fills=fills, reason="")


def proposal(**changes: Any) -> Proposal:
    """The condor as it was priced: 1,000 of profit and 4,000 of loss at most, each."""
    zero = Decimal("0")
    made = Proposal(
        id="pr1",
        ticker="SPX",
        playbook="index_iron_condor",
        params_hash="p1",
        structure=Structure(name=StructureName.IRON_CONDOR, ticker="SPX", legs=CONDOR),
        quotes=(),
        spot=2864.0,
        snapshot="0" * 64,
        net_mid=Decimal("-10.40"),
        net_entry=Decimal("-10.00"),
        net_natural=Decimal("-9.60"),
        fees=Decimal("10"),
        payoff=Payoff(
            max_profit=Decimal("1000"),
            max_loss=Decimal("4000"),
            breakevens=(2690.0, 2960.0),
            exact=True,
            max_profit_range=None,
            breakeven_ranges=(),
        ),
        fair_q=-1040.0,
        greeks=BookGreeks(delta=0.1, gamma=-0.2, vega=-30.0, theta=12.0, rho=0.1),
        pop_p=0.7,
        ev_p=EvParts(
            costs=zero, relative_value=zero, variance_premium=zero, direction=zero, beta=zero, rest=zero, total=zero
        ),
        ev_p_adverse=1.0,
        cvar_p=-3000.0,
        variance_ratio=0.8,
        alpha=0.0,
        pnl_nodes=(-4000.0, 1000.0),
        pnl_weights=(0.2, 0.8),
        measure_note="",
        objective=1.0,
        candidates=1,
        runners_up=(),
    )
    return dataclasses.replace(made, **changes)


def ticket(name: str = "t1", **changes: Any) -> OrderTicket:
    """A ticket for two condors."""
    made = OrderTicket(
        id=name,
        run_id="run-1",
        account=ACCOUNT,
        market=MARKET,
        as_of=NOW,
        effect=Effect.OPEN,
        ticker="SPX",
        sector="broad index",
        structure=proposal().structure,
        contracts=2,
        multiplier=100,
        playbook="index_iron_condor",
        params_hash="p1",
        order=SizedOrder(
            proposal=proposal(),
            contracts=2,
            kelly_fraction=0.08,
            binding="kelly",
            shrinks=(),
            max_loss=Decimal("8010"),
            why="",
        ),
        position_id=None,
        why="kelly",
        limit_price=Decimal("-10"),
        nonce=f"nonce-{name}",
        created_at=NOW,
        expires_at=later(minutes=15),
        settings_hash="s",
        graph_version="g",
    )
    return dataclasses.replace(made, **changes)


def spec(run_id: str = "run-1", **changes: Any) -> RunSpec:
    """The specification of a run."""
    made = RunSpec(
        run_id=run_id,
        tickers=("SPX",),
        market=MARKET,
        as_of=NOW,
        account=ACCOUNT,
        playbooks=("index_iron_condor",),
        seed=7,
        settings_hash="s",
        graph_version="g",
        shortlist=6,
        fill_mode="same_snapshot",
        auto_execute=False,
    )
    return dataclasses.replace(made, **changes)


def decision(run: RunSpec, **changes: Any) -> Decision:
    """A decision with nothing in it."""
    regime = Regime(name=RegimeName.NEUTRAL, as_of=NOW, vix=15.0, vix_known_at=NOW, reasons=("VIX 15.0",))
    made = Decision(
        spec=run,
        opened=Opened(regime=regime, nlv=Decimal("100000"), open_positions=0, refused=None),
        scans=(),
        ranked=(),
        debates=(),
        mandates=(),
        vetoes=(),
        proposals=(),
        unpriced=(),
        sized=(),
        tickets=(),
        refused=(),
    )
    return dataclasses.replace(made, **changes)
