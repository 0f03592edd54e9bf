"""Dealer gamma exposure of a chain under a stated sign convention."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.market import Bools, Floats


class Dealers(NamedTuple):
    """Which side dealers are assumed to hold: +1 long gamma, -1 short. The data holds no side of any trade.

    The default is the usual naive convention: customers sell calls and buy puts, so dealers are long calls and short
    puts. It is an assumption, so it is a parameter, and whatever shows the number shows the convention.
    """

    calls: float = 1.0
    puts: float = -1.0


NAIVE = Dealers()


class OpenExpiry(NamedTuple):
    """Open interest of one expiry. Columns of shape (n,); the smile as knots in k = ln(K/F), flat beyond them."""

    t: float  # calendar years to settlement
    forward: float
    discount: float
    strike: Floats
    is_call: Bools
    sigma: Floats  # annualised, at today's spot
    open_interest: Floats  # contracts
    knots_k: Floats
    knots_vol: Floats


def gamma(
    spot: Floats | float, forward: Floats | float, discount: float, strike: Floats, t: float, sigma: Floats
) -> Floats:
    """Black-Scholes-Merton gamma to the spot, Γ = (D·F/S)·φ(d₁)/(S·σ√T) with D·F/S = e^(-qT) (Haug 2007, eq 2.32).

    Raw unit: delta per 1.00 of spot. Arrays broadcast; zero where sigma, t, strike or spot is not positive.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = sigma * np.sqrt(t)
        d1 = np.log(forward / strike) / deviation + 0.5 * deviation
        value = discount * forward / spot * np.exp(-0.5 * d1 * d1) / (np.sqrt(2.0 * np.pi) * spot * deviation)
    return np.where(np.isfinite(value), value, 0.0)


def signed(expiry: OpenExpiry, multiplier: int, dealers: Dealers) -> Floats:
    """Contracts × multiplier with the dealers' sign, shape (n,); absent open interest counts as none."""
    held = np.where(np.isfinite(expiry.open_interest), expiry.open_interest, 0.0)
    return np.asarray(np.where(expiry.is_call, dealers.calls, dealers.puts) * held * multiplier, dtype=np.float64)


def exposure(expiry: OpenExpiry, spot: float, multiplier: int, dealers: Dealers = NAIVE) -> Floats:
    """Dollars of underlying that dealers must trade against each 1 % move: sign·Γ·OI·multiplier·S²·0.01, shape (n,).

    Positive: dealers sell rallies and buy dips.
    """
    each = gamma(spot, expiry.forward, expiry.discount, expiry.strike, expiry.t, expiry.sigma)
    return signed(expiry, multiplier, dealers) * each * spot * spot * 0.01


class NetGamma(NamedTuple):
    """Exposure of several expiries together, dollars per 1 % move."""

    net: float
    gross: float  # Σ |exposure|: what `net` is a part of
    largest_strike: float | None  # strike with the largest absolute net exposure


def net_gamma(expiries: tuple[OpenExpiry, ...], spot: float, multiplier: int, dealers: Dealers = NAIVE) -> NetGamma:
    """Net and gross exposure over all strikes of the given expiries; zero, with no strike, when nothing is open."""
    if not expiries:
        return NetGamma(0.0, 0.0, None)
    values = np.concatenate([exposure(expiry, spot, multiplier, dealers) for expiry in expiries])
    strikes = np.concatenate([expiry.strike for expiry in expiries])
    gross = float(np.abs(values).sum())
    if gross == 0.0:
        return NetGamma(0.0, 0.0, None)
    levels, where = np.unique(strikes, return_inverse=True)
    by_strike = np.bincount(where, weights=values)
    return NetGamma(float(values.sum()), gross, float(levels[int(np.argmax(np.abs(by_strike)))]))
