"""The arbitrage-free surface of a chain: an SVI slice per settlement, repaired until no butterfly and no calendar
arbitrage is left, and the SSVI surface across them.

Slices are fitted by `quant.svi.kernel` to the quotes of `quant.svi.quotes`. Neighbouring maturities must not cross in
total variance at equal k = ln(K/F) (J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", 2014,
lemma 2.1), checked exactly by `quant.svi.arbitrage` as far as ten ATM deviations and beyond every quote: farther out
nothing is known but the direction of an asymptote. Where they do, the slice whose quotes lose less by it
is fitted again on its own side of the other; a last pass from the shortest to the longest lifts what still crosses.
A slice that cannot be had free of both is left out with its reason: what is returned holds.
"""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from domain.codec import columnar
from domain.errors import BadChain
from domain.market import Floats, OptionChain
from quant.surface import SliceFit, Surface
from quant.svi import ssvi as across
from quant.svi.arbitrage import butterfly, certified, crossing
from quant.svi.quotes import SmileQuotes, smile_quotes
from quant.svi.raw import Raw, total_variance
from quant.svi.slice import SviSlice

VERSION = "svi/1"
OUTCOMES = ("free", "penalised", "drawn", "failed")  # in the order of the kernel's codes
OWN_QUOTES = 8  # so many carry five parameters; fewer take the slice of SSVI
_SAME_S = 3600  # settlements closer than this are one maturity
_BELT, _BEYOND = 10.0, 1.25  # neighbours are compared within ten ATM deviations, or a quarter beyond their last quote
_POINTS = np.sinh(np.linspace(-3.0, 3.0, 49)) / np.sinh(
    3.0
)  # where a refit is held to its side; the exact check follows
_STEPS_OUT, _LOOSE = np.array([0.15, 0.45, 1.0]), 0.15
_ROUNDS = 6
_LIFTS = (1e-4, 1e-3, 5e-3)  # shares by which a refit keeps clear of its neighbour, in turn


class Batch(NamedTuple):
    """Slices fitted at once: `raw` (n, 5), `weights`: per quote of each slice, `outcome` (n,): codes of OUTCOMES."""

    raw: Floats
    weights: tuple[Floats, ...]
    outcome: np.ndarray[tuple[int], np.dtype[np.int8]]


@columnar
class SviSurface:
    """All slices of a chain, earliest settlement first, free of butterfly and calendar arbitrage.

    `failures`: one line for each slice without one. `butterflies`, `crossings`: how many free fits had negative
    densities, and how many neighbours crossed, before the repair. SSVI: `rho`, `eta`, `gamma`, `theta` (n,) per slice,
    `ssvi_rms` weighted in volatility.
    """

    ticker: str
    as_of: datetime
    spot: float
    slices: tuple[SviSlice, ...]
    failures: tuple[str, ...]
    butterflies: int
    crossings: int
    rho: float
    eta: float
    gamma: float
    theta: Floats
    ssvi_rms: float

    @property
    def ssvi(self) -> across.Ssvi:
        """The surface across slices."""
        return across.Ssvi(self.rho, self.eta, self.gamma, self.theta, self.ssvi_rms)

    def find(self, root: str, expiry: int) -> SviSlice | None:
        """The slice of a root and expiry ordinal, or None."""
        return next((one for one in self.slices if one.root == root and one.expiry == expiry), None)

    def total_variance(self, k: float, t: float) -> float:
        """w at any maturity: linear in t between slices at equal k, from 0 at t = 0; the last slice's growth beyond.

        Free of calendar arbitrage because the slices are.
        """
        times = np.array([0.0, *(one.t for one in self.slices)])
        values = np.array([0.0, *(float(one.total_variance(k)) for one in self.slices)])
        if t > times[-1]:
            return float(values[-1] * t / times[-1])
        return float(np.interp(t, times, values))


