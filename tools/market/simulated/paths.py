"""Where the simulated underlyings went: one Heston path each under P, the same for every preset of a seed.

Variance moves from session to session by Andersen's quadratic-exponential scheme (2008, §3.2.4, ψ_c = 1.5) and the
price by the exact conditional law with the trapezoid for ∫v (his eq. 33, γ₁ = γ₂ = ½). Within a session both follow
Brownian bridges between those values, five minutes apart; `OVERNIGHT` of a session's variance falls before its open.
Shocks load on one market factor, so that indices move together and names with them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr

from tools import sessions
from tools.market.simulated.presets import FIRST, LAST, OVERNIGHT, PROFILES, RATE, STEP_S, YEAR
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


class Path(NamedTuple):
    """One underlying at every node, shape (n, NODES); after the close of a half day the close stands."""

    price: Floats
    variance: Floats  # under P, a year


@lru_cache(maxsize=1)
def grid() -> Grid:
    """Sessions from FIRST to LAST."""
    table = sessions.schedule()
    days = np.array(table.days, dtype=np.int64)
    inside = (days >= FIRST.toordinal()) & (days <= LAST.toordinal())
    opens = np.array(table.opens, dtype=np.int64)[inside]
    closes = np.array(table.closes, dtype=np.int64)[inside]
    return Grid(days[inside], opens, closes, (closes - opens) // STEP_S)


def _shared(seed: int, ticker: str, what: str, shape: tuple[int, ...], loading: float) -> Floats:
    """Normals of a ticker, correlated with every other ticker's through the market's; loading 1 is the market's own."""
    market: Floats = generator(seed, "market", what).standard_normal(shape)
    if loading == 1.0:
        return market
    own: Floats = generator(seed, ticker, what).standard_normal(shape)
    return np.asarray(loading * market + np.sqrt(1 - loading**2) * own)


@lru_cache(maxsize=8)
def closes(seed: int) -> dict[str, tuple[Floats, Floats]]:
    """(log return, variance at the close) of each session and ticker, arrays of shape (n,)."""
    tickers = tuple(PROFILES)
    count = len(grid().days)
    laws = [PROFILES[ticker].params for ticker in tickers]
    v0, kappa, theta, sigma, rho = np.array([(p.v0, p.kappa, p.theta, p.sigma, p.rho) for p in laws]).T
    z_v, z_s = (
        np.stack(
            [_shared(seed, ticker, what, (count,), getattr(PROFILES[ticker], loading)) for ticker in tickers], axis=1
        )
        for what, loading in (("variance", "shared_vol"), ("price", "shared_price"))
    )
    dt = 1 / YEAR
    decay = np.exp(-kappa * dt)
    now = v0.copy()
    variance, returns = np.empty((count, len(tickers))), np.empty((count, len(tickers)))
    for i in range(count):
        mean = theta + (now - theta) * decay
        spread = sigma**2 * (now * decay * (1 - decay) + 0.5 * theta * (1 - decay) ** 2) / kappa
        psi = spread / mean**2
        inverse = 2 / np.minimum(psi, 1.5)
        b2 = inverse - 1 + np.sqrt(inverse * (inverse - 1))
        quadratic = mean / (1 + b2) * (np.sqrt(b2) + z_v[i]) ** 2
        stretch = np.maximum(psi, 1.5)
        p = (stretch - 1) / (stretch + 1)
        u = ndtr(z_v[i])
        exponential = np.where(u <= p, 0.0, np.log((1 - p) / np.maximum(1 - u, 1e-300)) * mean / (1 - p))
        after = np.where(psi <= 1.5, quadratic, exponential)
        average = 0.5 * (now + after)
        leverage = rho / sigma * (after - now - kappa * (theta - average) * dt)
        returns[i] = (RATE - 0.5 * average) * dt + leverage + np.sqrt((1 - rho**2) * average * dt) * z_s[i]
        variance[i] = now = np.maximum(after, _TINY)
    return {ticker: (returns[:, j], variance[:, j]) for j, ticker in enumerate(tickers)}


@lru_cache(maxsize=24)
def path(seed: int, ticker: str) -> Path:
    """Price and variance at every node of every session."""
    profile = PROFILES[ticker]
    law = profile.params
    returns, variance = closes(seed)[ticker]
    count = len(returns)
    before = np.concatenate([[law.v0], variance[:-1]])
    total = np.maximum(0.5 * (before + variance), _TINY) / YEAR
    z = _shared(seed, ticker, "nodes", (count, NODES), profile.shared_price)
    own = _shared(seed, ticker, "variance nodes", (count, NODES), profile.shared_vol)
    y = law.rho * z + np.sqrt(1 - law.rho**2) * own
    log_price = _bridge(np.zeros(count), returns, total, z)
    shape = _bridge(before, variance, law.sigma**2 * total, y)
    floor = 0.25 * np.minimum(before, variance)
    start = np.log(profile.start) + np.concatenate([[0.0], np.cumsum(returns)[:-1]])
    return Path(np.exp(start[:, None] + log_price), np.maximum(shape, np.maximum(floor, _TINY)[:, None]))


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
