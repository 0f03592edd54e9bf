"""Was an evidence item followed by what it seemed to say? Rank correlation with later outcomes, and how sure it is."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

import numpy as np
from scipy.special import ndtri, stdtr
from scipy.stats import rankdata

from domain.codec import record
from domain.errors import BadInput
from domain.market import Floats, Ints
from domain.units import Unit, on_grid
from tools.randomness import generator
from tools.sessions import NEW_YORK, between, on_or_before

Axis = Literal["direction", "volatility"]
AXES: tuple[Axis, ...] = ("direction", "volatility")
Finding = Literal["pass", "fail", "insufficient"]

IMPLIED = "vol_surface/atm_iv_30d"  # what options charged at that moment
LEAST_EFFECTIVE = 30  # non-overlapping windows under which nothing is said
MATERIAL_IC = 0.15  # a rank correlation worth having; a test that could not find it proves nothing
POWER = 0.80
FALSE_DISCOVERY = 0.10  # Benjamini-Hochberg over everything tried together
DRAWS = 1_000
CONFIDENCE = 0.95


@record
class Observation:
    """One evidence value as it was known at a moment, with the spot it was seen at."""

    name: str  # "vol_surface/iv_over_rv": analyst and evidence name, the same for every ticker
    ticker: str
    at: datetime
    value: float
    spot: float


@record
class Usefulness:
    """Spearman rank correlation of an evidence item with one outcome, over all tickers and sessions."""

    name: str
    axis: Axis
    horizon: int  # trading days
    ic: float | None  # None: a rank correlation does not exist (constant values, or too few)
    low: float | None  # block-bootstrap interval
    high: float | None
    p: float | None  # two-sided, by Student's t on the effective n
    n: int  # pairs
    n_effective: int  # windows that don't overlap
    needed: int  # further windows until a material relation would be found with stated power
    finding: Finding
    why: str


def forward_usefulness(
    observations: Iterable[Observation], horizons: tuple[int, ...], *, seed: int = 0, draws: int = DRAWS
) -> tuple[Usefulness, ...]:
    """Usefulness of every evidence item seen, ordered by name, axis and horizon (trading days).

    Outcomes come from the observations' own spots: *direction* is the log change of spot over the horizon;
    *volatility* is the realised variance of the spots seen on the way over the squared IMPLIED evidence of the same
    moment, and unknown without it. A session's last observation counts. A horizon that ends on a session nobody saw
    has no outcome.

    The information coefficient is Spearman's over all (ticker, session) pairs. Sessions closer than the horizon share
    their future, and tickers of one session share their market, so the effective n counts windows of `horizon` days
    that don't overlap, however many tickers there are. The interval is a circular block bootstrap (D. Politis and
    J. Romano 1992) of whole sessions in blocks of twice the horizon.

    pass: the interval excludes 0 and Student's p on the effective n survives Benjamini and Hochberg (1995) at 10 %
    over everything in this call. fail: it does not, although a relation of MATERIAL_IC would have been found with
    80 % power. insufficient: neither can be said yet; `needed` windows more would settle it. Raises BadInput for a
    horizon below one day, and for a value or spot that is not a usable number.
    """
    if any(horizon < 1 for horizon in horizons):
        raise BadInput(f"horizons {horizons} must be whole trading days of at least 1")
    last = _last_of_session(observations)
    if not last:
        return ()
    days = [day for _, _, day in last]
    number = {day: i for i, day in enumerate(between(min(days), max(days)))}
    spots: dict[str, dict[int, float]] = {}
    implied: dict[tuple[str, int], float] = {}
    for (name, ticker, day), one in last.items():
        spots.setdefault(ticker, {})[number[day]] = one.spot
        if name == IMPLIED and one.value > 0.0:
            implied[ticker, number[day]] = one.value
    by_name: dict[str, list[tuple[int, str, float]]] = {}
    for (name, ticker, day), one in sorted(last.items()):
        by_name.setdefault(name, []).append((number[day], ticker, one.value))
    results: list[Usefulness] = []
    for horizon in sorted(set(horizons)):
        later = {ticker: _outcomes(path, ticker, implied, horizon) for ticker, path in spots.items()}
        for name, seen in by_name.items():
            for axis in AXES:
                pairs = [(s, v, later[t][s][AXES.index(axis)]) for s, t, v in sorted(seen) if s in later[t]]
                known = [(s, v, outcome) for s, v, outcome in pairs if outcome is not None]
                results.append(_measure(name, axis, horizon, known, seed, draws))
    return _judge(sorted(results, key=lambda one: (one.name, one.axis, one.horizon)))


def _last_of_session(observations: Iterable[Observation]) -> dict[tuple[str, str, date], Observation]:
    found: dict[tuple[str, str, date], Observation] = {}
    for one in observations:
        if not (math.isfinite(one.value) and math.isfinite(one.spot) and one.spot > 0.0):
            raise BadInput(f"{one.name} of {one.ticker} at {one.at}: value {one.value}, spot {one.spot} can't be used")
        key = (one.name, one.ticker, on_or_before(one.at.astimezone(NEW_YORK).date()))
        if key not in found or found[key].at <= one.at:
            found[key] = one
    return found


def _outcomes(
    path: dict[int, float], ticker: str, implied: dict[tuple[str, int], float], horizon: int
) -> dict[int, tuple[float, float | None]]:
    """By session: log change over the horizon, and realised over implied variance (None without implied)."""
    made: dict[int, tuple[float, float | None]] = {}
    for session, spot in path.items():
        if session + horizon not in path:
            continue
        steps = [path[s] for s in range(session, session + horizon + 1) if s in path]
        realised = sum(math.log(b / a) ** 2 for a, b in itertools.pairwise(steps)) * 252.0 / horizon
        vol = implied.get((ticker, session))
        made[session] = (math.log(path[session + horizon] / spot), None if vol is None else realised / vol**2)
    return made


def effective(sessions: Ints, horizon: int) -> int:
    """Windows of `horizon` sessions, one after the other, that begin on observed sessions (numbers, any order)."""
    count, free = 0, -1
    for session in np.unique(sessions):
        if session >= free:
            count, free = count + 1, int(session) + horizon
    return count


def windows_needed(ic: float = MATERIAL_IC, power: float = POWER) -> int:
    """Independent pairs at which a correlation `ic` is found with `power`, two-sided 5 %: ((z₁+z₂)/atanh ic)² + 3."""
    reach = float(ndtri(0.5 + 0.5 * CONFIDENCE)) + float(ndtri(power))
    return math.ceil((reach / math.atanh(ic)) ** 2 + 3.0)


def spearman(x: Floats, y: Floats) -> float | None:
    """Spearman's rank correlation with mid-ranks for ties; None when either side never varies. Shapes (n,)."""
    a, b = rankdata(x), rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0.0 else None