def _flat(one: SmileQuotes, t: float) -> Raw:
    """A slice of nearly constant volatility, that of the quote nearest the forward."""
    total = float(one.vol[np.argmin(np.abs(one.k))]) ** 2 * t
    span = float(one.k[-1] - one.k[0])
    return Raw(total, 1e-6 * total / span, 0.0, 0.0, span)


def fit_slices(
    quotes: tuple[SmileQuotes, ...], t: Floats, anchors: tuple[Raw, ...] | None = None, *, robust: bool = True
) -> Batch:
    """One SVI slice for each set of quotes at maturities t (n,), each alone, free of butterfly arbitrage.

    `anchors`: slices free of it, toward which a fit is drawn when nothing else helps (None: nearly flat ones). Each
    needs five quotes or more at distinct k. An outcome of "failed" leaves parameters that mean nothing.
    """
    from quant.svi import kernel  # late: a command that fits nothing does not wait for a compiler

    ends = np.concatenate([[0], np.cumsum([len(one.k) for one in quotes])]).astype(np.int64)
    k = np.concatenate([np.empty(0), *(one.k for one in quotes)])
    vol = np.concatenate([np.empty(0), *(one.vol for one in quotes)])
    base = np.sqrt(np.concatenate([np.empty(0), *(one.weight for one in quotes)]))
    raw, root, outcome = np.empty((len(quotes), 5)), np.empty(len(k)), np.empty(len(quotes), dtype=np.int8)
    years = np.array(t, dtype=np.float64)
    given = anchors or tuple(_flat(one, float(years[i])) for i, one in enumerate(quotes))
    held = np.array(given, dtype=np.float64).reshape(-1, 5)
    kernel.fit_all(ends, k, vol, base, years, held, robust, raw, root, outcome)
    believed = (root / base) ** 2
    return Batch(raw, tuple(believed[a:b] for a, b in pairwise(ends.tolist())), outcome)


def label(one: SliceFit | SviSlice) -> str:
    """Root and expiry in words."""
    return f"{one.root} {date.fromordinal(one.expiry)}"


def _extended(quotes: SmileQuotes, one: SliceFit, joined: across.Ssvi, theta: float) -> SmileQuotes:
    """The quotes, and beyond the last of each side three loose points of SSVI (`_LOOSE` of their volatility off)."""
    belt = _BELT * one.atm_vol * float(np.sqrt(one.t))
    edges = (float(quotes.k[0]), float(quotes.k[-1])) if len(quotes.k) else (-0.1 * belt, 0.1 * belt)
    k = np.concatenate([sign * (abs(edge) + max(belt - abs(edge), 0.2 * belt) * _STEPS_OUT)
                        for sign, edge in zip((-1.0, 1.0), edges, strict=True)])  # fmt: skip
    vol = np.sqrt(joined.total_variance(k, theta) / one.t)
    order = np.argsort(np.concatenate([quotes.k, k]), kind="stable")
    return SmileQuotes(
        np.concatenate([quotes.row, np.full(len(k), -1)])[order],
        np.concatenate([quotes.k, k])[order],
        np.concatenate([quotes.vol, vol])[order],
        np.concatenate([quotes.half, _LOOSE * vol])[order],
        quotes.liquid,
        quotes.senseless,
    )


class _Draft:
    """A slice on its way: what it is fitted to (`quotes`, rows of -1 being SSVI's loose points) and what it is now."""

    def __init__(self, one: SliceFit, quotes: SmileQuotes, p: Raw, weights: Floats, source: str, repaired: str) -> None:
        self.one, self.quotes, self.p, self.weights, self.source = one, quotes, p, weights, source
        self.repaired = [repaired] if repaired else []
        own = quotes.k[quotes.row >= 0]
        edge = float(np.abs(own).max()) if len(own) else 0.0
        self.reach = max(_BELT * one.atm_vol * float(np.sqrt(one.t)), _BEYOND * edge)

    def cost(self, p: Raw) -> float:
        """Weighted sum of squared misses in volatility."""
        miss = np.sqrt(np.maximum(total_variance(self.quotes.k, p), 0.0) / self.one.t) - self.quotes.vol
        return float(np.sum(self.weights * self.quotes.weight * miss * miss))


