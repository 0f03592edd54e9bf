"""Butterfly and calendar arbitrage of SVI slices, found exactly: as the real roots of polynomials, never on a grid.

Butterfly: with k - m = sigma (z - 1/z)/2, z > 0, Gatheral's g is P(z)/(16 W^2 Q^3) (`quant.svi.kernel`), so that its
sign changes are the positive roots of P, of degree ten, and its extremes those of

    P' W Q - P (2 W' Q + 3 Q' W),

of degree twelve; both are polished on g and g' themselves. Toward either end g tends to (4 - s^2)/16, s the wing's
slope.

Calendar: the total variances of two maturities cross at the roots of a quartic (Gatheral and Jacquier 2014, section
3.1, put differently): with e = w2 - w1 = A + B k + b2 R2 - b1 R1, e = 0 squares twice into a polynomial in k.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial import Polynomial
from scipy.optimize import brentq, minimize_scalar

from quant.svi.raw import Floats, Raw, durrleman, durrleman_slope, total_variance

LEE = 2.0  # R. Lee, "The moment formula for implied volatility at extreme strikes", 2004: |dw/dk| <= 2 far out


@dataclass(frozen=True, slots=True)
class Butterfly:
    """What is wrong with the density of a slice, if anything.

    `least`: the infimum of g, at log-moneyness `at` (infinite: in a wing's limit); `intervals`: where g < 0, in k;
    `steep`: slopes of the left and right wing; `positive`: whether w > 0 everywhere.
    """

    least: float
    at: float
    intervals: tuple[tuple[float, float], ...]
    steep: tuple[float, float]
    positive: bool

    @property
    def free(self) -> bool:
        """Whether the slice is free of butterfly arbitrage."""
        return self.positive and self.least >= 0.0 and not self.intervals and max(self.steep) <= LEE


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where a later slice lies below an earlier one.

    `deepest`: the most by which it does, in total variance (infinite: a wing's slope), at `at`; `intervals` in k.
    """

    deepest: float
    at: float
    intervals: tuple[tuple[float, float], ...]


def certified(slices: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each raw slice, (n, 5), is proven free of butterfly arbitrage (Bernstein coefficients of P)."""
    from quant.svi import kernel  # late: a command that fits nothing does not wait for a compiler

    rows = np.array(slices, dtype=np.float64, ndmin=2, order="C")
    holds = np.empty(len(rows), dtype=bool)
    kernel.certify(rows, holds)
    return holds


def _numerator(p: Raw) -> Polynomial:
    from quant.svi import kernel

    coefficients = np.empty(11)
    kernel.numerator(np.array(p, dtype=np.float64), coefficients)
    return Polynomial(coefficients)


def _positive_roots(poly: Polynomial) -> Floats:
    """Real positive roots, ascending; a pair that rounding made complex counts as one real root."""
    coefficients = np.asarray(poly.coef, dtype=np.float64)
    scaled = coefficients / max(float(np.max(np.abs(coefficients))), 1e-300)
    found = Polynomial(scaled).trim(1e-15).roots()
    real = found[(np.abs(found.imag) <= 1e-5 * np.abs(found)) & (found.real > 0.0)].real
    return np.unique(real)


def _at(z: Floats, p: Raw) -> Floats:
    return np.asarray(p.m + 0.5 * p.sigma * (z - 1.0 / z), dtype=np.float64)


def _polished(points: Floats, function: object, p: Raw) -> Floats:
    """Each approximate zero at full accuracy where the function changes sign around it, and as it is elsewhere."""
    made = []
    for point in points.tolist():
        width = 1e-6 * (p.sigma + abs(point - p.m))
        a, b = point - width, point + width
        fa, fb = function(a, p), function(b, p)  # type: ignore[operator]
        crosses = fa * fb < 0.0
        made.append(brentq(function, a, b, args=(p,), xtol=1e-15, rtol=8.9e-16) if crosses else point)
    return np.array(made)


def _belt(p: Raw) -> tuple[float, float]:
    """Where w <= 0: between the roots of b (rho y + R) = -a; everywhere when the slice has no such two."""
    flat = 1.0 - p.rho * p.rho
    if p.b == 0.0 or flat == 0.0:
        return -np.inf, np.inf
    level = p.a / p.b
    half = float(np.sqrt(max(level * level - flat * p.sigma * p.sigma, 0.0))) / flat
    centre = p.m + level * p.rho / flat
    return centre - half, centre + half


def butterfly(p: Raw) -> Butterfly:
    """The least g of a slice and every interval where it is negative."""
    left, right = p.slopes
    positive = p.least > 0.0
    if not positive:  # g has no meaning where w <= 0: all of that belt is wrong
        return Butterfly(-np.inf, p.m, (_belt(p),), (left, right), False)
    if p.b == 0.0:
        return Butterfly(1.0, 0.0, (), (left, right), True)
    numerator = _numerator(p)
    w = Polynomial([0.5 * p.sigma * left, p.a, 0.5 * p.sigma * right])
    q = Polynomial([1.0, 0.0, 1.0])
    turning = numerator.deriv() * w * q - numerator * (2.0 * w.deriv() * q + 3.0 * q.deriv() * w)
    turns = _polished(_at(_positive_roots(turning), p), durrleman_slope, p)
    ends = np.array([(4.0 - left * left) / 16.0, (4.0 - right * right) / 16.0])
    values = np.concatenate([ends, durrleman(turns, p)])
    where = np.concatenate([[-np.inf, np.inf], turns])
    lowest = int(np.argmin(values))
    cuts = np.unique(_polished(_at(_positive_roots(numerator), p), durrleman, p))
    marks = np.concatenate([[-np.inf], cuts, [np.inf]])
    inside = np.concatenate([where[2:], [p.m]])  # every interval between sign changes holds an extreme, or an end
    bad: list[tuple[float, float]] = []
    for a, b in pairwise(marks.tolist()):
        probe = [x for x in inside if a < x < b] + ([0.5 * (a + b)] if np.isfinite(a) and np.isfinite(b) else [])
        sign = min(float(durrleman(x, p)) for x in probe) if probe else 0.0
        if not np.isfinite(a):
            sign = min(sign, float(ends[0]))
        if not np.isfinite(b):
            sign = min(sign, float(ends[1]))
        if sign < 0.0:
            if bad and bad[-1][1] == a:
                bad[-1] = (bad[-1][0], float(b))
            else:
                bad.append((float(a), float(b)))
    return Butterfly(float(values[lowest]), float(where[lowest]), tuple(bad), (left, right), True)


def crossing(early: Raw, late: Raw, reach: float = np.inf) -> Crossing | None:
    """Where the later slice's total variance lies below the earlier one's within |k| <= reach; None: nowhere."""

    def gap(k: float | Floats, _: Raw | None = None) -> Floats:
        return total_variance(k, late) - total_variance(k, early)

    def squared(p: Raw) -> Floats:  # (b R)^2 by powers of k
        return p.b**2 * np.array([p.m * p.m + p.sigma * p.sigma, -2.0 * p.m, 1.0])

    tilt = late.b * late.rho - early.b * early.rho
    level = late.a - early.a - late.b * late.rho * late.m + early.b * early.rho * early.m
    line, r1, r2 = np.array([level, tilt]), squared(early), squared(late)
    rest = np.convolve(line, line) - r1 - r2
    quartic = np.convolve(rest, rest) - 4.0 * np.convolve(r1, r2)  # of line = +-b1 R1 +- b2 R2, every sign
    top = float(np.max(np.abs(quartic)))
    known = np.abs(quartic) > 1e-15 * top
    found = np.roots(quartic[: int(np.flatnonzero(known)[-1]) + 1][::-1]) if top > 0.0 else np.empty(0)
    real = np.asarray(found[np.abs(found.imag) <= 1e-4 * (1.0 + np.abs(found))].real, dtype=np.float64)
    cuts = np.unique(_polished(real, gap, early)) if len(real) else np.empty(0)
    cuts = cuts[np.abs(cuts) < reach]
    span = 1.0 + float(np.max(np.abs(cuts), initial=0.0)) + abs(early.m) + abs(late.m)
    marks = np.concatenate([[-reach], cuts, [reach]])
    bad: list[tuple[float, float]] = []
    deepest, at = 0.0, np.nan
    for a, b in pairwise(marks.tolist()):
        low, high = (a if np.isfinite(a) else -4.0 * span), (b if np.isfinite(b) else 4.0 * span)
        grid = np.linspace(low, high, 66)
        values = gap(grid)
        if float(np.min(values[1:-1])) >= 0.0:
            continue
        worst = int(np.argmin(values))
        falls = (not np.isfinite(a) and late.slopes[0] < early.slopes[0]) or (
            not np.isfinite(b) and late.slopes[1] < early.slopes[1]
        )
        depth = np.inf if falls else float(-values[worst])
        where = float(grid[worst])
        if not falls and 0 < worst < len(grid) - 1:
            near = minimize_scalar(gap, bounds=(grid[worst - 1], grid[worst + 1]), method="bounded")
            if float(near.fun) < -depth:
                depth, where = -float(near.fun), float(near.x)
        if depth > deepest:
            deepest, at = depth, where
        if bad and bad[-1][1] == a:
            bad[-1] = (bad[-1][0], float(b))
        else:
            bad.append((float(a), float(b)))
    return Crossing(deepest, at, tuple(bad)) if bad else None
