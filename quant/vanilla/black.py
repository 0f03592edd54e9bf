"""Black-Scholes-Merton with continuous carry: price and every Greek to third order.

Notation: b = r - q, d1 = (ln(S/K) + (b + sigma^2/2) t) / (sigma sqrt(t)), d2 = d1 - sigma sqrt(t), n and N the standard
normal density and distribution. Formulas: E. G. Haug, *The Complete Guide to Option Pricing Formulas*, 2nd ed. (2007),
sections 1.1 and 2.1-2.8; F. Black (1976) for the forward form, which is q = r. All inputs broadcast.

Limits hold by contract, for prices and Greeks alike: a time at or past expiry counts as 0; with no time, no volatility,
or a spot or strike of 0 the option is its discounted intrinsic line, and its curvatures are 0 (at the strike itself,
where that line has no derivative, delta is half of either side's). A negative spot, strike or volatility is NaN, as NaN
itself is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

_ROOT_2PI = 2.5066282746310002
_FAR = 1e3  # a deviate past which the density is 0 in doubles, and whose powers stay finite


class Greeks(NamedTuple):
    """Raw derivatives of one option's price, per 1.00 of spot, volatility and rate and per year.

    With V(S, sigma, t, r, q): delta V_S, gamma V_SS, speed V_SSS; vega V_sigma, vomma V_sigma_sigma, ultima its third;
    vanna V_S_sigma, zomma V_SS_sigma; rho V_r with q held (Black 1976, where q = r moves too, has -t V instead);
    theta, charm, color and veta are -d/dt of V, delta, gamma and vega: what a year's passing adds.
    """

    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats
    vanna: Floats
    charm: Floats
    vomma: Floats
    veta: Floats
    speed: Floats
    zomma: Floats
    color: Floats
    ultima: Floats


def black76(
    forward: ArrayLike, strike: ArrayLike, t: ArrayLike, sigma: ArrayLike, discount: ArrayLike, is_call: ArrayLike
) -> Floats:
    """Price of a European option on a forward: D (w F N(w d1) - w K N(w d2)), w = +1 for calls, -1 for puts.

    Black (1976), eq. 16; shapes broadcast. The out-of-the-money side is computed without cancellation, right to what an
    ulp of its inputs moves it however small it is, and the other side is that plus D |F - K|: parity holds to rounding.
    """
    raw = (np.asarray(item, dtype=np.float64) for item in (forward, strike, t, sigma, discount))
    arrays = np.broadcast_arrays(*raw, np.asarray(is_call, dtype=bool))
    value = np.empty(arrays[0].shape)
    if value.size:
        from quant.vanilla import kernel  # late: a command that prices nothing does not wait for a compiler

        flat = (np.array(item, order="C").reshape(-1) for item in arrays)  # copies: a broadcast view warns
        kernel.prices(*flat, value.reshape(-1), np.empty(value.size, dtype=bool))
    return value


def price(
    spot: ArrayLike, strike: ArrayLike, t: ArrayLike, sigma: ArrayLike, r: ArrayLike, q: ArrayLike, is_call: ArrayLike
) -> Floats:
    """Generalised Black-Scholes-Merton price (Haug 2007, eq. 1.1 with b = r - q). Shapes broadcast."""
    s, rate, carry = (np.asarray(item, dtype=np.float64) for item in (spot, r, q))
    years = np.maximum(np.asarray(t, dtype=np.float64), 0.0)
    return black76(s * np.exp((rate - carry) * years), strike, years, sigma, np.exp(-rate * years), is_call)


def greeks(
    spot: ArrayLike, strike: ArrayLike, t: ArrayLike, sigma: ArrayLike, r: ArrayLike, q: ArrayLike, is_call: ArrayLike
) -> Greeks:
    """All Greeks to third order (Haug 2007, ch. 2), raw units; shapes broadcast. Limits: the head of this module."""
    arrays = np.broadcast_arrays(
        *(np.asarray(item, dtype=np.float64) for item in (spot, strike, t, sigma, r, q)),
        np.where(np.asarray(is_call, dtype=bool), 1.0, -1.0),
    )
    s, k, t_raw, vol_raw, rate, carry, sign = arrays
    wrong = ~((s >= 0.0) & (k >= 0.0) & (vol_raw >= 0.0) & (t_raw == t_raw) & (rate == rate) & (carry == carry))
    years = np.where(wrong, np.nan, np.maximum(t_raw, 0.0))
    # Where the curvature is gone, placeholders keep every line finite and the density is set to 0.
    line = wrong | (years < 1e-100) | (vol_raw < 1e-50) | (s == 0.0) | (k == 0.0)
    t_safe, vol, s_safe = np.where(line, 1.0, years), np.where(line, 1.0, vol_raw), np.where(line, 1.0, s)
    b = rate - carry
    ratio = s_safe / np.where(line, 1.0, k)
    gap = (s_safe - np.where(line, 1.0, k)) / np.where(line, 1.0, k)
    drifted = np.where(np.abs(gap) < 0.5, np.log1p(np.maximum(gap, -0.5)), np.log(ratio)) + b * t_safe
    root = np.sqrt(t_safe)
    sd = vol * root
    d1 = np.clip(drifted / sd + 0.5 * sd, -_FAR, _FAR)
    d2 = np.clip(drifted / sd - 0.5 * sd, -_FAR, _FAR)

    grown, disc = np.exp(-carry * years), np.exp(-rate * years)
    side = 0.5 * (1.0 + sign * np.sign(s * grown - k * disc))
    cdf1, cdf2 = np.where(line, side, ndtr(sign * d1)), np.where(line, side, ndtr(sign * d2))
    density = np.where(line, 0.0, grown * np.exp(-0.5 * d1 * d1) / _ROOT_2PI)  # e^{-qt} n(d1)
    spot_leg, strike_leg = sign * grown * cdf1, sign * k * disc * cdf2
    gamma, vega = density / (s_safe * sd), s * density * root
    both, drift, half = d1 * d2, b / sd - d2 / (2.0 * t_safe), 1.0 / (2.0 * t_safe)  # drift = d(d1)/dt
    found = Greeks(
        delta=spot_leg,
        gamma=gamma,
        vega=vega,
        theta=carry * s * spot_leg - rate * strike_leg - vega * vol * half,
        rho=years * strike_leg,
        vanna=-density * d2 / vol,
        charm=carry * spot_leg - density * drift,
        vomma=vega * both / vol,
        veta=vega * (carry + d1 * drift - half),
        speed=-gamma / s_safe * (d1 / sd + 1.0),
        zomma=gamma * (both - 1.0) / vol,
        color=gamma * (carry + d1 * drift + half),
        ultima=-vega / (vol * vol) * (both * (1.0 - both) + d1 * d1 + d2 * d2),
    )
    return Greeks(*(np.where(wrong, np.nan, item) for item in found)) if np.any(wrong) else found
