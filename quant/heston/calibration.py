"""Heston, or Bates with one kind of jump, fitted to the quotes of a whole chain.

Least squares of (model - price)/vega, misfits in volatility to first order, with the analytic gradient of `chain`, in
unconstrained coordinates: the logarithms of v0, kappa, theta, sigma, jump intensity and jump sd, artanh rho, and the
mean jump as it is. MINPACK's Levenberg-Marquardt (More 1978) takes the steps. The start comes from the at-the-money
term structure, which is linear in v0 and theta at each kappa; a few pairs of sigma and rho beside it. Robust weights
are Huber's (1964), by reweighting.

What the data cannot tell is said: the condition number of the Jacobian in these coordinates, in volatility.
"""

from __future__ import annotations

from math import atanh, exp, isfinite, log, sqrt, tanh
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares, nnls

from domain.codec import record
from domain.errors import BadInput, ParleyError
from quant.heston.chain import Grid, gradient, grid, prices
from quant.heston.params import BatesParams, HestonParams, Jump
from quant.vanilla.implied import implied_vol

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from domain.market import Floats, Ints

_ROOT_2PI = 2.5066282746310002
_KAPPAS = np.geomspace(0.25, 16.0, 13)
_SHAPES = ((0.6, -0.6), (1.5, -0.7), (0.3, 0.0), (0.8, 0.4))  # sigma, rho of the starts, in turn
_JUMP = Jump(intensity=0.3, mean=-0.1, sd=0.1)
_CLOSE = 0.0025  # rms volatility of a first fit that needs no second start
_FAINT = 0.02  # vega under this share of the maturity's largest counts as this much
# Of v0, kappa, theta, sigma, artanh rho, intensity, mean, sd: trial steps outside are refused, a fit at one has failed.
_LEAST = np.array([log(1e-7), log(1e-4), log(1e-7), log(1e-4), -5.3, log(1e-8), -3.0, log(1e-5)])
_MOST = np.array([log(25.0), log(200.0), log(25.0), log(20.0), 5.3, log(100.0), 3.0, log(3.0)])
_NAMES = ("v0", "kappa", "theta", "sigma", "rho", "jump intensity", "mean jump", "jump sd")
_RADIUS = 1.0  # of the first trust region; MINPACK's own factor on it is 100
_ROUNDS, _SETTLED, _HUBER, _FLOOR = 30, 1e-4, 1.345, 2e-4
_MOST_CONDITION = 1e6
_EDGE = 1e-2  # of a coordinate's limit
_TOLERANCE = 1e-12  # of the prices while fitting


@record
class Calibration:
    """A fit. `failure` is "" or why the parameters are not to be used; misfits are in vol points (0.01 of vol).

    `iterations` counts evaluations of the whole chain; `condition` is the Jacobian's by the unconstrained coordinates;
    `left_out`: quotes without a volatility or weight.
    """

    params: HestonParams | BatesParams
    rms: float
    median: float
    iterations: int
    condition: float
    quotes: int
    left_out: int
    failure: str = ""


class _Problem:
    """Residuals and Jacobian at a point, evaluated together and kept for the second caller."""

    def __init__(self, of: Grid, price: Floats, scale: Floats, jumps: bool) -> None:
        self.of, self.price, self.scale, self.jumps = of, price, scale, jumps
        self.evaluations = 0
        self._at: bytes = b""
        self._held: tuple[Floats, Floats] = (price, price)

    def _evaluate(self, x: Floats) -> tuple[Floats, Floats]:
        if x.tobytes() != self._at:
            self.evaluations += 1
            count = len(x)
            inside = bool(np.all((x > _LEAST[:count]) & (x < _MOST[:count])))
            held = self._computed(x) if inside else None
            if held is None:  # a trial step too far: refused by its height
                held = np.full(len(self.price), 1e3), np.zeros((len(self.price), count))
            self._at, self._held = x.tobytes(), held
        return self._held

    def _computed(self, x: Floats) -> tuple[Floats, Floats] | None:
        try:
            value, slopes = gradient(decoded(x), self.of, _TOLERANCE)
        except ParleyError:
            return None
        residual = (value - self.price) * self.scale
        jacobian = slopes * _stretch(x) * self.scale[:, None]
        whole = np.isfinite(residual).all() and np.isfinite(jacobian).all()
        return (residual, np.asarray(jacobian)) if whole else None

    def residual(self, x: Floats) -> Floats:
        return self._evaluate(x)[0]

    def jacobian(self, x: Floats) -> Floats:
        return self._evaluate(x)[1]


def encoded(params: HestonParams | BatesParams) -> Floats:
    """The unconstrained coordinates, shape (5,) or, with a jump, (8,)."""
    law, jumps = (params.diffusion, params.jumps) if isinstance(params, BatesParams) else (params, ())
    x = [log(law.v0), log(law.kappa), log(law.theta), log(law.sigma), atanh(law.rho)]
    for jump in jumps[:1]:
        x += [log(max(jump.intensity, 1e-8)), jump.mean, log(max(jump.sd, 1e-8))]
    return np.array(x)