def _measure(
    name: str, axis: Axis, horizon: int, pairs: list[tuple[int, float, float]], seed: int, draws: int
) -> Usefulness:
    sessions = np.array([pair[0] for pair in pairs], dtype=np.int64)
    x = np.array([pair[1] for pair in pairs], dtype=np.float64)
    y = np.array([pair[2] for pair in pairs], dtype=np.float64)
    n_effective = effective(sessions, horizon)
    ic = spearman(x, y) if len(x) >= 3 else None
    interval = None if ic is None or n_effective < 3 else _interval(sessions, x, y, horizon, seed, draws)
    p = None if ic is None or n_effective < 3 else _p_value(ic, n_effective)
    return Usefulness(
        name=name,
        axis=axis,
        horizon=horizon,
        ic=None if ic is None else on_grid(ic, Unit.RATIO),
        low=None if interval is None else on_grid(interval[0], Unit.RATIO),
        high=None if interval is None else on_grid(interval[1], Unit.RATIO),
        p=None if p is None else on_grid(p, Unit.PROBABILITY),
        n=len(x),
        n_effective=n_effective,
        needed=max(windows_needed() - n_effective, 0),
        finding="insufficient",
        why="",
    )


def _p_value(ic: float, n: int) -> float:
    if abs(ic) >= 1.0:
        return 0.0
    t = abs(ic) * math.sqrt((n - 2) / (1.0 - ic * ic))
    return float(2.0 * stdtr(n - 2, -t))


def _interval(sessions: Ints, x: Floats, y: Floats, horizon: int, seed: int, draws: int) -> tuple[float, float] | None:
    """Percentile interval over `draws` resamples of sessions in circular blocks; None when too few have a correlation.

    Pairs stand in a table of (session, place within it); empty places are filled with infinity, rank behind all pairs
    and are left out of the sums.
    """
    _, at, sizes = np.unique(sessions, return_inverse=True, return_counts=True)
    place = np.arange(len(sessions)) - (np.cumsum(sizes) - sizes)[at]
    table = np.full((2, len(sizes), int(sizes.max())), np.inf)
    table[0, at, place], table[1, at, place] = x, y
    count, block = len(sizes), min(2 * horizon, len(sizes))
    starts = generator(seed, "usefulness").integers(0, count, size=(draws, -(-count // block)))
    found = []
    for part in np.array_split(starts, max(1, draws * len(sizes) * int(sizes.max()) // 1_000_000)):
        chosen = ((part[:, :, None] + np.arange(block)) % count).reshape(len(part), -1)[:, :count]
        a, b = (rankdata(side[chosen].reshape(len(part), -1), axis=1) for side in table)
        real = np.isfinite(table[0][chosen].reshape(len(part), -1))
        a, b = (
            np.where(real, r - (r * real).sum(axis=1, keepdims=True) / real.sum(axis=1, keepdims=True), 0.0)
            for r in (a, b)
        )
        scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
        found.append((a * b).sum(axis=1)[scale > 0.0] / scale[scale > 0.0])
    values = np.concatenate(found)
    if len(values) < draws // 2:
        return None
    tail = 0.5 * (1.0 - CONFIDENCE)
    low, high = np.quantile(values, (tail, 1.0 - tail))
    return float(low), float(high)


def _judge(results: list[Usefulness]) -> tuple[Usefulness, ...]:
    """Findings of everything tried together."""
    tested = sorted(one.p for one in results if one.p is not None and one.n_effective >= LEAST_EFFECTIVE)
    bound = max((p for i, p in enumerate(tested, 1) if p <= FALSE_DISCOVERY * i / len(tested)), default=-1.0)
    return tuple(_found(one, bound, len(tested)) for one in results)


def _found(one: Usefulness, bound: float, tried: int) -> Usefulness:
    finding: Finding = "insufficient"
    if one.n_effective < LEAST_EFFECTIVE:
        why = f"{one.n_effective} windows that don't overlap, at least {LEAST_EFFECTIVE} are needed to say anything"
    elif one.ic is None or one.low is None or one.high is None or one.p is None:
        why = "the values or the outcomes hardly vary: there is no rank correlation"
    elif one.p <= bound and (one.low > 0.0 or one.high < 0.0):
        finding, why = "pass", f"the interval excludes 0 and p survives {tried} tests"
    elif one.needed == 0:
        finding, why = "fail", f"a correlation of {MATERIAL_IC} would have been found with {100 * POWER:.0f} % power"
    else:
        why = f"{one.needed} windows more until a correlation of {MATERIAL_IC} could be ruled out"
    return dataclasses.replace(one, finding=finding, why=why, needed=0 if finding == "pass" else one.needed)
