"""Where the simulated underlyings went: one Bates path each under P, the same for every preset of a seed.

Variance moves from session to session by Andersen's quadratic-exponential scheme (2008, §3.2.4, ψ_c = 1.5) and the
price by the exact conditional law with the trapezoid for ∫v (his eq. 33, γ₁ = γ₂ = ½), corrected so that the discounted
price is a martingale (§4.3). Within a session both follow Brownian bridges between those values, five minutes apart;
`OVERNIGHT` of a session's variance falls before its open, jumps fall anywhere on that clock, reports before the open.
Jumps and reports are compensated, interest and dividends accrue by the calendar. Shocks load on one market factor, so
that indices move together and names with them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr

from tools import sessions
from tools.market.simulated.carry import YEAR_S, accrued, drops, reports
from tools.market.simulated.presets import FIRST, LAST, OVERNIGHT, PROFILES, STEP_S, YEAR
from tools.randomness import generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NODES = 79  # a full session's opening node and 78 steps
_TINY = 1e-6


class Grid(NamedTuple):
    """The sessions of the simulated span. Arrays of shape (n,)."""

    days: Ints  # ordinals
    opens: Ints  # epoch seconds
    closes: Ints
    steps: Ints  # five-minute steps from open to close: 78, 42 on half days


class Closes(NamedTuple):
    """A ticker's diffusion from close to close, arrays of shape (n,)."""

    moves: Floats  # log price, a martingale in the exponent
    variance: Floats  # the stochastic part at the close, under P, a year


class Jumps(NamedTuple):
    """Every jump of a ticker but those of reports, arrays of shape (m,), by time."""

    session: Ints
    node: Ints  # the first node after it; 0: before the open
    minute: Ints  # of the five before that node, 0..4
    size: Floats  # log price


class Path(NamedTuple):
    """One underlying at every node, shape (n, NODES); after the close of a half day the close stands."""

    price: Floats
    variance: Floats  # the stochastic part, under P, a year
    low: Floats  # of a session's nodes, shape (n,)
    high: Floats