def decoded(x: Floats) -> HestonParams | BatesParams:
    """The parameters of `encoded` coordinates."""
    y = x.tolist()
    law = HestonParams(v0=exp(y[0]), kappa=exp(y[1]), theta=exp(y[2]), sigma=exp(y[3]), rho=tanh(y[4]))
    if len(y) == 5:
        return law
    return BatesParams(diffusion=law, jumps=(Jump(intensity=exp(y[5]), mean=y[6], sd=exp(y[7])),))


def _stretch(x: Floats) -> Floats:
    """Derivative of each parameter by its coordinate."""
    rate = np.exp(x)
    rate[4] = 1 - tanh(x[4]) ** 2
    if len(x) > 5:
        rate[6] = 1.0
    return rate


def term_structure(years: Floats, variance: Floats) -> tuple[float, float, float]:
    """(v0, kappa, theta) whose average variance is nearest to the at-the-money `variance` a year; shapes (m,)."""
    found, least = (float(variance[0]), 2.0, float(variance[-1])), np.inf
    low = 0.05 * float(np.min(variance))
    for kappa in _KAPPAS if len(years) > 1 else (2.0,):
        weight = -np.expm1(-kappa * years) / (kappa * years)
        pair, miss = nnls(np.stack([weight, 1 - weight], 1), variance)
        if miss < least:
            found, least = (max(float(pair[0]), low), float(kappa), max(float(pair[1]), low)), miss
    return found


def _at_the_money(of: Grid, sigma: Floats) -> Floats:
    """Variance a year of the strike nearest the forward in each maturity, shape (m,)."""
    begin, out = 0, np.empty(len(of.ends))
    for i, end in enumerate(of.ends.tolist()):
        near = begin + int(np.argmin(np.abs(of.log_moneyness[begin:end])))
        out[i], begin = sigma[near] ** 2, end
    return out


def _scale(of: Grid, sigma: Floats) -> Floats:
    """1/vega of each row, no vega less than a share of its maturity's largest."""
    t = of.years[of.row]
    sd = sigma * np.sqrt(t)
    d1 = of.log_moneyness / sd + 0.5 * sd
    vega = of.discount * of.forward * np.exp(-0.5 * d1 * d1) / _ROOT_2PI * np.sqrt(t)
    most = np.zeros(len(of.years))
    np.maximum.at(most, of.row, vega)
    return np.asarray(1.0 / np.maximum(vega, _FAINT * most[of.row]))


def _huber(residual: Floats) -> Floats:
    """Square roots of Huber's weights, with the median absolute residual as scale."""
    spread = max(1.4826 * float(np.median(np.abs(residual))), _FLOOR)
    return np.asarray(np.sqrt(np.minimum(1.0, _HUBER * spread / np.maximum(np.abs(residual), 1e-300))))


def calibrate(
    strikes: ArrayLike,
    years: ArrayLike,
    forwards: ArrayLike,
    discounts: ArrayLike,
    price: ArrayLike,
    is_call: ArrayLike,
    weights: ArrayLike = 1.0,
    events: ArrayLike = 0.0,
    start: HestonParams | BatesParams | None = None,
    jumps: bool = False,
    robust: bool = False,
) -> Calibration:
    """Fit the model to prices (present values, dollars); everything broadcasts to shape (n,).

    `weights` multiply squared misfits in volatility; `start` is tried first (yesterday's fit); `jumps` adds a
    Bates jump; `robust` bounds the pull of single quotes. Quotes without an implied volatility or a positive weight
    are left out and counted. A fit that did not converge, or that the quotes do not determine, comes back with its
    `failure` named. Raises BadInput for senseless arguments and where fewer quotes are left than parameters.
    """
    raw = (strikes, years, forwards, discounts, price, weights, events)
    columns = np.broadcast_arrays(*(np.asarray(c, dtype=np.float64) for c in raw), np.asarray(is_call, dtype=np.bool_))
    k, t, f, d, p, g, e, c = (np.atleast_1d(column).ravel() for column in columns)
    c = c.astype(np.bool_)
    vol, reason = implied_vol(p, f, k, t, d, c)
    if not np.isfinite(g).all() or (g < 0).any():
        raise BadInput("weights of quotes are finite and zero or more")
    keep = (reason == 0) & (g > 0)
    count = 8 if jumps else 5
    if int(np.sum(keep)) < count:
        raise BadInput(f"{int(np.sum(keep))} usable quotes cannot determine {count} parameters; give more")
    of = grid(k[keep], t[keep], f[keep], d[keep], c[keep], e[keep])
    p, g, vol = p[keep][of.order], g[keep][of.order], vol[keep][of.order]
    # in the grid's own order from here on
    of = of._replace(order=np.arange(len(p)))
    inverse = _scale(of, vol) * np.sqrt(g / np.mean(g))
    problem = _Problem(of, p, inverse, jumps)
    x, converged = _solve(problem, _starts(of, vol, start, jumps), robust)
    problem.scale = inverse
    return _judged(problem, x, converged, vol, int(np.sum(~keep)))


