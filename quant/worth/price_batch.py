"""The price node: thousands of candidates in one batch, the best that survives every guard, or the reason for none.

Objective: EV_P after costs over the expected loss of the worst 2.5 % (the worse of P and Q), on the grid of a ratio,
ties broken by id. Guards, in order: maximum loss at the natural price and fees within the mandate's budget; a stop
that can be reached; EV positive and a named part (relative value, variance premium, direction) that pays the costs by
itself; EV positive at the adverse variance ratio; a plateau (median EV of the neighbouring candidates positive).
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from domain.codec import digest
from domain.decision import Mandate, Unpriced
from domain.errors import DataAbsent
from domain.market import Bools, Floats, Ints, MarketSnapshot, OptionChain
from domain.playbook import Playbook
from domain.structures import Leg, Option, Proposal
from domain.units import Unit, on_grid
from domain.views import Verdict
from quant.alignment import weigh
from quant.structures.catalogue import shape_of
from quant.structures.enumerate import Batch, enumerate_candidates
from quant.structures.marks import find_row
from quant.surface import Surface
from quant.volatility.forecast import VarianceForecast, at_horizon
from quant.worth.measure import Measure, Skill, make_measure
from quant.worth.outlook import held_until, implied_variance
from quant.worth.proposal import Priced, identifier, propose, tail_of
from quant.worth.score import Scored, leg_table, score

VERSION = "worth/1"
SHORTLIST = 256
NEIGHBOURS = 8
MIN_NEIGHBOURS = 3
RUNNERS_UP = 5


def trading_day(snapshot: MarketSnapshot) -> date:
    """The New York day of a snapshot (UTC less four hours: right at any hour that a session or its evening has)."""
    return (snapshot.as_of - timedelta(hours=4)).date()


def _chain(snapshot: MarketSnapshot) -> OptionChain:
    if snapshot.chain is None:
        raise DataAbsent(f"{snapshot.ticker}: the snapshot holds no option chain, so nothing can be priced")
    return snapshot.chain


def price_all(
    batches: tuple[Batch, ...], chain: OptionChain, surface: Surface, measures: dict[int, Measure], day: date
) -> list[Priced]:
    """Every batch priced; batches of one front settlement share its measure and its table of contracts."""
    priced: list[Priced] = []
    for front in sorted({batch.front for batch in batches}):
        group = tuple(batch for batch in batches if batch.front == front)
        table = leg_table(group, chain, surface, measures[front])
        priced += [
            Priced(batch, measures[front], table, score(batch, chain, surface, measures[front], table, day))
            for batch in group
        ]
    return priced


def measures_of(
    fronts: list[int],
    surface: Surface,
    forecasts: tuple[VarianceForecast, ...],
    verdict: Verdict,
    skill: Skill,
    playbook: Playbook,
    snapshot: MarketSnapshot,
) -> dict[int, Measure]:
    """The measure of each front slice, for as long as the playbook's exits let it be held.

    The edge in variance counts as much as the playbook's alignment policy leaves of the quotes' worth.
    """
    trust = weigh(playbook.alignment, snapshot.chain_lag_s, snapshot.lag_limit_s, snapshot.iv_confidence).confidence
    found, made = implied_variance(surface), {}
    for front in fronts:
        held = held_until(surface, front, playbook.exits.close_dte, found)
        forecast = at_horizon(forecasts, held.days)
        made[front] = make_measure(surface.slices[front], forecast, verdict, skill, held=held, confidence=trust)
    return made


def _unstoppable(scored: Scored, stop: float | None, multiplier: int) -> Bools:
    """Credit structures whose stop, a multiple of the credit, lies at or beyond all that they can lose."""
    credit = -multiplier * (scored.net_mid + scored.half)
    if stop is None:
        return np.zeros(len(credit), dtype=np.bool_)
    return np.asarray((credit > 0.0) & (stop * credit >= scored.max_loss), dtype=np.bool_)


def _pays(scored: Scored) -> Bools:
    best = np.maximum(np.maximum(scored.relative, scored.variance), scored.direction)
    return np.asarray((scored.ev > 0.0) & (best > scored.costs), dtype=np.bool_)


def is_plateau(one: Priced, index: int, chain: OptionChain) -> bool:
    """True when the median EV of the candidates with the nearest strikes on the same expiries is positive."""
    strikes = chain.strike[one.batch.rows]
    away = np.abs(strikes - strikes[index]).max(axis=1)
    away[index] = np.inf
    near = np.argsort(away, kind="stable")[:NEIGHBOURS]
    ev = one.scored.ev[near[np.isfinite(away[near])]]
    ev = ev[np.isfinite(ev)]
    return len(ev) >= MIN_NEIGHBOURS and float(np.median(ev)) > 0.0


def _shortlist(priced: list[Priced], alive: list[Bools]) -> list[tuple[int, Ints]]:
    """(batch number, candidates) of the best by EV over maximum loss, at most `SHORTLIST` in all."""
    keys = [np.where(ok, one.scored.ev / one.scored.max_loss, -np.inf) for one, ok in zip(priced, alive, strict=True)]
    flat = np.concatenate(keys)
    best = np.argsort(-flat, kind="stable")[:SHORTLIST]
    best = best[np.isfinite(flat[best])]
    owner = np.repeat(np.arange(len(keys)), [len(key) for key in keys])
    first = np.cumsum([0, *(len(key) for key in keys)])
    return [(int(i), np.sort(best[owner[best] == i] - first[i])) for i in np.unique(owner[best])]


def _ranked(
    priced: list[Priced], short: list[tuple[int, Ints]], chain: OptionChain, playbook: str
) -> list[tuple[float, str, int, int]]:
    found = []
    for number, pick in short:
        one = priced[number]
        cvar, _ = tail_of(one, pick, chain)
        ratio: Floats = one.scored.ev[pick] / np.maximum(-cvar, 0.01)
        for index, value in zip(pick.tolist(), ratio.tolist(), strict=True):
            found.append((on_grid(value, Unit.RATIO), identifier(chain, playbook, one.batch, index), number, index))
    return sorted(found, key=lambda item: (-item[0], item[1]))


def price_mandate(
    mandate: Mandate,
    playbook: Playbook,
    snapshot: MarketSnapshot,
    surface: Surface,
    forecasts: tuple[VarianceForecast, ...],
    verdict: Verdict,
    skill: Skill,
    nlv: Decimal | float,
) -> Proposal | Unpriced:
    """The best structure that a mandate permits, or why there is none. Raises DataAbsent without a chain.

    `forecasts` by horizon; each expiry takes its own, over the time that the playbook's exits let it be held. The loss
    budget is the mandate's, and no more than the playbook's share of `nlv`.
    """
    chain, day = _chain(snapshot), trading_day(snapshot)

    def none(reason: str, count: int) -> Unpriced:
        return Unpriced(ticker=mandate.ticker, playbook=mandate.playbook, reason=reason, candidates=count)

    names = tuple(name for name in mandate.structures if name in playbook.structures)
    bounds = mandate.latest_expiry, mandate.earliest_expiry
    batches = enumerate_candidates(names, playbook.search, chain, surface, day, *bounds)
    count = sum(len(batch.rows) for batch in batches)
    if count == 0:
        space, (latest, earliest) = playbook.search, bounds
        between = f"{f', from {earliest}' if earliest else ''}{f', by {latest}' if latest else ''}"
        return none(
            f"no quoted candidate between {space.min_dte} and {space.max_dte} DTE{between} "
            f"with |delta| in {space.short_delta}",
            0,
        )
    fronts = sorted({batch.front for batch in batches})
    measures = measures_of(fronts, surface, forecasts, verdict, skill, playbook, snapshot)
    priced = price_all(batches, chain, surface, measures, day)
    budget = min(float(mandate.loss_budget), playbook.largest_loss * float(nlv))
    dropped: Counter[str] = Counter()
    alive: list[Bools] = []
    for one in priced:
        ok = np.isfinite(one.scored.ev)
        tests: tuple[tuple[str, Bools], ...] = (
            (f"over the loss budget of {budget:,.0f}", one.scored.max_loss <= budget),
            (
                "with a stop beyond the maximum loss",
                ~_unstoppable(one.scored, playbook.exits.stop_loss, chain.multiplier),
            ),
            ("no part of EV pays the costs", _pays(one.scored)),
            ("EV not positive at the adverse variance", one.scored.adverse > 0.0),
        )
        dropped["not anchored to the surface"] += int(np.sum(~ok))
        for name, passed in tests:
            dropped[name] += int(np.sum(ok & ~passed))
            ok = ok & passed
        alive.append(ok)
    ranked = _ranked(priced, _shortlist(priced, alive), chain, mandate.playbook)
    for place, (objective, _, number, index) in enumerate(ranked):
        if not is_plateau(priced[number], index, chain):
            dropped["neighbours lose: not a plateau"] += 1
            continue
        return propose(
            priced[number],
            index,
            chain,
            surface,
            playbook=mandate.playbook,
            params_hash=playbook.params_hash,
            snapshot=digest(snapshot),
            objective=objective,
            candidates=count,
            runners_up=tuple(name for _, name, _, _ in ranked[place + 1 : place + 1 + RUNNERS_UP]),
        )
    told = ", ".join(f"{number} {name}" for name, number in dropped.items() if number)
    note = measures[fronts[-1]].note  # the expiry that is held longest
    return none(f"{count} candidates priced, none worth trading: {told}. P: {note}", count)


def _row_of(chain: OptionChain, leg: Leg) -> int:
    option = leg.instrument
    if not isinstance(option, Option):
        raise DataAbsent("a structure with shares is not repriced here")
    label = f"{option.root} {option.expiry} {option.strike} {option.right}"
    row = find_row(chain, option)
    if row is None:
        raise DataAbsent(f"{label}: not listed once in the present chain")
    if not (chain.ask[row] > 0.0 and not chain.bid[row] > chain.ask[row]):
        raise DataAbsent(f"{label}: no sound offer at present")
    if leg.quantity < 0 and not chain.bid[row] > 0.0:
        raise DataAbsent(f"{label}: nobody bids for what would be sold")
    return row


def _slice_index(surface: Surface, chain: OptionChain, row: int) -> int:
    for index, one in enumerate(surface.slices):
        if one.root == str(chain.root[row]) and one.settles_at == int(chain.settles_at[row]):
            return index
    day = date.fromordinal(int(chain.expiry[row]))
    raise DataAbsent(f"{chain.ticker}: the surface has no slice for {chain.root[row]} {day} at present")


def reprice(
    proposal: Proposal,
    snapshot: MarketSnapshot,
    surface: Surface,
    forecasts: tuple[VarianceForecast, ...],
    verdict: Verdict,
    skill: Skill,
    playbook: Playbook,
) -> Proposal | Unpriced:
    """The same structure on present quotes, through the same pricing and the same guards but search and plateau.

    Unpriced when a leg has no sound quote or no slice now, or when nothing is left of its edge.
    """
    chain = _chain(snapshot)

    def none(reason: str) -> Unpriced:
        return Unpriced(ticker=proposal.ticker, playbook=proposal.playbook, reason=reason, candidates=1)

    try:
        rows = [_row_of(chain, leg) for leg in proposal.structure.legs]
        indices = [_slice_index(surface, chain, row) for row in rows]
    except DataAbsent as error:
        return none(f"cannot be priced again: {error}")
    first = proposal.structure.legs[0].instrument
    shape = shape_of(proposal.structure.name, first.right if isinstance(first, Option) else None)
    order = sorted(set(indices), key=lambda index: surface.slices[index].settles_at)
    batch = Batch(shape, order[0], order[-1], np.array([rows], dtype=np.int64))
    measures = measures_of([order[0]], surface, forecasts, verdict, skill, playbook, snapshot)
    measure = measures[order[0]]
    one = price_all((batch,), chain, surface, measures, trading_day(snapshot))[0]
    if not np.isfinite(one.scored.ev[0]):
        return none("its later leg cannot be anchored to the surface")
    if not _pays(one.scored)[0] or not one.scored.adverse[0] > 0.0:
        ev, worst = float(one.scored.ev[0]), float(one.scored.adverse[0])
        return none(f"no longer worth trading: EV {ev:+.2f}, at the adverse variance {worst:+.2f}. P: {measure.note}")
    cvar, _ = tail_of(one, np.array([0]), chain)
    objective = on_grid(float(one.scored.ev[0] / max(-float(cvar[0]), 0.01)), Unit.RATIO)
    return propose(
        one,
        0,
        chain,
        surface,
        playbook=proposal.playbook,
        params_hash=proposal.params_hash,
        snapshot=digest(snapshot),
        objective=objective,
        candidates=1,
        runners_up=(),
    )
