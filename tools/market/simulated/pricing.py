"""Fair values of simulated contracts: the law of the paths with its variance ÷ m, at any node of any session.

Prices are European, with the early-exercise values that are certain as floors where the style is American: at once, and
just before an ex-date for a call, just after one for a put. The rest of an American premium is left out.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from math import exp, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.market import Exercise
from quant.heston.params import BatesParams, HestonParams
from quant.heston.strip import strip
from tools import sessions
from tools.market.simulated.carry import YEAR_S, accrued, exercise_moments, kept, reports_between
from tools.market.simulated.paths import grid, path
from tools.market.simulated.presets import OVERNIGHT, PROFILES, STEP_S, YEAR, variance_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

TOLERANCE = 2e-8  # of the price of the underlying; a quote's tick is far coarser


class Moment(NamedTuple):
    """A node of a session (indices into the grid), and what a price needs to know of it."""

    ticker: str
    session: int
    node: int
    stamp: int  # epoch seconds
    day: date
    through: float  # share of the session gone
    spot: float
    exercise: Exercise
    law: BatesParams  # under Q
    report_variance: float  # of one report, under Q


class Terms(NamedTuple):
    """What a settlement makes of a moment."""

    settles_at: int
    clock: float  # variance time in years of 252 sessions
    years: float  # by the calendar
    forward: float
    discount: float
    event: float  # variance of the reports before it, under Q
    early: tuple[tuple[float, float], ...]  # (prepaid forward, discount) where an American holder may exercise surely


class Slice(NamedTuple):
    """Fair values of one settlement. Arrays of shape (2n,): all calls, then all puts."""

    strike: Floats
    is_call: Bools
    fair: Floats
    near: Floats  # European value of the out-of-the-money option at the same strike
    distance: Floats  # |ln K/F| / (σ√T)


def moment(preset: str, seed: int, ticker: str, session: int, node: int) -> Moment:
    """A node of a session, with the law that its quotes follow."""
    about, walk, profile = grid(), path(seed, ticker), PROFILES[ticker]
    m = variance_ratio(preset)
    under_p = profile.law.diffusion
    v0 = float(walk.variance[session, node])
    now = HestonParams(v0=v0, kappa=under_p.kappa, theta=under_p.theta, sigma=under_p.sigma, rho=under_p.rho)
    return Moment(
        ticker=ticker,
        session=session,
        node=node,
        stamp=int(about.opens[session]) + STEP_S * node,
        day=date.fromordinal(int(about.days[session])),
        through=node / int(about.steps[session]),
        spot=float(walk.price[session, node]),
        exercise=Exercise.EUROPEAN if profile.is_index else Exercise.AMERICAN,
        law=BatesParams(diffusion=now, jumps=profile.law.jumps, floor=profile.law.floor).scaled(1 / m),
        report_variance=profile.reports.sd**2 / m if profile.reports else 0.0,
    )


def terms(at: Moment, settles_at: int) -> Terms:
    """Clocks, forward and discount from a moment to a settlement after it (epoch seconds)."""
    profile = PROFILES[at.ticker]
    begun = float(accrued(at.stamp))

    def prepaid(stamp: int, until: int) -> tuple[float, float]:
        """(prepaid forward, discount) at a stamp, with the dividends until another."""
        carry = exp(-profile.carry * (stamp - at.stamp) / YEAR_S)
        return at.spot * carry * kept(at.ticker, at.stamp, until), exp(begun - float(accrued(stamp)))

    bare, discount = prepaid(settles_at, settles_at)
    early: list[tuple[float, float]] = []
    if at.exercise is Exercise.AMERICAN:
        early.append((at.spot, 1.0))
        for opens in exercise_moments(at.ticker, at.stamp, settles_at):
            early += [prepaid(opens, opens - 1), prepaid(opens, opens)]
    return Terms(
        settles_at=settles_at,
        clock=trading_years(settles_at, at.day, at.through),
        years=(settles_at - at.stamp) / YEAR_S,
        forward=bare / discount,
        discount=discount,
        event=at.report_variance * reports_between(at.ticker, at.stamp, settles_at),
        early=tuple(early),
    )


def trading_years(settles_at: int, day: date, through: float) -> float:
    """Variance time from a moment (`through`: share of the session gone) to settlement, in years of 252 sessions.

    A session counts one; `OVERNIGHT` of it before its open, where an AM-settled series stops. The paths spend their
    variance on the same clock, so that under `fair` a quote is worth what the path will pay.
    """
    table = sessions.schedule()
    today = bisect_left(table.days, day.toordinal())
    last = bisect_left(table.closes, settles_at)
    left = (1 - OVERNIGHT) * (1 - through)
    if last == today:
        return left / YEAR
    morning = table.opens[last] == settles_at
    return (left + (last - today - 1) + (OVERNIGHT if morning else 1.0)) / YEAR


def value(at: Moment, to: Terms, held: Floats) -> Slice:
    """Fair calls and puts at strikes, ascending, shape (n,)."""
    out_is_call = held >= to.forward
    near = strip(at.law, to.forward, held, to.clock, to.discount, out_is_call, TOLERANCE, to.event)
    parity = to.discount * (to.forward - held)
    calls = np.where(out_is_call, near, near + parity)
    puts = np.where(out_is_call, near - parity, near)
    for prepaid, discount in to.early:
        calls = np.maximum(calls, prepaid - discount * held)
        puts = np.maximum(puts, discount * held - prepaid)
    sigma = sqrt(at.law.average_variance(to.clock) * to.clock + to.event)
    return Slice(
        strike=np.concatenate([held, held]),
        is_call=np.repeat([True, False], len(held)),
        fair=np.maximum(np.concatenate([calls, puts]), 0.0),
        near=np.concatenate([near, near]),
        distance=np.tile(np.abs(np.log(held / to.forward)) / sigma, 2),
    )
