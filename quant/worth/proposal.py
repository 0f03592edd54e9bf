"""One candidate turned into a `Proposal`: exact money, payoff, Greeks in book units, and its P&L under P."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from domain.market import Floats, Ints, OptionChain
from domain.money import to_cents
from domain.structures import BookGreeks, EvParts, LegQuote, Option, Payoff, Proposal, Right, Structure
from domain.units import Unit, on_grid
from quant.structures.catalogue import from_options
from quant.structures.enumerate import Batch
from quant.structures.payoff import Carry, payoff
from quant.surface import Surface
from quant.vanilla.black import greeks
from quant.worth.measure import Measure
from quant.worth.score import ENTRY_SHARE, LegTable, Scored, node_values
from quant.worth.terminal import later_value, loss_tail, quantile_nodes

TAIL = 0.025
PNL_NODES = 200


class Priced(NamedTuple):
    """A batch with everything computed for it."""

    batch: Batch
    measure: Measure
    table: LegTable
    scored: Scored


def exact(value: float) -> Decimal:
    """A quoted price or strike as money, to a hundredth of a cent."""
    return Decimal(repr(round(float(value), 4)))


def option_of(chain: OptionChain, row: int) -> Option:
    """The contract of a chain row."""
    return Option(
        ticker=chain.ticker,
        root=str(chain.root[row]),
        expiry=date.fromordinal(int(chain.expiry[row])),
        settles_at=datetime.fromtimestamp(int(chain.settles_at[row]), tz=UTC),
        strike=exact(chain.strike[row]),
        right=Right.CALL if chain.is_call[row] else Right.PUT,
        exercise=chain.exercise,
        multiplier=chain.multiplier,
    )


def identifier(chain: OptionChain, playbook: str, batch: Batch, index: int) -> str:
    """Ticker/playbook/structure/legs: the same contracts have the same id at any moment."""
    legs = []
    for row, leg in zip(batch.rows[index].tolist(), batch.shape.legs, strict=True):
        day = date.fromordinal(int(chain.expiry[row])).strftime("%y%m%d")
        legs.append(f"{leg.quantity:+d}{chain.root[row]}{day}{leg.right.value[0].upper()}{chain.strike[row]:g}")
    return f"{chain.ticker}/{playbook}/{batch.shape.name}/" + ",".join(legs)


def pnl_of(one: Priced, pick: Ints, chain: OptionChain, nodes: Floats) -> Floats:
    """P&L in dollars of the picked candidates on nodes: (D value - fair) x multiplier + relative value - costs."""
    values = node_values(one.batch, pick, chain, one.table, nodes)
    discounted = one.measure.discount * values - one.scored.fair[pick][:, None]
    rest = one.scored.relative[pick] - one.scored.costs[pick]
    return np.asarray(chain.multiplier * discounted + rest[:, None], dtype=np.float64)


def tail_of(one: Priced, pick: Ints, chain: OptionChain) -> tuple[Floats, Floats]:
    """(CVaR 2.5 % as signed P&L, the worse of P and Q; probability of profit under P), each (len(pick),)."""
    measure = one.measure
    under_p = pnl_of(one, pick, chain, measure.p_nodes)
    under_q = pnl_of(one, pick, chain, measure.q_nodes)
    cvar = np.minimum(loss_tail(under_p, measure.p_weights, TAIL), loss_tail(under_q, measure.q_weights, TAIL))
    return cvar, np.asarray((under_p > 0.0) @ measure.p_weights, dtype=np.float64)


def _book_greeks(batch: Batch, index: int, chain: OptionChain, surface: Surface) -> BookGreeks:
    total = np.zeros(5)
    spot, dollars = chain.spot, float(chain.multiplier)
    for row, leg in zip(batch.rows[index].tolist(), batch.shape.legs, strict=True):
        one = surface.slices[batch.back if leg.expiry else batch.front]
        r = -np.log(one.discount) / one.t
        q = r - np.log(one.forward / spot) / one.t
        vol = one.vol(np.log(chain.strike[row] / one.forward))
        g = greeks(spot, chain.strike[row], one.t, vol, r, q, bool(chain.is_call[row]))
        total += leg.quantity * np.array([float(g.delta), float(g.gamma), float(g.vega), float(g.theta), float(g.rho)])
    units = total * dollars * np.array([1.0, 0.01 * spot, 0.01, 1.0 / 365.0, 1e-4])
    delta, gamma, vega, theta, rho = (on_grid(value, Unit.RATIO) for value in units.tolist())
    return BookGreeks(delta=delta, gamma=gamma, vega=vega, theta=theta, rho=rho)


def _payoff(
    one: Priced, index: int, chain: OptionChain, surface: Surface, structure: Structure, net: Decimal
) -> Payoff:
    batch = one.batch
    if batch.back == batch.front:
        return payoff(structure, net)
    front, back = surface.slices[batch.front], surface.slices[batch.back]
    columns = [i for i, leg in enumerate(batch.shape.legs) if leg.expiry]
    rows = batch.rows[index, columns]
    quantity = np.array([float(batch.shape.legs[i].quantity) for i in columns])
    vol_scale = one.table.later_of(batch.back, rows).scale

    def back_value(spot: Floats, scale: float) -> Floats:
        safe = np.maximum(spot, 1e-6)
        marks = later_value(front, back, chain.strike[rows], chain.is_call[rows], safe, scale * vol_scale)
        return np.asarray(quantity @ marks, dtype=np.float64)

    carry = Carry(growth=back.forward / front.forward, discount=back.discount / front.discount)
    return payoff(structure, net, carry=carry, back_value=back_value)


def _parts(scored: Scored, index: int) -> EvParts:
    costs = -to_cents(float(scored.costs[index]), "up")
    relative = to_cents(float(scored.relative[index]))
    variance, direction = to_cents(float(scored.variance[index])), to_cents(float(scored.direction[index]))
    total, beta = to_cents(float(scored.ev[index])), Decimal("0.00")
    return EvParts(
        costs=costs,
        relative_value=relative,
        variance_premium=variance,
        direction=direction,
        beta=beta,
        rest=total - costs - relative - variance - direction - beta,
        total=total,
    )


def _quotes(batch: Batch, index: int, chain: OptionChain, surface: Surface) -> tuple[LegQuote, ...]:
    found = []
    for row, leg in zip(batch.rows[index].tolist(), batch.shape.legs, strict=True):
        one = surface.slices[batch.back if leg.expiry else batch.front]
        iv = float(one.row_iv[one.rows == row][0])
        bid = float(np.nan_to_num(chain.bid[row], nan=0.0))
        found.append(
            LegQuote(
                bid=exact(bid),
                ask=exact(chain.ask[row]),
                quoted_at=chain.quoted_at,
                iv=on_grid(iv, Unit.VOL) if np.isfinite(iv) else None,
            )
        )
    return tuple(found)


def propose(
    one: Priced,
    index: int,
    chain: OptionChain,
    surface: Surface,
    *,
    playbook: str,
    params_hash: str,
    snapshot: str,
    objective: float,
    candidates: int,
    runners_up: tuple[str, ...],
) -> Proposal:
    """The proposal of candidate `index` of a priced batch."""
    batch, scored, measure = one.batch, one.scored, one.measure
    options = tuple(option_of(chain, row) for row in batch.rows[index].tolist())
    structure = from_options(batch.shape.name, options, batch.shape.legs[0].right)
    quotes = _quotes(batch, index, chain, surface)
    signed = [Decimal(leg.quantity) for leg in structure.legs]
    net_mid = sum((n * (q.bid + q.ask) / 2 for n, q in zip(signed, quotes, strict=True)), Decimal(0))
    half = sum((abs(n) * (q.ask - q.bid) / 2 for n, q in zip(signed, quotes, strict=True)), Decimal(0))
    net_entry = net_mid + Decimal(str(ENTRY_SHARE)) * half
    pick = np.array([index])
    pnl = pnl_of(one, pick, chain, measure.p_nodes)[0]
    cvar, pop = tail_of(one, pick, chain)
    nodes, weights = quantile_nodes(pnl, measure.p_weights, PNL_NODES)
    return Proposal(
        id=identifier(chain, playbook, batch, index),
        ticker=chain.ticker,
        playbook=playbook,
        params_hash=params_hash,
        structure=structure,
        quotes=quotes,
        spot=chain.spot,
        snapshot=snapshot,
        net_mid=net_mid,
        net_entry=net_entry,
        net_natural=net_mid + half,
        fees=to_cents(float(scored.fees[index]), "up"),
        payoff=_payoff(one, index, chain, surface, structure, net_entry),
        fair_q=on_grid(float(scored.fair[index]) * chain.multiplier, Unit.DOLLARS),
        greeks=_book_greeks(batch, index, chain, surface),
        pop_p=on_grid(float(pop[0]), Unit.PROBABILITY),
        ev_p=_parts(scored, index),
        ev_p_adverse=on_grid(float(scored.adverse[index]), Unit.DOLLARS),
        cvar_p=on_grid(float(cvar[0]), Unit.DOLLARS),
        variance_ratio=on_grid(measure.m, Unit.RATIO),
        alpha=round(measure.alpha, 8) + 0.0,
        pnl_nodes=tuple(on_grid(value, Unit.DOLLARS) for value in nodes.tolist()),
        pnl_weights=tuple(round(value, 12) for value in weights.tolist()),
        measure_note=measure.note,
        objective=objective,
        candidates=candidates,
        runners_up=runners_up,
    )
