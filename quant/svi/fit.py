"""The arbitrage-free surface of a chain: an SVI slice per settlement, repaired until no butterfly and no calendar
arbitrage is left, and the SSVI surface across them.

Slices are fitted to the quotes of `quant.svi.quotes` (`batch`), drawn beyond them toward SSVI, and held apart from
their neighbours (`calendar`).
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np

from domain.codec import columnar
from domain.errors import BadChain
from domain.market import Floats, OptionChain
from quant.surface import SliceFit, Surface
from quant.svi import ssvi as across
from quant.svi.arbitrage import butterfly, certified, crossing
from quant.svi.batch import OUTCOMES, fit_slices
from quant.svi.calendar import BELT, SAME_S, Draft, label, repair
from quant.svi.quotes import SmileQuotes, smile_quotes
from quant.svi.raw import Raw, total_variance
from quant.svi.slice import SviSlice

VERSION = "svi/1"
OWN_QUOTES = 8  # so many carry five parameters; fewer take the slice of SSVI
_STEPS_OUT, _LOOSE = np.array([0.15, 0.45, 1.0]), 0.15


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


def _extended(quotes: SmileQuotes, one: SliceFit, joined: across.Ssvi, theta: float) -> SmileQuotes:
    """The quotes, and beyond the last of each side three loose points of SSVI (`_LOOSE` of their volatility off)."""
    belt = BELT * one.atm_vol * float(np.sqrt(one.t))
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


def _finish(draft: Draft) -> SviSlice:
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
        later = [late for late in one.slices[i + 1 :] if late.settles_at - early.settles_at >= SAME_S]
        for late in [item for item in later if item.settles_at - later[0].settles_at < SAME_S]:
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
            drafts.append(Draft(one, longer[i], Raw(*again.raw[i].tolist()), again.weights[i], "svi", broken))
        else:
            drafts.append(Draft(one, longer[i], anchors[i], np.ones(len(longer[i].k)), "ssvi", ""))
    butterflies = sum("butterfly" in draft.repaired for draft in drafts)
    kept, failures, crossings = repair(drafts)
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
