"""Fitting a spread model on the quoted sets of a store, one chain at a time.

Fitted on options out of the money, 0 to 400 days from settlement and up to 4 standard deviations away, locked and
crossed quotes left out: the median spread of each cell. A cell of fewer than 50 quotes leans on its neighbours: its log
spread is (n own + 50 theirs) / (n + 50), theirs being the mean, by quotes, of the adjacent cells of the same kind (next
days, next moneyness) that hold 50 themselves, or lean on such. The floor is the tenth percentile of spreads in ticks.
The error is that of models made without what it is measured on: each set is left out in turn; where a kind is in one
set alone, its odd chains are predicted from the even ones and the reverse.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.codec import record
from domain.errors import BadChain, BadInput
from domain.market import Absent, Kind, OptionChain, Quotes, RateCurve
from quant import surface
from quant.execution import spreads as kernel
from quant.execution.spreads import KindSpreads, SpreadCell, SpreadModel
from tools.market import reference
from tools.market.spreads.models import check_name
from tools.market.store import Store

if TYPE_CHECKING:
    from domain.market import Bools, Floats, Ints

FEW = 50  # quotes under which a cell leans on its neighbours
_FLOOR_QUANTILE = 0.10
_COLUMNS = len(kernel.MONEYNESS) - 1
_CELLS = (len(kernel.DAYS) - 1) * _COLUMNS


class Seen(NamedTuple):
    """Out-of-the-money options of one chain, and pairs of one strike; columns of shape (n,), pairs (m,)."""

    cell: Ints
    mid: Floats
    width: Floats  # NaN: nobody bids
    ticks: Floats  # the width in ticks
    inside: Floats  # of each pair: what the option in the money is wider by, as a share of what it is worth more


class Part(NamedTuple):
    """What one chain gave to one kind: which set it is of, which in its row, and its options."""

    set_name: str
    number: int
    seen: Seen


@record
class SpreadFit:
    """A fit: the model, and the chains that gave nothing to it, by reason."""

    model: SpreadModel
    unused: tuple[tuple[str, int], ...]


def observe(chain: OptionChain, kind: Kind, as_of: datetime, rates: RateCurve | None) -> Seen:
    """The spreads of one quoted chain by cell. Raises BadChain where no slice can be fitted."""
    fitted = surface.fit(chain, as_of, rates)
    cells, mids, widths, insides = [], [], [], []
    for one in fitted.slices:
        days = kernel.days_left(one.t)
        if days >= kernel.DAYS[-1]:
            continue
        strike, call = chain.strike[one.rows], chain.is_call[one.rows]
        bid, ask = chain.bid[one.rows], chain.ask[one.rows]
        k = np.log(strike / one.forward)
        away = np.abs(k) / (one.vol(k) * np.sqrt(one.t))
        offered = (ask > 0.0) & ~(bid >= ask) & (away < kernel.MONEYNESS[-1])
        outside = np.where(call, k >= 0.0, k < 0.0)
        shown = offered & outside
        cells.append(kernel.cell_of(np.full(int(shown.sum()), days), away[shown]))
        mids.append(0.5 * (bid + ask)[shown])
        widths.append(np.where(bid > 0.0, ask - bid, np.nan)[shown])
        insides.append(_inside(strike, bid, ask, offered & (bid > 0.0), outside))
    cell, mid, width = (np.concatenate(parts) if parts else np.zeros(0) for parts in (cells, mids, widths))
    ticks = width / kernel.tick(chain.ticker, kind, mid)
    return Seen(cell.astype(np.int64), mid, width, ticks, np.concatenate(insides) if insides else np.zeros(0))


def _inside(strike: Floats, bid: Floats, ask: Floats, quoted: Bools, outside: Bools) -> Floats:
    """How much wider options in the money are than their counterparts, as a share of what they are worth more."""
    own, other = np.flatnonzero(quoted & ~outside), np.flatnonzero(quoted & outside)
    _, i, j = np.intersect1d(strike[own], strike[other], return_indices=True)
    a, b = own[i], other[j]
    more = 0.5 * (bid + ask)[a] - 0.5 * (bid + ask)[b]
    wider = (ask - bid)[a] - (ask - bid)[b]
    sound = more > 1.0  # nearer to the money the two are one
    return np.asarray(wider[sound] / more[sound])


def cells_of(parts: tuple[Seen, ...]) -> tuple[SpreadCell, ...]:
    """All cells of one kind, empty ones from their neighbours. Raises BadInput where no cell holds enough quotes."""
    cell = np.concatenate([seen.cell for seen in parts])
    mid = np.concatenate([seen.mid for seen in parts])
    width = np.concatenate([seen.width for seen in parts])
    two = np.isfinite(width)
    count = np.bincount(cell[two], minlength=_CELLS)
    offered = np.bincount(cell, minlength=_CELLS)
    log_share = np.log(width[two] / mid[two])
    own = np.array([np.median(log_share[cell[two] == i]) if count[i] else np.nan for i in range(_CELLS)])
    bare = np.where(offered > 0, 1.0 - count / np.maximum(offered, 1), np.nan)
    logs, unbid = lean(own, count), lean(bare, offered)
    return tuple(
        SpreadCell(share=round(float(np.exp(logs[i])), 6), unbid=round(float(unbid[i]), 4), n=int(count[i]))
        for i in range(_CELLS)
    )


def lean(own: Floats, count: Ints, few: int = FEW) -> Floats:
    """Values of all cells, shape (cells,): those of fewer than `few` quotes lean on their neighbours.

    Raises BadInput where no cell holds that many: there is nothing to lean on.
    """
    if not (count >= few).any():
        raise BadInput(f"no cell holds {few} quotes: a spread model needs more of them")
    value = np.where(count >= few, own, np.nan)
    weight = np.where(count >= few, count, 0).astype(np.float64)
    while not np.isfinite(value).all():
        fresh = value.copy()
        for i in np.flatnonzero(~np.isfinite(value)):
            near = [j for j in _adjacent(int(i)) if np.isfinite(value[j])]
            if near:
                theirs = float(np.average(value[near], weights=np.maximum(weight[near], 1.0)))
                fresh[i] = (count[i] * own[i] + few * theirs) / (count[i] + few) if count[i] else theirs
        value = fresh
    return value


def _adjacent(cell: int) -> Iterator[int]:
    row, column = divmod(cell, _COLUMNS)
    for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= r < _CELLS // _COLUMNS and 0 <= c < _COLUMNS:
            yield r * _COLUMNS + c


def fit_kind(kind: Kind, parts: tuple[Part, ...]) -> KindSpreads:
    """The model of one kind from its chains, with its error on what is held out."""
    error, held_out = _held_out(kind, parts)
    return _plain(kind, tuple(part.seen for part in parts), error, held_out)


def _plain(kind: Kind, seen: tuple[Seen, ...], error: float | None = None, held_out: str = "") -> KindSpreads:
    ticks = np.concatenate([one.ticks for one in seen])
    inside = np.concatenate([one.inside for one in seen])
    ticks = ticks[np.isfinite(ticks)]
    return KindSpreads(
        kind=kind,
        cells=cells_of(seen),
        floor_ticks=max(1, round(float(np.quantile(ticks, _FLOOR_QUANTILE)))),
        inside_share=round(max(float(np.median(inside)), 0.0), 6) if len(inside) else 0.0,
        error=error,
        held_out=held_out,
    )


def log_errors(fitted: KindSpreads, seen: Seen) -> Floats:
    """|ln(predicted / quoted spread)| of each two-sided quote, shape (n,)."""
    two = np.isfinite(seen.width)
    mid, width, steps = seen.mid[two], seen.width[two], seen.ticks[two]
    share = np.array([cell.share for cell in fitted.cells])[seen.cell[two]]
    predicted = np.maximum(share * mid, fitted.floor_ticks * width / steps)
    return np.asarray(np.abs(np.log(predicted / width)))


def _held_out(kind: Kind, parts: tuple[Part, ...]) -> tuple[float | None, str]:
    names = sorted({part.set_name for part in parts})
    by_set = len(names) > 1
    folds = [part.set_name if by_set else str(part.number % 2) for part in parts]
    said = f"each of {', '.join(names)} from the others"
    if not by_set:
        said = f"odd chains of {names[0]} from even ones and the reverse"
    errors = []
    for fold in sorted(set(folds)):
        rest = tuple(part.seen for part, own in zip(parts, folds, strict=True) if own != fold)
        if not rest:
            continue
        try:
            fitted = _plain(kind, rest)
        except BadInput:  # too few quotes without this fold
            continue
        errors += [log_errors(fitted, part.seen) for part, own in zip(parts, folds, strict=True) if own == fold]
    found = np.concatenate(errors) if errors else np.zeros(0)
    return (round(float(np.median(found)), 4), said) if len(found) else (None, "nothing could be held out")


async def fit_spreads(
    store: Store,
    sets: tuple[str, ...],
    name: str,
    *,
    until: date | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> SpreadFit:
    """Fit a model on the quoted chains of recorded sets, one at a time, up to a day (None: all). Nothing is written.

    Raises BadInput for a name that cannot be a file's, a set that the store does not hold, and sets without quotes.
    """
    from tools.market.recorded import RecordedMarket

    check_name(name)
    if not sets:
        raise BadInput("no set to fit a spread model on: name recorded sets that have quotes")
    parts: dict[Kind, list[Part]] = {}
    unused: dict[str, int] = {}
    days: list[date] = []
    used: list[str] = []
    for set_name in sets:
        market = RecordedMarket(store.folder, set_name)
        for ticker in store.tickers(set_name):
            progress(f"{set_name} {ticker}")
            kind, number = reference.kind(ticker), 0
            for day in store.chain_days(set_name, ticker):
                if until is not None and day > until:
                    continue
                for moment in store.chain_moments(set_name, ticker, day):
                    chain, rates = await market.chain(ticker, moment), await market.rates(moment)
                    if isinstance(chain, Absent) or chain.quotes is not Quotes.MARKET:
                        unused["without quotes"] = unused.get("without quotes", 0) + 1
                        continue
                    curve = None if isinstance(rates, Absent) else rates
                    try:
                        seen = await asyncio.to_thread(observe, chain, kind, chain.quoted_at, curve)
                    except BadChain:
                        unused["no usable slice"] = unused.get("no usable slice", 0) + 1
                        continue
                    if np.isfinite(seen.width).any():
                        parts.setdefault(kind, []).append(Part(set_name, number, seen))
                        days.append(day)
                        used.append(set_name)
                        number += 1
                    else:
                        unused["nothing out of the money"] = unused.get("nothing out of the money", 0) + 1
    if not parts:
        raise BadInput(f"{', '.join(sets)} hold no quoted chain to fit a spread model on")
    kinds = tuple(fit_kind(kind, tuple(parts[kind])) for kind in Kind if kind in parts)
    model = SpreadModel(
        name=name,
        version=kernel.VERSION,
        sets=tuple(sorted(set(used))),
        first=min(days),
        last=max(days),
        chains=len(days),
        quotes=sum(cell.n for kind in kinds for cell in kind.cells),
        kinds=kinds,
    )
    return SpreadFit(model=model, unused=tuple(sorted(unused.items())))
