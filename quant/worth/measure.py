"""The only maker of P. Q is the slice's own terminal density; P is Q with its variance at the forecast's level.

Q: undiscounted call prices of the smile on a strike grid, their greatest convex minorant, and its changes of slope
as weights (D. Breeden and R. Litzenberger, J. Business 1978): non-negative, mass 1, mean F. P: log-returns of Q scaled
by sqrt(m), re-centred, with the drift alpha (R. Grinold, J. Portfolio Management 1994: IC x volatility x score). m is
forecast over implied total variance, w = -2 E_Q[ln(S/F)] (A. Neuberger, 1994). The published P is a predictive mixture
over m e^{-s}, m, m e^{+s} with weights 1/4, 1/2, 1/4.

A position that is closed before it settles earns realised against implied only while it is held, and is then marked
under Q. By the tower property that is the law whose variance is P's until then and Q's after: with u the share of the
implied variance that falls into the time held, m to settlement becomes 1 - u (1 - m).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np

from domain.codec import columnar, record
from domain.market import Floats
from domain.units import Unit, on_grid
from domain.views import Direction, Verdict, Volatility
from quant.surface import SliceFit
from quant.vanilla.black import black76
from quant.vanilla.clock import TRADING_DAYS, YEAR_S, trading_days
from quant.volatility.forecast import VarianceForecast

M_RANGE = (0.4, 1.5)
IC_DIR_MAX = 0.08
IC_VOL_MAX = 0.25
Z_MAX = 2.0
MIXTURE = ((-1.0, 0.25), (0.0, 0.5), (1.0, 0.25))
VOLATILITY_TILT = 0.0  # the volatility view's weight until it improves the out-of-sample log score
NODES = 360
_REACH = 8.0  # standard deviations of the wing's own volatility covered on each side


@record
class Skill:
    """The record of whoever gave the verdict: information coefficients after shrinkage, over n resolved verdicts."""

    ic_dir: float
    ic_vol: float
    n: float
    label: str  # "earned" or "prior, not earned"

    @classmethod
    def prior(cls) -> Skill:
        """What paper and replay start from: a small IC that nobody has earned yet."""
        return cls(ic_dir=0.03, ic_vol=0.03, n=0.0, label="prior, not earned")


class Held(NamedTuple):
    """How long a position is held: trading days, and their share of the implied variance to settlement (0..1]."""

    days: float
    share: float


@columnar
class Measure:
    """Terminal nodes and weights of one slice under Q and P, prices of the underlying at settlement.

    `q_*` (n,). `p_*` (n or 3n,): the predictive P, ascending. `neutral_nodes` with `neutral_weights`: P at alpha = 0.
    `adverse_nodes` (2, n): P at m e^{-s} and m e^{+s}, weights `q_weights`; `adverse_neutral`: the same at alpha = 0.
    """

    expiry: int
    settles_at: int
    forward: float
    discount: float
    q_nodes: Floats
    q_weights: Floats
    p_nodes: Floats
    p_weights: Floats
    neutral_nodes: Floats
    neutral_weights: Floats
    adverse_nodes: Floats
    adverse_neutral: Floats
    days: float  # trading days to settlement
    implied: float  # total variance under Q
    m: float  # of the law to settlement, after its part that is not held
    alpha: float
    spread: float  # s of the mixture, 0 when it collapses
    note: str


def _convex_minorant(x: Floats, y: Floats) -> list[int]:
    """Indices of the lower convex hull of points with ascending x (A. Andrew's monotone chain, 1979)."""
    keep: list[int] = []
    xs, ys = x.tolist(), y.tolist()
    for i in range(len(xs)):
        while len(keep) >= 2:
            a, b = keep[-2], keep[-1]
            if (ys[b] - ys[a]) * (xs[i] - xs[a]) < (ys[i] - ys[a]) * (xs[b] - xs[a]):
                break
            keep.pop()
        keep.append(i)
    return keep


def density(one: SliceFit, nodes: int = NODES) -> tuple[Floats, Floats]:
    """(nodes, weights) of the slice's terminal distribution: ascending, weights sum to 1, mean F to 1e-12 relative."""
    root = np.sqrt(one.t)
    scale = one.atm_vol * root
    left = -_REACH * max(one.atm_vol, float(one.knots_vol[0])) * root
    right = _REACH * max(one.atm_vol, float(one.knots_vol[-1])) * root
    k = scale * np.sinh(np.linspace(np.arcsinh(left / scale), np.arcsinh(right / scale), nodes))
    ratio = np.exp(k)
    below = k < 0.0
    value = black76(1.0, ratio, one.t, one.vol(k), 1.0, ~below)
    call = np.where(below, value + 1.0 - ratio, value)
    call[0], call[-1] = 1.0 - ratio[0], 0.0
    hull = _convex_minorant(ratio, call)
    x, c = ratio[hull], call[hull]
    slope = np.concatenate([[-1.0], np.diff(c) / np.diff(x), [0.0]])
    weight = np.maximum(np.diff(slope), 0.0)
    heavy = weight > 1e-15
    x, weight = x[heavy], weight[heavy] / weight[heavy].sum()
    x = x / float(weight @ x)
    return one.forward * x, weight


def scaled(nodes: Floats, weights: Floats, forward: float, m: float, alpha: float) -> Floats:
    """Nodes of the law whose log-returns are sqrt(m) times those given, re-centred to the mean F e^alpha."""
    if m == 1.0 and alpha == 0.0:
        return nodes
    stretched = np.sqrt(m) * np.log(nodes / forward)
    centre = np.log(float(weights @ np.exp(stretched)))
    return np.asarray(forward * np.exp(stretched - centre + alpha), dtype=np.float64)


def score(p: float) -> float:
    """The z of a probability that a stated view comes true: (2p - 1) sqrt(3), in 0..2; at or under one half it is 0."""
    return min(max((2.0 * p - 1.0) * float(np.sqrt(3.0)), 0.0), Z_MAX)


def _direction(verdict: Verdict | None) -> float:
    if verdict is None or verdict.direction is Direction.INCONCLUSIVE:
        return 0.0
    return score(verdict.direction_p) * (1.0 if verdict.direction is Direction.UP else -1.0)


def _volatility(verdict: Verdict | None) -> float:
    """Positive: realised variance above implied (CHEAP)."""
    if verdict is None or verdict.volatility is Volatility.INCONCLUSIVE:
        return 0.0
    return score(verdict.volatility_p) * (1.0 if verdict.volatility is Volatility.CHEAP else -1.0)


def trading_days_of(one: SliceFit, days_before: int = 0) -> float:
    """Trading days from the slice's moment to its settlement, or to the end of a day so many calendar days earlier."""
    as_of = datetime.fromtimestamp(one.settles_at - one.t * YEAR_S, tz=UTC)
    if days_before > 0:
        until = date.fromordinal(one.expiry) - timedelta(days=days_before)
        return trading_days(as_of, max(until, as_of.date()))
    return trading_days(as_of, date.fromordinal(one.expiry), datetime.fromtimestamp(one.settles_at, tz=UTC).hour < 16)


def to_settlement(m: float, share: float) -> float:
    """The variance ratio to settlement of a position held over `share` of the implied variance at the ratio m."""
    return m if share == 1.0 else 1.0 - share * (1.0 - m)


def _mixture(
    nodes: Floats, weights: Floats, forward: float, ratios: tuple[float, ...], alpha: float
) -> tuple[Floats, Floats]:
    """The mixture over the ratios of `MIXTURE`; one ratio alone is no mixture."""
    if len(ratios) == 1:
        return scaled(nodes, weights, forward, ratios[0], alpha), weights
    parts = [
        (scaled(nodes, weights, forward, ratio, alpha), share)
        for ratio, (_, share) in zip(ratios, MIXTURE, strict=True)
    ]
    x = np.concatenate([part for part, _ in parts])
    w = np.concatenate([share * weights for _, share in parts])
    order = np.argsort(x, kind="stable")
    return x[order], w[order]


def make_measure(
    one: SliceFit,
    forecast: VarianceForecast,
    verdict: Verdict | None,
    skill: Skill,
    *,
    held: Held | None = None,
    confidence: float = 1.0,
    volatility_tilt: float = VOLATILITY_TILT,
) -> Measure:
    """Q and P of one slice at its own settlement.

    m = F/w over the time held (None: to settlement), F the forecast over its trading days, clipped to 0.4..1.5; 1
    without a usable forecast, and then no mixture; of its distance from 1 counts what the age of the quotes left
    (`confidence`, 0..1). alpha = IC_dir z_dir sigma_P sqrt(min(h, days)) over the time held,
    IC_dir clipped to 0..0.08. With m = 1 and alpha = 0 P's nodes and weights are Q's own. The equity premium is not
    in P.
    """
    q_nodes, q_weights = density(one)
    days = trading_days_of(one)
    kept = Held(days, 1.0) if held is None else held
    whole = -2.0 * float(q_weights @ np.log(q_nodes / one.forward))
    implied = whole * kept.share
    m, s = 1.0, 0.0
    note = f"m = 1: {forecast.why}"
    if forecast.usable:
        raw = forecast.variance * kept.days / TRADING_DAYS / implied
        m, s = float(np.clip(raw, *M_RANGE)), forecast.log_bias
        note = f"m = {on_grid(m, Unit.RATIO):.3f} ({forecast.source} over {kept.days:.1f} trading days; {forecast.why})"
        if m != raw:
            note += f", clipped from {raw:.3f}"
        if confidence != 1.0:
            m = 1.0 + confidence * (m - 1.0)
            note += f", {confidence:.2f} of its distance from 1 counts: the quotes are old"
        if volatility_tilt:
            tilt = forecast.log_error * min(max(skill.ic_vol, 0.0), IC_VOL_MAX) * _volatility(verdict)
            m = float(np.clip(m * np.exp(volatility_tilt * tilt), *M_RANGE))
            note += f", volatility view moves it to {m:.3f}"
    z = _direction(verdict)
    alpha = 0.0
    if z and verdict is not None:
        ic = min(max(skill.ic_dir, 0.0), IC_DIR_MAX)
        alpha = ic * z * float(np.sqrt(m * implied * min(float(verdict.horizon), kept.days) / kept.days))
        note += f"; alpha = {alpha:+.5f} (IC {ic:.3f}, z {z:+.2f}, {skill.label})"
    ratios = tuple(to_settlement(m * float(np.exp(step * s)), kept.share) for step, _ in MIXTURE)
    low, middle, high = ratios
    if kept.share != 1.0 and forecast.usable:
        note += f"; closed with {days - kept.days:.1f} trading days left: {on_grid(middle, Unit.RATIO):.3f} to expiry"
    used = ratios if s else (middle,)
    p_nodes, p_weights = _mixture(q_nodes, q_weights, one.forward, used, alpha)
    neutral_nodes, neutral_weights = _mixture(q_nodes, q_weights, one.forward, used, 0.0)
    return Measure(
        expiry=one.expiry,
        settles_at=one.settles_at,
        forward=one.forward,
        discount=one.discount,
        q_nodes=q_nodes,
        q_weights=q_weights,
        p_nodes=p_nodes,
        p_weights=p_weights,
        neutral_nodes=neutral_nodes,
        neutral_weights=neutral_weights,
        adverse_nodes=np.stack([scaled(q_nodes, q_weights, one.forward, step, alpha) for step in (low, high)]),
        adverse_neutral=np.stack([scaled(q_nodes, q_weights, one.forward, step, 0.0) for step in (low, high)]),
        days=days,
        implied=whole,
        m=middle,
        alpha=alpha,
        spread=s,
        note=note,
    )
