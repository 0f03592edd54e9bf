"""Black-Scholes-Merton with continuous carry: price and every Greek to third order.

Notation: b = r - q, d1 = (ln(S/K) + (b + sigma^2/2) t) / (sigma sqrt(t)), d2 = d1 - sigma sqrt(t), n and N the standard
normal density and distribution. Formulas: E. G. Haug, *The Complete Guide to Option Pricing Formulas*, 2nd ed. (2007),
sections 1.1 and 2.1-2.8; F. Black (1976) for the forward form. All inputs broadcast; a NaN input gives NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

_ROOT_2PI = 2.5066282746310002


class Greeks(NamedTuple):
    """Raw derivatives, per 1.00 of spot and volatility and per year; `charm`, `veta`, `color` are -d/dt as theta is."""

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


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * x * x) / _ROOT_2PI, dtype=np.float64)


def black76(
    forward: ArrayLike, strike: ArrayLike, t: ArrayLike, sigma: ArrayLike, discount: ArrayLike, is_call: ArrayLike
) -> Floats:
    """Price of a European option on a forward: D (w F N(w d1) - w K N(w d2)), w = +1 for calls, -1 for puts.

    Black (1976), eq. 16. Shapes broadcast. With t <= 0 or sigma = 0 the discounted intrinsic value of the forward.
    """
    f, k, years, vol, disc = (np.asarray(item, dtype=np.float64) for item in (forward, strike, t, sigma, discount))
    sign = np.where(np.asarray(is_call, dtype=bool), 1.0, -1.0)
    sd = vol * np.sqrt(np.maximum(years, 0.0))
    flat = sd <= 0.0
    width = np.where(flat, 1.0, sd)
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = np.log(f / k) / width + 0.5 * width
        value = sign * (f * ndtr(sign * d1) - k * ndtr(sign * (d1 - width)))
    return np.asarray(disc * np.where(flat, np.maximum(sign * (f - k), 0.0), value), dtype=np.float64)


def price(
    spot: ArrayLike, strike: ArrayLike, t: ArrayLike, sigma: ArrayLike, r: ArrayLike, q: ArrayLike, is_call: ArrayLike
) -> Floats:
    """Generalised Black-Scholes-Merton price (Haug 2007, eq. 1.1 with b = r - q). Shapes broadcast."""
    s, years, rate, carry = (np.asarray(item, dtype=np.float64) for item in (spot, t, r, q))
    forward = s * np.exp((rate - carry) * years)
    return black76(forward, strike, years, sigma, np.exp(-rate * years), is_call)


def greeks(
    spot: ArrayLike, strike: ArrayLike, t: ArrayLike, sigma: ArrayLike, r: ArrayLike, q: ArrayLike, is_call: ArrayLike
) -> Greeks:
    """All Greeks to third order (Haug 2007, ch. 2), raw units. Shapes broadcast.

    Where t <= 0 or sigma = 0 the option is its discounted intrinsic value: delta, theta and rho are those of that
    line, every curvature is 0 (at the strike itself, where no derivative exists, delta is one half).
    """
    arrays = np.broadcast_arrays(
        *(np.asarray(item, dtype=np.float64) for item in (spot, strike, t, sigma, r, q)),
        np.where(np.asarray(is_call, dtype=bool), 1.0, -1.0),
    )
    s, k, t_raw, vol_raw, rate, carry, sign = arrays
    years = np.maximum(t_raw, 0.0)
    flat = (years <= 0.0) | (vol_raw <= 0.0)
    t_safe = np.where(flat, 1.0, years)
    vol = np.where(flat, 1.0, vol_raw)
    root = np.sqrt(t_safe)
    sd = vol * root
    b = rate - carry
    grown = np.exp(-carry * years)
    disc = np.exp(-rate * years)
    moneyness = np.log(s / k)
    d1_true = (moneyness + (b + 0.5 * vol * vol) * t_safe) / sd
    side = np.sign(moneyness + b * years)
    n1 = np.where(flat, 0.0, _density(d1_true))
    d1 = np.where(flat, 0.0, d1_true)
    d2 = np.where(flat, 0.0, d1_true - sd)
    cdf1 = np.where(flat, 0.5 * (1.0 + sign * side), ndtr(sign * d1))
    cdf2 = np.where(flat, 0.5 * (1.0 + sign * side), ndtr(sign * d2))

    delta = sign * grown * cdf1
    gamma = grown * n1 / (s * sd)
    vega = s * grown * n1 * root
    theta = -s * grown * n1 * vol / (2.0 * root) + sign * carry * s * grown * cdf1 - sign * rate * k * disc * cdf2
    rho = sign * years * k * disc * cdf2
    drift = b / sd - d2 / (2.0 * t_safe)  # d(d1)/dt
    return Greeks(
        delta=delta,
        gamma=gamma,
        vega=vega,
        theta=theta,
        rho=rho,
        vanna=-grown * d2 * n1 / vol,
        charm=sign * carry * grown * cdf1 - grown * n1 * drift,
        vomma=vega * d1 * d2 / vol,
        veta=vega * (carry + d1 * drift - 1.0 / (2.0 * t_safe)),
        speed=-gamma / s * (d1 / sd + 1.0),
        zomma=gamma * (d1 * d2 - 1.0) / vol,
        color=gamma * (carry + d1 * drift + 1.0 / (2.0 * t_safe)),
        ultima=-vega / (vol * vol) * (d1 * d2 * (1.0 - d1 * d2) + d1 * d1 + d2 * d2),
    )