def _reach(early: _Draft, late: _Draft) -> float:
    """How far from the forward two neighbours are compared, in k."""
    return max(early.reach, late.reach)


def _cross(early: _Draft, late: _Draft) -> bool:
    return crossing(early.p, late.p, _reach(early, late)) is not None


def _between(draft: _Draft, under: Raw | None, over: Raw | None, reach: float) -> Raw | None:
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


def _held(draft: _Draft, under: _Draft | None, over: _Draft | None, reach: float) -> Raw | None:
    """The draft's slice between both neighbours, so that the repair of one crossing makes no other."""
    if under is None or over is None:
        return None
    return _between(draft, under.p, over.p, max(reach, under.reach, over.reach))


def _neighbours(drafts: list[_Draft]) -> list[tuple[int, int]]:
    """Pairs of consecutive maturities: each slice with the next that settles later."""
    pairs = []
    for i, one in enumerate(drafts):
        later = next((j for j in range(i + 1, len(drafts)) if _apart(one, drafts[j])), None)
        if later is not None:
            same = [j for j in range(later, len(drafts)) if not _apart(drafts[later], drafts[j])]
            pairs += [(i, j) for j in same]
    return pairs


def _apart(early: _Draft, late: _Draft) -> bool:
    return late.one.settles_at - early.one.settles_at >= _SAME_S


def _follows(early: _Draft, late: _Draft, drafts: list[_Draft]) -> bool:
    """Whether no other maturity lies between the two."""
    return _apart(early, late) and not any(_apart(early, one) and _apart(one, late) for one in drafts)


def _mark(draft: _Draft, p: Raw) -> None:
    draft.p = p
    if "calendar" not in draft.repaired:
        draft.repaired.append("calendar")


def _repair(drafts: list[_Draft]) -> tuple[list[_Draft], list[str], int]:
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
    kept: list[_Draft] = []
    failures = []
    for draft in drafts:
        below = [one for one in kept if _apart(one, draft)]
        latest = [one for one in below if below[-1].one.settles_at - one.one.settles_at < _SAME_S] if below else []
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


def _finish(draft: _Draft) -> SviSlice:
    one, p = draft.one, draft.p
    own = draft.quotes.row >= 0
    miss = np.abs(np.sqrt(total_variance(draft.quotes.k[own], p) / one.t) - draft.quotes.vol[own])
    left_out = int(np.sum(draft.weights[own] < 0.01))
    doubts = (
        one.quality,
        f"{draft.quotes.senseless} quotes dearer than one nearer the money" if draft.quotes.senseless else "",
        f"{left_out} quotes not believed" if left_out else "",
    )
    return SviSlice(
        root=one.root,
        expiry=one.expiry,
        settles_at=one.settles_at,
        t=one.t,
        forward=one.forward,
        discount=one.discount,
        a=float(p.a),
        b=float(p.b),
        rho=float(p.rho),
        m=float(p.m),
        sigma=float(p.sigma),
        rows=draft.quotes.row[own],
        weights=draft.weights[own],
        reach=draft.reach,
        liquid=draft.quotes.liquid,
        fit_error=float(np.median(miss)) if len(miss) else float("nan"),
        fit_p95=float(np.quantile(miss, 0.95)) if len(miss) else float("nan"),
        least_g=butterfly(p).least,
        source=draft.source,
        repaired=", ".join(draft.repaired),
        doubts="; ".join(doubt for doubt in doubts if doubt),
    )


class Remaining(NamedTuple):
    """Arbitrage left in a surface: slices with a negative density, pairs of neighbours that cross."""

    butterflies: tuple[str, ...]
    crossings: tuple[str, ...]