def _starts(
    of: Grid, vol: Floats, start: HestonParams | BatesParams | None, jumps: bool
) -> list[HestonParams | BatesParams]:
    # an event's variance is no part of the model's
    variance = _at_the_money(of, vol) - of.event / of.years
    v0, kappa, theta = term_structure(of.years, np.maximum(variance, 1e-4))
    laws = [HestonParams(v0=v0, kappa=kappa, theta=theta, sigma=sigma, rho=rho) for sigma, rho in _SHAPES]
    jump = _JUMP
    if isinstance(start, BatesParams):
        jump, start = (start.jumps or (jump,))[0], start.diffusion
    own = [law.scaled(0.8) for law in laws] if jumps else laws
    every = own if start is None else [start, *own]
    return [BatesParams(diffusion=law, jumps=(jump,)) for law in every] if jumps else list(every)


def _solve(problem: _Problem, starts: list[HestonParams | BatesParams], robust: bool) -> tuple[Floats, bool]:
    """(coordinates, converged) of the best of the starts; later ones are tried only while the fit is poor."""
    best, cost, converged = encoded(starts[0]), np.inf, False
    for one in starts:
        found = _minimum(problem, encoded(one))
        if found[1] < cost:
            best, cost, converged = found
        if converged and not len(_ends(best)) and sqrt(2 * cost / len(problem.price)) < _CLOSE:
            break
    if robust:
        plain = problem.scale
        for _ in range(_ROUNDS):
            problem.scale, problem._at = plain, b""
            bent = _huber(problem.residual(best))
            problem.scale, problem._at = plain * bent, b""
            before = best
            best, _, converged = _minimum(problem, best)
            if np.max(np.abs(best - before)) < _SETTLED:
                break
        else:
            converged = False
    return best, converged


def _minimum(problem: _Problem, x: Floats) -> tuple[Floats, float, bool]:
    """(coordinates, half the sum of squares, converged). Shifted, so that MINPACK's first radius is _RADIUS."""
    found = least_squares(
        lambda y: problem.residual(x + y), np.zeros(len(x)), jac=lambda y: problem.jacobian(x + y), method="lm",
        x_scale=_RADIUS / 100, xtol=1e-13, ftol=1e-12, gtol=1e-15, max_nfev=300,
    )  # fmt: skip
    return x + np.asarray(found.x), float(found.cost), bool(found.status > 0)


def _ends(x: Floats) -> Ints:
    """Which coordinates stand at their limits."""
    return np.flatnonzero(np.minimum(x - _LEAST[: len(x)], _MOST[: len(x)] - x) < _EDGE)


def _condition(jacobian: Floats) -> float:
    singular = np.linalg.svd(jacobian, compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] > 0 else float("inf")


def _judged(problem: _Problem, x: Floats, converged: bool, vol: Floats, left_out: int) -> Calibration:
    params, of = decoded(x), problem.of
    problem._at = b""
    condition = _condition(problem.jacobian(x))
    misses = misfits(params, of, vol)
    seen = misses[np.isfinite(misses)]
    ends, failure = _ends(x), ""
    if not converged:
        failure = "the fit did not converge"
    elif len(seen) < 0.9 * len(misses):
        failure = f"{len(misses) - len(seen)} of {len(misses)} model prices have no volatility"
    elif len(ends):
        failure = f"the quotes do not determine {', '.join(_NAMES[i] for i in ends)}: the fit runs to the limit"
    elif not isfinite(condition) or condition > _MOST_CONDITION:
        failure = f"the quotes do not determine the parameters (condition {condition:.1e})"
    rms = 100 * sqrt(float(np.mean(seen**2))) if len(seen) else float("inf")
    median = 100 * float(np.median(np.abs(seen))) if len(seen) else float("inf")
    return Calibration(
        params=params, rms=rms, median=median, iterations=problem.evaluations, condition=condition,
        quotes=len(problem.price), left_out=left_out, failure=failure,
    )  # fmt: skip


def misfits(params: HestonParams | BatesParams, of: Grid, vol: Floats) -> NDArray[np.float64]:
    """Model volatility less `vol` of each of the grid's rows as given to `grid`, in volatility; NaN where none."""
    value = prices(params, of)
    inverse = np.empty_like(of.order)
    inverse[of.order] = np.arange(len(of.order))
    at = of.years[of.row]
    columns = (column[inverse] for column in (of.forward, of.strikes, at, of.discount, of.is_call))
    return np.asarray(implied_vol(value, *columns).sigma - vol)
