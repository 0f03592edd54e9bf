"""What early exercise adds to the quotes of a chain, taken out: European-equivalent forwards and volatilities.

An American quote is inverted with the American price (`quant.vanilla.american`), so that its volatility is the European
one of the same smile. That needs the dividend yield, which the forward tells, and the spot at which the quotes were
made, which the displayed one is not always: a spot a quarter of a percent stale would read as a yield of 20 % on a
weekly. Both come from all expiries together, ln F - r t = ln S - q t, by P. Huber's M-estimate (1964) in t; what an
expiry deviates from that line (a dividend before it, an error of its forward) is put on its spot. Forwards and
volatilities depend on each other: calls and puts near the money are stripped of their premium, parity of what is left
gives the next forward. Each of three rounds shrinks the error seven times, and A. Aitken's extrapolation the rest.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from domain.market import Exercise, Floats, Ints, OptionChain, Quotes
from quant.vanilla import american
from quant.vanilla.black import black76
from quant.vanilla.forwards import Slice

ROUNDS = 3
_NEAREST = 10  # pairs that carry an American parity
_APART = 0.02  # the quotes' spot lies within this share of the displayed one
_YIELDS = (-0.05, 0.25)
_TELLING = 7.0 / 365.0  # an expiry that soon says nothing about a yield
_SPAN = 0.15  # years between the first and last expiry that tell a yield and a spot apart
_HUBER = 1.345


class Carry(NamedTuple):
    """Of each slice of a chain: the spot its quotes were made at, rate and dividend yield, shapes (slices,)."""

    spot: Floats
    rate: Floats
    dividend: Floats


def carried(chain: OptionChain) -> bool:
    """Whether the quotes of a chain hold a premium for early exercise: American, shown by a market, and not European
    values over intrinsic floors, as the simulator's and a spread model's are."""
    return chain.exercise is Exercise.AMERICAN and chain.quotes is Quotes.MARKET and chain.early_exercise


def carry_of(chain: OptionChain, slices: tuple[Slice, ...]) -> Carry:
    """The carry of a chain's slices by one robust line through their forwards."""
    t = np.array([one.t for one in slices])
    rate = np.array([-np.log(one.discount) / one.t for one in slices])
    prepaid = np.log([one.forward for one in slices]) - rate * t - np.log(chain.spot)
    tells = t >= _TELLING
    long = t[tells]
    if len(long) >= 3 and long.max() - long.min() >= _SPAN:
        level, slope = _line(long, prepaid[tells])
        level = float(np.clip(level, -_APART, _APART))
    else:  # too few to tell a stale spot from a dividend
        level, slope = 0.0, float(np.median(prepaid[tells] / long)) if len(long) else 0.0
    dividend = float(np.clip(-slope, *_YIELDS))
    return Carry(chain.spot * np.exp(prepaid + dividend * t), rate, np.full(len(t), dividend))


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """(level, slope) of y = level + slope x with Huber's weights."""
    weight = np.ones_like(x)
    level = slope = 0.0
    for _ in range(6):
        total = weight.sum()
        centre, mean = (weight * x).sum() / total, (weight * y).sum() / total
        away = x - centre
        slope = float((weight * away * (y - mean)).sum() / max((weight * away * away).sum(), 1e-12))
        level = float(mean - slope * centre)
        miss = np.abs(y - level - slope * x)
        scale = max(1.4826 * float(np.median(miss)), 1e-6)
        weight = np.minimum(1.0, _HUBER * scale / np.maximum(miss, 1e-12))
    return level, slope


def _pairs(chain: OptionChain, one: Slice) -> tuple[Ints, Ints]:
    """Rows of the calls and puts of the strikes nearest to the forward whose both quotes are sound."""
    bid, ask = chain.bid[one.rows], chain.ask[one.rows]
    rows = one.rows[np.isfinite(bid) & np.isfinite(ask) & (bid > 0.0) & (ask >= bid)]
    calls, puts = rows[chain.is_call[rows]], rows[~chain.is_call[rows]]
    strikes, at_call, at_put = np.intersect1d(chain.strike[calls], chain.strike[puts], return_indices=True)
    nearest = np.argsort(np.abs(strikes - one.forward), kind="stable")[:_NEAREST]
    return calls[at_call[nearest]], puts[at_put[nearest]]


def stripped(chain: OptionChain, slices: tuple[Slice, ...]) -> tuple[Slice, ...]:
    """The slices of an American chain with forwards by parity of values that hold no premium for early exercise."""
    if not slices:
        return slices
    pairs = [_pairs(chain, one) for one in slices]
    owner = np.repeat(np.arange(len(slices)), [len(calls) for calls, _ in pairs])
    calls, puts = (np.concatenate(side) for side in zip(*pairs, strict=True))
    rows = np.concatenate([calls, puts])
    strike, is_call, of = chain.strike[rows], chain.is_call[rows], np.concatenate([owner, owner])
    mid = 0.5 * (chain.bid[rows] + chain.ask[rows])
    t, discount = np.array([one.t for one in slices]), np.array([one.discount for one in slices])
    history = [np.array([one.forward for one in slices])]
    for _ in range(ROUNDS):
        carry = carry_of(chain, slices)
        sigma = american.implied_vol(
            mid, carry.spot[of], strike, t[of], carry.rate[of], carry.dividend[of], is_call
        ).sigma  # fmt: skip
        forward = np.array([one.forward for one in slices])
        value = black76(forward[of], strike, t[of], sigma, discount[of], is_call)
        parity = strike[: len(calls)] + (value[: len(calls)] - value[len(calls) :]) / discount[owner]
        moved = []
        for index, one in enumerate(slices):
            told = parity[(owner == index) & np.isfinite(parity)]
            moved.append(dataclasses.replace(one, forward=float(np.median(told))) if len(told) else one)
        slices = tuple(moved)
        history.append(np.array([one.forward for one in slices]))
    last, before = history[-1] - history[-2], history[-2] - history[-3]
    with np.errstate(divide="ignore", invalid="ignore"):
        shrinks = np.nan_to_num(last / before)
    ahead = np.where((shrinks > 0.0) & (shrinks < 0.3), shrinks / (1.0 - shrinks) * last, 0.0)
    return tuple(
        dataclasses.replace(one, forward=float(forward), source=f"{one.source} less early exercise")
        for one, forward in zip(slices, history[-1] + ahead, strict=True)
    )


def volatilities(chain: OptionChain, slices: tuple[Slice, ...], price: Floats) -> Floats:
    """The European-equivalent volatility of each row's American price, shape (n,); NaN: none, or in no slice."""
    sigma = np.full(len(chain), np.nan)
    if not slices:
        return sigma
    carry = carry_of(chain, slices)
    of = np.repeat(np.arange(len(slices)), [len(one.rows) for one in slices])
    rows = np.concatenate([one.rows for one in slices])
    t = np.array([one.t for one in slices])
    sigma[rows] = american.implied_vol(
        price[rows], carry.spot[of], chain.strike[rows], t[of], carry.rate[of], carry.dividend[of], chain.is_call[rows]
    ).sigma  # fmt: skip
    return sigma