def remaining(one: SviSurface) -> Remaining:
    """Check a surface anew, from its parameters alone."""
    proven = certified(np.array([item.parameters for item in one.slices], dtype=np.float64))
    torn = tuple(label(item) for item, holds in zip(one.slices, proven.tolist(), strict=True) if not holds)
    crossed = []
    for i, early in enumerate(one.slices):
        later = [late for late in one.slices[i + 1 :] if late.settles_at - early.settles_at >= _SAME_S]
        for late in [item for item in later if item.settles_at - later[0].settles_at < _SAME_S]:
            if crossing(early.parameters, late.parameters, max(early.reach, late.reach)) is not None:
                crossed.append(f"{label(early)} above {label(late)}")
    return Remaining(torn, tuple(crossed))


def fit(surface: Surface, chain: OptionChain) -> SviSurface:
    """The arbitrage-free surface of a chain, from the forwards and the volatilities of its smoothed one.

    Raises BadChain when no slice carries a fit of its own.
    """
    quotes = tuple(smile_quotes(chain, one) for one in surface.slices)
    own = [i for i, one in enumerate(quotes) if len(np.unique(one.k)) >= OWN_QUOTES]
    batch = fit_slices(tuple(quotes[i] for i in own), np.array([surface.slices[i].t for i in own]))
    good = {i: n for n, i in enumerate(own) if OUTCOMES[batch.outcome[n]] != "failed"}
    if not good:
        raise BadChain(f"{surface.ticker}: no slice has {OWN_QUOTES} quotes that an SVI slice can be fitted to")
    levels = np.array(
        [
            float(total_variance(0.0, Raw(*batch.raw[good[i]]))) if i in good else one.atm_vol**2 * one.t
            for i, one in enumerate(surface.slices)
        ]
    )
    carry = np.array([max(float(one.weight.sum()), 1.0) for one in quotes])
    theta = across.monotone(levels, carry / levels)
    which = np.concatenate([np.full(len(quotes[i].k), i) for i in good])
    joined = across.fit(
        np.concatenate([quotes[i].k for i in good]),
        np.concatenate([quotes[i].vol for i in good]),
        np.concatenate([quotes[i].weight * batch.weights[n] for i, n in good.items()]),
        np.concatenate([np.full(len(quotes[i].k), surface.slices[i].t) for i in good]),
        which,
        theta,
    )
    longer = tuple(_extended(quotes[i], one, joined, float(theta[i])) for i, one in enumerate(surface.slices))
    times = np.array([one.t for one in surface.slices])
    anchors = tuple(joined.slice(float(level)) for level in theta)
    again = fit_slices(longer, times, anchors)
    drafts = []
    for i, one in enumerate(surface.slices):
        if i in good and OUTCOMES[again.outcome[i]] != "failed":
            broken = "" if OUTCOMES[again.outcome[i]] == "free" else "butterfly"
            drafts.append(_Draft(one, longer[i], Raw(*again.raw[i].tolist()), again.weights[i], "svi", broken))
        else:
            drafts.append(_Draft(one, longer[i], anchors[i], np.ones(len(longer[i].k)), "ssvi", ""))
    butterflies = sum("butterfly" in draft.repaired for draft in drafts)
    kept, failures, crossings = _repair(drafts)
    if not kept:
        raise BadChain(f"{surface.ticker}: no slice is free of arbitrage: {'; '.join(failures[:3])}")
    return SviSurface(
        ticker=surface.ticker,
        as_of=surface.as_of,
        spot=surface.spot,
        slices=tuple(_finish(draft) for draft in kept),
        failures=surface.skipped + tuple(failures),
        butterflies=butterflies,
        crossings=crossings,
        rho=joined.rho,
        eta=joined.eta,
        gamma=joined.gamma,
        theta=theta,
        ssvi_rms=joined.rms,
    )