@lru_cache(maxsize=1)
def grid() -> Grid:
    """Sessions from FIRST to LAST."""
    table = sessions.schedule()
    days = np.array(table.days, dtype=np.int64)
    inside = (days >= FIRST.toordinal()) & (days <= LAST.toordinal())
    opens = np.array(table.opens, dtype=np.int64)[inside]
    closes = np.array(table.closes, dtype=np.int64)[inside]
    return Grid(days[inside], opens, closes, (closes - opens) // STEP_S)


@lru_cache(maxsize=1)
def elapsed() -> Floats:
    """Share of each session's variance clock gone at each node, shape (n, NODES): `OVERNIGHT` at the open, 1 after."""
    steps = grid().steps[:, None]
    return np.asarray(OVERNIGHT + (1 - OVERNIGHT) * np.minimum(np.arange(NODES), steps) / steps)


def _shared(seed: int, ticker: str, what: str, shape: tuple[int, ...], loading: float) -> Floats:
    """Normals of a ticker, correlated with every other ticker's through the market's; loading 1 is the market's own."""
    market: Floats = generator(seed, "market", what).standard_normal(shape)
    if loading == 1.0:
        return market
    own: Floats = generator(seed, ticker, what).standard_normal(shape)
    return np.asarray(loading * market + np.sqrt(1 - loading**2) * own)


@lru_cache(maxsize=8)
def closes(seed: int) -> dict[str, Closes]:
    """The diffusion of each ticker from session to session."""
    tickers = tuple(PROFILES)
    count = len(grid().days)
    laws = [PROFILES[ticker].law.diffusion for ticker in tickers]
    v0, kappa, theta, sigma, rho = np.array([(p.v0, p.kappa, p.theta, p.sigma, p.rho) for p in laws]).T
    steady = np.array([PROFILES[ticker].law.floor for ticker in tickers]) / YEAR
    z_v, z_s = (
        np.stack(
            [_shared(seed, ticker, what, (count,), getattr(PROFILES[ticker], loading)) for ticker in tickers], axis=1
        )
        for what, loading in (("variance", "shared_vol"), ("price", "shared_price"))
    )
    u_v = ndtr(z_v)
    dt = 1 / YEAR
    decay = np.exp(-kappa * dt)
    spread_v, spread_0 = sigma**2 * decay * (1 - decay) / kappa, 0.5 * theta * sigma**2 * (1 - decay) ** 2 / kappa
    k2 = 0.5 * dt * (kappa * rho / sigma - 0.5) + rho / sigma
    k3 = 0.5 * dt * (1 - rho**2)
    slope = k2 + 0.5 * k3
    now = v0.copy()
    variance, moves = np.empty((count, len(tickers))), np.empty((count, len(tickers)))
    for i in range(count):
        mean = theta + (now - theta) * decay
        psi = (spread_v * now + spread_0) / mean**2
        inverse = 2 / np.minimum(psi, 1.5)
        b2 = inverse - 1 + np.sqrt(inverse * (inverse - 1))
        a = mean / (1 + b2)
        stretch = np.maximum(psi, 1.5)
        p = (stretch - 1) / (stretch + 1)
        beta = (1 - p) / mean
        smooth = psi <= 1.5
        steep = np.where(u_v[i] <= p, 0.0, np.log((1 - p) / np.maximum(1 - u_v[i], 1e-300)) / beta)
        after = np.where(smooth, a * (np.sqrt(b2) + z_v[i]) ** 2, steep)
        log_m = np.where(
            smooth,
            slope * b2 * a / (1 - 2 * slope * a) - 0.5 * np.log(1 - 2 * slope * a),
            np.log(p + beta * (1 - p) / (beta - slope)),
        )
        moves[i] = -log_m - 0.5 * (k3 * now + steady) + k2 * after + np.sqrt(k3 * (now + after) + steady) * z_s[i]
        variance[i] = now = np.maximum(after, _TINY)
    return {ticker: Closes(moves[:, j], variance[:, j]) for j, ticker in enumerate(tickers)}


@lru_cache(maxsize=24)
def jumps(seed: int, ticker: str) -> Jumps:
    """When and by how much a ticker jumped: with the market, and alone."""
    profile = PROFILES[ticker]
    years = len(grid().days) / YEAR
    found = []
    for index, jump in enumerate(profile.law.jumps):
        when = generator(seed, "market" if index == 0 else ticker, "jumps", index)
        count = int(when.poisson(jump.intensity * years))
        clock = np.sort(when.random(count)) * len(grid().days)
        loading = profile.shared_price if index == 0 else 0.0
        size = jump.mean + jump.sd * _shared(seed, ticker, f"jump sizes {index}", (count,), loading)
        found.append((clock, size))
    clock = np.concatenate([part for part, _ in found])
    order = np.argsort(clock, kind="stable")
    clock, size = clock[order], np.concatenate([part for _, part in found])[order]
    session = clock.astype(np.int64)
    through = (clock - session - OVERNIGHT) / (1 - OVERNIGHT) * grid().steps[session]
    node = np.where(through < 0, 0, np.floor(through).astype(np.int64) + 1)
    minute = np.where(through < 0, 0, (5 * (through % 1)).astype(np.int64))
    return Jumps(session, node, minute, size)


def carried(ticker: str) -> Floats:
    """Log growth of a ticker at every node by interest and dividends, from the close before the first session."""
    profile, about = PROFILES[ticker], grid()
    stamps = about.opens[:, None] + STEP_S * np.minimum(np.arange(NODES), about.steps[:, None])
    begin = float(sessions.open_close(sessions.previous(FIRST))[1].timestamp())
    growth = accrued(stamps) - accrued(begin) - profile.carry * (stamps - begin) / YEAR_S
    lost = np.zeros(len(about.days))
    for drop in drops(ticker):
        lost[int(np.searchsorted(about.days, drop.day.toordinal())) :] += np.log1p(-drop.share)
    return np.asarray(growth + lost[:, None])


@lru_cache(maxsize=12)  # 1.6 MB each; one seed's ten tickers
def path(seed: int, ticker: str) -> Path:
    """Price and variance at every node of every session."""
    profile = PROFILES[ticker]
    law = profile.law.diffusion
    moves, variance = closes(seed)[ticker]
    count = len(moves)
    before = np.concatenate([[law.v0], variance[:-1]])
    average = np.maximum(0.5 * (before + variance), _TINY) / YEAR
    z = _shared(seed, ticker, "nodes", (count, NODES), profile.shared_price)
    own = _shared(seed, ticker, "variance nodes", (count, NODES), profile.shared_vol)
    y = law.rho * z + np.sqrt(1 - law.rho**2) * own
    log_price = _bridge(np.zeros(count), moves, average + profile.law.floor / YEAR, z)
    shape = _bridge(before, variance, law.sigma**2 * average, y)
    floor = 0.25 * np.minimum(before, variance)
    log_price += np.concatenate([[0.0], np.cumsum(moves)[:-1]])[:, None]
    log_price += carried(ticker) + _jumped(seed, ticker)
    price = profile.start * np.exp(log_price)
    lasting = np.maximum(shape, np.maximum(floor, _TINY)[:, None])
    return Path(price, lasting, price.min(axis=1), price.max(axis=1))


def _jumped(seed: int, ticker: str) -> Floats:
    """All jumps and reports so far less what compensates them, in log price, shape (n, NODES)."""
    profile, about = PROFILES[ticker], grid()
    each = np.zeros((len(about.days), NODES))
    found = jumps(seed, ticker)
    np.add.at(each, (found.session, found.node), found.size)
    if profile.reports is not None:
        chance = generator(seed, ticker, "reports").standard_normal(len(about.days))
        for report in reports(ticker):
            at = int(np.searchsorted(about.days, report.reacts.toordinal()))
            if at < len(about.days):
                each[at, 0] += profile.reports.sd * chance[at] - 0.5 * profile.reports.sd**2
    drift = sum(jump.intensity * jump.compensator for jump in profile.law.jumps) / YEAR
    clock = np.arange(len(about.days))[:, None] + elapsed()
    return np.asarray(np.cumsum(each.ravel()).reshape(each.shape) - drift * clock)


def _bridge(start: Floats, end: Floats, variance: Floats, z: Floats) -> Floats:
    """Brownian bridges from the prior close (`start`) to the close (`end`, an increment for a zero start).

    `variance`: of the whole session, shape (n,); `z`: normals, shape (n, NODES), the first for the night.
    """
    steps = grid().steps[:, None]
    night = start + OVERNIGHT * (end - start) + np.sqrt(OVERNIGHT * (1 - OVERNIGHT) * variance) * z[:, 0]
    k = np.minimum(np.arange(NODES), steps)
    moves = np.where(np.arange(1, NODES) <= steps, z[:, 1:], 0.0)
    walk = np.concatenate([np.zeros((len(z), 1)), np.cumsum(moves, axis=1)], axis=1)
    walk *= np.sqrt((1 - OVERNIGHT) * variance[:, None] / steps)
    share = k / steps
    return np.asarray(night[:, None] + share * (end - night)[:, None] + walk - share * walk[:, -1:])
