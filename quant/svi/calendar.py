"""No calendar arbitrage: neighbouring maturities must not cross in total variance.

They are compared at equal k = ln(K/F) (J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", 2014,
lemma 2.1), exactly (`quant.svi.arbitrage`) as far as ten ATM deviations and beyond every quote: farther out nothing is
known but the direction of an asymptote. Where they cross, the slice whose quotes lose less by it is fitted again on its
own side of the other; a last pass from the shortest to the longest lifts what still crosses. A slice that cannot be had
free of both kinds of arbitrage is left out with its reason: what is returned holds.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from domain.market import Floats
from quant.surface import SliceFit
from quant.svi.arbitrage import certified, crossing
from quant.svi.batch import OUTCOMES
from quant.svi.quotes import SmileQuotes
from quant.svi.raw import Raw, total_variance
from quant.svi.slice import SviSlice

SAME_S = 3600  # settlements closer than this are one maturity
BELT, _BEYOND = 10.0, 1.25  # neighbours are compared within ten ATM deviations, or a quarter beyond their last quote
# Where a refit is held to its side; the exact check follows.
_POINTS = np.sinh(np.linspace(-3.0, 3.0, 49)) / np.sinh(3.0)
_ROUNDS = 6
_LIFTS = (1e-4, 1e-3, 5e-3)  # shares by which a refit keeps clear of its neighbour, in turn


def label(one: SliceFit | SviSlice) -> str:
    """Root and expiry in words."""
    return f"{one.root} {date.fromordinal(one.expiry)}"


class Draft:
    """A slice on its way: what it is fitted to (`quotes`, rows of -1 being SSVI's loose points) and what it is now."""

    def __init__(self, one: SliceFit, quotes: SmileQuotes, p: Raw, weights: Floats, source: str, repaired: str) -> None:
        self.one, self.quotes, self.p, self.weights, self.source = one, quotes, p, weights, source
        self.repaired = [repaired] if repaired else []
        own = quotes.k[quotes.row >= 0]
        edge = float(np.abs(own).max()) if len(own) else 0.0
        self.reach = max(BELT * one.atm_vol * float(np.sqrt(one.t)), _BEYOND * edge)

    def cost(self, p: Raw) -> float:
        """Weighted sum of squared misses in volatility."""
        miss = np.sqrt(np.maximum(total_variance(self.quotes.k, p), 0.0) / self.one.t) - self.quotes.vol
        return float(np.sum(self.weights * self.quotes.weight * miss * miss))


def _reach(early: Draft, late: Draft) -> float:
    """How far from the forward two neighbours are compared, in k."""
    return max(early.reach, late.reach)


def _cross(early: Draft, late: Draft) -> bool:
    return crossing(early.p, late.p, _reach(early, late)) is not None


def _between(draft: Draft, under: Raw | None, over: Raw | None, reach: float) -> Raw | None:
    """The draft's slice again, above `under` and below `over` within |k| <= reach; None when there is no such slice."""
    from quant.svi import kernel

    kc = reach * _POINTS
    nothing, all_of_it = np.zeros(len(kc)), np.full(len(kc), np.inf)
    base = np.sqrt(draft.weights * draft.quotes.weight)
    for lift in _LIFTS:
        anchor = draft.p
        low, high = nothing, all_of_it
        if over is not None:
            high = total_variance(kc, over) * (1.0 - lift)
            anchor = over._replace(a=over.a * (1.0 - 2.0 * lift), b=over.b * (1.0 - 2.0 * lift))
        if under is not None:
            low = total_variance(kc, under) * (1.0 + lift)
            anchor = under._replace(a=under.a * (1.0 + 2.0 * lift), b=under.b * (1.0 + 2.0 * lift))
        raw = np.array(draft.p, dtype=np.float64)
        found = kernel.fit_between(
            draft.quotes.k,
            draft.quotes.vol,
            base,
            draft.one.t,
            kc,
            low,
            high,
            np.array(anchor),
            raw,
            np.empty(len(base)),
        )
        if OUTCOMES[found] == "failed":
            continue
        p = Raw(*raw.tolist())
        above = under is None or crossing(under, p, reach) is None
        if above and (over is None or crossing(p, over, reach) is None) and certified(raw[None])[0]:
            return p
    return None


def _held(draft: Draft, under: Draft | None, over: Draft | None, reach: float) -> Raw | None:
    """The draft's slice between both neighbours, so that the repair of one crossing makes no other."""
    if under is None or over is None:
        return None
    return _between(draft, under.p, over.p, max(reach, under.reach, over.reach))


def _neighbours(drafts: list[Draft]) -> list[tuple[int, int]]:
    """Pairs of consecutive maturities: each slice with the next that settles later."""
    pairs = []
    for i, one in enumerate(drafts):
        later = next((j for j in range(i + 1, len(drafts)) if _apart(one, drafts[j])), None)
        if later is not None:
            same = [j for j in range(later, len(drafts)) if not _apart(drafts[later], drafts[j])]
            pairs += [(i, j) for j in same]
    return pairs


def _apart(early: Draft, late: Draft) -> bool:
    return late.one.settles_at - early.one.settles_at >= SAME_S


def _follows(early: Draft, late: Draft, drafts: list[Draft]) -> bool:
    """Whether no other maturity lies between the two."""
    return _apart(early, late) and not any(_apart(early, one) and _apart(one, late) for one in drafts)


def _mark(draft: Draft, p: Raw) -> None:
    draft.p = p
    if "calendar" not in draft.repaired:
        draft.repaired.append("calendar")


def repair(drafts: list[Draft]) -> tuple[list[Draft], list[str], int]:
    """(slices that hold, failures, crossings before)."""
    pairs = _neighbours(drafts)
    crossed = [pair for pair in pairs if _cross(drafts[pair[0]], drafts[pair[1]])]
    before = len(crossed)
    for _ in range(_ROUNDS):
        for i, j in crossed:
            early, late = drafts[i], drafts[j]
            if not _cross(early, late):
                continue
            reach = _reach(early, late)
            before_it = next((drafts[a] for a, b in pairs if b == i and not _cross(drafts[a], early)), None)
            after_it = next((drafts[b] for a, b in pairs if a == j and not _cross(late, drafts[b])), None)
            down = _held(early, before_it, late, reach) or _between(early, None, late.p, reach)
            up = _held(late, early, after_it, reach) or _between(late, early.p, None, reach)
            loss_down = early.cost(down) - early.cost(early.p) if down else np.inf
            loss_up = late.cost(up) - late.cost(late.p) if up else np.inf
            if down and loss_down <= loss_up:
                _mark(early, down)
            elif up:
                _mark(late, up)
        crossed = [pair for pair in pairs if _cross(drafts[pair[0]], drafts[pair[1]])]
        if not crossed:
            break
    kept: list[Draft] = []
    failures = []
    for draft in drafts:
        below = [one for one in kept if _apart(one, draft)]
        latest = [one for one in below if below[-1].one.settles_at - one.one.settles_at < SAME_S] if below else []
        for early in latest:
            if not _cross(early, draft):
                continue
            reach = _reach(early, draft)
            up = _between(draft, early.p, None, reach)
            older = next((one for one in reversed(kept) if _apart(one, early)), None)
            belt = max(reach, older.reach) if older else reach
            down = _between(early, older.p if older else None, draft.p, belt) if len(latest) == 1 else None
            loss_up = draft.cost(up) - draft.cost(draft.p) if up else np.inf
            if down and early.cost(down) - early.cost(early.p) < loss_up:
                _mark(early, down)
                continue
            if up is None:
                failures.append(
                    f"{label(draft.one)}: crosses {label(early.one)} in total variance, and no slice above it is free"
                    " of butterfly arbitrage"
                )
                break
            _mark(draft, up)
        else:
            if not any(_cross(early, draft) for early in latest):
                kept.append(draft)
            else:
                failures.append(f"{label(draft.one)}: cannot lie above two slices of one earlier maturity at once")
    while torn := next(
        (late for late in kept for one in kept if _follows(one, late, kept) and _cross(one, late)), None
    ):
        kept.remove(torn)  # nothing that still crosses is handed out
        failures.append(f"{label(torn.one)}: crosses an earlier maturity in total variance after the repair")
    return kept, failures, before
