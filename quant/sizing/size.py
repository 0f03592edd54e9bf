"""From proposals to numbers of contracts: fractional Kelly, then every cap; the binding limit is named.

Proposals are sized one after another, the best objective first and ties by id, each accepted order standing in the
book that the next is sized in. The stage only shrinks, and records each shrink with before and after.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from datetime import datetime

from domain.book import Book
from domain.decision import Mandate
from domain.errors import BadInput
from domain.market import Instrument
from domain.money import ZERO
from domain.orders import BrokerOrder, Shrink, SizedOrder
from domain.playbook import Playbook
from domain.regime import Regime
from domain.structures import Option, Proposal
from domain.units import Unit, on_grid
from quant.risk.account_rules import contracts_used, loss_room
from quant.risk.asked import as_working
from quant.risk.gate import check
from quant.risk.limits import HardLimits
from quant.sizing.kelly import growth_optimal
from quant.sizing.order import opening_order

MOST = 1_000_000  # contracts that a distribution without a losing node is taken to ask for


def size(
    proposals: tuple[Proposal, ...],
    mandates: tuple[Mandate, ...],
    book: Book,
    regime: Regime | None,
    limits: HardLimits,
    *,
    auto: bool,
    at: datetime,
    instruments: Mapping[str, Instrument],
    playbooks: Mapping[str, Playbook],
) -> tuple[SizedOrder, ...]:
    """Half-Kelly where a person approves, quarter-Kelly under `auto`, times the playbook's scale, under every cap.

    Contracts are 0 with the reason in `why` where the edge is too small for one contract or a limit leaves no room.
    """
    permitted = {(one.ticker, one.playbook): one for one in mandates}
    sized: list[SizedOrder] = []
    for proposal in sorted(proposals, key=lambda one: (-one.objective, one.id)):
        mandate = permitted.get((proposal.ticker, proposal.playbook))
        playbook = playbooks.get(proposal.playbook)
        instrument = instruments.get(proposal.ticker)
        refused = _unfit(proposal, mandate, playbook, instrument)
        if refused or mandate is None or playbook is None or instrument is None:
            sized.append(_none(proposal, "mandate", refused))
            continue
        one, order = _sized(proposal, mandate, playbook, instrument, book, regime, limits, auto, at)
        sized.append(one)
        if order is not None:
            reserved = dataclasses.replace(as_working(order), working=False)
            book = dataclasses.replace(book, commitments=(*book.commitments, reserved))
    return tuple(sized)


def _unfit(
    proposal: Proposal, mandate: Mandate | None, playbook: Playbook | None, instrument: Instrument | None
) -> str:
    """Why a proposal is no trade at any size, "" when it may be one."""
    if mandate is None or playbook is None or instrument is None:
        return f"no mandate for {proposal.ticker} under {proposal.playbook}"
    if proposal.structure.name not in mandate.structures:
        return f"{proposal.structure.name.value} is not permitted by the mandate"
    expiries = [leg.instrument.expiry for leg in proposal.structure.legs if isinstance(leg.instrument, Option)]
    if mandate.latest_expiry is not None and any(expiry > mandate.latest_expiry for expiry in expiries):
        return f"a leg expires after {mandate.latest_expiry}, the latest that the mandate permits"
    if mandate.earliest_expiry is not None and any(expiry < mandate.earliest_expiry for expiry in expiries):
        return f"a leg expires before {mandate.earliest_expiry}, the earliest that the mandate permits"
    if proposal.ev_p.total <= 0:
        return f"no edge: expected value {proposal.ev_p.total} is not above zero"
    if not proposal.ev_p_adverse > 0:
        return f"no edge at the adverse variance ratio: expected value {proposal.ev_p_adverse:.2f}"
    return ""


def _sized(
    proposal: Proposal,
    mandate: Mandate,
    playbook: Playbook,
    instrument: Instrument,
    book: Book,
    regime: Regime | None,
    limits: HardLimits,
    auto: bool,
    at: datetime,
) -> tuple[SizedOrder, BrokerOrder | None]:
    def order(contracts: int) -> BrokerOrder:
        return opening_order(
            proposal,
            account=book.account,
            sector=instrument.bucket,
            multiplier=instrument.multiplier,
            contracts=contracts,
            limit_price=max(proposal.net_natural, proposal.net_entry),
            ticket_id=f"sizing/{proposal.id}",
            at=at,
        )

    try:
        # On a grid before it is rounded down, so that every machine counts the same contracts.
        best = round(min(growth_optimal(proposal.pnl_nodes, proposal.pnl_weights, float(book.nlv)), MOST), 6)
        single = order(1)
        caps = tuple(_caps(single, mandate, book, regime, limits))
    except (BadInput, ValueError, ArithmeticError) as error:
        return _none(proposal, "figures", f"cannot be sized: {error}"), None
    if best == 0:
        return _none(proposal, "kelly", "no edge: growth is greatest with no contract"), None
    rule, share = ("quarter_kelly", 0.25) if auto else ("half_kelly", 0.5)
    asked = best * share * min(max(playbook.kelly_scale, 0.0), 1.0)
    count, binding, shrinks = math.floor(best), rule, []
    kelly = ((rule, math.floor(best * share)), ("playbook_scale", math.floor(asked)))
    for name, cap in (*kelly, *caps):
        if cap < count:
            shrinks.append(Shrink(by=name, before=count, after=max(cap, 0)))
            count, binding = max(cap, 0), name
    fraction = on_grid(asked * float(single.max_loss) / float(book.nlv), Unit.RATIO)
    if count == 0:
        return _none(proposal, binding, _why_none(asked, binding, single), fraction, tuple(shrinks)), None
    final = order(count)
    report = check((final,), book, regime, limits, at)
    if not report.passed:
        failed = "; ".join(f"{one.name}: {one.value or one.note} against {one.limit}" for one in report.failed)
        shrinks.append(Shrink(by="gate", before=count, after=0))
        return _none(proposal, report.failed[0].name, failed, fraction, tuple(shrinks)), None
    done = SizedOrder(
        proposal=proposal,
        contracts=count,
        kelly_fraction=fraction,
        binding=binding,
        shrinks=tuple(shrinks),
        max_loss=final.max_loss,
        why=f"{asked:.2f} contracts asked for by {rule.replace('_', '-')}, {count} left by {binding}",
    )
    return done, final


def _caps(
    single: BrokerOrder, mandate: Mandate, book: Book, regime: Regime | None, limits: HardLimits
) -> Iterator[tuple[str, int]]:
    """Each cap in contracts, in the order that they are applied. Raises BadFigure."""
    room = {
        "loss_budget": mandate.loss_budget,
        **loss_room(book, single.ticker, single.sector, regime, limits, single.cycle),
    }
    for name, amount in room.items():
        yield name, math.floor(amount / single.max_loss)
    ratio = max(abs(leg.quantity) for leg in single.legs)
    used = contracts_used(book, single.ticker)
    yield "contracts_order", min(limits.contracts, mandate.max_contracts) // ratio
    yield "contracts_day", (limits.contracts - used) // ratio


def _why_none(asked: float, binding: str, single: BrokerOrder) -> str:
    if asked < 1:
        told = math.floor(asked * 100) / 100  # 0.996 is not "1.00 asked for"
        return f"edge too small for one contract: {told:.2f} asked for at {single.max_loss} maximum loss each"
    return f"{binding} leaves no room for one contract of {single.max_loss} maximum loss"


def _none(
    proposal: Proposal, binding: str, why: str, fraction: float = 0.0, shrinks: tuple[Shrink, ...] = ()
) -> SizedOrder:
    return SizedOrder(
        proposal=proposal,
        contracts=0,
        kelly_fraction=fraction,
        binding=binding,
        shrinks=shrinks,
        max_loss=ZERO,
        why=why,
    )
