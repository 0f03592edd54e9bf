"""Numbers of contracts: Kelly's share, every cap named, shrinks on record, and orders made of tickets."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.book import Book, Commitment, Halt
from domain.decision import GateReport, Mandate
from domain.errors import BadInput
from domain.market import Exercise, Instrument, Kind
from domain.orders import Effect, OrderTicket, SizedOrder
from domain.regime import RegimeName
from domain.structures import BookGreeks, EvParts, LegQuote, Payoff, Proposal, Structure, StructureName
from quant.risk.gate import check
from quant.risk.limits import LIMITS
from quant.selection.playbooks import PLAYBOOKS
from quant.sizing.order import broker_order, client_order_id, closing_order
from quant.sizing.size import size
from tests.fakes import AT, EXPIRY, LATER, D, book, commitment, condor_legs, position, regime

CONDOR = PLAYBOOKS["index_iron_condor"]


def parts(total: float) -> EvParts:
    zero = D(0)
    return EvParts(
        costs=zero,
        relative_value=zero,
        variance_premium=D(str(total)),
        direction=zero,
        beta=zero,
        rest=zero,
        total=D(str(total)),
    )


def proposal(**changes: Any) -> Proposal:
    """A condor 10 points wide for a credit of 2.00: 800 at risk, worth 40 on average, with half a Kelly of 3.1."""
    legs = condor_legs(
        changes.pop("width", 10), ticker=changes.get("ticker", "SPX"), expiry=changes.pop("expiry", EXPIRY)
    )
    base: dict[str, Any] = {
        "id": "c-1",
        "ticker": "SPX",
        "playbook": CONDOR.name,
        "params_hash": CONDOR.params_hash,
        "structure": Structure(name=StructureName.IRON_CONDOR, ticker=legs[0].instrument.ticker, legs=legs),
        "quotes": tuple(LegQuote(bid=D("4.90"), ask=D("5.00"), quoted_at=AT, iv=0.15) for _ in legs),
        "spot": 2850.0,
        "snapshot": "0" * 64,
        "net_mid": D("-2.20"),
        "net_entry": D("-2.00"),
        "net_natural": D("-2.00"),
        "fees": D("12.00"),
        "payoff": Payoff(
            max_profit=D(200),
            max_loss=D(800),
            breakevens=(2748.0, 2952.0),
            exact=True,
            max_profit_range=None,
            breakeven_ranges=(),
        ),
        "fair_q": -220.0,
        "greeks": BookGreeks(delta=0, gamma=0, vega=0, theta=0, rho=0),
        "pop_p": 0.84,
        "ev_p": parts(40),
        "ev_p_adverse": 10.0,
        "cvar_p": -800.0,
        "variance_ratio": 0.8,
        "alpha": 0.0,
        "pnl_nodes": (200.0, -800.0),
        "pnl_weights": (0.84, 0.16),
        "measure_note": "test",
        "objective": 1.0,
        "candidates": 1,
        "runners_up": (),
    }
    return Proposal(**{**base, **changes})


def mandate(**changes: Any) -> Mandate:
    base: dict[str, Any] = {
        "ticker": "SPX",
        "playbook": CONDOR.name,
        "structures": CONDOR.structures,
        "loss_budget": D(5000),
        "max_contracts": 10,
        "report": GateReport(subject="", checks=()),
    }
    return Mandate(**{**base, **changes})


def instrument(ticker: str = "SPX") -> Instrument:
    return Instrument(
        ticker=ticker,
        kind=Kind.INDEX,
        exercise=Exercise.EUROPEAN,
        sector=None,
        broad_index=True,
        multiplier=100,
        known_at=datetime(2019, 1, 1, tzinfo=UTC),
    )


def sized(*proposals: Proposal, mandates: tuple[Mandate, ...] | None = None, **given: Any) -> tuple[SizedOrder, ...]:
    names = {one.ticker for one in proposals}
    return size(
        proposals,
        mandates or tuple(mandate(ticker=name) for name in sorted(names)),
        given.pop("held", book()),
        given.pop("regime", regime()),
        given.pop("limits", LIMITS),
        auto=given.pop("auto", False),
        at=AT,
        instruments={name: instrument(name) for name in names},
        playbooks=PLAYBOOKS,
    )


def test_half_and_quarter_kelly() -> None:
    # Kelly: 100,000 x (0.84/800 - 0.16/200) = 25; the budget of 5,000 holds 6 at 812 each.
    small = proposal(pnl_weights=(0.806, 0.194))  # Kelly 3.75
    (half,) = sized(small)
    (quarter,) = sized(small, auto=True)
    assert (half.contracts, half.binding) == (1, "half_kelly")
    assert [(one.by, one.before, one.after) for one in half.shrinks] == [("half_kelly", 3, 1)]
    assert half.kelly_fraction == 0.0152  # 0.5 x 3.75 x 812 / 100,000 on its grid
    assert half.max_loss == D("812.00")
    assert (quarter.contracts, quarter.binding) == (0, "quarter_kelly")
    assert "edge too small for one contract" in quarter.why


def test_the_budget_binds_and_each_shrink_is_on_record() -> None:
    (one,) = sized(proposal())
    assert (one.contracts, one.binding) == (6, "loss_budget")
    assert [(s.by, s.before, s.after) for s in one.shrinks] == [("half_kelly", 25, 12), ("loss_budget", 12, 6)]
    assert one.max_loss == D("4872.00")


def others(amount: int, count: int, sector: str = "") -> tuple[Commitment, ...]:
    """Reservations on other tickers, in one sector or in one each."""
    return tuple(
        commitment(id=str(n), ticker=f"I{n}", sector=sector or f"s{n}", max_loss=D(amount)) for n in range(count)
    )


@pytest.mark.parametrize(
    ("name", "held", "given", "count"),
    [
        ("loss_budget", book(), {"mandates": (mandate(loss_budget=D(1700)),)}, 2),
        ("position_loss", book(commitments=(commitment(max_loss=D(3000)),)), {}, 2),
        ("sector_loss", book(commitments=others(4500, 3, sector="broad_index")), {}, 1),
        ("total_loss", book(commitments=others(4450, 6)), {}, 4),
        ("contracts_order", book(), {"mandates": (mandate(max_contracts=3),)}, 3),
        ("contracts_day", book(contracts_today=(("SPX", 8),)), {}, 2),
    ],
)
def test_each_cap_binds_where_it_is_least(name: str, held: Book, given: dict[str, Any], count: int) -> None:
    (one,) = sized(proposal(), held=held, **given)
    assert (one.contracts, one.binding) == (count, name)


def test_no_edge_no_contracts() -> None:
    # P equal to Q leaves the costs alone: the expected value is below zero.
    (fair,) = sized(proposal(ev_p=parts(-12), pnl_weights=(0.788, 0.212)))
    assert (fair.contracts, fair.shrinks) == (0, ())
    assert "no edge" in fair.why
    (nodes,) = sized(proposal(pnl_weights=(0.788, 0.212)))
    assert (nodes.contracts, nodes.binding) == (0, "kelly")
    (adverse,) = sized(proposal(ev_p_adverse=-0.01))
    assert adverse.contracts == 0
    assert "adverse" in adverse.why


def test_broken_figures_are_no_trade() -> None:
    assert sized(proposal(pnl_nodes=(float("nan"), -800.0)))[0].contracts == 0
    assert sized(proposal(pnl_weights=(1.0,)))[0].contracts == 0
    assert sized(proposal(), held=book(nlv=D("NaN")))[0].contracts == 0
    assert sized(proposal(ev_p_adverse=float("nan")))[0].contracts == 0


def test_what_the_mandate_does_not_permit_is_no_trade() -> None:
    assert sized(proposal(), mandates=(mandate(structures=(StructureName.IRON_BUTTERFLY,)),))[0].contracts == 0
    assert sized(proposal(), mandates=(mandate(ticker="SPY"),))[0].contracts == 0
    late = sized(proposal(expiry=LATER), mandates=(mandate(latest_expiry=EXPIRY),))[0]
    assert late.contracts == 0
    assert str(EXPIRY) in late.why
    assert sized(proposal(), mandates=(mandate(latest_expiry=EXPIRY),))[0].contracts > 0


def test_a_run_shares_the_limits_in_a_stated_order() -> None:
    tickers = ("SPX", "SPY", "QQQ", "IWM", "DIA")
    many = tuple(proposal(ticker=name, id=f"c-{name}", objective=1.0 + (name == "QQQ")) for name in tickers)
    out = sized(*many)
    assert [one.proposal.ticker for one in out] == ["QQQ", "DIA", "IWM", "SPX", "SPY"]
    assert [one.contracts for one in out] == [6, 6, 6, 0, 0]
    assert sum((one.max_loss for one in out), D(0)) <= D(15_000)
    assert out[3].binding == "sector_loss"
    assert sized(*reversed(many)) == out


def test_a_worse_regime_never_gives_a_larger_size() -> None:
    for weight in (0.80, 0.81, 0.82, 0.84, 0.90):
        one = proposal(pnl_weights=(weight, 1 - weight))
        counts = [sized(one, regime=regime(name))[0].contracts for name in RegimeName]
        assert counts == sorted(counts, reverse=True)
    assert sized(proposal(), regime=regime(RegimeName.CRISIS))[0].contracts == 2
    assert sized(proposal(), regime=None)[0].contracts == 0


def test_a_halted_book_gets_no_contracts() -> None:
    (one,) = sized(proposal(), held=book(halts=(Halt(scope="desk", reason="x", since=AT),)))
    assert (one.contracts, one.binding) == (0, "halts")
    assert one.shrinks[-1].by == "gate"


def ticket(**changes: Any) -> OrderTicket:
    (one,) = sized(proposal())
    base: dict[str, Any] = {
        "id": "run-1.1",
        "run_id": "run-1",
        "account": book().account,
        "market": "test",
        "as_of": AT,
        "effect": Effect.OPEN,
        "ticker": "SPX",
        "sector": "broad_index",
        "structure": one.proposal.structure,
        "contracts": one.contracts,
        "multiplier": 100,
        "playbook": CONDOR.name,
        "params_hash": CONDOR.params_hash,
        "order": one,
        "position_id": None,
        "why": "",
        "limit_price": D("-2.00"),
        "nonce": "n",
        "created_at": AT,
        "expires_at": AT + timedelta(minutes=10),
        "settings_hash": "",
        "graph_version": "",
    }
    return OrderTicket(**{**base, **changes})


def test_an_order_states_its_worst_case_with_fees_rounded_up() -> None:
    made = broker_order(ticket(), limit_price=D("-1.95"), contracts=3, at=AT)
    assert made.client_order_id == client_order_id("run-1.1") != client_order_id("run-1.2")
    assert made.max_loss == 3 * D(805) + 3 * D(12)
    assert (made.cycle, made.session, made.multiplier) == (EXPIRY, date(2019, 5, 21), 100)
    assert Decimal(0) < made.fees < 36
    assert check((made,), book(), regime(), LIMITS, AT).passed


def test_an_understated_payoff_is_not_believed() -> None:
    one = ticket()
    assert one.order is not None
    rosy = dataclasses.replace(
        one.order.proposal, payoff=dataclasses.replace(one.order.proposal.payoff, max_loss=D(1)), fees=D(0)
    )
    made = broker_order(
        dataclasses.replace(one, order=dataclasses.replace(one.order, proposal=rosy)),
        limit_price=D("-2.00"),
        contracts=1,
        at=AT,
    )
    assert made.max_loss == D(800) + made.fees


@pytest.mark.parametrize("contracts", [0, -1, 7])
def test_a_ticket_is_edited_down_only(contracts: int) -> None:
    with pytest.raises(BadInput):
        broker_order(ticket(), limit_price=D("-2.00"), contracts=contracts, at=AT)


def test_an_opening_ticket_without_a_proposal_is_refused() -> None:
    with pytest.raises(BadInput, match="proposal"):
        broker_order(ticket(order=None), limit_price=D("-2.00"), contracts=1, at=AT)


def test_a_closing_order_undoes_the_position() -> None:
    held = position(contracts=2)
    made = closing_order(held, ticket_id="x", limit_price=D("0.50"), at=AT)
    assert [leg.quantity for leg in made.legs] == [-leg.quantity for leg in held.legs]
    assert (made.effect, made.position_id, made.max_loss, made.contracts) == (Effect.CLOSE, held.id, D(0), 2)
    structure = Structure(name=StructureName.IRON_CONDOR, ticker="SPX", legs=made.legs)
    by_ticket = broker_order(
        ticket(effect=Effect.CLOSE, order=None, position_id=held.id, structure=structure, contracts=2, id="x"),
        limit_price=D("0.50"),
        contracts=2,
        at=AT,
    )
    assert dataclasses.replace(by_ticket, playbook=made.playbook, params_hash=made.params_hash) == made
    with pytest.raises(BadInput):
        closing_order(held, ticket_id="x", limit_price=D("0.50"), at=AT, contracts=3)
    assert check((made,), book(positions=(held,)), None, LIMITS, AT).passed
